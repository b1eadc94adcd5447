//! A cast of a client that is async.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[cast]
    async fn put(&self, key: String, value: u64);
}

fn main() {}
