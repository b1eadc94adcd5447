//! An exit reason where an `Exit` is expected.

use engset::prelude::*;

fn refuse(text: &str) -> Exit {
    println!("refused: {text}");
    ExitReason::Shutdown
}

async fn play(_cx: Cx<Term>) -> Result<(), Exit> {
    Err(refuse("all"))
}

fn main() {}
