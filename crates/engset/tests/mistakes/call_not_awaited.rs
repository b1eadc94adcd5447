//! A call that is made and not awaited.
#![deny(unused_must_use)]

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

async fn play(counter: CounterRef) {
    counter.add(3);
}

fn main() {}
