//! Pure: what a name server knows of the others, and how two of them come to agree.
//!
//! After any `handle_*` the owner takes all effects by `poll_effect`. When a node comes up both sides say
//! `init_connect`; their lockers set the lock `global` on all nodes that either knows; both tell their names
//! (`exchange`), the one of the lesser node decides who keeps a name that both have; each tells the other what came of it
//! (`resolved`), and the nodes it knew before (`new_nodes`); then the locks are released. Each step carries the
//! receiver's tag, so that what belongs to an earlier connection is not taken for one of this.
//!
//! Races: an `init_connect` that comes before this node has heard of the connection waits for that (`early`). A
//! connection that is lost in the middle of a step leaves nothing behind but what was agreed on, and the lockers are
//! told.

mod agree;
mod overlap;

use super::lost::Lost;
use super::tables::{Entry, Says, Tables, Watch};
use super::wire::{self, External, FromPeer, Member, Op, PlainFromPeer, Request, VERSION};
use super::{GlobalLimits, locker::LockerMsg};
use engset_term::{Instant, NodeName, Pid, PinnedNodeName, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the owner is to do.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) enum Effect {
    Watch(Watch),
    /// A cast to the name server of a node, which may make a connection.
    Cast(NodeName, Term),
    /// A plain message to the name server of a node, if it is connected.
    Tell(NodeName, Term),
    Locker(LockerMsg),
    /// Compare a peer's names with those known here, and tell what came of it by [`State::handle_compared`].
    Compare {
        node: NodeName,
        tag: i64,
        his_tag: Option<Term>,
        names: Vec<Entry>,
    },
    /// Connect to a node, and say there that it is in sync; tell by [`State::handle_joined`].
    Join(NodeName),
    Disconnect(NodeName),
    /// Whoever waits by this number is in sync with all it waited for.
    Synced(u64),
}

/// What the peer's last message was no part of, or why it was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbage;

/// A name server.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct State {
    me: Pid,
    locker: Pid,
    limits: GlobalLimits,
    /// Whether it takes part in the mesh: a hidden node does not.
    is_visible: bool,
    /// Cut connections so that no two meshes overlap.
    prevents_overlap: bool,
    /// Tells this incarnation of the node from others in what is said of lost connections.
    incarnation: i64,
    pub(super) tables: Tables,
    known: BTreeMap<NodeName, Known>,
    /// The visible nodes that are connected. Their names are kept until their loss has been heard of.
    up: BTreeMap<NodeName, PinnedNodeName>,
    peers: BTreeMap<NodeName, Peer>,
    synced: BTreeSet<NodeName>,
    waiting: Vec<(u64, BTreeSet<NodeName>)>,
    lost: Lost,
    last_number: i64,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Known {
    version: i64,
    _pin: PinnedNodeName,
}

/// A node with which an agreement is in the making, or whose removal is.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Peer {
    /// This side's tag, while an agreement is wanted.
    tag: Option<i64>,
    his_tag: Option<Term>,
    version: i64,
    /// Whether the lockers have been told: the peer's version then.
    pending: Option<i64>,
    /// An `init_connect` from before this node knew of the connection.
    early: Option<(i64, Term, Pid)>,
    lock: Lock,
    requester: Option<Term>,
    outcome: Outcome,
    /// The peer knows this side from others, which this side has not heard yet.
    is_in_sync: bool,
    /// This side has asked for the end of the connection.
    is_removing: bool,
    /// Nodes that the peer has left meanwhile: what it has told of them is no more.
    left: BTreeMap<NodeName, PinnedNodeName>,
}

/// How far the exchange of names is.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
enum Lock {
    #[default]
    Open,
    /// Set here; the peer's names are awaited.
    Set,
    /// The peer's names are here; the lock is awaited.
    Names(Vec<Entry>),
}

/// What came of comparing, on whichever side was first.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
enum Outcome {
    #[default]
    None,
    Ours(Vec<Op>),
    His {
        ops: Vec<Op>,
        known: Vec<Member>,
        externals: Vec<External>,
    },
}

/// Why nothing is agreed on with a node any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    /// The connection was lost.
    Lost,
    /// This side ends it.
    Removing,
}

/// What a name server is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) me: Pid,
    pub(super) locker: Pid,
    pub(super) limits: GlobalLimits,
    pub(super) is_visible: bool,
    pub(super) prevents_overlap: bool,
    pub(super) incarnation: i64,
}

