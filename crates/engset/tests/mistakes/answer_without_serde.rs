//! An answer that has no Erlang form, of a server that other nodes can reach.

use engset::prelude::*;

#[derive(Debug)]
struct Total {
    value: u64,
}

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn total(&self) -> Total {
        Total { value: self.value }
    }
}

fn main() {}
