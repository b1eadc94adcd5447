//! A request of a client that is both a call and a cast.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    #[cast]
    async fn put(&self, key: String, value: u64);
}

fn main() {}
