//! The handle of a scope: what is read from shared memory, and what is asked of its process.

use super::run::{Asked, Shared, run};
use super::{GroupError, GroupEvent, GroupLimits, GroupMembers};
use crate::call::{Call, CallError};
use crate::gen_server::StartError;
use crate::launch;
use crate::stop::{self, StopError};
use crate::supervisor::spec::Child;
use engset_process::{
    Cx, Dest, ExitReason, Mail, Processes, Protocol, SendError, Service, Target, current_pid,
};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The name of OTP's default scope. A node with a name has it from the start, so its handle is had by
/// `Scope::find(DEFAULT_SCOPE)`; starting another fails, since the name is taken. A node that is alone has none until one
/// is started.
pub const DEFAULT_SCOPE: Atom = Atom::from_static("pg");

/// The handle of a scope of groups: a name, and what is known while the scope's process runs.
///
/// Clones mean the same scope, also when its process has been restarted. A scope runs at most once, on one node; each
/// node has a handle of its own. See the [module](super) for an example.
#[derive(Clone)]
pub struct Scope {
    shared: Arc<Shared>,
}

/// What the process of a scope is sent; made by the methods of [`Scope`].
pub struct ScopeMsg(pub(super) Asked);

#[diagnostic::do_not_recommend]
impl Protocol for ScopeMsg {}

impl Scope {
    /// A scope that is to be registered as `name`. It has to be started.
    #[must_use]
    pub fn new(name: Atom) -> Self {
        Self::with_limits(name, GroupLimits::default())
    }

    /// Like [`Scope::new`], with limits of its own.
    #[must_use]
    pub fn with_limits(name: Atom, limits: GroupLimits) -> Self {
        Self { shared: Arc::new(Shared::new(name, limits)) }
    }

    /// The handle of the scope that runs as `name` on this node; on one with a name, [`DEFAULT_SCOPE`] does from the
    /// start.
    pub fn find(name: Atom) -> Call<ScopeMsg, Self> {
        Call::tracked(&Service::local(name), |reply| ScopeMsg(Asked::Handle(reply)))
    }

    /// Starts the scope's process, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when its name is taken, it was not spawned, or the scope runs already.
    pub async fn start(&self) -> Result<(), StartError> {
        let shared = Arc::clone(&self.shared);
        let body = move |cx, parent, starting| run(shared, cx, parent, starting);
        launch::start(launch::of::<Self>(Some(self.name())), body).await.map(drop)
    }

    /// Like [`Scope::start`], on the node of `processes`.
    ///
    /// # Errors
    /// [`StartError`] as for [`Scope::start`].
    pub async fn start_on(&self, processes: &Arc<Processes>) -> Result<(), StartError> {
        let shared = Arc::clone(&self.shared);
        let body = move |cx, parent, starting| run(shared, cx, parent, starting);
        launch::start_on(processes, launch::of::<Self>(Some(self.name())), body).await.map(drop)
    }

    /// Like [`Scope::start`], linked to the running process.
    ///
    /// # Errors
    /// [`StartError`] as for [`Scope::start`].
    pub async fn start_link<M: Protocol>(&self, parent: &mut Cx<M>) -> Result<(), StartError> {
        self.link_to(parent).await.map(drop)
    }

    /// The scope as a supervisor's child. After a restart it has no groups: members join again.
    ///
    /// ```
    /// use engset_otp::Supervisor;
    /// use engset_otp::groups::{DEFAULT_SCOPE, Scope};
    ///
    /// let groups = Scope::new(DEFAULT_SCOPE);
    /// let node = Supervisor::one_for_one().child(groups.child());
    /// # drop(node);
    /// ```
    #[must_use]
    pub fn child(&self) -> Child {
        let scope = self.clone();
        Child::by(self.shared.name.as_str(), move |supervisor| {
            let scope = scope.clone();
            Box::pin(async move { scope.link_to(supervisor).await })
        })
    }

    async fn link_to<M: Protocol>(&self, parent: &mut Cx<M>) -> Result<Pid, StartError> {
        let shared = Arc::clone(&self.shared);
        let body = move |cx, parent, starting| run(shared, cx, parent, starting);
        launch::start_link(parent, launch::of::<Self>(Some(self.name())), body).await.map(|addr| addr.pid())
    }

    /// The scope's name.
    #[must_use]
    pub fn name(&self) -> Atom {
        self.shared.name.clone()
    }

    /// The members of a group on all nodes, in no order, each as often as it joined; none while the scope does not run.
    #[must_use]
    pub fn members(&self, group: &Term) -> Vec<Pid> {
        self.shared.read(|state| state.members(group).collect())
    }

    /// Like [`Scope::members`], without those of other nodes.
    #[must_use]
    pub fn local_members(&self, group: &Term) -> Vec<Pid> {
        self.shared.read(|state| state.local_members(group).collect())
    }

    /// The groups that have members, in the order of terms.
    #[must_use]
    pub fn which_groups(&self) -> Vec<Term> {
        self.shared.read(super::state::State::groups)
    }

    /// Like [`Scope::which_groups`], of those that have members on this node.
    #[must_use]
    pub fn which_local_groups(&self) -> Vec<Term> {
        self.shared.read(super::state::State::local_groups)
    }

