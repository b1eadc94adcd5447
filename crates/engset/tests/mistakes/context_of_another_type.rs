//! A handler that takes the context of another message type.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn add(&mut self, by: u64, cx: &mut Cx<Term>) -> u64 {
        cx.trap_exit(true);
        self.value += by;
        self.value
    }
}

fn main() {}
