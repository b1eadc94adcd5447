//! Pure: the children of one supervisor, in start order, found by pid or id, and counted.

use super::pid_map::PidMap;
use super::restart::Strategy;
use super::spec::{Child, ChildKind, Restart};
use engset_process::Trapped;
use engset_term::{Instant, Pid};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A child's place in start order; kept over restarts, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

impl Key {
    #[cfg(test)]
    pub(super) const fn first() -> Self {
        Self(1)
    }

    /// A number that no other child of the supervisor has.
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running(Pid),
    Restarting {
        /// The process that ended, by which a dynamic child is still known; none where it ended with a sibling.
        before: Option<Pid>,
        /// Which attempt is due; an attempt that was overtaken by a request is forgotten.
        attempt: u64,
    },
    Stopped,
}

impl State {
    /// The process by which the child is known.
    pub(super) fn pid(self) -> Option<Pid> {
        match self {
            Self::Running(pid) => Some(pid),
            Self::Restarting { before, .. } => before,
            Self::Stopped => None,
        }
    }
}

/// One child.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) child: Child,
    pub(super) state: State,
    /// How often it was restarted in a row, for the back-off.
    pub(super) restarts: u32,
    /// Since when it runs, where there is a back-off.
    pub(super) since: Option<Instant>,
}

/// How many children there are of each sort, kept up to date with each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) active: usize,
    pub(super) supervisors: usize,
    /// Significant ones that are running or being restarted.
    pub(super) significant: usize,
}

/// The children of one supervisor.
#[derive(Debug)]
pub(super) struct Children {
    dynamic: bool,
    entries: BTreeMap<Key, Entry>,
    by_pid: PidMap<Key>,
    /// Empty where the supervisor is dynamic: ids name no child there.
    by_id: HashMap<Arc<str>, Key>,
    totals: Totals,
    last: u64,
}

impl Children {
    pub(super) fn new(dynamic: bool) -> Self {
        Self {
            dynamic,
            entries: BTreeMap::new(),
            by_pid: PidMap::default(),
            by_id: HashMap::new(),
            totals: Totals::default(),
            last: 0,
        }
    }

    /// Whether children are forgotten when they end for good.
    pub(super) fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    /// Enters a child behind all others. A temporary one that runs is never started again: its start, with all that
    /// it holds, is dropped.
    pub(super) fn insert(&mut self, child: Child, state: State) -> Key {
        self.last += 1;
        let key = Key(self.last);
        if !self.dynamic {
            self.by_id.insert(Arc::clone(&child.id), key);
        }
        let entry = Entry { child, state: State::Stopped, restarts: 0, since: None };
        self.totals.supervisors += usize::from(entry.child.kind == ChildKind::Supervisor);
        self.entries.insert(key, entry);
        self.set(key, state);
        key
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.set(key, State::Stopped);
        let Some(entry) = self.entries.remove(&key) else { return };
        self.by_id.remove(&entry.child.id);
        self.totals.supervisors -= usize::from(entry.child.kind == ChildKind::Supervisor);
    }

    pub(super) fn set(&mut self, key: Key, state: State) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let Some(before) = entry.state.pid() {
            self.by_pid.remove(&before);
        }
        self.totals.active -= usize::from(is_running(entry.state));
        self.totals.significant -= counts_as_significant(entry);
        entry.state = state;
        self.totals.active += usize::from(is_running(state));
        self.totals.significant += counts_as_significant(entry);
        if is_running(state) && entry.child.restart == Restart::Temporary {
            entry.child.start = None;
        }
        if let Some(pid) = state.pid() {
            self.by_pid.insert(pid, key);
        }
    }

    /// Gives the children of `specs` their new specifications and the start order of `specs`; those that are new do
    /// not run, and those that are not in `specs` stay, behind. Returns those whose attempts to restart are void now.
    pub(super) fn update(&mut self, specs: Vec<Child>) -> Vec<Key> {
        let mut updated = Self { last: self.last, ..Self::new(self.dynamic) };
        let mut void = Vec::new();
        let mut adopt = |child: Child, state, restarts, since| {
            let key = updated.insert(child, state);
            if let Some(entry) = updated.entries.get_mut(&key) {
                (entry.restarts, entry.since) = (restarts, since);
            }
            if matches!(state, State::Restarting { .. }) {
                void.push(key);
            }
        };
        for child in specs {
            match self.by_id.get(&child.id).and_then(|key| self.entries.remove(key)) {
                Some(old) => adopt(child, old.state, old.restarts, old.since),
                None => adopt(child, State::Stopped, 0, None),
            }
        }
        for Entry { child, state, restarts, since } in std::mem::take(&mut self.entries).into_values() {
            adopt(child, state, restarts, since);
        }
        *self = updated;
        void
    }

    pub(super) fn entry(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&key)
    }

    pub(super) fn entry_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(&key)
    }

    /// The child that is known by this process: it runs as it, or did before the restart that is due.
    pub(super) fn key_of(&self, pid: Pid) -> Option<Key> {
        self.by_pid.get(&pid).copied()
    }

    /// The child whose end this is; an exit signal of a process that a child was before is not.
    pub(super) fn ended(&self, trapped: &Trapped) -> Option<Key> {
        let key = self.key_of(trapped.from)?;
        self.running(key).map(|_| key)
    }

    /// The child with this id, where the supervisor is not dynamic.
    pub(super) fn find(&self, id: &str) -> Option<Key> {
        self.by_id.get(id).copied()
    }

    /// A child that runs, and as which process.
    pub(super) fn running(&self, key: Key) -> Option<(Pid, &Child)> {
        let entry = self.entries.get(&key)?;
        match entry.state {
            State::Running(pid) => Some((pid, &entry.child)),
            State::Restarting { .. } | State::Stopped => None,
        }
    }

    /// All children in start order.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many there are, running or not.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// The children that `strategy` restarts because of the one at `key`, in start order.
    pub(super) fn affected(&self, strategy: Strategy, key: Key) -> Vec<Key> {
        match strategy {
            Strategy::OneForOne => vec![key],
            Strategy::OneForAll => self.keys(),
            Strategy::RestForOne => self.entries.range(key..).map(|(key, _)| *key).collect(),
        }
    }
}

