//! The closed list of signals between processes.

use crate::exit::ExitReason;
use crate::overload::APART_BYTES_MAX;
use crate::protocol::Mail;
use crate::trace_token::TraceToken;
use engset_etf::Payload;
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::fmt;

/// What arrives at a process, in one queue, in the order in which each sender sent it.
pub(crate) enum Signal<M> {
    /// A typed message from a process on this node: the value itself, as the receive gives it out, so that on its way
    /// it is moved but never taken apart.
    Mail(Mail<M>),
    /// A typed message from a process on this node, and more about it.
    Noted(Box<Noted<M>>),
    /// A message in external term format, decoded by the receiver in its own time slice.
    Encoded(Box<Encoded>),
    /// The same, and more about it.
    Marked(Box<Marked>),
    /// Everything that is not a message.
    Control(Box<ControlSignal>),
}

impl<M> fmt::Debug for Signal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(_) => f.write_str("Mail"),
            Self::Noted(_) => f.write_str("Noted"),
            Self::Encoded(encoded) => fmt::Debug::fmt(encoded, f),
            Self::Marked(marked) => fmt::Debug::fmt(marked, f),
            Self::Control(signal) => fmt::Debug::fmt(signal, f),
        }
    }
}

/// A message in external term format, without the leading version byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Who sent it, where the carrier tells.
    pub from: Option<Pid>,
    /// The term's bytes, and the atoms that they refer to.
    pub payload: Payload,
}

/// A typed message of which there is more to say than of most.
pub(crate) struct Noted<M> {
    pub(crate) message: M,
    pub(crate) mark: Mark,
}

/// An encoded message of which there is more to say than of most.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marked {
    pub(crate) encoded: Encoded,
    pub(crate) mark: Mark,
}

/// What there is to say of a message beside its content and sender; of most, nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mark {
    /// The trace token that goes along with it.
    pub token: Option<TraceToken>,
    /// Whether it goes before all that are not of priority (EEP 76): only where it is sent to an alias that the receiver
    /// made for that ([`crate::AliasOptions::priority`]).
    pub priority: bool,
}

impl Mark {
    fn is_none(&self) -> bool {
        self.token.is_none() && !self.priority
    }
}

impl Marked {
    /// A signal for the receiver of the message.
    pub(crate) fn signal(encoded: Encoded, mark: Mark) -> crate::task::Untyped {
        if mark.is_none() {
            crate::task::Untyped::Encoded(crate::scheduler::boxed(encoded))
        } else {
            crate::task::Untyped::Marked(Box::new(Self { encoded, mark }))
        }
    }

    /// Copies a short message, so that it keeps nothing but itself ([`APART_BYTES_MAX`]).
    pub(crate) fn keep_apart(signal: &mut crate::task::Untyped) {
        let payload = match signal {
            crate::task::Untyped::Encoded(encoded) => &mut encoded.payload,
            crate::task::Untyped::Marked(marked) => &mut marked.encoded.payload,
            crate::task::Untyped::Control(_) => return,
        };
        if payload.len() <= APART_BYTES_MAX {
            *payload = payload.apart();
        }
    }
}

/// One connection to another node: a later one has a greater number. [`Epoch::NONE`] where no connection is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// No connection.
    pub const NONE: Self = Self(0);
}

