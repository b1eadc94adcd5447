//! A receive that is not awaited.
#![deny(unused_must_use)]

use engset::prelude::*;

async fn play(mut cx: Cx<Term>) {
    cx.recv();
}

fn main() {}
