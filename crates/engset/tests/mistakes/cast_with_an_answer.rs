//! A cast whose method returns a value, which nobody would get.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[cast]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }
}

fn main() {}
