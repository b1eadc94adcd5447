//! Starting a value whose type is no server.

use engset::prelude::*;

struct Counter;

async fn play() -> Result<(), Exit> {
    start(Counter).await?;
    Ok(())
}

fn main() {}
