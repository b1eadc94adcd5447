//! Pure: one partition of a registry's table: who holds which keys, with which values.
//!
//! Keys and values are shared: whatever makes copies of them or drops them does so when the table is locked no more,
//! since that is others' code. What is removed is therefore returned. Of a key only `Hash` and `Eq` run in here.

use engset_term::Pid;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry<V> {
    pub(super) pid: Pid,
    pub(super) value: Arc<V>,
}

/// The entries of each key.
type Entries<K, V> = HashMap<Arc<K>, Vec<Entry<V>>, Keyed>;
/// The keys of each process, one for each of its entries. In order, so that a simulation repeats itself.
type Holders<K> = BTreeMap<Pid, Vec<Arc<K>>>;

/// The table of one partition.
#[derive(Debug)]
pub(super) struct Partition<K, V> {
    secret: Keyed,
    entries: Entries<K, V>,
    holders: Holders<K>,
}

/// What a process gave up or lost. To be dropped when the table is locked no more.
#[derive(Debug)]
#[must_use = "to be dropped when the table is locked no more"]
pub(super) struct Removed<K, V> {
    /// The process has no other entry here: it need not be watched any more.
    pub(super) was_last: bool,
    /// One for each entry.
    pub(super) keys: Vec<Arc<K>>,
    values: Vec<Entry<V>>,
    places: Vec<(Arc<K>, Vec<Entry<V>>)>,
}

/// Everything that was in a table. To be dropped when the table is locked no more.
#[derive(Debug)]
#[must_use = "to be dropped when the table is locked no more"]
pub(super) struct Cleared<K, V> {
    entries: Entries<K, V>,
    _holders: Holders<K>,
}

impl<K, V> Cleared<K, V> {
    /// How many entries there were.
    pub(super) fn entries(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }
}

impl<K, V> Default for Removed<K, V> {
    fn default() -> Self {
        Self { was_last: false, keys: Vec::new(), values: Vec::new(), places: Vec::new() }
    }
}

impl<K: Hash + Eq, V> Partition<K, V> {
    pub(super) fn new(secret: u64) -> Self {
        let secret = Keyed(secret);
        Self { secret, entries: HashMap::with_hasher(secret), holders: BTreeMap::new() }
    }

    /// The entries of a key, in order of registration.
    pub(super) fn of(&self, key: &K) -> &[Entry<V>] {
        self.entries.get(key).map_or(&[], Vec::as_slice)
    }

    /// Enters a key; whether the process holds nothing else here: it has to be watched. The caller keeps a share of the
    /// key until the table is locked no more.
    pub(super) fn insert(&mut self, key: &Arc<K>, pid: Pid, value: Arc<V>) -> bool {
        let held = self.holders.entry(pid).or_default();
        let is_new = held.is_empty();
        held.push(Arc::clone(key));
        self.entries.entry(Arc::clone(key)).or_default().push(Entry { pid, value });
        is_new
    }

    /// Removes those entries of a key that the process has and `unwanted` says so of; it is no code of others.
    pub(super) fn remove(&mut self, key: &K, pid: Pid, unwanted: impl Fn(&Arc<V>) -> bool) -> Removed<K, V> {
        let mut removed = Removed::default();
        self.take(key, |entry| entry.pid == pid && unwanted(&entry.value), &mut removed);
        let mut left = removed.values.len();
        let Some(held) = self.holders.get_mut(&pid).filter(|_| left > 0) else { return removed };
        let (gone, kept) = std::mem::take(held).into_iter().partition(|other| {
            let goes = left > 0 && **other == *key;
            left -= usize::from(goes);
            goes
        });
        removed.keys = gone;
        *held = kept;
        removed.was_last = held.is_empty();
        if removed.was_last {
            self.holders.remove(&pid);
        }
        removed
    }

    /// Removes all that a process holds.
    pub(super) fn purge(&mut self, pid: Pid) -> Removed<K, V> {
        let keys = self.holders.remove(&pid).unwrap_or_default();
        let mut removed = Removed { was_last: !keys.is_empty(), ..Removed::default() };
        for key in &keys {
            self.take(key, |entry| entry.pid == pid, &mut removed);
        }
        removed.keys = keys;
        removed
    }

    /// Removes everything.
    pub(super) fn clear(&mut self) -> Cleared<K, V> {
        let entries = std::mem::replace(&mut self.entries, HashMap::with_hasher(self.secret));
        Cleared { entries, _holders: std::mem::take(&mut self.holders) }
    }

    /// The first entry of a key that the process has.
    pub(super) fn value_mut(&mut self, key: &K, pid: Pid) -> Option<&mut Arc<V>> {
        self.entries.get_mut(key)?.iter_mut().find(|entry| entry.pid == pid).map(|entry| &mut entry.value)
    }

    /// The keys of a process, one for each of its entries.
    pub(super) fn keys(&self, pid: Pid) -> &[Arc<K>] {
        self.holders.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// All processes that hold something.
    pub(super) fn holders(&self) -> Vec<Pid> {
        self.holders.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<K>, &Entry<V>)> {
        self.entries.iter().flat_map(|(key, entries)| entries.iter().map(move |entry| (key, entry)))
    }

    /// How many entries each process has.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Pid, usize)> {
        self.holders.iter().map(|(pid, keys)| (*pid, keys.len()))
    }

