//! `#[server]` on an implementation of a trait.

use engset::prelude::*;

trait Count {
    fn add(&mut self, by: u64) -> u64;
}

struct Counter {
    value: u64,
}

#[server]
impl Count for Counter {
    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }
}

fn main() {}
