//! The handle on a registry: registering, finding, changing.

use super::keeper::KeeperMsg;
use super::partition::Partition;
use super::{Key, Keys, META_MAX, Part, RegistryBuilder, RegistryError, RegistryEvent, Shared, Value, Via};
use engset_process::{Addr, current};
use engset_term::{Atom, Pid, Term};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A handle on a registry of this node: cheap to clone, and good over restarts of its processes.
///
/// A process registers itself, and what it registered is gone when it ends. Nothing here waits for a process, and nobody
/// is found who is known to be dead.
///
/// ```
/// use engset_otp::registry::{Keys, Registry, RegistryError};
/// # use engset_process::{Cx, Identity, Mail, Processes, Scheduler, Target};
/// # use engset_term::Term;
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(
/// |mut cx: Cx<Term>| async move {
///     let players = Registry::builder(Keys::Unique).start().await.expect("there is room");
///     players.register(("chess", 7), "white").expect("nobody holds it");
///     assert_eq!(players.lookup(&("chess", 7)), [(cx.pid(), "white")]);
///
///     let again = players.register(("chess", 7), "black");
///     assert_eq!(again, Err(RegistryError::AlreadyRegistered { pid: cx.pid() }));
///
///     players.via::<Term>(("chess", 7)).send(Term::atom("your_move")).expect("this process holds it");
///     assert!(matches!(cx.recv().await, Mail::Message(_)));
/// }
/// # );
/// # assert_eq!(result, Ok(()));
/// ```
pub struct Registry<K, V> {
    pub(super) shared: Arc<Shared<K, V>>,
}

impl<K: Key, V: Value> Registry<K, V> {
    /// A registry to be started.
    pub fn builder(keys: Keys) -> RegistryBuilder<K, V> {
        RegistryBuilder::new(keys)
    }

    /// Registers the running process under `key`, with `value`.
    ///
    /// # Errors
    /// [`RegistryError`] when another live process, or this one, holds a key that is to be unique, the registry is full or
    /// not running, or the caller is no process of its node.
    pub fn register(&self, key: K, value: V) -> Result<(), RegistryError> {
        let me = self.me()?;
        let part = self.shared.part(&key);
        // Shared, so that nothing is copied or dropped under a lock: both are others' code.
        let (key, value) = (Arc::new(key), Arc::new(value));
        let mut lost = None;
        {
            let keeper = part.keeper.lock();
            let keeper = keeper.as_ref().ok_or(RegistryError::NotRunning)?;
            let mut table = part.table.write();
            if self.shared.keys == Keys::Unique
                && let Some(holder) = table.of(&key).first().map(|entry| entry.pid)
            {
                if self.is_alive(holder) {
                    return Err(RegistryError::AlreadyRegistered { pid: holder });
                }
                // Its DOWN is on the way; it finds the other keys of that process only.
                lost = Some((holder, table.remove(&key, holder, |_| true)));
            }
            // The place of one that is lost is taken as it is.
            if lost.is_none() {
                self.take_room()?;
            }
            if table.insert(&key, me, Arc::clone(&value)) {
                self.tell_keeper(me, *keeper, KeeperMsg::Watch(me));
            }
        }
        if let Some((pid, _)) = lost {
            self.shared.tell(me, || RegistryEvent::Unregistered { key: K::clone(&key), pid });
        }
        let registered =
            || RegistryEvent::Registered { key: K::clone(&key), pid: me, value: V::clone(&value) };
        self.shared.tell(me, registered);
        Ok(())
    }

    /// Gives up all entries that the running process has under `key`; how many there were.
    ///
    /// # Errors
    /// [`RegistryError::OutsideNode`].
    pub fn unregister(&self, key: &K) -> Result<usize, RegistryError> {
        self.give_up(key, |_| true)
    }

    /// Gives up those entries that the running process has under `key` whose value `unwanted` says so of; how many there
    /// were.
    ///
    /// # Errors
    /// [`RegistryError::OutsideNode`].
    pub fn unregister_match(&self, key: &K, unwanted: impl Fn(&V) -> bool) -> Result<usize, RegistryError> {
        let me = self.me()?;
        // What is chosen here stays where it is until it is removed: values by their places.
        let mut chosen = self.holding(key, |holder| holder == me);
        chosen.retain(|(_, value)| unwanted(value));
        let places: HashSet<*const V> = chosen.iter().map(|(_, value)| Arc::as_ptr(value)).collect();
        self.give_up(key, |value| places.contains(&Arc::as_ptr(value)))
    }

    /// Changes the value of a unique key that the running process holds; the new and the old one.
    ///
    /// # Errors
    /// [`RegistryError::NotHolder`], also where `change` itself gives up the key; [`RegistryError::Duplicate`] where keys
    /// are not unique.
    pub fn update_value(&self, key: &K, change: impl FnOnce(&V) -> V) -> Result<(V, V), RegistryError> {
        let me = self.me()?;
        if self.shared.keys == Keys::Duplicate {
            return Err(RegistryError::Duplicate);
        }
        let (_, old) = self.holding(key, |holder| holder == me).pop().ok_or(RegistryError::NotHolder)?;
        let new = Arc::new(change(&old));
        let replaced = {
            let mut table = self.shared.part(key).table.write();
            table.value_mut(key, me).map(|value| std::mem::replace(value, Arc::clone(&new)))
        };
        let replaced = replaced.ok_or(RegistryError::NotHolder)?;
        drop(old);
        Ok((V::clone(&new), Arc::unwrap_or_clone(replaced)))
    }

    /// The live processes that hold `key` with their values, in order of registration.
    #[must_use]
    pub fn lookup(&self, key: &K) -> Vec<(Pid, V)> {
        self.match_values(key, |_, _| true)
    }

    /// The live processes that hold `key` and of whose values `wanted` says so, in order of registration.
    pub fn match_values(&self, key: &K, wanted: impl Fn(Pid, &V) -> bool) -> Vec<(Pid, V)> {
        let mut live = self.holding(key, |pid| self.is_alive(pid));
        live.retain(|(pid, value)| wanted(*pid, value));
        live.into_iter().map(|(pid, value)| (pid, V::clone(&value))).collect()
    }

    /// The live process that holds `key`; the first of several.
    #[must_use]
    pub fn whereis(&self, key: &K) -> Option<Pid> {
        let table = self.shared.part(key).table.read();
        table.of(key).iter().map(|entry| entry.pid).find(|pid| self.is_alive(*pid))
    }

    /// The values that a process has under `key`, in order of registration; none of a process that is dead.
    #[must_use]
    pub fn values(&self, key: &K, pid: Pid) -> Vec<V> {
        let entries = self.match_values(key, |holder, _| holder == pid);
        entries.into_iter().map(|(_, value)| value).collect()
    }

    /// The keys of a process, one for each of its entries, in no particular order; none of a process that is dead.
    #[must_use]
    pub fn keys(&self, pid: Pid) -> Vec<K> {
        if !self.is_alive(pid) {
            return Vec::new();
        }
        let held = |part: &Part<K, V>| part.table.read().keys(pid).to_vec();
        self.shared.partitions.iter().flat_map(held).map(|key| K::clone(&key)).collect()
    }

    /// Hands the live holders of `key` to `deliver`, if there are any; in the running process, with no lock held.
    pub fn dispatch<R>(&self, key: &K, deliver: impl FnOnce(Vec<(Pid, V)>) -> R) -> Option<R> {
        let holders = self.lookup(key);
        if holders.is_empty() { None } else { Some(deliver(holders)) }
    }

    /// What `choose` makes of the entries of live processes that it wants, in no particular order. It looks at every
    /// entry; each partition is looked at as it is at one moment.
    pub fn select<T>(&self, mut choose: impl FnMut(&K, Pid, &V) -> Option<T>) -> Vec<T> {
        let mut chosen = Vec::new();
        for part in &self.shared.partitions {
            let live: Vec<(Arc<K>, Pid, Arc<V>)> = {
                let table = part.table.read();
                let live = table.iter().filter(|(_, entry)| self.is_alive(entry.pid));
                live.map(|(key, entry)| (Arc::clone(key), entry.pid, Arc::clone(&entry.value))).collect()
            };
            chosen.extend(live.into_iter().filter_map(|(key, pid, value)| choose(&key, pid, &value)));
        }
        chosen
    }

    /// How many entries live processes have.
    #[must_use]
    pub fn count(&self) -> usize {
        let of = |table: &Partition<K, V>| -> usize {
            table.counts().filter(|(pid, _)| self.is_alive(*pid)).map(|(_, entries)| entries).sum()
        };
        self.shared.partitions.iter().map(|part| of(&part.table.read())).sum()
    }

    /// How many entries live processes have under `key` of whose values `wanted` says so, see
    /// [`Registry::match_values`].
    pub fn count_match(&self, key: &K, wanted: impl Fn(Pid, &V) -> bool) -> usize {
        let live = self.holding(key, |pid| self.is_alive(pid));
        live.iter().filter(|(pid, value)| wanted(*pid, value)).count()
    }

    /// Whoever holds `key` when something is sent, taken to understand `P`: the target of messages and calls. Where nobody
    /// does, they are refused with `NoProcess`.
    #[must_use]
    pub fn via<P>(&self, key: K) -> Via<K, V, P> {
        Via::new(self.clone(), key)
    }

    /// What the registry keeps about itself under `name`.
    #[must_use]
    pub fn meta(&self, name: &Atom) -> Option<Term> {
        self.shared.meta.read().get(name).cloned()
    }

    /// Keeps something about the registry, at most [`META_MAX`] values; what was kept under `name` before. It lasts as
    /// long as the handles.
    ///
    /// # Errors
    /// [`RegistryError::TooMuchMeta`].
    pub fn put_meta(&self, name: Atom, value: Term) -> Result<Option<Term>, RegistryError> {
        let mut meta = self.shared.meta.write();
        if meta.len() >= META_MAX && !meta.contains_key(&name) {
            return Err(RegistryError::TooMuchMeta);
        }
        Ok(meta.insert(name, value))
    }

    /// Forgets what is kept under `name`.
    pub fn delete_meta(&self, name: &Atom) -> Option<Term> {
        self.shared.meta.write().remove(name)
    }

    fn me(&self) -> Result<Pid, RegistryError> {
        match current() {
            Some((processes, me)) if Arc::ptr_eq(&processes, &self.shared.processes) => Ok(me),
            Some(_) | None => Err(RegistryError::OutsideNode),
        }
    }

    /// Gives up those entries that the running process has under `key` and `unwanted` says so of; how many there were.
    fn give_up(&self, key: &K, unwanted: impl Fn(&Arc<V>) -> bool) -> Result<usize, RegistryError> {
        let me = self.me()?;
        let part = self.shared.part(key);
        let removed = {
            let keeper = part.keeper.lock();
            let removed = part.table.write().remove(key, me, unwanted);
            self.shared.entries.fetch_sub(removed.keys.len(), Ordering::Relaxed);
            if let Some(keeper) = keeper.filter(|_| removed.was_last) {
                self.tell_keeper(me, keeper, KeeperMsg::Forget(me));
            }
            removed
        };
        for key in &removed.keys {
            self.shared.tell(me, || RegistryEvent::Unregistered { key: K::clone(key), pid: me });
        }
        Ok(removed.keys.len())
    }

    /// The entries of `key` whose holders are `wanted`, in order of registration.
    fn holding(&self, key: &K, wanted: impl Fn(Pid) -> bool) -> Vec<(Pid, Arc<V>)> {
        let table = self.shared.part(key).table.read();
        let entries = table.of(key).iter().filter(|entry| wanted(entry.pid));
        entries.map(|entry| (entry.pid, Arc::clone(&entry.value))).collect()
    }

    fn is_alive(&self, pid: Pid) -> bool {
        self.shared.processes.is_alive(pid)
    }

    /// Counts one more entry, if there may be one.
    fn take_room(&self) -> Result<(), RegistryError> {
        let max = self.shared.entries_max;
        let more = |entries| if entries < max { Some(entries + 1) } else { None };
        let taken = self.shared.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_full| RegistryError::Full { max })
    }

    fn tell_keeper(&self, me: Pid, keeper: Addr<KeeperMsg>, message: KeeperMsg) {
        // One that has just crashed is followed by one that looks into the table.
        drop(self.shared.processes.send(me, &keeper.into(), message));
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("keys", &self.shared.keys)
            .field("partitions", &self.shared.partitions.len())
            .finish_non_exhaustive()
    }
}
