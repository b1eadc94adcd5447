//! A server of a client's messages that lacks one of them.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64>;
    #[cast]
    fn put(&self, key: String, value: u64);
}

struct Store;

#[server(messages = CacheMsg)]
impl Store {
    #[call]
    fn get(&self, key: String) -> Option<u64> {
        key.parse().ok()
    }
}

fn main() {}
