//! A request without the server's state.

use engset::prelude::*;

struct Counter;

#[server]
impl Counter {
    #[call]
    fn add(one: u64, other: u64) -> u64 {
        one + other
    }
}

fn main() {}
