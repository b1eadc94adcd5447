//! A process that holds an `Rc` while it waits.

use engset::prelude::*;
use std::rc::Rc;

async fn holder(mut cx: Cx<Term>) {
    let held = Rc::new(1);
    cx.recv().await;
    drop(held);
}

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    cx.spawn(holder)?;
    Ok(())
}

fn main() {}
