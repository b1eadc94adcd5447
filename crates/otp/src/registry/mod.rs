//! A registry: processes found by keys of any type. Elixir's `Registry`.
//!
//! Messages: lookups and registrations go to no process; they read and write a table that all handles share. Each
//! partition of it has a process, which is told whom to watch, monitors those that hold keys there, and at the DOWN
//! removes what they held. Races: between the end of a process and its DOWN its entries are still in the table; what
//! reads it leaves out whoever is not alive, and a key that a dead process holds is free. A partition's process that
//! crashes is restarted by its supervisor and watches everybody in the table anew; what is registered meanwhile is
//! refused. One that is stopped empties its part of the table.

mod error;
mod handle;
mod keeper;
mod partition;
mod start;
mod via;

use engset_process::{Addr, Processes, Protocol, Target};
use engset_term::{Atom, Pid, Term};
use keeper::KeeperMsg;
use parking_lot::{Mutex, RwLock};
use partition::Partition;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub use error::RegistryError;
pub use handle::Registry;
pub use start::{Keys, RegistryBuilder};
pub use via::Via;

/// How many partitions a registry has unless told otherwise.
pub const PARTITIONS: usize = 4;
/// How many partitions a registry may have.
pub const PARTITIONS_MAX: usize = 1_024;
/// How many entries a registry holds unless told otherwise.
pub const ENTRIES_MAX: usize = 16_777_216;
/// How many listeners a registry may have.
pub const LISTENERS_MAX: usize = 64;
/// How many values a registry keeps about itself.
pub const META_MAX: usize = 1_024;

/// What may be a key. Its `Hash` and `Eq` run while a part of the registry is locked, and must not use the registry; its
/// `Clone` and `Drop` may.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

/// What may be kept with a key. Nothing of it runs while the registry is locked.
pub trait Value: Clone + Send + Sync + 'static {}

impl<V: Clone + Send + Sync + 'static> Value for V {}

/// What listeners are told.
///
/// Of what one process does a listener hears in order. Of the end of a process it may hear after others have taken its
/// keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryEvent<K, V> {
    /// A process registered a key.
    Registered {
        /// The key.
        key: K,
        /// Who holds it.
        pid: Pid,
        /// What it keeps with it.
        value: V,
    },
    /// A process does not hold a key any more: it gave it up, or ended. One event for each entry.
    Unregistered {
        /// The key.
        key: K,
        /// Who held it.
        pid: Pid,
    },
}

/// Tells one listener.
type Listener<K, V> = Arc<dyn Fn(&Arc<Processes>, Pid, RegistryEvent<K, V>) + Send + Sync>;

/// What all handles on a registry share.
struct Shared<K, V> {
    processes: Arc<Processes>,
    keys: Keys,
    entries_max: usize,
    /// How many there are, those of dead processes included until their DOWN.
    entries: AtomicUsize,
    /// Who hears what others tell cannot guess which keys share a partition or a place in it.
    secret: u64,
    partitions: Box<[Part<K, V>]>,
    listeners: Vec<Listener<K, V>>,
    meta: RwLock<BTreeMap<Atom, Term>>,
}

/// One partition, and who has to be told of new holders.
struct Part<K, V> {
    table: RwLock<Partition<K, V>>,
    /// Serializes what is told with what it is about.
    keeper: Mutex<Option<Addr<KeeperMsg>>>,
}

impl<K: Key, V: Value> Shared<K, V> {
    fn part(&self, key: &K) -> &Part<K, V> {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret);
        key.hash(&mut hasher);
        let count = u64::try_from(self.partitions.len()).unwrap_or(1);
        &self.partitions[usize::try_from(hasher.finish() % count).unwrap_or(0)]
    }

    /// Tells all listeners, from `from`. With no lock held: events hold copies of keys and values.
    fn tell(&self, from: Pid, event: impl Fn() -> RegistryEvent<K, V>) {
        for listener in &self.listeners {
            listener(&self.processes, from, event());
        }
    }
}

/// A listener that gets what `make` makes of each event. What it has no room for, or is not there for, is dropped.
fn listener<K, V, P: Protocol>(
    to: &impl Target<P>,
    make: impl Fn(RegistryEvent<K, V>) -> P + Send + Sync + 'static,
) -> Listener<K, V> {
    let to = to.clone();
    Arc::new(move |processes, from, event| {
        if processes.send(from, &to.dest(), make(event)).is_err() {
            processes.count_dropped();
        }
    })
}
