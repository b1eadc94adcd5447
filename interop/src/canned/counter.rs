//! `counter`: a supervised gen_server that counts.

use engset::prelude::*;
use engset::{Integer, Term};
use std::time::Duration;

/// Counts with integers of any size.
#[derive(Debug)]
pub struct Counter {
    value: Integer,
}

impl Default for Counter {
    fn default() -> Self {
        Self { value: Integer::from(0) }
    }
}

#[server]
impl Counter {
    /// Adds `by`; answers the new value.
    #[call]
    fn add(&mut self, by: Integer) -> Integer {
        self.value = self.value.clone() + by;
        self.value.clone()
    }

    /// Answers the value.
    #[call]
    fn get(&self) -> Integer {
        self.value.clone()
    }

    /// Answers `ok` after `ms` milliseconds.
    #[call]
    async fn sleep(&mut self, ms: u64, cx: &mut Cx<CounterMsg>) {
        cx.sleep(Duration::from_millis(ms)).await;
    }

    /// Starts again at zero.
    #[cast]
    fn reset(&mut self) {
        self.value = Integer::from(0);
    }

    /// Panics.
    #[cast]
    fn crash(&mut self, reason: Term) {
        panic!("told to crash: {reason}");
    }
}