impl State {
    pub(super) fn new(birth: Birth) -> Self {
        let Birth { me, locker, limits, is_visible, prevents_overlap, incarnation } = birth;
        Self {
            me,
            locker,
            limits,
            is_visible,
            prevents_overlap,
            incarnation,
            tables: Tables::new(limits),
            known: BTreeMap::new(),
            up: BTreeMap::new(),
            peers: BTreeMap::new(),
            synced: BTreeSet::new(),
            waiting: Vec::new(),
            lost: Lost::default(),
            last_number: 0,
            effects: VecDeque::new(),
        }
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        match self.tables.poll_watch() {
            Some(watch) => Some(Effect::Watch(watch)),
            None => self.effects.pop_front(),
        }
    }

    /// The visible nodes that are connected.
    pub(super) fn up(&self) -> Vec<NodeName> {
        self.up.keys().copied().collect()
    }

    pub(super) fn is_up(&self, node: NodeName) -> bool {
        self.up.contains_key(&node)
    }

    /// The nodes that agree with this one on names, without itself.
    pub(super) fn known(&self) -> Vec<NodeName> {
        self.known.keys().copied().collect()
    }

    /// Whether an agreement with this node is wanted, and not reached.
    pub(super) fn wants_to_agree_with(&self, node: NodeName) -> bool {
        self.is_visible && self.up.contains_key(&node) && !self.known.contains_key(&node)
    }

    /// Whether it takes part in the mesh.
    pub(super) const fn is_visible(&self) -> bool {
        self.is_visible
    }

    /// Whether one of both knows the other and is not known, or this side has asked for the end of the connection, and nothing
    /// is under way that changes it.
    pub(super) fn is_at_odds(&self, node: NodeName, knows_me: bool) -> bool {
        let peer = self.peers.get(&node);
        let is_agreeing = peer.is_some_and(|peer| peer.pending.is_some());
        let is_removing = peer.is_some_and(|peer| peer.is_removing);
        let differs = is_removing || self.known.contains_key(&node) != knows_me;
        self.is_visible && self.up.contains_key(&node) && !is_agreeing && differs
    }

    /// A node has been at odds with this one for long enough. One of both knows the other from a third, which had lost one of
    /// them before it could tell the other; or that node ignored that it was to end the connection. Whoever begins is not
    /// answered, and never will be. The node is asked to leave this one, which it does without leaving others; with the next
    /// connection both begin anew. Whether it was asked.
    pub(super) fn handle_known_by(&mut self, node: NodeName, knows_me: bool) -> bool {
        let is_at_odds = self.is_at_odds(node, knows_me);
        if is_at_odds && !knows_me {
            // It leaves those only that it knows.
            let me = self.me.node();
            let lock = Term::tuple([Term::atom("lock"), Term::atom("undefined")]);
            let extra = Term::list([Term::tuple([Term::atom("vsn"), Term::Int(VERSION)]), lock]);
            let members = wire::members_term(&[(me, VERSION)], VERSION);
            self.effects.push_back(Effect::Cast(node, wire::new_nodes(me, &[], &[], members, extra)));
        }
        if is_at_odds {
            self.ask_to_leave(node);
        }
        is_at_odds
    }

    /// Whether something is being agreed on, or somebody waits for that.
    #[cfg(test)]
    pub(super) fn is_agreeing(&self) -> bool {
        !self.peers.is_empty() || !self.waiting.is_empty()
    }

    /// How often something was begun.
    #[cfg(test)]
    pub(super) const fn last_number(&self) -> i64 {
        self.last_number
    }

    /// The answer to a request of the process `from`; none where it is no request.
    pub(super) fn handle_request(&mut self, now: Instant, from: Pid, request: &Term) -> Option<Term> {
        Some(match Request::from_term(request)? {
            Request::SetLock { resource, requester } => {
                Term::from(self.tables.set_lock(now, &resource, &requester, from))
            }
            Request::DelLock { resource, requester } => {
                self.tables.del_lock(now, &resource, &requester, from);
                Term::from(true)
            }
            Request::Register { entry, external } => {
                let is_taken =
                    self.may_change(from) && self.tables.insert(entry, external, Says::Process(from));
                Term::atom(if is_taken { "yes" } else { "no" })
            }
            Request::Unregister(name) => {
                if self.may_change(from) {
                    self.tables.delete(&name);
                }
                Term::atom("ok")
            }
            Request::Known => wire::members_term(&self.members(), 0),
            Request::Synced => Term::list(self.synced.iter().copied().map(wire::node_term)),
            Request::Version => Term::Int(VERSION),
            Request::Externals => wire::externals_term(&self.tables.externals()),
        })
    }

