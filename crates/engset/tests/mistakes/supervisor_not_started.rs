//! A supervisor that is described and not started.
#![deny(unused_must_use)]

use engset::prelude::*;

async fn work(mut cx: Cx<Term>) {
    cx.recv().await;
}

fn play() {
    Supervisor::one_for_one().child(Child::process("worker", || work));
}

fn main() {}
