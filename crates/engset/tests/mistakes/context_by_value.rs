//! A handler that takes the context away from the server.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn add(&mut self, by: u64, cx: Cx<CounterMsg>) -> u64 {
        drop(cx);
        self.value += by;
        self.value
    }
}

fn main() {}
