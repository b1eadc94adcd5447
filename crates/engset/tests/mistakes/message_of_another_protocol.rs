//! A message that is not of the protocol of the address.

use engset::prelude::*;

struct Ping;
impl Protocol for Ping {}

struct Stop;
impl Protocol for Stop {}

fn play(pinger: Addr<Ping>) -> Result<(), Exit> {
    pinger.send(Stop)?;
    Ok(())
}

fn main() {}
