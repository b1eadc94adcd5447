//! Starting a registry: its table, and the supervisor of the processes of its partitions.

use super::keeper::keep;
use super::partition::Partition;
use super::{
    ENTRIES_MAX, Key, LISTENERS_MAX, Listener, PARTITIONS, PARTITIONS_MAX, Part, Registry, RegistryError,
    RegistryEvent, Shared, Value, listener,
};
use crate::gen_server::StartError;
use crate::launch;
use crate::supervisor::Supervisor;
use crate::supervisor::spec::Child;
use engset_process::{Cx, ExitReason, Processes, Protocol, SpawnError, SpawnOptions, Target, current};
use engset_term::Term;
use parking_lot::{Mutex, RwLock};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How many processes may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// One.
    Unique,
    /// Any number, each of them also several times.
    Duplicate,
}

/// A registry to be started.
///
/// ```
/// use engset_otp::registry::{Keys, Registry};
/// use engset_otp::Supervisor;
/// # use engset_process::{Cx, Identity, Processes, Scheduler};
/// # use engset_term::Term;
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(|_cx: Cx<Term>| async move {
/// // Below a supervisor, before those who use it.
/// let (rooms, child) =
///     Registry::<String, ()>::builder(Keys::Duplicate).partitions(2).supervised("rooms").expect("two are allowed");
/// Supervisor::one_for_one().child(child).start().await.expect("nothing can fail");
/// rooms.register("lobby".to_owned(), ()).expect("it runs");
/// assert_eq!(rooms.lookup(&"lobby".to_owned()).len(), 1);
/// # });
/// # assert_eq!(result, Ok(()));
/// ```
#[must_use = "a registry does nothing until started"]
pub struct RegistryBuilder<K, V> {
    keys: Keys,
    partitions: usize,
    entries_max: usize,
    listeners: Vec<Listener<K, V>>,
}

impl<K: Key, V: Value> RegistryBuilder<K, V> {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, partitions: PARTITIONS, entries_max: ENTRIES_MAX, listeners: Vec::new() }
    }

    /// Spreads the keys over so many tables, each with its own lock and process: from 1 to [`PARTITIONS_MAX`];
    /// [`PARTITIONS`] without.
    pub fn partitions(self, partitions: usize) -> Self {
        Self { partitions, ..self }
    }

    /// Allows at most `entries` entries; [`ENTRIES_MAX`] without.
    pub fn max_entries(self, entries: usize) -> Self {
        Self { entries_max: entries, ..self }
    }

    /// Lets a process hear of each registration and its end, as messages that `make` makes: at most [`LISTENERS_MAX`]
    /// listeners. What a listener is not there for, or has no room for, is dropped and counted.
    pub fn listener<P: Protocol>(
        mut self,
        to: &impl Target<P>,
        make: impl Fn(RegistryEvent<K, V>) -> P + Send + Sync + 'static,
    ) -> Self {
        self.listeners.push(listener(to, make));
        self
    }

    /// Starts the registry, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when an option is out of its range or the process limit is reached.
    pub async fn start(self) -> Result<Registry<K, V>, StartError> {
        let (processes, _) = current().ok_or(StartError::Spawn(SpawnError::OutsideNode))?;
        let (registry, supervisor) = self.build(&processes).map_err(|error| not_built(&error))?;
        supervisor.start().await?;
        Ok(registry)
    }

    /// Starts the registry, linked to the running process.
    ///
    /// # Errors
    /// [`StartError`] when an option is out of its range or the process limit is reached; then the link's exit signal
    /// may come, too.
    pub async fn start_link<M: Protocol>(self, parent: &mut Cx<M>) -> Result<Registry<K, V>, StartError> {
        let (registry, supervisor) = self.build(parent.processes()).map_err(|error| not_built(&error))?;
        supervisor.start_link(parent).await?;
        Ok(registry)
    }

    /// A registry as a child of a supervisor of the running process's node, and the handle on it, which works over
    /// restarts.
    ///
    /// # Errors
    /// [`RegistryError`] when an option is out of its range or the caller is not a process.
    pub fn supervised(self, id: &str) -> Result<(Registry<K, V>, Child), RegistryError> {
        let (processes, _) = current().ok_or(RegistryError::OutsideNode)?;
        let (registry, supervisor) = self.build(&processes)?;
        Ok((registry, Child::supervisor(id, move || supervisor.clone())))
    }

    fn build(self, processes: &Arc<Processes>) -> Result<(Registry<K, V>, Supervisor), RegistryError> {
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Err(RegistryError::Partitions { given: self.partitions });
        }
        if self.listeners.len() > LISTENERS_MAX {
            return Err(RegistryError::TooManyListeners);
        }
        let mut hasher = DefaultHasher::new();
        processes.new_reference().hash(&mut hasher);
        let secret = hasher.finish();
        let part = |_| Part { table: RwLock::new(Partition::new(secret)), keeper: Mutex::new(None) };
        let shared = Arc::new(Shared {
            processes: Arc::clone(processes),
            keys: self.keys,
            entries_max: self.entries_max,
            entries: 0.into(),
            secret,
            partitions: (0..self.partitions).map(part).collect(),
            listeners: self.listeners,
            meta: RwLock::default(),
        });
        let mut supervisor = Supervisor::one_for_one().intensity(3, Duration::from_secs(5));
        for number in 0..self.partitions {
            let shared = Arc::clone(&shared);
            supervisor = supervisor.child(Child::by(&number.to_string(), move |cx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let body = move |cx, _parent, starting| keep(cx, shared, number, starting);
                    launch::start_link(cx, SpawnOptions::default(), body).await.map(|addr| addr.pid())
                })
            }));
        }
        Ok((Registry { shared }, supervisor))
    }
}

fn not_built(error: &RegistryError) -> StartError {
    let what = Term::tuple([Term::atom("start_spec"), Term::string(&error.to_string())]);
    StartError::Init(ExitReason::from(what))
}

impl<K, V> fmt::Debug for RegistryBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("keys", &self.keys)
            .field("partitions", &self.partitions)
            .field("entries_max", &self.entries_max)
            .finish_non_exhaustive()
    }
}
