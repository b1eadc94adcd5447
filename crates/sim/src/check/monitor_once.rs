//! A monitor fires once, for a reason, and not after it was taken back.

use super::{Fault, is_alive, lost_between};
use crate::ledger::{Ledger, Loss, MonitorRecord};
use crate::world::World;
use engset_process::ExitReason;
use engset_term::{Pid, Reference};
use std::collections::BTreeMap;

/// Checks all monitors; the world must be healed and quiet.
///
/// # Errors
/// The first fault found.
pub fn monitor_once(world: &World, ledger: &Ledger, losses: &[Loss]) -> Result<(), Fault> {
    if let Some((pid, reference)) = ledger.stray_downs.first() {
        return Err(Fault::StrayDown { pid: *pid, reference: *reference });
    }
    let mut expected: BTreeMap<Pid, (usize, usize)> = BTreeMap::new();
    for (reference, record) in &ledger.monitors {
        check_one(world, *reference, record, losses)?;
        let is_active = !record.demonitored && record.downs.is_empty() && is_alive(world, record.pair.from);
        let counts = expected.entry(record.pair.from).or_default();
        counts.0 += usize::from(is_active);
        let counts = expected.entry(record.pair.to).or_default();
        counts.1 += usize::from(is_active);
    }
    for (pid, expected) in expected {
        let info = world.nodes().find_map(|node| node.processes().info(pid));
        if let Some(info) = info
            && (info.monitors.len(), info.monitored_by.len()) != expected
        {
            return Err(Fault::MonitorCount {
                pid,
                got: (info.monitors.len(), info.monitored_by.len()),
                expected,
            });
        }
    }
    Ok(())
}

fn check_one(
    world: &World,
    reference: Reference,
    record: &MonitorRecord,
    losses: &[Loss],
) -> Result<(), Fault> {
    match record.downs.as_slice() {
        [] if record.demonitored || !is_alive(world, record.pair.from) || is_alive(world, record.pair.to) => {
            Ok(())
        }
        [] => Err(Fault::DownMissing { reference }),
        // A process that ended because of a lost link has this reason too.
        [ExitReason::NoConnection]
            if is_alive(world, record.pair.to) && !lost_between(losses, record.pair, record.made, None) =>
        {
            Err(Fault::GroundlessDown { pair: record.pair, made: record.made })
        }
        [_] => Ok(()),
        reasons => Err(Fault::TooManyDowns { reference, reasons: reasons.to_vec() }),
    }
}
