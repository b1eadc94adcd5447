//! A process whose message type nothing says.

use engset::prelude::*;

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    cx.spawn(async |_cx| println!("hello"))?;
    Ok(())
}

fn main() {}