/// The signals that act on a process instead of waiting in its mailbox.
///
/// They act in the receiving process when it takes them from its arrival queue, never in the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlSignal {
    /// A linked process ended, or a link could not be made.
    LinkExit {
        /// The process at the other end of the link.
        from: Pid,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The same, of a process that had a trace token, which goes along with the message that is made of it.
    TracedLinkExit {
        /// The process at the other end of the link.
        from: Pid,
        /// Why it ended.
        reason: ExitReason,
        /// Its token.
        token: Box<TraceToken>,
    },
    /// `exit(Pid, Reason)`: somebody asks the process to end.
    Exit {
        /// Who asks.
        from: Pid,
        /// The reason; [`ExitReason::Kill`] cannot be trapped.
        reason: ExitReason,
    },
    /// The sender linked itself to the receiver.
    Link {
        /// The linking process.
        from: Pid,
    },
    /// The sender removed its link; to be acknowledged with the same id before any other signal to it.
    Unlink {
        /// The unlinking process.
        from: Pid,
        /// Chosen by `from`, unique among its unacknowledged ones, not 0.
        id: u64,
    },
    /// Answers [`ControlSignal::Unlink`].
    UnlinkAck {
        /// The process that acknowledges.
        from: Pid,
        /// The id of the unlink signal.
        id: u64,
    },
    /// The sender wants a [`ControlSignal::Down`] when the receiver ends.
    Monitor {
        /// Who watches.
        watcher: Pid,
        /// Identifies the monitor.
        reference: Reference,
        /// The name by which the receiver was addressed, if it was.
        name: Option<Atom>,
    },
    /// The sender takes its monitor back.
    Demonitor {
        /// Who watched.
        watcher: Pid,
        /// Identifies the monitor.
        reference: Reference,
    },
    /// A monitored process ended.
    Down {
        /// Identifies the monitor.
        reference: Reference,
        /// Why.
        reason: ExitReason,
    },
    /// A message came by an alias that ends with it, and with which its monitor ends.
    AliasUsed {
        /// The alias and monitor.
        alias: Reference,
    },
    /// The group leader of the receiver is now this process.
    GroupLeader {
        /// The new leader.
        leader: Pid,
    },
    /// A process that the receiver asked another node to start is there: links and monitors made with it begin.
    Spawned {
        /// The request; also the monitor, if there is one.
        request: Reference,
        /// The new process.
        pid: Pid,
        /// Whether it is linked to the receiver.
        linked: bool,
        /// Whether the receiver monitors it.
        monitored: bool,
        /// Over which connection.
        epoch: Epoch,
    },
    /// A connection to `node` is gone: every link and monitor made over it, or before, fires once with
    /// `noconnection`.
    NodeDown {
        /// The other node.
        node: NodeName,
        /// Which connection.
        epoch: Epoch,
    },
}

/// The wish that another node starts a process (`spawn_request`); [`crate::Processes::request_spawn`] sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnRequest {
    /// Identifies the request; also the monitor, where `options` ask for one.
    pub request: Reference,
    /// What does input and output for the new process.
    pub group_leader: Pid,
    /// The module of the function that it runs.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments there are.
    pub arity: u8,
    /// Options as of `erlang:spawn_opt/5`: `link`, `monitor`, `{priority, high}` and so on.
    pub options: Vec<Term>,
    /// The list of arguments, in external term format without the version byte.
    pub args: engset_etf::Body,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dest {
    /// One process, on any node.
    Pid(Pid),
    /// Whoever holds this name on this node now.
    Name(Atom),
    /// Whoever holds this name on that node when the message arrives.
    RemoteName(Atom, NodeName),
    /// Whoever made this alias, while it is active.
    Alias(Reference),
}

impl Dest {
    /// The node that the destination names, if it names one.
    #[must_use]
    pub fn node(&self) -> Option<NodeName> {
        match self {
            Self::Pid(pid) => Some(pid.node()),
            Self::Name(_) => None,
            Self::RemoteName(_, node) => Some(*node),
            Self::Alias(reference) => Some(reference.node()),
        }
    }
}

impl From<Pid> for Dest {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

/// A monitored process ended (or was never there): exactly one for each active monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Identifies the monitor, as returned when it was made.
    pub reference: Reference,
    /// Whom the monitor watched, as it was given.
    pub process: Dest,
    /// Why it ended; `noproc` where it did not exist, `noconnection` where its node is lost.
    pub reason: ExitReason,
    /// What stands in the place of `'DOWN'`, where the monitor was made with a tag.
    pub tag: Option<Box<Term>>,
}

/// An exit signal that a process which traps exits received as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trapped {
    /// The process at the other end of the link, or the sender of the exit signal.
    pub from: Pid,
    /// Its reason.
    pub reason: ExitReason,
}
