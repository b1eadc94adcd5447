//! `#[server]` on the type, not on its `impl` block.

use engset::prelude::*;

#[server]
struct Counter {
    value: u64,
}

fn main() {}
