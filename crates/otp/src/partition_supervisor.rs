//! A supervisor of several processes of one kind, among which keys are spread.
//!
//! Messages: the partitions are children of a supervisor and do not know of each other. Each start of a partition notes
//! its pid in a table that all handles share; a message to a partition that is being restarted meets the process that
//! ended, and is refused.

use crate::gen_server::{Server, StartError, start_link_addr};
use crate::supervisor::spec::{Child, Restart, Shutdown};
use crate::supervisor::{Supervisor, SupervisorRef};
use engset_process::{Addr, Cx, ExitReason, Processes, Protocol};
use engset_term::{Atom, Pid, Term};
use parking_lot::Mutex;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// How many partitions a partition supervisor may have.
pub const PARTITIONS_MAX: usize = 65_536;

/// Several servers of one kind under one supervisor, to be started: what one process would be too slow for is spread
/// among them by a key. Elixir's `PartitionSupervisor`.
///
/// ```
/// use engset_otp::{PartitionSupervisor, Reply, Server};
/// use engset_process::{Addr, Cx, Exit, Identity, Processes, Protocol, Scheduler};
/// use engset_otp::CallTarget;
/// use engset_term::{NodeName, Term};
///
/// struct Cache(usize);
/// struct WhichOne(Reply<usize>);
/// impl Protocol for WhichOne {}
/// impl Server for Cache {
///     type Msg = WhichOne;
///     type Ref = Addr<WhichOne>;
///     async fn handle(&mut self, WhichOne(reply): WhichOne, _: &mut Cx<WhichOne>) -> Result<(), Exit> {
///         reply.send(self.0);
///         Ok(())
///     }
/// }
///
/// # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(|_cx: Cx<Term>| async move {
/// let caches = PartitionSupervisor::new(4, Cache).start().await.expect("nothing can fail");
/// let one = caches.of("some key").call(WhichOne).await.expect("it runs");
/// assert_eq!(caches.of("some key").call(WhichOne).await, Ok(one), "a key has one partition");
/// assert_eq!(caches.get(3).map(|cache| cache.pid()), Some(caches.pid(3)));
/// # });
/// # assert_eq!(result, Ok(()));
/// ```
#[must_use = "a partition supervisor does nothing until started"]
pub struct PartitionSupervisor<S> {
    supervisor: Supervisor,
    restart: Restart,
    shutdown: Option<Shutdown>,
    partitions: usize,
    make: Arc<dyn Fn(usize) -> S + Send + Sync>,
}

impl<S: Server> PartitionSupervisor<S> {
    /// `partitions` servers, from 1 to [`PARTITIONS_MAX`], each made by `make` of its number, from 0, for each start.
    /// The supervisor restarts them one for one; its children's ids are the numbers. Any other number of partitions is
    /// refused when it is started.
    pub fn new(partitions: usize, make: impl Fn(usize) -> S + Send + Sync + 'static) -> Self {
        Self {
            supervisor: Supervisor::one_for_one(),
            restart: Restart::default(),
            shutdown: None,
            partitions,
            make: Arc::new(make),
        }
    }

    /// Registers the supervisor as `name`.
    pub fn named(self, name: Atom) -> Self {
        Self { supervisor: self.supervisor.named(name), ..self }
    }

    /// Allows at most `restarts` restarts of partitions within any `period`, see [`Supervisor::intensity`].
    pub fn intensity(self, restarts: usize, period: Duration) -> Self {
        Self { supervisor: self.supervisor.intensity(restarts, period), ..self }
    }

    /// Sets when a partition is restarted; [`Restart::Permanent`] without.
    pub fn restart(self, restart: Restart) -> Self {
        Self { restart, ..self }
    }

