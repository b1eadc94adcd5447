//! The code of a process, where what makes it is expected.

use engset::prelude::*;

async fn work(mut cx: Cx<Term>) {
    cx.recv().await;
}

fn main() {
    drop(Child::process("worker", work));
}
