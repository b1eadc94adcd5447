//! A block in which no method has a role.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }
}

fn main() {}
