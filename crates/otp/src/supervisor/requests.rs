//! What a supervisor can be asked, and what it answers.

use super::Supervisor;
use super::children::Key;
use super::flags::SpecError;
use super::spec::{Child, ChildKind, Restart, Shutdown};
use crate::call::Call;
use crate::reply::Reply;
use engset_process::Addr;
use engset_term::{Atom, Pid, Term};
use std::fmt;

/// A request to a supervisor.
#[derive(Debug)]
pub enum SupervisorMsg {
    /// The children, the one started last first.
    WhichChildren(Reply<Vec<ChildInfo>>),
    /// How many there are.
    CountChildren(Reply<Counts>),
    /// Start one more.
    StartChild(Child, Reply<Pid, ChildError>),
    /// Stop one; it stays in the list, unless the supervisor is dynamic.
    TerminateChild(ChildId, Reply<(), ChildError>),
    /// Start one that was stopped.
    RestartChild(ChildId, Reply<Pid, ChildError>),
    /// Forget one that was stopped.
    DeleteChild(ChildId, Reply<(), ChildError>),
    /// The specification of one.
    GetChildspec(ChildId, Reply<ChildSpec, ChildError>),
    /// Be from now on as this one would be.
    Update(Box<Supervisor>, Reply<(), ChildError>),
    /// From the supervisor to itself: a restart failed.
    #[doc(hidden)]
    TryAgain(Retry),
}

/// Which restart is to be tried again.
#[doc(hidden)]
#[derive(Debug)]
pub struct Retry {
    pub(super) key: Key,
    pub(super) attempt: u64,
}

/// Which child is meant. As in OTP, children of dynamic supervisors are known by pid only, others by id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildId {
    /// By the id in its specification.
    Id(String),
    /// By its pid; while it is being restarted, by the one it had.
    Pid(Pid),
}

/// What the specification of a child says, without how it is started. As a term a map like OTP's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSpec {
    /// By what it is known.
    pub id: String,
    /// When it is restarted.
    pub restart: Restart,
    /// Whether its end counts for the supervisor's [`crate::AutoShutdown`].
    pub significant: bool,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether it is itself a supervisor.
    pub kind: ChildKind,
}

/// What a supervisor says about one child. As a term `{Id, Pid | restarting | undefined, worker | supervisor, []}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildInfo {
    /// The id in its specification.
    pub id: String,
    /// Where it stands.
    pub state: ChildState,
    /// Whether it is itself a supervisor.
    pub kind: ChildKind,
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// It runs.
    Running(Pid),
    /// It is about to be started again.
    Restarting,
    /// It is not running.
    Stopped,
}

/// How many children a supervisor has. As a term a property list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All in the list.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors.
    pub supervisors: usize,
    /// Those that are workers.
    pub workers: usize,
}

/// Why a supervisor did not do what it was asked. As a term what OTP's `supervisor` has in `{error, Error}`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildError {
    /// No child has this id.
    NotFound,
    /// The child runs.
    Running,
    /// The child is being restarted.
    Restarting,
    /// A child with this id is there already, not running.
    AlreadyPresent,
    /// A child with this id is there already, running as this process.
    AlreadyStarted(Pid),
    /// The supervisor has as many children as it may.
    MaxChildren,
    /// A dynamic supervisor does this only for pids, or not at all; OTP's `simple_one_for_one`.
    Dynamic,
    /// The child asked not to be run. It is in the list, not running, unless it is temporary or the supervisor dynamic.
    /// To callers on other nodes this is OTP's `{ok, undefined}`.
    Ignored,
    /// Its specification cannot be accepted; only on the supervisor's own node.
    Refused(SpecError),
    /// It could not be started, for this reason.
    Start(Term),
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the supervisor has no such child"),
            Self::Running => f.write_str("the child is running"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::AlreadyPresent => {
                f.write_str("the supervisor has a child with this id, which is not running")
            }
            Self::AlreadyStarted(pid) => {
                write!(f, "the supervisor has a child with this id, running as {pid}")
            }
            Self::MaxChildren => {
                f.write_str("the supervisor has as many children as it may: raise its `max_children`")
            }
            Self::Dynamic => f.write_str(
                "the supervisor is dynamic: its children are terminated by pid, and then forgotten",
            ),
            Self::Ignored => f.write_str("the child asked not to be run"),
            Self::Refused(error) => write!(f, "the supervisor refused: {error}"),
            Self::Start(reason) => write!(f, "the child could not be started: {reason}"),
        }
    }
}

