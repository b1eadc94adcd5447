//! An answer that is not what the reply is for.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&mut self, reply: Reply<String>) {
        reply.send(self.value);
    }
}

fn main() {}
