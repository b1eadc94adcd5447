//! A call of a client that is not async.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    fn get(&self, key: String) -> Option<u64>;
}

fn main() {}