const fn is_running(state: State) -> bool {
    matches!(state, State::Running(_))
}

fn counts_as_significant(entry: &Entry) -> usize {
    usize::from(entry.child.significant && entry.state != State::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    fn abc() -> (Children, [Key; 3]) {
        let mut children = Children::new(false);
        let mut number = 0;
        let keys = ["a", "b", "c"].map(|id| {
            number += 1;
            children.insert(Child::named_only(id), State::Running(pid(number)))
        });
        (children, keys)
    }

    #[test]
    fn strategies_affect_whom_they_say() {
        let (children, [a, b, c]) = abc();
        assert_eq!(children.affected(Strategy::OneForOne, b), [b]);
        assert_eq!(children.affected(Strategy::OneForAll, b), [a, b, c]);
        assert_eq!(children.affected(Strategy::RestForOne, b), [b, c]);
    }

    #[test]
    fn children_are_found_by_id_and_by_the_pid_they_have_now() {
        let (mut children, [a, b, _]) = abc();
        assert_eq!((children.find("b"), children.key_of(pid(2))), (Some(b), Some(b)));
        children.set(b, State::Restarting { before: Some(pid(2)), attempt: 1 });
        assert_eq!(children.key_of(pid(2)), Some(b), "it is still known by it");
        children.set(b, State::Running(pid(9)));
        assert_eq!((children.key_of(pid(2)), children.key_of(pid(9))), (None, Some(b)));
        children.remove(a);
        assert_eq!((children.find("a"), children.key_of(pid(1)), children.len()), (None, None, 2));
    }

    #[test]
    fn totals_follow_each_change() {
        let mut children = Children::new(false);
        let significant = Child::named_only("s").significant(true).restart(Restart::Transient);
        let below = Child { kind: ChildKind::Supervisor, ..Child::named_only("below") };
        let s = children.insert(significant, State::Running(pid(1)));
        let below = children.insert(below, State::Stopped);
        assert_eq!(children.totals(), Totals { active: 1, supervisors: 1, significant: 1 });
        children.set(s, State::Restarting { before: None, attempt: 1 });
        children.set(below, State::Running(pid(2)));
        assert_eq!(children.totals(), Totals { active: 1, supervisors: 1, significant: 1 });
        children.set(s, State::Stopped);
        children.remove(below);
        assert_eq!(children.totals(), Totals::default());
    }

    #[test]
    fn an_update_keeps_who_runs_and_orders_anew() {
        let (mut children, [_, b, _]) = abc();
        children.set(b, State::Restarting { before: None, attempt: 3 });
        let specs = ["d", "b", "a"].map(|id| Child::named_only(id).restart(Restart::Transient));
        let void = children.update(specs.into());
        let seen: Vec<_> = children.iter().map(|entry| (&*entry.child.id, entry.state)).collect();
        let restarting = State::Restarting { before: None, attempt: 3 };
        let running = |number| State::Running(pid(number));
        assert_eq!(seen, [("d", State::Stopped), ("b", restarting), ("a", running(1)), ("c", running(3))]);
        assert_eq!(void, [children.find("b").unwrap()]);
        let a = children.entry(children.find("a").unwrap()).unwrap();
        assert_eq!(a.child.restart, Restart::Transient);
        assert_eq!(children.totals().active, 2);
    }
}
