//! A client of an Elixir module by the name that Elixir prints.

use engset::prelude::*;

#[client("MyApp.Cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<u64>;
}

fn main() {}