    /// A process that was watched has ended.
    pub(super) fn handle_ended(&mut self, pid: Pid) {
        self.tables.handle_ended(pid);
    }

    /// Somebody waits, by this number, until all these nodes are in sync with this one, or lost. Those that have been lost
    /// meanwhile are waited for no more. False where there are as many already as may wait.
    pub(super) fn handle_sync(&mut self, number: u64, mut nodes: BTreeSet<NodeName>) -> bool {
        nodes.retain(|node| self.up.contains_key(node) && !self.synced.contains(node));
        if nodes.is_empty() {
            self.effects.push_back(Effect::Synced(number));
        } else if self.waiting.len() >= self.limits.syncs {
            return false;
        } else {
            self.waiting.push((number, nodes));
        }
        true
    }

    /// Who waited by this number has gone.
    pub(super) fn handle_sync_over(&mut self, number: u64) {
        self.waiting.retain(|(waits, _)| *waits != number);
    }

    /// A visible node is connected.
    pub(super) fn handle_node_up(&mut self, node: NodeName) {
        self.up.insert(node, node.pin());
        self.begin(node);
    }

    /// Wants to agree on names with a node that is connected.
    fn begin(&mut self, node: NodeName) {
        if self.is_visible && !self.known.contains_key(&node) {
            self.begin_anyway(node);
        }
    }

    fn begin_anyway(&mut self, node: NodeName) {
        let members = self.members();
        let number = self.next_number();
        let peer = self.peers.entry(node).or_default();
        if peer.tag.is_some() {
            return;
        }
        peer.tag = Some(number);
        let early = peer.early.take();
        let init = wire::init_connect(self.me.node(), number, &members, self.locker);
        self.effects.push_back(Effect::Cast(node, init));
        if let Some((version, tag, locker)) = early {
            self.init_connect(node, version, tag, locker);
        }
    }

    /// A visible node is not connected any more.
    pub(super) fn handle_node_down(&mut self, node: NodeName) {
        self.up.remove(&node);
        self.go_on_without(node);
        self.down(node, Down::Lost);
    }

    /// A hidden node is not connected any more: nothing is kept of it.
    pub(super) fn handle_hidden_node_down(&mut self, node: NodeName) {
        self.tables.handle_node_down(node);
        self.peers.remove(&node);
    }

    /// A cast of the name server, or of the locker, of the node `sender`.
    pub(super) fn handle_cast(&mut self, sender: NodeName, cast: &Term) -> Result<(), Garbage> {
        match FromPeer::from_term(cast, sender, self.limits.nodes).ok_or(Garbage)? {
            _ if !self.is_visible => return Err(Garbage),
            FromPeer::InitConnect { known, .. } if self.both_know(sender, &known) => {
                self.handle_joined(sender, true);
            }
            FromPeer::InitConnect { version, tag, locker, .. } => {
                self.init_connect(sender, version, tag, locker);
            }
            FromPeer::Exchange { names, tag } => {
                if self.is_current(sender, tag) {
                    self.exchange(sender, names);
                }
            }
            FromPeer::Resolved { ops, known, externals, tag } => {
                if self.is_current(sender, tag) {
                    self.his_outcome(sender, ops, known, externals);
                }
            }
            // A hidden node may set locks, and is of no mesh whose names it could tell of.
            FromPeer::NewNodes { .. } if !self.up.contains_key(&sender) => return Err(Garbage),
            // What was agreed on elsewhere, under a lock that was lost here together with the connection: it will be
            // agreed on anew.
            FromPeer::NewNodes { requester, .. }
                if !self.tables.believes(Says::Node(sender, requester.as_ref())) => {}
            FromPeer::NewNodes { ops, externals, known, requester } => {
                let added = self.add_known(&known);
                self.join(added.iter().copied());
                self.apply(ops, &externals, Says::Node(sender, requester.as_ref()));
                let in_sync = self.say_in_sync(&added);
                self.effects.push_back(Effect::Locker(LockerMsg::AddKnown(added)));
                in_sync.into_iter().for_each(|node| self.in_sync(node));
            }
            FromPeer::InSync if !self.up.contains_key(&sender) => return Err(Garbage),
            FromPeer::InSync => self.in_sync(sender),
            FromPeer::LockSet { locker, set, tag } => {
                let fits = tag.is_none() || self.peers.get(&sender).is_some_and(|peer| peer.tag == tag);
                if fits {
                    self.effects.push_back(Effect::Locker(LockerMsg::LockSet { locker, set, tag }));
                }
            }
        }
        Ok(())
    }

