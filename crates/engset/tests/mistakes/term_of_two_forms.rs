//! A type that is to be both a record and an Elixir struct.

use engset::prelude::*;

#[term(record = "user", elixir = "MyApp.User")]
struct User {
    name: String,
}

fn main() {}
