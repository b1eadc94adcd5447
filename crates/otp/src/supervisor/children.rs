//! Pure: the children of one supervisor, in start order, found by pid or id.

use super::restart::Strategy;
use super::spec::{Child, Shutdown};
use engset_term::Pid;
use std::collections::{BTreeMap, HashMap};

/// A child's place in start order; kept over restarts, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running(Pid),
    Restarting,
    Stopped,
}

/// One child.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) child: Child,
    pub(super) state: State,
}

/// The children of one supervisor.
#[derive(Debug)]
pub(super) struct Children {
    dynamic: bool,
    entries: BTreeMap<Key, Entry>,
    by_pid: HashMap<Pid, Key>,
    last: u64,
}

impl Children {
    pub(super) fn new(dynamic: bool) -> Self {
        Self { dynamic, entries: BTreeMap::new(), by_pid: HashMap::new(), last: 0 }
    }

    /// Whether children are forgotten when they end for good.
    pub(super) fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    pub(super) fn insert(&mut self, child: Child, pid: Pid) {
        self.last += 1;
        let key = Key(self.last);
        self.entries.insert(key, Entry { child, state: State::Running(pid) });
        self.by_pid.insert(pid, key);
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.set(key, State::Stopped);
        self.entries.remove(&key);
    }

    pub(super) fn set(&mut self, key: Key, state: State) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let State::Running(before) = entry.state {
            self.by_pid.remove(&before);
        }
        entry.state = state;
        if let State::Running(pid) = state {
            self.by_pid.insert(pid, key);
        }
    }

    pub(super) fn entry(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&key)
    }

    pub(super) fn key_of(&self, pid: Pid) -> Option<Key> {
        self.by_pid.get(&pid).copied()
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        self.entries.iter().find(|(_, entry)| entry.child.id == id).map(|(key, _)| *key)
    }

    /// The pid of a running child and how it is stopped.
    pub(super) fn running(&self, key: Key) -> Option<(Pid, Shutdown)> {
        let entry = self.entries.get(&key)?;
        match entry.state {
            State::Running(pid) => Some((pid, entry.child.shutdown)),
            State::Restarting | State::Stopped => None,
        }
    }

    /// All children in start order.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The children that `strategy` restarts because of the one at `key`, in start order.
    pub(super) fn affected(&self, strategy: Strategy, key: Key) -> Vec<Key> {
        if strategy == Strategy::OneForOne {
            return vec![key];
        }
        let keys = self.keys();
        let Some(place) = keys.iter().position(|other| *other == key) else { return Vec::new() };
        keys[strategy.affected(place, keys.len())].to_vec()
    }
}
