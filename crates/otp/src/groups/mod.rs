//! Process groups: who serves what, known to all processes of a node and to other nodes (OTP's `pg`).
//!
//! A [`Scope`] is a space of groups, kept by one process that is registered under the scope's name. Groups are terms;
//! one exists as long as it has a member. A process may join a group several times, and is a member as many times. It
//! leaves all its groups when it ends. Who is a member is read from shared memory, without a message. The scope that
//! Erlang and Elixir use where they name none, [`DEFAULT_SCOPE`], runs on every node with a name: [`Scope::find`].
//!
//! Messages: requests to the scope's process are calls. It monitors members, processes that watch groups, and peers;
//! it sends `{Ref, join | leave, Group, Pids}` to who watches, see [`GroupEvent`], before it answers whoever made the
//! change. Scopes of the same name on several nodes tell each other of their members, in the words of OTP's `pg`: a scope
//! hears of each node that is connected, hidden or not, and asks the scope there. What it sends makes no connection.
//! Races: a peer that ends, or whose connection is lost, takes its members with it; a scope that was restarted asks all
//! nodes that are connected.
//!
//! ```
//! use engset_otp::groups::{GroupEvent, Membership, Scope};
//! use engset_process::Mail;
//! # use engset_process::{Cx, Identity, Processes, Scheduler};
//! # use engset_term::{Atom, NodeName, Term};
//!
//! const PRINTERS: Term = Term::atom("printers");
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let result = processes.block_on(|mut cx: Cx<Term>| async move {
//! let office = Scope::new(Atom::from_static("office"));
//! office.start().await.expect("the name is free");
//! let (_, members) = office.monitor(PRINTERS).await.expect("it may watch");
//! assert!(members.is_empty());
//! office.join(PRINTERS, [cx.pid()]).await.expect("there is room");
//! assert_eq!(office.members(&PRINTERS), [cx.pid()]);
//! let Mail::Message(message) = cx.recv().await else { panic!("it watches only groups") };
//! let event = GroupEvent::from_term(&message).expect("it is one");
//! assert_eq!((event.what, event.pids), (Membership::Joined, vec![cx.pid()]));
//! # });
//! # assert_eq!(result, Ok(()));
//! ```

mod event;
mod members;
mod peer;
mod run;
mod scope;
mod state;
#[cfg(test)]
mod state_tests;

pub use event::{GroupEvent, Membership};
pub use scope::{DEFAULT_SCOPE, Scope, ScopeMsg};

use engset_process::ExitReason;
use engset_term::{Pid, Term};
use std::collections::BTreeMap;
use std::fmt;

/// How many memberships a scope holds unless its limits say otherwise, those of all its nodes together.
pub const MEMBERSHIPS_MAX: usize = 10_000_000;
/// How many monitors a scope holds unless its limits say otherwise.
pub const MONITORS_MAX: usize = 100_000;
/// How many other nodes a scope knows unless its limits say otherwise.
pub const PEERS_MAX: usize = 10_000;

/// How many memberships one other node has unless the limits say otherwise.
pub const PEER_MEMBERSHIPS_MAX: usize = 5_000_000;
/// How many groups one other node has unless the limits say otherwise.
pub const PEER_GROUPS_MAX: usize = 1_000_000;

/// Groups with their members, each as often as it joined.
pub type GroupMembers = BTreeMap<Term, Vec<Pid>>;

/// What a scope holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Memberships, those of all nodes together. One that joins twice counts twice.
    pub memberships: usize,
    /// Monitors of groups or of the whole scope.
    pub monitors: usize,
    /// Other nodes with a scope of this name. What one more tells is dropped, and counted.
    pub peers: usize,
    /// Memberships of one other node. One that has more is dropped with all its members, and counted.
    pub peer_memberships: usize,
    /// Groups of one other node. One that has more is dropped with all its members, and counted.
    pub peer_groups: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            memberships: MEMBERSHIPS_MAX,
            monitors: MONITORS_MAX,
            peers: PEERS_MAX,
            peer_memberships: PEER_MEMBERSHIPS_MAX,
            peer_groups: PEER_GROUPS_MAX,
        }
    }
}

/// A scope did not do what it was asked. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// A process of another node, or of an earlier incarnation of this one. It joins, leaves and watches at its own node.
    NotLocal(Pid),
    /// None of the processes is a member of the group.
    NotJoined,
    /// The scope would have more memberships than it may: [`GroupLimits::memberships`].
    TooManyMemberships(usize),
    /// The scope has as many monitors as it may: [`GroupLimits::monitors`].
    TooManyMonitors(usize),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLocal(pid) => {
                write!(f, "{pid} is no process of this node: it has to ask the scope of its own node")
            }
            Self::NotJoined => f.write_str("none of the processes is a member of the group"),
            Self::TooManyMemberships(max) => {
                write!(f, "the scope may have {max} memberships: raise the limit or use several scopes")
            }
            Self::TooManyMonitors(max) => {
                write!(f, "the scope has {max} monitors and may not have more: take some back")
            }
        }
    }
}

impl std::error::Error for GroupError {}

/// The reason with which a scope does not start that runs already, on another node of this program.
fn already_started(pid: Pid) -> ExitReason {
    ExitReason::from_term(Term::tuple([Term::atom("already_started"), Term::Pid(pid)]))
}
