//! A call of a client that returns what every call adds.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Result<u64, CallError>;
}

fn main() {}
