//! A process that returns a value, which nobody would get.

use engset::prelude::*;

async fn sum(_cx: Cx<Term>) -> u64 {
    3
}

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    cx.spawn(sum)?;
    Ok(())
}

fn main() {}
