//! A request of a client with a type parameter.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[cast]
    fn put<V>(&self, key: String, value: V);
}

fn main() {}