    /// Takes the entries of a key that go out of the place where they are, and that place if nothing is left there.
    fn take(&mut self, key: &K, goes: impl Fn(&Entry<V>) -> bool, removed: &mut Removed<K, V>) {
        let Some(entries) = self.entries.get_mut(key) else { return };
        let (gone, kept): (Vec<Entry<V>>, Vec<Entry<V>>) =
            std::mem::take(entries).into_iter().partition(goes);
        *entries = kept;
        removed.values.extend(gone);
        if entries.is_empty() {
            removed.places.extend(self.entries.remove_entry(key));
        }
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

    fn partition(entries: &[(char, u32, u8)]) -> Partition<char, u8> {
        let mut partition = Partition::new(7);
        for (key, holder, value) in entries {
            partition.insert(&Arc::new(*key), pid(*holder), Arc::new(*value));
        }
        partition
    }

    fn values(partition: &Partition<char, u8>, key: char) -> Vec<(Pid, u8)> {
        partition.of(&key).iter().map(|entry| (entry.pid, *entry.value)).collect()
    }

    fn keys(keys: &[Arc<char>]) -> Vec<char> {
        keys.iter().map(|key| **key).collect()
    }

    fn gone(removed: &Removed<char, u8>) -> (Vec<char>, bool) {
        (keys(&removed.keys), removed.was_last)
    }

    #[test]
    fn entries_are_found_by_key_and_by_process() {
        let mut partition = partition(&[]);
        let mut insert = |key, holder, value| partition.insert(&Arc::new(key), pid(holder), Arc::new(value));
        assert!(insert('a', 1, 1), "the first of this process");
        assert!(!insert('b', 1, 2));
        assert!(insert('a', 2, 3));
        assert_eq!(values(&partition, 'a'), [(pid(1), 1), (pid(2), 3)]);
        assert_eq!((keys(partition.keys(pid(1))), partition.keys(pid(3)).len()), (vec!['a', 'b'], 0));
        assert_eq!(partition.holders(), [pid(1), pid(2)]);
        assert_eq!(partition.counts().collect::<Vec<_>>(), [(pid(1), 2), (pid(2), 1)]);
        assert_eq!(partition.iter().count(), 3);
    }

    #[test]
    fn removing_tells_when_a_process_holds_nothing_more() {
        let mut partition = partition(&[('a', 1, 1), ('a', 1, 2), ('a', 2, 3)]);
        let of_two = partition.remove(&'a', pid(1), |value| **value == 2);
        assert_eq!(gone(&of_two), (vec!['a'], false));
        assert_eq!(values(&partition, 'a'), [(pid(1), 1), (pid(2), 3)]);
        assert_eq!(gone(&partition.remove(&'a', pid(1), |_| true)), (vec!['a'], true));
        assert_eq!(gone(&partition.remove(&'a', pid(1), |_| true)), (vec![], false));
        assert_eq!(gone(&partition.remove(&'b', pid(2), |_| true)), (vec![], false));
        assert_eq!(partition.holders(), [pid(2)]);
    }

    #[test]
    fn a_process_that_ended_leaves_nothing() {
        let mut partition = partition(&[('a', 1, 1), ('a', 2, 2), ('b', 1, 3), ('b', 1, 4)]);
        assert_eq!(gone(&partition.purge(pid(1))), (vec!['a', 'b', 'b'], true));
        assert_eq!((values(&partition, 'a'), values(&partition, 'b')), (vec![(pid(2), 2)], vec![]));
        assert_eq!(gone(&partition.purge(pid(1))), (vec![], false));
        assert_eq!(partition.clear().entries(), 1);
        assert_eq!((partition.iter().count(), partition.holders()), (0, vec![]));
    }

    #[test]
    fn what_is_removed_is_not_dropped_in_the_table() {
        let key = Arc::new('a');
        let value = Arc::new(1);
        let shares = || (Arc::strong_count(&key), Arc::strong_count(&value));
        let mut partition = Partition::new(7);
        partition.insert(&key, pid(1), Arc::clone(&value));
        let all = shares();
        let removed = partition.remove(&'a', pid(1), |_| true);
        assert_eq!(shares(), all);
        drop(removed);
        assert_eq!(shares(), (1, 1));
        partition.insert(&key, pid(1), Arc::clone(&value));
        let removed = partition.purge(pid(1));
        assert_eq!(shares(), all);
        drop(removed);
        partition.insert(&key, pid(1), Arc::clone(&value));
        let removed = partition.clear();
        assert_eq!((shares(), partition.iter().count()), (all, 0));
        drop(removed);
        assert_eq!(shares(), (1, 1));
    }

    #[test]
    fn values_are_changed_in_place() {
        let mut partition = partition(&[('a', 1, 1)]);
        *partition.value_mut(&'a', pid(1)).unwrap() = Arc::new(2);
        assert_eq!(values(&partition, 'a'), [(pid(1), 2)]);
        assert_eq!(partition.value_mut(&'a', pid(2)), None);
    }
}
