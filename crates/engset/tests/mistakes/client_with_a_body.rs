//! A request of a client that answers itself.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64> {
        None
    }
}

fn main() {}
