//! A cast of a client that returns something.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[cast]
    fn put(&self, key: String, value: u64) -> bool;
}

fn main() {}
