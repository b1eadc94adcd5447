//! A request that would take the server's state away.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn into_value(self) -> u64 {
        self.value
    }
}

fn main() {}