    /// A plain message of the name server of the node `sender`.
    pub(super) fn handle_plain(
        &mut self,
        now: Instant,
        sender: NodeName,
        message: &Term,
    ) -> Result<(), Garbage> {
        match PlainFromPeer::from_term(message, sender).ok_or(Garbage)? {
            // Nor has a hidden node anything to say about who is connected to whom.
            _ if !self.is_visible || !self.up.contains_key(&sender) => return Err(Garbage),
            PlainFromPeer::InitConnectAck { his_tag_of_mine, tag } => {
                // He answers what was said with a tag of ours, with `tag` as his own: of an earlier beginning of ours he
                // has heard already that it is over. With that of now, his must be the one that is known here.
                let peer = self.peers.get(&sender);
                let ours = peer.and_then(|peer| peer.tag);
                let his = peer.and_then(|peer| peer.his_tag.as_ref());
                if ours.is_some() && his_tag_of_mine == ours && his != Some(&tag) {
                    self.tell(sender, cancel_connect(self.me.node(), tag));
                    self.restart_connect(sender);
                }
            }
            PlainFromPeer::CancelConnect { tag } => {
                if tag.is_some() && self.peers.get(&sender).is_some_and(|peer| peer.tag == tag) {
                    self.restart_connect(sender);
                }
            }
            PlainFromPeer::LostConnection { nodes, incarnation, number } => {
                self.has_left(sender, &nodes);
                if self.prevents_overlap && self.lost.is_news(now, nodes.clone(), incarnation, number) {
                    self.lost_connection(&nodes, message);
                }
            }
            // Also where nothing is agreed on with it: if both sides only asked each other, they would stay connected, and
            // never agree.
            PlainFromPeer::RemoveConnection => {
                if self.up.contains_key(&sender) {
                    self.effects.push_back(Effect::Disconnect(sender));
                    self.down(sender, Down::Removing);
                    tracing::warn!(peer = %sender, "disconnected, so that no two parts of the cluster overlap");
                }
            }
        }
        Ok(())
    }

    /// The locker has set the lock with the peer's.
    pub(super) fn handle_lock_is_set(
        &mut self,
        node: NodeName,
        (tag, his_tag): (i64, &Term),
        requester: Term,
    ) {
        if !self.is_current(node, Some(tag)) {
            let cancel = LockerMsg::Cancel { node, tag, casts: Vec::new() };
            self.effects.push_back(Effect::Locker(cancel));
            return;
        }
        let his = self.peers.get(&node).and_then(|peer| peer.his_tag.as_ref());
        if his != Some(his_tag) {
            // For an earlier beginning of his, and given back meanwhile.
            return;
        }
        let left = self.left();
        let mut names = self.tables.entries();
        names.retain(|entry| !left.contains(&entry.pid.node()));
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let his_tag = peer.his_tag.clone().unwrap_or(Term::atom("undefined"));
        peer.requester = Some(requester);
        let exchange = wire::exchange(self.me.node(), &names, his_tag);
        self.effects.push_back(Effect::Cast(node, exchange));
        match std::mem::replace(&mut peer.lock, Lock::Set) {
            Lock::Names(names) => self.exchange(node, names),
            Lock::Open | Lock::Set => {}
        }
    }

    /// What came of comparing names: what is to be done here, and at the peer.
    pub(super) fn handle_compared(
        &mut self,
        node: NodeName,
        (tag, his_tag): (i64, Option<&Term>),
        here: Vec<Op>,
        there: &[Op],
    ) {
        if !self.is_current(node, Some(tag)) {
            return;
        }
        let externals = wire::externals_term(&self.tables.externals());
        let members = self.members();
        let me = self.me.node();
        // What was compared for an earlier beginning of his may come late: it was under a lock that is given back.
        let is_of_now = |peer: &&mut Peer| peer.requester.is_some() && peer.his_tag.as_ref() == his_tag;
        let Some(peer) = self.peers.get_mut(&node).filter(is_of_now) else { return };
        let version = peer.pending.unwrap_or(VERSION);
        let his_tag = peer.his_tag.clone().unwrap_or(Term::atom("undefined"));
        let known = wire::members_term(&members, version);
        let words = [Term::atom("resolved"), wire::node_term(me), wire::ops_term(there), known];
        let words = words.into_iter().chain([Term::atom("unused"), externals, his_tag]);
        self.effects.push_back(Effect::Cast(node, Term::tuple(words)));
        match std::mem::replace(&mut peer.outcome, Outcome::Ours(here)) {
            Outcome::His { ops, known, externals } => self.resolved(node, ops, &known, &externals),
            Outcome::None | Outcome::Ours(_) => {}
        }
    }

