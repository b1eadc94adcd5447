//! A supervisor whose start is not awaited.
#![deny(unused_must_use)]

use engset::prelude::*;

async fn work(mut cx: Cx<Term>) {
    cx.recv().await;
}

async fn play() {
    Supervisor::one_for_one().child(Child::process("worker", || work)).start();
}

fn main() {}
