//! Pure: the names and locks that all nodes of a cluster agree on, as one node knows them.
//!
//! A name is taken while the lock `global` is set, by whoever holds it: what comes when the lock was lost together with a
//! connection is not believed. After any change the owner takes what is to be watched by [`Tables::poll_watch`].

use super::GlobalLimits;
use super::turns::Turns;
use engset_term::{Instant, NodeName, Pid, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A process is to be watched, or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(super) enum Watch {
    Begin(Pid),
    End(Pid),
}

/// Who says that a name is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says<'a> {
    /// A process that holds the lock.
    Process(Pid),
    /// A node that holds a part of the lock, and names its requester; none where it names none.
    Node(NodeName, Option<&'a Term>),
}

/// A name as nodes tell each other of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Entry {
    pub(super) name: Term,
    pub(super) pid: Pid,
    /// The fun that decides between two holders; opaque where it is of the BEAM.
    pub(super) method: Term,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Held {
    pid: Pid,
    method: Term,
    /// The node that registered it for a process of a node outside the mesh.
    external: Option<NodeName>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Lock {
    requester: Term,
    holders: Vec<Pid>,
}

/// Names and locks.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Tables {
    limits: GlobalLimits,
    names: BTreeMap<Term, Held>,
    of_pid: BTreeMap<Pid, BTreeSet<Term>>,
    locks: BTreeMap<Term, Lock>,
    /// The resources that each process has locked: a node that is lost may have had all locks that there are.
    locked_by: BTreeMap<Pid, BTreeSet<Term>>,
    /// How often a process is watched: once for each of its names and locks.
    watched: BTreeMap<Pid, usize>,
    watches: VecDeque<Watch>,
    turns: Turns,
}

/// The resource whose lock is needed to change names.
pub(super) const GLOBAL: Term = Term::atom("global");

impl Tables {
    pub(super) fn new(limits: GlobalLimits) -> Self {
        Self {
            limits,
            names: BTreeMap::new(),
            of_pid: BTreeMap::new(),
            locks: BTreeMap::new(),
            locked_by: BTreeMap::new(),
            watched: BTreeMap::new(),
            watches: VecDeque::new(),
            turns: Turns::default(),
        }
    }

    pub(super) fn whereis(&self, name: &Term) -> Option<Pid> {
        self.names.get(name).map(|held| held.pid)
    }

    pub(super) fn registered_names(&self) -> Vec<Term> {
        self.names.keys().cloned().collect()
    }

    /// The first of the names of one process.
    pub(super) fn name_of(&self, pid: Pid) -> Option<&Term> {
        self.of_pid.get(&pid)?.first()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |(name, held): (&Term, &Held)| Entry {
            name: name.clone(),
            pid: held.pid,
            method: held.method.clone(),
        };
        self.names.iter().map(entry).collect()
    }

    pub(super) fn entry(&self, name: &Term) -> Option<Entry> {
        let held = self.names.get(name)?;
        Some(Entry { name: name.clone(), pid: held.pid, method: held.method.clone() })
    }

    pub(super) fn has_names_of(&self, node: NodeName) -> bool {
        self.of_pid.keys().any(|pid| pid.node() == node)
    }

    /// The names of the processes of one node.
    pub(super) fn entries_of(&self, node: NodeName) -> Vec<Entry> {
        let of_node = self.of_pid.iter().filter(|(pid, _)| pid.node() == node);
        of_node.flat_map(|(_, names)| names).filter_map(|name| self.entry(name)).collect()
    }

    /// Names of processes outside the mesh, with the node that registered each.
    pub(super) fn externals(&self) -> Vec<(Term, Pid, NodeName)> {
        let external = |(name, held): (&Term, &Held)| Some((name.clone(), held.pid, held.external?));
        self.names.iter().filter_map(external).collect()
    }

    /// What is to be watched next, or no more.
    pub(super) fn poll_watch(&mut self) -> Option<Watch> {
        self.watches.pop_front()
    }

    /// Gives a name to a process, whoever held it. False where that is not believed, or there are too many names: nobody
    /// has the name then.
    pub(super) fn insert(&mut self, entry: Entry, external: Option<NodeName>, says: Says<'_>) -> bool {
        let Entry { name, pid, method } = entry;
        self.delete(&name);
        if !self.believes(says) || self.names.len() >= self.limits.names {
            return false;
        }
        self.watch(pid);
        self.of_pid.entry(pid).or_default().insert(name.clone());
        self.names.insert(name, Held { pid, method, external });
        true
    }

    /// Whether somebody may change names: who holds the lock `global`, or the node of a holder in the name of its requester.
    pub(super) fn believes(&self, says: Says<'_>) -> bool {
        self.locks.get(&GLOBAL).is_some_and(|lock| match says {
            Says::Process(pid) => lock.holders.contains(&pid),
            Says::Node(node, requester) => {
                requester == Some(&lock.requester) && lock.holders.iter().any(|holder| holder.node() == node)
            }
        })
    }

    /// Frees a name; whether anybody held it.
    pub(super) fn delete(&mut self, name: &Term) -> bool {
        let Some(held) = self.names.remove(name) else { return false };
        take_out(&mut self.of_pid, held.pid, name);
        self.unwatch(held.pid);
        true
    }

    pub(super) fn is_locked(&self, resource: &Term) -> bool {
        self.locks.contains_key(resource)
    }

    pub(super) fn can_lock(&self, resource: &Term, requester: &Term) -> bool {
        self.locks.get(resource).is_none_or(|lock| lock.requester == *requester)
    }

    /// Who has set a lock.
    #[cfg(test)]
    pub(super) fn requester(&self, resource: &Term) -> Option<&Term> {
        self.locks.get(resource).map(|lock| &lock.requester)
    }

    /// A requester does not even ask for a lock that another one has.
    pub(super) fn want_lock(&mut self, now: Instant, resource: &Term, requester: &Term) {
        self.turns.refused(now, resource, requester);
    }

    /// Sets a lock for a process, which may share it with others of the same requester.
    pub(super) fn set_lock(&mut self, now: Instant, resource: &Term, requester: &Term, pid: Pid) -> bool {
        // Whoever has set all locks that there may be must not keep names from being changed.
        let is_full = self.locks.len() >= self.limits.locks && *resource != GLOBAL;
        match self.locks.get_mut(resource) {
            Some(lock) if lock.requester != *requester => {
                self.turns.refused(now, resource, requester);
                return false;
            }
            Some(lock) if lock.holders.contains(&pid) => return true,
            Some(lock) if lock.holders.len() >= self.limits.lock_holders => return false,
            Some(lock) => lock.holders.push(pid),
            None if is_full || !self.turns.may_have(now, resource, requester) => return false,
            None => {
                let lock = Lock { requester: requester.clone(), holders: vec![pid] };
                self.locks.insert(resource.clone(), lock);
            }
        }
        self.locked_by.entry(pid).or_default().insert(resource.clone());
        self.watch(pid);
        true
    }

    /// Takes a process's part of a lock back.
    pub(super) fn del_lock(&mut self, now: Instant, resource: &Term, requester: &Term, pid: Pid) {
        if self.locks.get(resource).is_some_and(|lock| lock.requester == *requester) {
            self.release(resource, pid);
            if !self.locks.contains_key(resource) {
                self.turns.freed(now, resource);
            }
        }
    }

    /// The connection to a node was lost: names and locks of its processes are free, also those that were told of over
    /// the lost connection and are watched over a later one.
    pub(super) fn handle_node_down(&mut self, node: NodeName) {
        let pids: Vec<Pid> = self.watched.keys().copied().filter(|pid| pid.node() == node).collect();
        pids.into_iter().for_each(|pid| self.free(pid));
    }

    /// A process that was watched has ended: its names and locks are free.
    pub(super) fn handle_ended(&mut self, pid: Pid) {
        self.free(pid);
        // It is not watched any more, whatever was counted.
        self.watches.retain(|watch| *watch != Watch::End(pid));
    }

    fn free(&mut self, pid: Pid) {
        while let Some(name) = self.name_of(pid).cloned() {
            self.delete(&name);
        }
        while let Some(resource) = self.locked_by.get(&pid).and_then(BTreeSet::first).cloned() {
            self.release(&resource, pid);
        }
    }

    fn release(&mut self, resource: &Term, pid: Pid) {
        take_out(&mut self.locked_by, pid, resource);
        let Some(lock) = self.locks.get_mut(resource) else { return };
        let Some(place) = lock.holders.iter().position(|holder| *holder == pid) else { return };
        lock.holders.swap_remove(place);
        if lock.holders.is_empty() {
            self.locks.remove(resource);
        }
        self.unwatch(pid);
    }

    fn watch(&mut self, pid: Pid) {
        let times = self.watched.entry(pid).or_insert(0);
        *times += 1;
        if *times == 1 {
            self.watches.push_back(Watch::Begin(pid));
        }
    }

    fn unwatch(&mut self, pid: Pid) {
        let Some(times) = self.watched.get_mut(&pid) else { return };
        *times -= 1;
        if *times == 0 {
            self.watched.remove(&pid);
            self.watches.push_back(Watch::End(pid));
        }
    }
}

fn take_out(of: &mut BTreeMap<Pid, BTreeSet<Term>>, pid: Pid, term: &Term) {
    if let Some(terms) = of.get_mut(&pid) {
        terms.remove(term);
        if terms.is_empty() {
            of.remove(&pid);
        }
    }
}
