//! A process that borrows from the one that starts it.

use engset::prelude::*;

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    let words = vec!["a".to_owned()];
    cx.spawn(async |_cx: Cx<Term>| println!("{words:?}"))?;
    Ok(())
}

fn main() {}
