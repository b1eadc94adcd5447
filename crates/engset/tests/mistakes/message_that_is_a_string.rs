//! A plain value sent to a pid.

use engset::prelude::*;

fn play(cx: &Cx<Term>, to: Pid) -> Result<(), Exit> {
    cx.send(to, "hello")?;
    Ok(())
}

fn main() {}
