//! A cast whose refusal nobody looks at.
#![deny(unused_must_use)]

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[cast]
    fn add(&mut self, by: u64) {
        self.value += by;
    }
}

async fn play(counter: CounterRef) {
    counter.add(3);
}

fn main() {}
