//! A request of a client that does not say how it travels.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    async fn get(&self, key: String) -> Option<u64>;
}

fn main() {}
