//! A server that answers another type than the client expects.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64>;
}

struct Store;

#[server(messages = CacheMsg)]
impl Store {
    #[call]
    fn get(&self, key: String) -> u64 {
        key.len() as u64
    }
}

fn main() {}
