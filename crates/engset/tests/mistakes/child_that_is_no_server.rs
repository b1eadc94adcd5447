//! A factory that makes something which is no server.

use engset::prelude::*;

#[derive(Default)]
struct Counter;

fn main() {
    drop(Child::server("counter", Counter::default));
}
