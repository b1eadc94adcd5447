//! A method that is both a call and a cast.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    #[cast]
    fn add(&mut self, by: u64) {
        self.value += by;
    }
}

fn main() {}