    /// A node was to be connected, see [`Effect::Join`]. Where it is not known any more, since it was lost meanwhile, it is to
    /// be agreed with anew: to say otherwise would keep it from that.
    pub(super) fn handle_joined(&mut self, node: NodeName, is_connected: bool) {
        // One that could not be reached from here may have connected from its side meanwhile.
        if is_connected || self.up.contains_key(&node) {
            if self.known.contains_key(&node) {
                self.say_that_it_is_known(node);
            }
        } else {
            tracing::warn!(peer = %node, "a node that others are connected to cannot be reached");
            self.handle_node_down(node);
        }
    }

    /// Whether a process may change names here: it holds the lock, and is of a node that agrees with this one, so that all
    /// others who do hear of it, too.
    fn may_change(&self, from: Pid) -> bool {
        let agrees = from.node() == self.me.node() || self.known.contains_key(&from.node());
        agrees && self.tables.believes(Says::Process(from))
    }

    /// Whether a tag is that of the agreement in the making; where it is not, there is none any more.
    fn is_current(&self, node: NodeName, tag: Option<i64>) -> bool {
        tag.is_some() && self.peers.get(&node).is_some_and(|peer| peer.tag == tag)
    }

    /// The nodes whose connection is about to end, as this side has asked for: their names are not told any more.
    pub(super) fn left(&self) -> BTreeSet<NodeName> {
        self.peers.iter().filter(|(_, peer)| peer.is_removing).map(|(node, _)| *node).collect()
    }

    fn members(&self) -> Vec<Member> {
        self.known.iter().map(|(node, known)| (*node, known.version)).collect()
    }

    /// Adds nodes to those that agree on names; those that are new.
    fn add_known(&mut self, nodes: &[Member]) -> Vec<NodeName> {
        let mut added = Vec::new();
        let (me, max) = (self.me.node(), self.limits.nodes);
        for (node, version) in nodes.iter().filter(|(node, _)| *node != me) {
            let is_full = self.known.len() >= max;
            match self.known.get_mut(node) {
                Some(known) if known.version > 0 => {}
                Some(known) => known.version = *version,
                None if is_full => {
                    tracing::warn!(peer = %node, limit = max, "more nodes than may agree on names");
                }
                None => {
                    self.known.insert(*node, Known { version: *version, _pin: node.pin() });
                    added.push(*node);
                    // One that was asked to end the connection, and did not, is one like any other again.
                    if self.peers.get(node).is_some_and(|peer| peer.is_removing) {
                        self.peers.remove(node);
                    }
                }
            }
        }
        added
    }

    fn join(&mut self, nodes: impl IntoIterator<Item = NodeName>) {
        let me = self.me.node();
        let others = nodes.into_iter().filter(|node| *node != me);
        self.effects.extend(others.map(Effect::Join));
    }

    fn apply(&mut self, ops: Vec<Op>, externals: &[External], says: Says<'_>) {
        let mut deleted = Vec::new();
        let externals: BTreeMap<(&Term, Pid), NodeName> =
            externals.iter().map(|(name, pid, node)| ((name, *pid), *node)).collect();
        for op in ops {
            match op {
                Op::Insert(entry) => {
                    let external = externals.get(&(&entry.name, entry.pid)).copied();
                    self.tables.insert(entry, external, says);
                }
                Op::Delete(name) => deleted.push(name),
            }
        }
        for name in deleted {
            self.tables.delete(&name);
        }
    }

    /// Nobody waits for this node any more.
    fn go_on_without(&mut self, node: NodeName) {
        let effects = &mut self.effects;
        self.waiting.retain_mut(|(number, nodes)| {
            nodes.remove(&node);
            if nodes.is_empty() {
                effects.push_back(Effect::Synced(*number));
            }
            !nodes.is_empty()
        });
    }

    fn tell(&mut self, node: NodeName, message: Term) {
        self.effects.push_back(Effect::Tell(node, message));
    }

    fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }
}

fn cancel_connect(me: NodeName, tag: Term) -> Term {
    Term::tuple([Term::atom("cancel_connect"), wire::node_term(me), tag])
}
