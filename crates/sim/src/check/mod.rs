//! What must hold whatever happens: each checker reads the ledger and the nodes, and names the first fault it finds.

mod exit_once;
mod monitor_once;
mod nothing_leaks;
mod signal_order;

use crate::ledger::{Ledger, Loss, Pair};
use crate::world::World;
use engset_process::ExitReason;
use engset_term::{Instant, NodeName, Pid, Reference};
use std::fmt;

pub use exit_once::exit_once;
pub use monitor_once::monitor_once;
pub use nothing_leaks::nothing_leaks;
pub use signal_order::signal_order;

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A message arrived after one that was sent later, or twice.
    OutOfOrder {
        /// From whom to whom.
        pair: Pair,
        /// The message before.
        before: usize,
        /// The message that should not have come now.
        number: usize,
    },
    /// Messages are missing although no connection was lost.
    Lost {
        /// From whom to whom.
        pair: Pair,
        /// The first that is missing.
        first: usize,
    },
    /// More exit signals arrived than links and exits can account for.
    TooManyExits {
        /// From whom to whom.
        pair: Pair,
        /// How many arrived.
        got: usize,
        /// How many there can be.
        at_most: usize,
    },
    /// A link is gone and its owner was not told.
    ExitMissing {
        /// The owner and the other end.
        pair: Pair,
    },
    /// One end of a link knows of it and the other does not, or is dead.
    LopsidedLink {
        /// The end that knows, and the other.
        pair: Pair,
    },
    /// A monitor fired more than once.
    TooManyDowns {
        /// Which.
        reference: Reference,
        /// The reasons.
        reasons: Vec<ExitReason>,
    },
    /// A down message came for a monitor that had been taken back.
    StrayDown {
        /// Who got it.
        pid: Pid,
        /// Which.
        reference: Reference,
    },
    /// The monitored process is dead and its watcher was not told.
    DownMissing {
        /// Which.
        reference: Reference,
    },
    /// A monitor fired with `noconnection` although no connection was lost.
    GroundlessDown {
        /// Who watched whom.
        pair: Pair,
        /// When the monitor was made.
        made: Instant,
    },
    /// A process holds, or is held by, another number of monitors than it should be.
    MonitorCount {
        /// Which process.
        pid: Pid,
        /// How many it holds, and how many are held on it.
        got: (usize, usize),
        /// How many of both there should be.
        expected: (usize, usize),
    },
    /// A node still waits for replies.
    Aliases {
        /// Which node.
        node: NodeName,
        /// How many.
        left: usize,
    },
    /// A node has more processes, or fewer, than before the work.
    Processes {
        /// Which node.
        node: NodeName,
        /// How many it has.
        got: usize,
        /// How many it had.
        expected: usize,
    },
    /// A node would still tell processes of lost connections although none of them has to do with other nodes.
    Concerned {
        /// Which node.
        node: NodeName,
        /// How many.
        left: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Fault {}

/// All checks of the relations between processes; the world must be healed and quiet.
///
/// # Errors
/// The first fault found.
pub fn relations(world: &World, ledger: &Ledger) -> Result<(), Fault> {
    let losses = world.losses();
    signal_order(ledger, &losses, |pid| is_alive(world, pid))?;
    exit_once(world, ledger)?;
    monitor_once(world, ledger, &losses)
}

fn is_alive(world: &World, pid: Pid) -> bool {
    world.nodes().any(|node| node.processes().is_alive(pid))
}

/// Whether the node of `pair.from` lost its peer within these times.
fn lost_between(losses: &[Loss], pair: Pair, from: Instant, to: Option<Instant>) -> bool {
    losses.iter().any(|loss| {
        loss.node == pair.from.node()
            && loss.peer == pair.to.node()
            && loss.at >= from
            && to.is_none_or(|to| loss.at <= to)
    })
}
