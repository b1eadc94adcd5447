//! Pure: one partition of a registry's table: who holds which keys, with which values.

use engset_term::Pid;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<V> {
    pub(super) pid: Pid,
    pub(super) value: V,
}

/// The table of one partition.
#[derive(Debug)]
pub(super) struct Partition<K, V> {
    entries: HashMap<K, Vec<Entry<V>>, Keyed>,
    /// The keys of each process, one for each of its entries. In order, so that a simulation repeats itself.
    holders: BTreeMap<Pid, Vec<K>>,
}

/// What a process gave up or lost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Removed {
    pub(super) entries: usize,
    /// The process has no other entry here: it need not be watched any more.
    pub(super) was_last: bool,
}

impl<K: Hash + Eq + Clone, V> Partition<K, V> {
    pub(super) fn new(secret: u64) -> Self {
        Self { entries: HashMap::with_hasher(Keyed(secret)), holders: BTreeMap::new() }
    }

    /// The entries of a key, in order of registration.
    pub(super) fn of(&self, key: &K) -> &[Entry<V>] {
        self.entries.get(key).map_or(&[], Vec::as_slice)
    }

    /// Enters a key; whether the process holds nothing else here: it has to be watched.
    pub(super) fn insert(&mut self, key: K, pid: Pid, value: V) -> bool {
        let held = self.holders.entry(pid).or_default();
        let is_new = held.is_empty();
        held.push(key.clone());
        self.entries.entry(key).or_default().push(Entry { pid, value });
        is_new
    }

    /// Removes those entries of a key that the process has and `unwanted` wants removed.
    pub(super) fn remove(&mut self, key: &K, pid: Pid, unwanted: impl Fn(&V) -> bool) -> Removed {
        let none = Removed { entries: 0, was_last: false };
        let Some(entries) = self.entries.get_mut(key) else { return none };
        // All is decided before anything is changed: the decisions are others' code.
        let goes = |entry: &Entry<V>| entry.pid == pid && unwanted(&entry.value);
        let verdicts: Vec<bool> = entries.iter().map(goes).collect();
        let removed = verdicts.iter().filter(|goes| **goes).count();
        let mut verdicts = verdicts.into_iter();
        entries.retain(|_| !verdicts.next().unwrap_or(false));
        if entries.is_empty() {
            self.entries.remove(key);
        }
        let Some(held) = self.holders.get_mut(&pid).filter(|_| removed > 0) else { return none };
        let mut left = removed;
        held.retain(|other| {
            let goes = left > 0 && other == key;
            left -= usize::from(goes);
            !goes
        });
        let was_last = held.is_empty();
        if was_last {
            self.holders.remove(&pid);
        }
        Removed { entries: removed, was_last }
    }

    /// Removes all that a process holds; its keys, one for each entry.
    pub(super) fn purge(&mut self, pid: Pid) -> Vec<K> {
        let keys = self.holders.remove(&pid).unwrap_or_default();
        for key in &keys {
            let Some(entries) = self.entries.get_mut(key) else { continue };
            entries.retain(|entry| entry.pid != pid);
            if entries.is_empty() {
                self.entries.remove(key);
            }
        }
        keys
    }

    /// Removes everything; how many entries there were.
    pub(super) fn clear(&mut self) -> usize {
        self.holders.clear();
        self.entries.drain().map(|(_, entries)| entries.len()).sum()
    }

    /// The first entry of a key that the process has.
    pub(super) fn value_mut(&mut self, key: &K, pid: Pid) -> Option<&mut V> {
        self.entries.get_mut(key)?.iter_mut().find(|entry| entry.pid == pid).map(|entry| &mut entry.value)
    }

    /// The keys of a process, one for each of its entries.
    pub(super) fn keys(&self, pid: Pid) -> &[K] {
        self.holders.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// All processes that hold something.
    pub(super) fn holders(&self) -> Vec<Pid> {
        self.holders.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &Entry<V>)> {
        self.entries.iter().flat_map(|(key, entries)| entries.iter().map(move |entry| (key, entry)))
    }

    /// How many entries each process has.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Pid, usize)> {
        self.holders.iter().map(|(pid, keys)| (*pid, keys.len()))
    }
}

/// Hashes with a secret of the node, so that whoever chooses keys cannot choose where they go; the same in each run of a
/// simulation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        // Other than what chooses the partition: or all keys of one would end alike.
        hasher.write_u64(!self.0);
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    fn values(partition: &Partition<char, u8>, key: char) -> Vec<(Pid, u8)> {
        partition.of(&key).iter().map(|entry| (entry.pid, entry.value)).collect()
    }

    #[test]
    fn entries_are_found_by_key_and_by_process() {
        let mut partition = Partition::new(7);
        assert!(partition.insert('a', pid(1), 1), "the first of this process");
        assert!(!partition.insert('b', pid(1), 2));
        assert!(partition.insert('a', pid(2), 3));
        assert_eq!(values(&partition, 'a'), [(pid(1), 1), (pid(2), 3)]);
        assert_eq!((partition.keys(pid(1)), partition.keys(pid(3))), (&['a', 'b'][..], &[][..]));
        assert_eq!(partition.holders(), [pid(1), pid(2)]);
        assert_eq!(partition.counts().collect::<Vec<_>>(), [(pid(1), 2), (pid(2), 1)]);
        assert_eq!(partition.iter().count(), 3);
    }

    #[test]
    fn removing_tells_when_a_process_holds_nothing_more() {
        let mut partition = Partition::new(7);
        partition.insert('a', pid(1), 1);
        partition.insert('a', pid(1), 2);
        partition.insert('a', pid(2), 3);
        let of_two = partition.remove(&'a', pid(1), |value| *value == 2);
        assert_eq!(of_two, Removed { entries: 1, was_last: false });
        assert_eq!(values(&partition, 'a'), [(pid(1), 1), (pid(2), 3)]);
        assert_eq!(partition.remove(&'a', pid(1), |_| true), Removed { entries: 1, was_last: true });
        assert_eq!(partition.remove(&'a', pid(1), |_| true), Removed { entries: 0, was_last: false });
        assert_eq!(partition.remove(&'b', pid(2), |_| true), Removed { entries: 0, was_last: false });
        assert_eq!(partition.holders(), [pid(2)]);
    }

    #[test]
    fn a_process_that_ended_leaves_nothing() {
        let mut partition = Partition::new(7);
        partition.insert('a', pid(1), 1);
        partition.insert('a', pid(2), 2);
        partition.insert('b', pid(1), 3);
        partition.insert('b', pid(1), 4);
        assert_eq!(partition.purge(pid(1)), ['a', 'b', 'b']);
        assert_eq!((values(&partition, 'a'), values(&partition, 'b')), (vec![(pid(2), 2)], vec![]));
        assert_eq!(partition.purge(pid(1)), []);
        assert_eq!(partition.clear(), 1);
        assert_eq!((partition.iter().count(), partition.holders()), (0, vec![]));
    }

    #[test]
    fn values_are_changed_in_place() {
        let mut partition = Partition::new(7);
        partition.insert('a', pid(1), 1);
        *partition.value_mut(&'a', pid(1)).unwrap() += 1;
        assert_eq!(values(&partition, 'a'), [(pid(1), 2)]);
        assert_eq!(partition.value_mut(&'a', pid(2)), None);
    }
}
