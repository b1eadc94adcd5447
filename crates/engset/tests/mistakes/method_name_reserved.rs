//! A request with the name of a method that every handle has.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn pid(&self) -> u64 {
        self.value
    }
}

fn main() {}
