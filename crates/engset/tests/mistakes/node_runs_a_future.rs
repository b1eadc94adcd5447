//! A future where a node expects the code of a process.

use engset::prelude::*;

async fn play() -> Result<(), Exit> {
    Ok(())
}

fn main() -> Result<(), Exit> {
    let node = Node::builder().start()?;
    node.block_on(play())?
}
