//! A request of a client without `&self`.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(key: String) -> Option<u64>;
}

fn main() {}