impl std::error::Error for ChildError {}

/// A handle on a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SupervisorRef {
    addr: Addr<SupervisorMsg>,
}

impl SupervisorRef {
    /// The handle on the supervisor at `addr`.
    #[must_use]
    pub const fn new(addr: Addr<SupervisorMsg>) -> Self {
        Self { addr }
    }

    /// The supervisor's pid.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.addr.pid()
    }

    /// The children, the one started last first.
    pub fn which_children(&self) -> Call<SupervisorMsg, Vec<ChildInfo>> {
        Call::tracked(&self.addr, SupervisorMsg::WhichChildren)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Call<SupervisorMsg, Counts> {
        Call::tracked(&self.addr, SupervisorMsg::CountChildren)
    }

    /// Starts one more child. Only on this node: how to start it is code.
    pub fn start_child(&self, child: Child) -> Call<SupervisorMsg, Pid, ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::StartChild(child, reply))
    }

    /// Stops a child; waits until it has ended, which may take longer than the default timeout of a call.
    ///
    /// The child stays in the list, not running, unless it is temporary or the supervisor dynamic. A child that is
    /// being restarted is not any more. For a dynamic supervisor a pid of this node that no process has is no error.
    pub fn terminate_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, (), ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::TerminateChild(id.into(), reply))
    }

    /// Starts a child that was stopped.
    pub fn restart_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, Pid, ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::RestartChild(id.into(), reply))
    }

    /// Forgets a child that was stopped.
    pub fn delete_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, (), ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::DeleteChild(id.into(), reply))
    }

    /// What the specification of a child says.
    pub fn get_childspec(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, ChildSpec, ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::GetChildspec(id.into(), reply))
    }

    /// Gives a running supervisor the strategy, intensity, back-off, limits and child specifications of another, as
    /// OTP's `code_change` does; its name stays. Only on this node: how to start children is code.
    ///
    /// Nothing is started or stopped. A child that runs goes on, under its new specification from now on; one that is
    /// new is in the list, not running, until [`SupervisorRef::restart_child`]; one that is not among the new ones
    /// stays, behind them. Restarts that were counted still count. A dynamic supervisor stays one, and is given no
    /// children.
    ///
    /// ```
    /// use engset_otp::{AutoShutdown, Supervisor};
    /// # use engset_process::{Cx, Identity, Processes, Scheduler};
    /// # use engset_term::{NodeName, Term};
    /// use std::time::Duration;
    ///
    /// # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(7));
    /// # let result = processes.block_on(|_cx: Cx<Term>| async move {
    /// let supervisor = Supervisor::one_for_one().start().await.expect("it has no children that could fail");
    /// let patient = Supervisor::one_for_all().intensity(10, Duration::from_secs(60));
    /// supervisor.update(patient.auto_shutdown(AutoShutdown::AnySignificant)).await
    /// # });
    /// # assert_eq!(result, Ok(Ok(())));
    /// ```
    pub fn update(&self, supervisor: Supervisor) -> Call<SupervisorMsg, (), ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::Update(Box::new(supervisor), reply))
    }
}

impl From<Addr<SupervisorMsg>> for SupervisorRef {
    fn from(addr: Addr<SupervisorMsg>) -> Self {
        Self::new(addr)
    }
}

impl From<&str> for ChildId {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl From<Pid> for ChildId {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

/// An id as an atom, as OTP's children have it, where it fits into one.
pub(super) fn id_term(id: &str) -> Term {
    Atom::new(id).map_or_else(|_| Term::string(id), Term::Atom)
}