    /// Lets processes of this node join a group: all of them, or none. One that is in `pids` twice joins twice.
    ///
    /// Waits without limit, unless told otherwise. Answers [`GroupError::NotLocal`] or
    /// [`GroupError::TooManyMemberships`]. A process that has ended joins, and leaves again at once.
    pub fn join(
        &self,
        group: impl Into<Term>,
        pids: impl IntoIterator<Item = Pid>,
    ) -> Call<ScopeMsg, (), GroupError> {
        let (group, pids) = (group.into(), pids.into_iter().collect());
        Call::tracked(self, |reply| ScopeMsg(Asked::Join(group, pids, reply))).no_timeout()
    }

    /// Lets processes of this node leave a group, each once for each time that it is in `pids`.
    ///
    /// Waits without limit, unless told otherwise. Answers [`GroupError::NotLocal`], or [`GroupError::NotJoined`] where
    /// none of them is a member; those that are leave, whatever the others are.
    pub fn leave(
        &self,
        group: impl Into<Term>,
        pids: impl IntoIterator<Item = Pid>,
    ) -> Call<ScopeMsg, (), GroupError> {
        let (group, pids) = (group.into(), pids.into_iter().collect());
        Call::tracked(self, |reply| ScopeMsg(Asked::Leave(group, pids, reply))).no_timeout()
    }

    /// Lets the running process be told of all who join or leave a group from now on, by [`GroupEvent`]; who is a member
    /// at this moment. Waits without limit, unless told otherwise.
    ///
    /// Answers [`GroupError::TooManyMonitors`]. The monitor ends with the process, with the scope's process, and by
    /// [`Scope::demonitor`].
    pub fn monitor(&self, group: impl Into<Term>) -> Call<ScopeMsg, (Reference, Vec<Pid>), GroupError> {
        let (watcher, group) = (current_pid(), group.into());
        Call::tracked(self, |reply| ScopeMsg(Asked::Monitor(watcher, group, reply))).no_timeout()
    }

    /// Like [`Scope::monitor`], for all groups of the scope, those that do not exist yet, too.
    pub fn monitor_scope(&self) -> Call<ScopeMsg, (Reference, GroupMembers), GroupError> {
        let watcher = current_pid();
        Call::tracked(self, |reply| ScopeMsg(Asked::MonitorScope(watcher, reply))).no_timeout()
    }

    /// Ends a monitor of groups: no [`GroupEvent`] of it is in the mailbox or arrives afterwards. False where there was
    /// none.
    ///
    /// Dropped while it waits, the monitor may have ended, and events of it may be in the mailbox.
    ///
    /// # Errors
    /// [`CallError`] where the scope does not run; its monitors have ended then.
    pub async fn demonitor<M: Protocol>(
        &self,
        cx: &mut Cx<M>,
        monitor: Reference,
    ) -> Result<bool, CallError> {
        let asked = Call::tracked(self, |reply| ScopeMsg(Asked::Demonitor(monitor, reply))).no_timeout();
        let was_there = asked.await?;
        if was_there {
            let is_its = |mail| if is_event_of(&mail, monitor) { Ok(()) } else { Err(mail) };
            while cx.receive_timeout(Duration::ZERO, is_its).await.is_some() {}
        }
        Ok(was_there)
    }

    /// Lets the scope ask the one of this name on `node` for its groups now, as it does by itself for each connection: both
    /// tell each other of theirs from then on, as long as both run and are connected.
    ///
    /// # Errors
    /// [`SendError`] where the scope does not run.
    pub fn discover(&self, node: NodeName) -> Result<(), SendError<ScopeMsg>> {
        self.send(ScopeMsg(Asked::Discover(node)))
    }

    /// Lets the scope's process end with `reason`, and waits for its end for `timeout` at most.
    ///
    /// Dropping this while it waits takes nothing back: the process has been asked.
    ///
    /// # Errors
    /// [`StopError`] when it does not run, has not ended in time, or ended with another reason.
    pub async fn stop(&self, reason: ExitReason, timeout: Duration) -> Result<(), StopError> {
        stop::stop(self, reason, timeout).await
    }

    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }
}

fn is_event_of<M: Protocol>(mail: &Mail<M>, monitor: Reference) -> bool {
    let term = match mail {
        Mail::Message(message) => (message as &dyn Any).downcast_ref::<Term>(),
        Mail::Other(term) => Some(&**term),
        Mail::Down(_) | Mail::Exit(_) => None,
    };
    term.and_then(GroupEvent::from_term).is_some_and(|event| event.monitor == monitor)
}

impl Target<ScopeMsg> for Scope {
    fn dest(&self) -> Dest {
        self.shared.pid().map_or_else(|| Dest::Name(self.name()), Dest::Pid)
    }
}

impl From<&Scope> for Dest {
    fn from(scope: &Scope) -> Self {
        scope.dest()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", self.shared.name)
    }
}

impl fmt::Debug for ScopeMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.0 {
            Asked::Handle(_) => "handle",
            Asked::Join(..) => "join",
            Asked::Leave(..) => "leave",
            Asked::Monitor(..) => "monitor",
            Asked::MonitorScope(..) => "monitor_scope",
            Asked::Demonitor(..) => "demonitor",
            Asked::Discover(_) => "discover",
        };
        f.debug_tuple("ScopeMsg").field(&what).finish()
    }
}
