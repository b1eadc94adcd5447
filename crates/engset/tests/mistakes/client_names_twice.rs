//! Two requests of a client with one name.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64>;
    #[call]
    async fn get(&self, key: String, default: u64) -> u64;
}

fn main() {}
