//! A reply that the method takes and does not use.
#![deny(unused_variables)]

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&mut self, reply: Reply<u64>) {
        self.value += 1;
    }
}

fn main() {}
