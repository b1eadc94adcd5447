//! The answer of a call, taken for a value that is always there.

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

async fn play(counter: CounterRef) -> u64 {
    counter.add(3).await
}

fn main() {}
