//! An argument that `#[server]` does not know.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server(name = "counter")]
impl Counter {
    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {}
