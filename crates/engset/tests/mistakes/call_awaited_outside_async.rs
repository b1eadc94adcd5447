//! A call that is awaited in a function that is not async.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }
}

fn play(counter: CounterRef) {
    assert_eq!(counter.add(3).await, Ok(3));
}

fn main() {}
