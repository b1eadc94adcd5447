//! Global names and locks: one holder for a name on all nodes of a cluster (OTP's `global`).
//!
//! A [`Global`] is a node's handle. A name is a term, given to one process and known on all visible nodes that are
//! connected; it is free when its holder ends. Who holds a name is read from shared memory; changes are made by this
//! node's registrar, under a lock at all nodes. When two parts of a cluster find each other, names that both have are
//! decided by the method that they were registered with ([`Resolve`]). Nodes speak the words of OTP's `global`, version
//! 8 of its protocol, and may be of either kind. A hidden node takes no part: its names are its own.
//!
//! Processes and messages: [`server`] keeps the names, [`locker`] and [`registrar`] set locks, each of the three with
//! its core beside it: [`state`], [`locking`], [`tables`]. Parts of a cluster that overlap, since some of their
//! nodes have lost each other, are taken apart ([`lost`], [`GlobalLimits::prevents_overlap`]); locks that a lost
//! node may have kept are given back again ([`owed`]).

mod calls;
mod doubts;
mod locker;
mod locking;
mod lost;
#[cfg(test)]
mod model;
mod owed;
mod registrar;
mod resolve;
mod server;
mod state;
#[cfg(test)]
mod state_tests;
mod tables;
#[cfg(test)]
mod tables_tests;
mod turns;
mod via;
mod wire;

pub use resolve::Resolve;
pub(crate) use server::child;
pub use via::GlobalName;

use engset_otp::{Call, CallError};
use engset_process::{Addr, Dest, Processes, Service, current};
use engset_term::{Atom, NodeName, Pid, Term};
use parking_lot::RwLock;
use registrar::RegistrarMsg;
use server::GlobalMsg;
use state::{Effect, State};
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tables::Entry;

/// Under which name every node's name server is registered.
const NAME_SERVER: Atom = Atom::from_static("global_name_server");

/// How many global names a node holds unless its configuration says otherwise.
pub const GLOBAL_NAMES_MAX: usize = 1_000_000;
/// How many locks a node holds unless its configuration says otherwise.
pub const GLOBAL_LOCKS_MAX: usize = 100_000;
/// How many processes share one lock unless the configuration says otherwise.
pub const GLOBAL_LOCK_HOLDERS_MAX: usize = 1_000;
/// How many nodes agree on names unless the configuration says otherwise.
pub const GLOBAL_NODES_MAX: usize = 4_096;
/// How many calls of [`Global::sync`] wait at once unless the configuration says otherwise.
pub const GLOBAL_SYNCS_MAX: usize = 10_000;

/// What a node's name server holds at most, and how it deals with parts of a cluster that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalLimits {
    /// Names. One more is refused, also where another node tells of it.
    pub names: usize,
    /// Locks. One more cannot be set, but for the one that names are changed under.
    pub locks: usize,
    /// Processes of one requester that share a lock.
    pub lock_holders: usize,
    /// Other nodes that agree on names. What tells of more is dropped.
    pub nodes: usize,
    /// Calls of [`Global::sync`] that wait. One more is refused.
    pub syncs: usize,
    /// Whether connections are cut so that no two parts of a cluster overlap, as OTP's `prevent_overlapping_partitions`,
    /// which is on by default there since OTP 25. All nodes of a cluster should have the same.
    pub prevents_overlap: bool,
}

impl Default for GlobalLimits {
    fn default() -> Self {
        Self {
            names: GLOBAL_NAMES_MAX,
            locks: GLOBAL_LOCKS_MAX,
            lock_holders: GLOBAL_LOCK_HOLDERS_MAX,
            nodes: GLOBAL_NODES_MAX,
            syncs: GLOBAL_SYNCS_MAX,
            prevents_overlap: true,
        }
    }
}

/// A global name was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalError {
    /// Another process, or the same, holds the name.
    Taken(Pid),
    /// The process has another global name; one of them has to be unregistered first.
    HasName(Term),
    /// A node's limit is reached: [`GlobalLimits::names`].
    TooManyNames,
    /// A limit of this node is reached: [`GlobalLimits::syncs`].
    TooManySyncs,
    /// The name server of this node does not run: the node has no name, or is about to end.
    NotRunning,
    /// The caller is not a process; run the code in one.
    OutsideNode,
}

