//! A link ends with one exit signal, and both ends agree on whether there is one.

use super::{Fault, is_alive};
use crate::ledger::{Ledger, Pair};
use crate::world::World;
use engset_process::ProcessInfo;
use engset_term::Pid;
use std::collections::BTreeMap;

/// Checks all links; the world must be healed and quiet.
///
/// # Errors
/// The first fault found.
pub fn exit_once(world: &World, ledger: &Ledger) -> Result<(), Fault> {
    let mut trapped: BTreeMap<Pair, usize> = BTreeMap::new();
    for trap in &ledger.traps {
        *trapped.entry(trap.pair).or_default() += 1;
    }
    for (pair, got) in &trapped {
        let back = Pair { from: pair.to, to: pair.from };
        let at_most = count(&ledger.links, *pair) + count(&ledger.links, back) + count(&ledger.exits, *pair);
        if *got > at_most {
            return Err(Fault::TooManyExits { pair: *pair, got: *got, at_most });
        }
    }
    for pair in ledger.links.keys() {
        let back = Pair { from: pair.to, to: pair.from };
        let never_unlinked = count(&ledger.unlinks, *pair) + count(&ledger.unlinks, back) == 0;
        let Some(owner) = info(world, pair.from) else { continue };
        let is_linked = owner.links.contains(&pair.to);
        if never_unlinked && owner.trap_exit && !is_linked && count(&trapped, back) == 0 {
            return Err(Fault::ExitMissing { pair: *pair });
        }
        if is_linked && !is_alive(world, pair.to) {
            return Err(Fault::LopsidedLink { pair: *pair });
        }
        if let Some(other) = info(world, pair.to)
            && other.links.contains(&pair.from) != is_linked
        {
            return Err(Fault::LopsidedLink { pair: *pair });
        }
    }
    Ok(())
}

fn info(world: &World, pid: Pid) -> Option<ProcessInfo> {
    world.nodes().find_map(|node| node.processes().info(pid))
}

fn count(counts: &BTreeMap<Pair, usize>, pair: Pair) -> usize {
    counts.get(&pair).copied().unwrap_or(0)
}
