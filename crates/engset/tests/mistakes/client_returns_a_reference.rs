//! A call of a client that borrows its answer.

use engset::prelude::*;

#[client("cache")]
trait Cache {
    #[call]
    async fn name(&self) -> &str;
}

fn main() {}