impl fmt::Display for GlobalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(pid) => write!(f, "{pid} holds the global name"),
            Self::HasName(name) => {
                write!(f, "the process has the global name {name}: unregister that first")
            }
            Self::TooManyNames => {
                f.write_str("a node's limit of global names is reached: unregister some, or raise the limit")
            }
            Self::TooManySyncs => f.write_str(
                "as many calls as this node allows wait for names to be in sync: call later, or raise the limit",
            ),
            Self::NotRunning => {
                f.write_str("this node has no global names: it was not given a name, or is about to end")
            }
            Self::OutsideNode => f.write_str(
                "asked from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
        }
    }
}

impl std::error::Error for GlobalError {}

/// A lock: of which resource, and who asks for it. Processes that ask as the same requester share the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockId {
    /// What is locked.
    pub resource: Term,
    /// Who asks, often the pid of the process.
    pub requester: Term,
}

impl LockId {
    /// The lock of `resource`, asked for as `requester`.
    pub fn new(resource: impl Into<Term>, requester: impl Into<Term>) -> Self {
        Self { resource: resource.into(), requester: requester.into() }
    }
}

/// How often to try again to set a lock that another requester has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// So often, after random whiles that grow to 8 s.
    Times(u32),
    /// Until it is had.
    Forever,
}

/// A node's handle on global names and locks. Cheap to clone.
///
/// A name is any term, in Erlang mostly an atom: `Atom` and `Term::atom` make one, while a `&str` makes a binary.
/// All that changes something is awaited in a process of the node, and takes as long as other nodes that hold the lock
/// do; dropping such a future does not take back what it has begun.
#[derive(Clone)]
pub struct Global {
    pub(crate) shared: Arc<Shared>,
}

/// What the handles and processes of a node share.
pub(crate) struct Shared {
    processes: Arc<Processes>,
    /// For what is drawn at random.
    seed: u64,
    state: RwLock<Option<State>>,
    registrar: OnceLock<Addr<RegistrarMsg>>,
    /// Whether the registrar is to be told of the next node that is connected.
    wakes_registrar: AtomicBool,
    /// How many calls of [`Global::sync`] there were.
    syncs: AtomicU64,
}

