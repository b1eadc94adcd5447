//! A call of a client whose answer has no form as a term.

use engset::prelude::*;

#[derive(Debug)]
struct User;

#[client("cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> User;
}

fn main() {}
