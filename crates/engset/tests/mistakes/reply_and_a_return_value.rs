//! A method that answers by a reply, and returns a value, too.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&mut self, reply: Reply<u64>) -> u64 {
        reply.send(self.value);
        self.value
    }
}

fn main() {}
