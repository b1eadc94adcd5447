//! A name server that goes by the rules of OTP 25's `global`, as the peer of ours: what it says when, and what it believes.
//!
//! Its locker is the one of ours: theirs takes the same steps. What would end the real one (a message that no clause of
//! its fits) is noted in [`Otp::crashed`].

use crate::global::locker::{Him, LockerMsg};
use crate::global::state::Effect;
use crate::global::tables::{Entry, GLOBAL, Watch};
use crate::global::wire::{self, External, FromPeer, Member, Op, PlainFromPeer, Request, VERSION};
use engset_term::{NodeName, Pid, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A name server of Erlang.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Otp {
    me: Pid,
    locker: Pid,
    up: BTreeSet<NodeName>,
    known: BTreeSet<NodeName>,
    pending: BTreeSet<NodeName>,
    removing: BTreeSet<NodeName>,
    synced: BTreeSet<NodeName>,
    peers: BTreeMap<NodeName, Peer>,
    names: BTreeMap<Term, Entry>,
    lock: Option<(Term, Vec<Pid>)>,
    /// The last lock was lost, not given back.
    is_lock_down: bool,
    watched: BTreeSet<Pid>,
    pub(super) waiting: Option<BTreeSet<NodeName>>,
    lost: BTreeMap<(Term, Term), i64>,
    last_number: i64,
    effects: VecDeque<Effect>,
    pub(super) crashed: Option<&'static str>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Peer {
    tag: Option<i64>,
    his_tag: Option<Term>,
    early: Option<(i64, Term, Pid)>,
    wait_lock: WaitLock,
    save_ops: SaveOps,
    requester: Option<Term>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum WaitLock {
    #[default]
    Nothing,
    LockIsSet,
    Exchange(Vec<Entry>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum SaveOps {
    #[default]
    Nothing,
    Ops(Vec<Op>),
    Resolved(Vec<Op>, Vec<Member>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    Disconnected,
    Removing,
}

impl Otp {
    pub(super) fn new(me: Pid, locker: Pid) -> Self {
        Self {
            me,
            locker,
            up: BTreeSet::new(),
            known: BTreeSet::new(),
            pending: BTreeSet::new(),
            removing: BTreeSet::new(),
            synced: BTreeSet::new(),
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            lock: None,
            is_lock_down: false,
            watched: BTreeSet::new(),
            waiting: None,
            lost: BTreeMap::new(),
            last_number: 0,
            effects: VecDeque::new(),
            crashed: None,
        }
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        let held = self.lock.iter().flat_map(|(_, holders)| holders.iter().copied());
        let watched: BTreeSet<Pid> = self.names.values().map(|entry| entry.pid).chain(held).collect();
        if let Some(pid) = watched.difference(&self.watched).next().copied() {
            self.watched.insert(pid);
            return Some(Effect::Watch(Watch::Begin(pid)));
        }
        if let Some(pid) = self.watched.difference(&watched).next().copied() {
            self.watched.remove(&pid);
            return Some(Effect::Watch(Watch::End(pid)));
        }
        self.effects.pop_front()
    }

    pub(super) fn known(&self) -> Vec<NodeName> {
        self.known.iter().copied().collect()
    }

    pub(super) fn names(&self) -> BTreeMap<Term, Pid> {
        self.names.iter().map(|(name, entry)| (name.clone(), entry.pid)).collect()
    }

    pub(super) fn entry(&self, name: &Term) -> Option<Entry> {
        self.names.get(name).cloned()
    }

    pub(super) fn lock(&self) -> Option<&Term> {
        self.lock.as_ref().map(|(requester, _)| requester)
    }

    pub(super) fn is_agreeing(&self) -> bool {
        !self.peers.is_empty() || !self.pending.is_empty() || self.waiting.is_some()
    }

    pub(super) const fn last_number(&self) -> i64 {
        self.last_number
    }

    pub(super) fn sync(&mut self) {
        let nodes: BTreeSet<NodeName> = self.up.difference(&self.synced).copied().collect();
        if nodes.is_empty() {
            self.effects.push_back(Effect::Synced(0));
        } else {
            self.waiting = Some(nodes);
        }
    }

    pub(super) fn request(&mut self, from: Pid, request: &Term) -> Option<Term> {
        Some(match Request::from_term(request)? {
            Request::SetLock { requester, .. } => Term::from(self.set_lock(&requester, from)),
            Request::DelLock { requester, .. } => {
                if self.lock.as_ref().is_some_and(|(of, _)| *of == requester) {
                    self.take_out(from, false);
                }
                Term::from(true)
            }
            Request::Register { entry, .. } => {
                let is_set = self.lock.as_ref().map_or(!self.is_lock_down, |(_, pids)| pids.contains(&from));
                self.insert(entry, is_set);
                Term::atom("yes")
            }
            Request::Unregister(name) => {
                self.names.remove(&name);
                Term::atom("ok")
            }
            _ => Term::atom("undefined"),
        })
    }

    /// A process that was watched has ended, or its node is lost.
    pub(super) fn ended(&mut self, pid: Pid) {
        self.take_out(pid, true);
        self.names.retain(|_, entry| entry.pid != pid);
        self.watched.remove(&pid);
    }

    pub(super) fn node_up(&mut self, node: NodeName) {
        self.up.insert(node);
        self.begin(node);
    }

    pub(super) fn node_down(&mut self, node: NodeName) {
        self.up.remove(&node);
        self.go_on_without(node);
        self.down(node, Down::Disconnected);
    }

    pub(super) fn joined(&mut self, node: NodeName, is_connected: bool) {
        if is_connected {
            let words = [Term::atom("in_sync"), wire::node_term(self.me.node()), Term::from(true)];
            self.cast(node, Term::tuple(words));
        } else {
            self.node_down(node);
        }
    }

    pub(super) fn handle_cast(&mut self, sender: NodeName, cast: &Term) {
        match FromPeer::from_term(cast, sender, 100) {
            Some(FromPeer::InitConnect { version, tag, locker, .. }) => {
                self.init_connect(sender, version, tag, locker);
            }
            Some(FromPeer::Exchange { names, tag }) if self.is_current(sender, tag) => {
                self.exchange(sender, names);
            }
            Some(FromPeer::Resolved { ops, known, externals, tag }) if self.is_current(sender, tag) => {
                let peer = self.peers.entry(sender).or_default();
                match &peer.save_ops {
                    SaveOps::Ops(_) => self.resolved(sender, ops, &known, &externals),
                    SaveOps::Nothing => peer.save_ops = SaveOps::Resolved(ops, known),
                    SaveOps::Resolved(..) => self.crashed = Some("resolved twice"),
                }
            }
            Some(FromPeer::Exchange { tag, .. } | FromPeer::Resolved { tag, .. }) => {
                self.cancel(sender, tag, Vec::new());
            }
            Some(FromPeer::NewNodes { ops, known, requester, .. }) => {
                let added = self.add_known(&known);
                self.join(added.iter().copied());
                self.apply(ops, requester.as_ref());
                self.tell_locker(LockerMsg::AddKnown(added));
            }
            Some(FromPeer::InSync) => {
                self.go_on_without(sender);
                self.synced.insert(sender);
                self.pending.remove(&sender);
                self.finish(sender, Vec::new());
            }
            Some(FromPeer::LockSet { locker, set, tag }) => {
                if tag.is_none() || self.is_current(sender, tag) {
                    self.tell_locker(LockerMsg::LockSet { locker, set, tag });
                }
            }
            None => self.crashed = Some("a cast that is none"),
        }
    }

    pub(super) fn handle_plain(&mut self, sender: NodeName, message: &Term) {
        match PlainFromPeer::from_term(message, sender) {
            Some(PlainFromPeer::CancelConnect { tag }) => {
                if self.is_current(sender, tag) {
                    self.restart(sender);
                }
            }
            Some(PlainFromPeer::InitConnectAck { his_tag_of_mine, tag }) => {
                let peer = self.peers.get(&sender);
                let mine = peer.and_then(|peer| peer.tag);
                let his = peer.and_then(|peer| peer.his_tag.as_ref());
                if mine != his_tag_of_mine || his != Some(&tag) {
                    self.tell_cancel(sender, tag);
                    self.restart(sender);
                }
            }
            Some(PlainFromPeer::LostConnection { nodes, number, .. }) => {
                if self.lost.get(&nodes).is_none_or(|known| *known < number) {
                    self.lost.insert(nodes.clone(), number);
                    self.lost_connection(&nodes, message);
                }
            }
            Some(PlainFromPeer::RemoveConnection) => {
                if self.is_potentially_known(sender) {
                    self.effects.push_back(Effect::Disconnect(sender));
                    self.down(sender, Down::Removing);
                }
            }
            None => self.crashed = Some("a message that is none"),
        }
    }

    pub(super) fn lock_is_set(&mut self, node: NodeName, tag: i64, requester: Term) {
        if !self.is_current(node, Some(tag)) {
            return self.cancel(node, Some(tag), Vec::new());
        }
        let names: Vec<Entry> = self.names.values().cloned().collect();
        let peer = self.peers.entry(node).or_default();
        let his_tag = peer.his_tag.clone().unwrap_or(Term::atom("undefined"));
        peer.requester = Some(requester);
        let waited = std::mem::replace(&mut peer.wait_lock, WaitLock::LockIsSet);
        self.cast(node, wire::exchange(self.me.node(), &names, his_tag));
        match waited {
            WaitLock::Nothing => {}
            WaitLock::Exchange(names) => self.exchange(node, names),
            WaitLock::LockIsSet => self.crashed = Some("the lock is set twice"),
        }
    }

    pub(super) fn compared(&mut self, node: NodeName, tag: i64, here: Vec<Op>, there: &[Op]) {
        if !self.is_current(node, Some(tag)) {
            return self.cancel(node, Some(tag), Vec::new());
        }
        let members: Vec<Member> = self.known.iter().map(|node| (*node, VERSION)).collect();
        let peer = self.peers.entry(node).or_default();
        let his_tag = peer.his_tag.clone().unwrap_or(Term::atom("undefined"));
        let saved = std::mem::replace(&mut peer.save_ops, SaveOps::Ops(here));
        let words = [Term::atom("resolved"), wire::node_term(self.me.node()), wire::ops_term(there)];
        let words = words.into_iter().chain([wire::members_term(&members, VERSION), Term::atom("unused")]);
        self.cast(node, Term::tuple(words.chain([Term::Nil, his_tag])));
        match saved {
            SaveOps::Nothing => {}
            SaveOps::Resolved(ops, known) => self.resolved(node, ops, &known, &[]),
            SaveOps::Ops(_) => self.crashed = Some("compared twice"),
        }
    }

    fn begin(&mut self, node: NodeName) {
        if self.known.contains(&node) || self.peers.get(&node).is_some_and(|peer| peer.tag.is_some()) {
            return;
        }
        self.last_number += 1;
        let peer = self.peers.entry(node).or_default();
        peer.tag = Some(self.last_number);
        let early = peer.early.take();
        let known: Vec<Member> = self.known.iter().map(|node| (*node, VERSION)).collect();
        self.cast(node, wire::init_connect(self.me.node(), self.last_number, &known, self.locker));
        if let Some((version, tag, locker)) = early {
            self.init_connect(node, version, tag, locker);
        }
    }

    fn init_connect(&mut self, node: NodeName, version: i64, his_tag: Term, locker: Pid) {
        if self.pending.contains(&node) {
            self.tell_cancel(node, his_tag.clone());
            self.restart(node);
        }
        let peer = self.peers.entry(node).or_default();
        let Some(tag) = peer.tag else {
            peer.early = Some((version, his_tag, locker));
            return;
        };
        peer.his_tag = Some(his_tag.clone());
        let him = Him { node, locker, version, tag, his_tag: his_tag.clone() };
        self.tell_locker(LockerMsg::Him(him));
        let words =
            [Term::atom("init_connect_ack"), wire::node_term(self.me.node()), his_tag, Term::Int(tag)];
        self.effects.push_back(Effect::Tell(node, Term::tuple(words)));
        self.pending.insert(node);
    }

    fn restart(&mut self, node: NodeName) {
        let tag = self.peers.get(&node).and_then(|peer| peer.tag);
        self.cancel(node, tag, Vec::new());
        self.peers.remove(&node);
        self.pending.remove(&node);
        if tag.is_some() {
            self.begin(node);
        }
    }

    fn exchange(&mut self, node: NodeName, names: Vec<Entry>) {
        let peer = self.peers.entry(node).or_default();
        match std::mem::take(&mut peer.wait_lock) {
            WaitLock::LockIsSet => {
                let tag = peer.tag.unwrap_or_default();
                self.effects.push_back(Effect::Compare { node, tag, his_tag: None, names });
            }
            WaitLock::Nothing => peer.wait_lock = WaitLock::Exchange(names),
            WaitLock::Exchange(_) => self.crashed = Some("exchange twice"),
        }
    }

    fn resolved(&mut self, node: NodeName, his: Vec<Op>, his_known: &[Member], externals: &[External]) {
        let peer = self.peers.entry(node).or_default();
        let SaveOps::Ops(mut ops) = std::mem::take(&mut peer.save_ops) else { return };
        let requester = peer.requester.clone();
        ops.extend(his);
        let mut new = vec![(node, VERSION)];
        new.extend(his_known.iter().copied());
        self.join(his_known.iter().map(|(node, _)| *node));
        self.apply(ops.clone(), requester.as_ref());
        self.go_on_without(node);
        for (other, _) in his_known {
            self.pending.remove(other);
            self.finish(*other, Vec::new());
        }
        let lock = Term::tuple([GLOBAL, requester.unwrap_or(Term::atom("undefined"))]);
        let extra = Term::list([Term::tuple([Term::atom("lock"), lock])]);
        let members = wire::members_term(&new, 8);
        let message = wire::new_nodes(self.me.node(), &ops, externals, members, extra);
        let casts = self.known.iter().map(|node| (*node, message.clone())).collect();
        self.pending.remove(&node);
        self.finish(node, casts);
        let added = self.add_known(&new);
        self.tell_locker(LockerMsg::AddKnown(added));
        self.synced.insert(node);
    }

    fn finish(&mut self, node: NodeName, casts: Vec<(NodeName, Term)>) {
        let tag = self.peers.get(&node).and_then(|peer| peer.tag);
        self.cancel(node, tag, casts);
        self.peers.remove(&node);
    }

    fn cancel(&mut self, node: NodeName, tag: Option<i64>, casts: Vec<(NodeName, Term)>) {
        if let Some(tag) = tag {
            self.tell_locker(LockerMsg::Cancel { node, tag, casts });
        }
        let peer = self.peers.get(&node);
        if self.pending.contains(&node) && tag == peer.and_then(|peer| peer.tag) {
            let his_tag = peer.and_then(|peer| peer.his_tag.clone());
            self.tell_cancel(node, his_tag.unwrap_or(Term::atom("undefined")));
        }
    }

    fn down(&mut self, node: NodeName, what: Down) {
        let tag = self.peers.get(&node).and_then(|peer| peer.tag);
        let others = self.others(node);
        self.cancel(node, tag, Vec::new());
        self.tell_locker(LockerMsg::RemoveKnown(node));
        self.peers.remove(&node);
        if what == Down::Removing {
            self.removing.insert(node);
        } else if !self.removing.remove(&node) {
            self.last_number += 1;
            let (me, lost) = (wire::node_term(self.me.node()), wire::node_term(node));
            let words = [Term::atom("lost_connection"), me, Term::Int(1), Term::Int(self.last_number), lost];
            let message = Term::tuple(words);
            self.effects.extend(others.into_iter().map(|other| Effect::Tell(other, message.clone())));
        }
        self.pending.remove(&node);
        self.known.remove(&node);
        self.synced.remove(&node);
    }

    fn lost_connection(&mut self, (a, b): &(Term, Term), message: &Term) {
        let (first, second) = (wire::known_node(a), wire::known_node(b));
        let others = self.others(first.unwrap_or_else(|| self.me.node()));
        self.effects.extend(others.into_iter().map(|other| Effect::Tell(other, message.clone())));
        let leave = if second == Some(self.me.node()) { first } else { second };
        let Some(leave) = leave.filter(|node| self.is_potentially_known(*node)) else { return };
        let remove = Term::tuple([Term::atom("remove_connection"), wire::node_term(self.me.node())]);
        self.effects.push_back(Effect::Tell(leave, remove));
        self.down(leave, Down::Removing);
    }

    fn others(&self, without: NodeName) -> Vec<NodeName> {
        self.known.union(&self.pending).copied().filter(|node| *node != without).collect()
    }

    fn is_potentially_known(&self, node: NodeName) -> bool {
        self.known.contains(&node) || self.pending.contains(&node)
    }

    fn is_current(&self, node: NodeName, tag: Option<i64>) -> bool {
        tag.is_some() && self.peers.get(&node).is_some_and(|peer| peer.tag == tag)
    }

    fn add_known(&mut self, nodes: &[Member]) -> Vec<NodeName> {
        let me = self.me.node();
        let nodes = nodes.iter().map(|(node, _)| *node).filter(|node| *node != me);
        nodes.filter(|node| self.known.insert(*node)).collect()
    }

    fn join(&mut self, nodes: impl IntoIterator<Item = NodeName>) {
        let me = self.me.node();
        self.effects.extend(nodes.into_iter().filter(|node| *node != me).map(Effect::Join));
    }

    fn apply(&mut self, ops: Vec<Op>, requester: Option<&Term>) {
        let is_set = self.lock.as_ref().map_or(!self.is_lock_down, |(of, _)| Some(of) == requester);
        let (inserts, deletes): (Vec<Op>, Vec<Op>) =
            ops.into_iter().partition(|op| matches!(op, Op::Insert(_)));
        for op in inserts.into_iter().chain(deletes) {
            match op {
                Op::Insert(entry) => self.insert(entry, is_set),
                Op::Delete(name) => drop(self.names.remove(&name)),
            }
        }
    }

    fn insert(&mut self, entry: Entry, is_lock_set: bool) {
        if is_lock_set {
            self.names.insert(entry.name.clone(), entry);
        } else {
            self.names.remove(&entry.name);
        }
    }

    fn set_lock(&mut self, requester: &Term, pid: Pid) -> bool {
        match &mut self.lock {
            Some((of, _)) if of != requester => return false,
            Some((_, pids)) if pids.contains(&pid) => {}
            Some((_, pids)) => pids.push(pid),
            None => self.lock = Some((requester.clone(), vec![pid])),
        }
        true
    }

    fn take_out(&mut self, pid: Pid, is_lost: bool) {
        let Some((_, pids)) = &mut self.lock else { return };
        let before = pids.len();
        pids.retain(|holder| *holder != pid);
        if pids.is_empty() && before > 0 {
            self.lock = None;
            self.is_lock_down = is_lost;
        }
    }

    fn go_on_without(&mut self, node: NodeName) {
        let Some(nodes) = &mut self.waiting else { return };
        nodes.remove(&node);
        if nodes.is_empty() {
            self.waiting = None;
            self.effects.push_back(Effect::Synced(0));
        }
    }

    fn cast(&mut self, node: NodeName, term: Term) {
        self.effects.push_back(Effect::Cast(node, term));
    }

    fn tell_locker(&mut self, message: LockerMsg) {
        self.effects.push_back(Effect::Locker(message));
    }

    fn tell_cancel(&mut self, node: NodeName, tag: Term) {
        let words = [Term::atom("cancel_connect"), wire::node_term(self.me.node()), tag];
        self.effects.push_back(Effect::Tell(node, Term::tuple(words)));
    }
}
