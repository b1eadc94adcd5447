//! A deadline in the attribute, where it belongs to the call.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call(timeout = 500)]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {}
