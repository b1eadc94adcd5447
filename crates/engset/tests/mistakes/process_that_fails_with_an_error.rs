//! A process whose error is not an `Exit`.

use engset::prelude::*;

async fn read(_cx: Cx<Term>) -> Result<(), std::io::Error> {
    std::fs::read("settings").map(drop)
}

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    cx.spawn(read)?;
    Ok(())
}

fn main() {}
