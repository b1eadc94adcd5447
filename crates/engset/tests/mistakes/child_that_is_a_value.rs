//! A server given to a supervisor by value, which could be started only once.

use engset::prelude::*;

#[derive(Default)]
struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {
    drop(Child::server("counter", Counter::default()));
}
