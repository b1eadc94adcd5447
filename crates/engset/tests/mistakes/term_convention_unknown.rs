//! A field marked with a convention that there is not.

use engset::prelude::*;

#[term]
struct User {
    #[term(string)]
    name: String,
}

fn main() {}
