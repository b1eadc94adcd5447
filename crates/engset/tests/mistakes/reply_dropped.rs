//! A reply that is taken and forgotten.
#![deny(unused_must_use)]

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&mut self, reply: Reply<u64>) {
        self.value += 1;
        reply.begin();
    }
}

fn main() {}
