//! A client that does not say under which name its server is registered.

use engset::prelude::*;

#[client]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64>;
}

fn main() {}
