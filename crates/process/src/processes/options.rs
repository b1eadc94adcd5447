//! With what the processes of a node begin, and with what each of them does.

use crate::overload::MailboxLimits;
use crate::trace_token::TraceToken;
use engset_term::{Atom, NodeName, Pid, Reference};
use std::fmt;

/// What [`Processes::new`](crate::Processes::new) needs to know. The salt does not print.
#[derive(Clone, Copy)]
pub struct Identity {
    /// The node's name; [`NodeName::NONODE`] for a node that is alone.
    pub node: NodeName,
    /// Distinguishes this incarnation of the node from earlier ones of the same name.
    pub creation: u32,
    /// How many processes there may be at a time.
    pub processes_max: usize,
    /// Random bits that go into references.
    pub salt: u64,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, creation, processes_max, salt: _ } = self;
        f.debug_struct("Identity")
            .field("node", node)
            .field("creation", creation)
            .field("processes_max", processes_max)
            .finish_non_exhaustive()
    }
}

/// How a new process begins.
///
/// ```
/// use engset_process::{MailboxLimits, SpawnOptions};
///
/// let options = SpawnOptions {
///     label: Some("price feed".to_owned()),
///     mailbox: Some(MailboxLimits::messages(1_000)),
///     ..SpawnOptions::default()
/// };
/// # drop(options);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SpawnOptions {
    /// Registered before the process first runs.
    pub name: Option<Atom>,
    /// What the process calls itself in reports, see [`Cx::set_label`](crate::Cx::set_label).
    pub label: Option<String>,
    /// What it begins with, for reports; the type of its code without.
    pub initial_call: Option<fn() -> &'static str>,
    /// How much may wait for it; without, its mailbox grows without bound.
    pub mailbox: Option<MailboxLimits>,
    /// What does input and output for it; without, what does so for the process that starts it.
    pub group_leader: Option<Pid>,
    /// The trace token with which it was asked for; without, that of the process that starts it.
    pub trace_token: Option<Box<TraceToken>>,
    /// Whether it may be one of the last [`PROCESSES_RESERVE`](crate::PROCESSES_RESERVE), for what must start when all else is used up.
    pub from_reserve: bool,
}

/// For whom [`Processes::spawn_for`](crate::Processes::spawn_for) starts a process, and what the two have to do with each other from its first
/// moment. The other side knows of it when it is told the pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnedFor {
    /// Who asked, of any node.
    pub from: Pid,
    /// Whether the two are linked.
    pub link: bool,
    /// With which reference `from` monitors the process, if it does.
    pub monitor: Option<Reference>,
}
