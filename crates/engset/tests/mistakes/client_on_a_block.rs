//! A client made of an `impl` block.

use engset::prelude::*;

struct Cache;

#[client("cache")]
impl Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64> {
        None
    }
}

fn main() {}