    /// Sets how a partition is stopped, as for [`Child::shutdown`].
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown: Some(shutdown), ..self }
    }

    /// Starts the supervisor and all partitions, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] as for [`Supervisor::start`], or with `{start_spec, {invalid_partitions, Number}}`.
    pub async fn start(self) -> Result<Partitions<S>, StartError> {
        let (supervisor, pids) = self.build()?;
        Ok(Partitions { supervisor: supervisor.start().await?, pids, server: PhantomData })
    }

    /// Starts the supervisor and all partitions on the node of `processes`; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] as for [`PartitionSupervisor::start`].
    pub async fn start_on(self, processes: &Arc<Processes>) -> Result<Partitions<S>, StartError> {
        let (supervisor, pids) = self.build()?;
        Ok(Partitions { supervisor: supervisor.start_on(processes).await?, pids, server: PhantomData })
    }

    /// Starts the supervisor and all partitions, linked to the running process.
    ///
    /// # Errors
    /// [`StartError`] as for [`PartitionSupervisor::start`]; the link's exit signal comes too.
    pub async fn start_link<M: Protocol>(self, parent: &mut Cx<M>) -> Result<Partitions<S>, StartError> {
        let (supervisor, pids) = self.build()?;
        Ok(Partitions { supervisor: supervisor.start_link(parent).await?, pids, server: PhantomData })
    }

    fn build(self) -> Result<(Supervisor, Pids), StartError> {
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            let number = Term::from(u64::try_from(self.partitions).unwrap_or(u64::MAX));
            let what = Term::tuple([Term::atom("invalid_partitions"), number]);
            return Err(StartError::Init(ExitReason::from(Term::tuple([Term::atom("start_spec"), what]))));
        }
        let nobody = Pid::new(engset_term::NodeName::NONODE, 0, 0, 0);
        let pids: Pids = (0..self.partitions).map(|_| Mutex::new(nobody)).collect();
        let mut supervisor = self.supervisor;
        for partition in 0..self.partitions {
            let (make, pids) = (Arc::clone(&self.make), Arc::clone(&pids));
            let child = Child::by(&partition.to_string(), move |cx| {
                let (server, pids) = (make(partition), Arc::clone(&pids));
                Box::pin(async move {
                    let pid = start_link_addr(cx, None, server).await?.pid();
                    *pids[partition].lock() = pid;
                    Ok(pid)
                })
            });
            let child = child.restart(self.restart);
            supervisor = supervisor.child(match self.shutdown {
                Some(shutdown) => child.shutdown(shutdown),
                None => child,
            });
        }
        Ok((supervisor, pids))
    }
}

impl<S> fmt::Debug for PartitionSupervisor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("supervisor", &self.supervisor)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// The process that each partition runs as, or ran as last.
type Pids = Arc<[Mutex<Pid>]>;

/// A handle on partitions that run, for this node.
///
/// Cheap to clone; it goes on to work over restarts of partitions, and not over a restart of their supervisor.
pub struct Partitions<S> {
    supervisor: SupervisorRef,
    pids: Pids,
    server: PhantomData<fn() -> S>,
}

impl<S: Server> Partitions<S> {
    /// The partition of `key`: always the one with the same number for the same key, in this program.
    pub fn of<K: Hash + ?Sized>(&self, key: &K) -> S::Ref {
        S::Ref::from(Addr::new(self.pid(self.number_of(key))))
    }

    /// The partition with this number, from 0.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<S::Ref> {
        self.pids.get(number).map(|pid| S::Ref::from(Addr::new(*pid.lock())))
    }

    /// All partitions, in order.
    pub fn iter(&self) -> impl Iterator<Item = S::Ref> {
        self.pids.iter().map(|pid| S::Ref::from(Addr::new(*pid.lock())))
    }
}

impl<S> Partitions<S> {
    /// The number of the partition of `key`.
    pub fn number_of<K: Hash + ?Sized>(&self, key: &K) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let count = u64::try_from(self.pids.len()).unwrap_or(u64::MAX);
        usize::try_from(hasher.finish() % count).unwrap_or(0)
    }

    /// The process that the partition with this number runs as, or ran as last while it is being restarted.
    ///
    /// # Panics
    /// Where there is no such partition.
    #[must_use]
    pub fn pid(&self, number: usize) -> Pid {
        *self.pids[number].lock()
    }

    /// How many partitions there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.pids.len()
    }

    /// The supervisor of the partitions.
    #[must_use]
    pub fn supervisor(&self) -> SupervisorRef {
        self.supervisor
    }
}

impl<S> Clone for Partitions<S> {
    fn clone(&self) -> Self {
        Self { supervisor: self.supervisor, pids: Arc::clone(&self.pids), server: PhantomData }
    }
}

impl<S> fmt::Debug for Partitions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions")
            .field("supervisor", &self.supervisor)
            .field("partitions", &self.pids.len())
            .finish_non_exhaustive()
    }
}
