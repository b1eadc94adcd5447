//! A request of a client that takes `&mut self`.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[cast]
    fn put(&mut self, key: String, value: u64);
}

fn main() {}
