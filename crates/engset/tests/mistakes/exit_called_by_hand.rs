//! An exit reason returned where an `Exit` is expected.

use engset::prelude::*;

async fn play(_cx: Cx<Term>) -> Result<(), Exit> {
    Err(ExitReason::Shutdown)
}

fn main() {}
