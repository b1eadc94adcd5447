//! A record of a struct whose fields have no names.

use engset::prelude::*;

#[term(record = "user")]
struct User(String);

fn main() {}