impl Global {
    pub(crate) fn new(processes: &Arc<Processes>, seed: u64) -> Self {
        let shared = Shared {
            processes: Arc::clone(processes),
            seed,
            state: RwLock::new(None),
            registrar: OnceLock::new(),
            wakes_registrar: AtomicBool::new(false),
            syncs: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Who holds a name (`global:whereis_name/1`).
    #[must_use]
    pub fn whereis(&self, name: impl Into<Term>) -> Option<Pid> {
        self.shared.whereis(&name.into())
    }

    /// All names, in order (`global:registered_names/0`).
    #[must_use]
    pub fn registered_names(&self) -> Vec<Term> {
        self.shared.read(|state| state.tables.registered_names())
    }

    /// Whoever holds a name when something is sent, taken to understand `P`: the target of messages and calls, as
    /// `{global, Name}` in Erlang. Where nobody does, they are refused with `NoProcess`.
    #[must_use]
    pub fn at<P>(&self, name: impl Into<Term>) -> GlobalName<P> {
        GlobalName::new(self.clone(), name.into())
    }

    /// Gives a name to a process of any node, on all nodes (`global:register_name/2`).
    ///
    /// # Errors
    /// [`GlobalError`]; the name is not given then.
    pub async fn register(&self, name: impl Into<Term>, pid: Pid) -> Result<(), GlobalError> {
        self.register_with(name, pid, Resolve::default()).await
    }

    /// Like [`Global::register`], with what becomes of two holders of the name.
    ///
    /// # Errors
    /// As [`Global::register`].
    pub async fn register_with(
        &self,
        name: impl Into<Term>,
        pid: Pid,
        resolve: Resolve,
    ) -> Result<(), GlobalError> {
        self.change(Entry { name: name.into(), pid, method: resolve.term() }, false).await
    }

    /// Gives a name to a process, whoever holds it, in one step (`global:re_register_name/2`).
    ///
    /// # Errors
    /// As [`Global::register`], of those that have no other holder for a reason.
    pub async fn re_register(&self, name: impl Into<Term>, pid: Pid) -> Result<(), GlobalError> {
        self.change(Entry { name: name.into(), pid, method: Resolve::default().term() }, true).await
    }

    /// Frees a name on all nodes (`global:unregister_name/1`). Nothing is done where nobody holds it.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`] or [`GlobalError::OutsideNode`].
    pub async fn unregister(&self, name: impl Into<Term>) -> Result<(), GlobalError> {
        let name = name.into();
        let call = Call::tracked(&self.registrar()?, |reply| RegistrarMsg::Unregister { name, reply });
        call.no_timeout().await.map_err(error_of)
    }

    /// Sets a lock for the running process at `nodes`, without any at this node and all visible ones that are connected;
    /// whether it was had (`global:set_lock/3`). It is free when the process ends or [deletes](Global::del_lock) it.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`] or [`GlobalError::OutsideNode`].
    pub async fn set_lock(
        &self,
        id: &LockId,
        nodes: Option<&[NodeName]>,
        retries: Retries,
    ) -> Result<bool, GlobalError> {
        let me = self.me()?;
        let nodes = self.nodes(nodes);
        let mut draw = fastrand::Rng::with_seed(self.shared.seed ^ me.number());
        let mut times = 0;
        loop {
            if calls::set_lock(me, &id.resource, &id.requester, &nodes, &self.shared).await.is_ok() {
                return Ok(true);
            }
            if retries == Retries::Times(times) {
                return Ok(false);
            }
            times = times.saturating_add(1);
            let pause: Duration = registrar::retry_after(times, |bound| draw.u64(1..=bound));
            self.shared.processes.scheduler().sleep(pause).await;
        }
    }

    /// Takes the running process's lock back at `nodes`, without any at this node and all visible ones that are connected
    /// (`global:del_lock/2`).
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`] or [`GlobalError::OutsideNode`].
    pub async fn del_lock(&self, id: &LockId, nodes: Option<&[NodeName]>) -> Result<(), GlobalError> {
        let me = self.me()?;
        calls::del_lock(me, &id.resource, &id.requester, &self.nodes(nodes)).await;
        Ok(())
    }

    /// What `body` returns, run while the lock is set; none where that could not be had (`global:trans/4`).
    ///
    /// Dropped while it waits, or where `body` panics, the lock stays until the process ends.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`] or [`GlobalError::OutsideNode`].
    pub async fn trans<T>(
        &self,
        id: &LockId,
        nodes: Option<&[NodeName]>,
        retries: Retries,
        body: impl Future<Output = T>,
    ) -> Result<Option<T>, GlobalError> {
        let nodes = self.nodes(nodes);
        if !self.set_lock(id, Some(&nodes), retries).await? {
            return Ok(None);
        }
        let value = body.await;
        self.del_lock(id, Some(&nodes)).await?;
        Ok(Some(value))
    }

    /// Waits until this node agrees on names with all visible ones that are connected (`global:sync/0`).
    ///
    /// Dropped while it waits, nothing is left of it.
    ///
    /// # Errors
    /// [`GlobalError::TooManySyncs`], [`GlobalError::NotRunning`] or [`GlobalError::OutsideNode`].
    pub async fn sync(&self) -> Result<(), GlobalError> {
        let me = self.me()?;
        let nodes: BTreeSet<NodeName> = self.nodes(None).into_iter().collect();
        let number = self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        let server = Service::local(NAME_SERVER);
        let mut waits = Waits { shared: &self.shared, me, number, is_over: false };
        let call = Call::new(&server, |reply| GlobalMsg::Sync { number, nodes, reply }).no_timeout();
        let done = call.await.map_err(error_of);
        waits.is_over = true;
        done
    }

    /// Answers `global:resolve_it(Method, Name, Pid1, Pid2)`, which another node asks the node of a name's holder: who keeps
    /// the name by its method, or `none`; the other is told, or killed, in the name of the process `from`. A method that is
    /// not known here is taken for [`Resolve::RandomExit`]. None where the arguments are others.
    ///
    /// For the functions that a node lets its peers call.
    #[must_use]
    pub fn resolve_it(&self, from: Pid, args: &[Term]) -> Option<Term> {
        resolve::resolve_it(&self.shared.processes, from, args)
    }

    async fn change(&self, entry: Entry, again: bool) -> Result<(), GlobalError> {
        let make = |reply| RegistrarMsg::Register { entry, again, reply };
        Call::tracked(&self.registrar()?, make).no_timeout().await.map_err(error_of)
    }

    fn registrar(&self) -> Result<Addr<RegistrarMsg>, GlobalError> {
        self.me()?;
        self.shared.registrar.get().copied().ok_or(GlobalError::NotRunning)
    }

    fn me(&self) -> Result<Pid, GlobalError> {
        let (processes, me) = current().ok_or(GlobalError::OutsideNode)?;
        if !Arc::ptr_eq(&processes, &self.shared.processes) {
            return Err(GlobalError::OutsideNode);
        }
        if self.shared.is_running() { Ok(me) } else { Err(GlobalError::NotRunning) }
    }

    fn nodes(&self, nodes: Option<&[NodeName]>) -> Vec<NodeName> {
        match nodes {
            Some(nodes) => nodes.to_vec(),
            None => self.shared.visible_nodes(),
        }
    }
}

impl Shared {
    fn began(&self, state: State, registrar: Addr<RegistrarMsg>) {
        *self.state.write() = Some(state);
        // A name server runs once for each node.
        let _same = self.registrar.set(registrar);
    }

