//! A message type without `Protocol`.

use engset::prelude::*;

struct Ping;

async fn pinger(mut cx: Cx<Ping>) {
    while let Mail::Message(Ping) = cx.recv().await {}
}

async fn play(cx: Cx<Term>) -> Result<(), Exit> {
    cx.spawn(pinger)?;
    Ok(())
}

fn main() {}