    fn ended(&self) {
        *self.state.write() = None;
    }

    fn is_running(&self) -> bool {
        self.state.read().is_some()
    }

    fn read<T: Default>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.state.read().as_ref().map(look).unwrap_or_default()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Option<(T, Vec<Effect>)> {
        let mut state = self.state.write();
        let state = state.as_mut()?;
        let result = change(state);
        Some((result, std::iter::from_fn(|| state.poll_effect()).collect()))
    }

    fn whereis(&self, name: &Term) -> Option<Pid> {
        let pid = self.read(|state| state.tables.whereis(name))?;
        let is_gone = pid.node() == self.processes.node() && !self.processes.is_alive(pid);
        if is_gone { None } else { Some(pid) }
    }

    fn is_up(&self, node: NodeName) -> bool {
        self.read(|state| state.is_up(node))
    }

    fn is_locked(&self, resource: &Term) -> bool {
        self.read(|state| state.tables.is_locked(resource))
    }

    fn can_lock(&self, resource: &Term, requester: &Term) -> bool {
        self.state.read().as_ref().is_some_and(|state| state.tables.can_lock(resource, requester))
    }

    /// Somebody does not even ask for a lock that another requester has.
    fn want_lock(&self, resource: &Term, requester: &Term) {
        let now = self.processes.scheduler().now();
        // Nothing is to be done for it.
        drop(self.change(|state| state.tables.want_lock(now, resource, requester)));
    }

    /// Whether the process may get the name.
    fn check_free(&self, name: &Term, pid: Pid) -> Result<(), GlobalError> {
        if let Some(holder) = self.whereis(name) {
            return Err(GlobalError::Taken(holder));
        }
        match self.read(|state| state.tables.name_of(pid).cloned()) {
            Some(name) => Err(GlobalError::HasName(name)),
            None => Ok(()),
        }
    }

    fn visible_nodes(&self) -> Vec<NodeName> {
        let mut nodes = self.read(State::up);
        nodes.push(self.processes.node());
        nodes
    }
}

/// A call of [`Global::sync`] that waits. The name server hears when it does not any more.
struct Waits<'a> {
    shared: &'a Shared,
    me: Pid,
    number: u64,
    is_over: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Without a name server nothing waits.
            drop(self.shared.processes.send(
                self.me,
                &Dest::Name(NAME_SERVER),
                GlobalMsg::SyncOver(self.number),
            ));
        }
    }
}

fn error_of(error: CallError<GlobalError>) -> GlobalError {
    match error {
        CallError::App(error) => error,
        CallError::OutsideNode => GlobalError::OutsideNode,
        _ => GlobalError::NotRunning,
    }
}

impl fmt::Debug for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Global").field("node", &self.shared.processes.node()).finish_non_exhaustive()
    }
}
