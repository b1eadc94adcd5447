//! Pure: the groups of one scope on one node, and those that its peers on other nodes tell of.
//!
//! After any `handle_*` the owner takes all effects by `poll_effect`. The reads see what the last `handle_*` left.
//! A peer is the process of the same scope on another node. It is told of the local groups when it asks, and then of
//! each change; what it tells of its own node is kept by peer, so that its end takes exactly that away.

use super::members::Members;
use super::peer::PeerMessage;
use super::{GroupError, GroupEvent, GroupLimits, Membership};
use engset_process::Dest;
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

type Table = BTreeMap<Term, Members>;

/// What the owner is to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Watch this process, and tell of its end.
    Watch(Pid),
    /// Watch it no more.
    Unwatch(Pid),
    /// Tell a process that watches groups.
    Tell(Pid, GroupEvent),
    /// Send a message to a peer.
    Send(Dest, PeerMessage),
}

/// The groups of one scope.
#[derive(Debug)]
pub(super) struct State {
    me: Pid,
    limits: GroupLimits,
    local: Table,
    peers: BTreeMap<Pid, Peer>,
    /// The processes of this node that are members or watch.
    known: BTreeMap<Pid, Known>,
    monitors: BTreeMap<Reference, Monitor>,
    of_scope: BTreeSet<Reference>,
    of_group: BTreeMap<Term, BTreeSet<Reference>>,
    memberships: usize,
    effects: VecDeque<Effect>,
}

/// What a peer has told of its node.
#[derive(Debug, Default)]
struct Peer {
    table: Table,
    memberships: usize,
}

/// Why what a peer told was dropped, and the peer with it where it is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has not been met, or is of this node.
    Stranger,
    /// There are as many peers as there may be.
    Peers(usize),
    /// The scope has as many memberships as it may.
    Memberships(usize),
    /// The peer would have more memberships than one may.
    PeerMemberships(usize),
    /// The peer would have more groups than one may.
    PeerGroups(usize),
}

impl Refused {
    /// Whether this is nothing to worry about: a peer that has not noticed yet that the connection was lost and made anew
    /// tells of its changes, many at once where it stood still meanwhile, and tells of all its members afterwards.
    pub(super) fn is_a_race(self) -> bool {
        match self {
            Self::Stranger => true,
            Self::Peers(_) | Self::Memberships(_) | Self::PeerMemberships(_) | Self::PeerGroups(_) => false,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the sender is no scope that this one has met"),
            Self::Peers(max) => write!(f, "this scope may know {max} other nodes"),
            Self::Memberships(max) => {
                write!(f, "this scope may have {max} memberships; the peer that tells of more is dropped")
            }
            Self::PeerMemberships(max) => {
                write!(f, "a peer may have {max} memberships; the one that tells of more is dropped")
            }
            Self::PeerGroups(max) => {
                write!(f, "a peer may have {max} groups; the one that tells of more is dropped")
            }
        }
    }
}

/// What is known of a process of this node.
#[derive(Debug, Default)]
struct Known {
    groups: BTreeSet<Term>,
    monitors: BTreeSet<Reference>,
}

#[derive(Debug)]
struct Monitor {
    watcher: Pid,
    group: Option<Term>,
}

impl State {
    /// The state of the scope's process `me`, without any group.
    pub(super) fn new(me: Pid, limits: GroupLimits) -> Self {
        Self {
            me,
            limits,
            local: Table::new(),
            peers: BTreeMap::new(),
            known: BTreeMap::new(),
            monitors: BTreeMap::new(),
            of_scope: BTreeSet::new(),
            of_group: BTreeMap::new(),
            memberships: 0,
            effects: VecDeque::new(),
        }
    }

    pub(super) const fn me(&self) -> Pid {
        self.me
    }

    pub(super) fn members<'a>(&'a self, group: &'a Term) -> impl Iterator<Item = Pid> + 'a {
        let remote = self.peers.values().filter_map(|peer| peer.table.get(group));
        self.local.get(group).into_iter().chain(remote).flat_map(Members::iter)
    }

    pub(super) fn local_members(&self, group: &Term) -> impl Iterator<Item = Pid> {
        self.local.get(group).into_iter().flat_map(Members::iter)
    }

    /// All groups that have a member, in order.
    pub(super) fn groups(&self) -> Vec<Term> {
        let tables = std::iter::once(&self.local).chain(self.peers.values().map(|peer| &peer.table));
        let groups: BTreeSet<&Term> = tables.flat_map(BTreeMap::keys).collect();
        groups.into_iter().cloned().collect()
    }

    /// All groups that have a member on this node, in order.
    pub(super) fn local_groups(&self) -> Vec<Term> {
        self.local.keys().cloned().collect()
    }

    /// What is to be done next.
    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Processes of this node join; all of them, or none.
    pub(super) fn handle_join(&mut self, group: Term, pids: Vec<Pid>) -> Result<(), GroupError> {
        self.check_local(&pids)?;
        if !self.has_room_for(pids.len()) {
            return Err(GroupError::TooManyMemberships(self.limits.memberships));
        }
        if pids.is_empty() {
            return Ok(());
        }
        for pid in &pids {
            self.know(*pid).groups.insert(group.clone());
        }
        self.add(None, &group, &pids);
        self.tell_peers(&PeerMessage::Join { peer: self.me, group, pids });
        Ok(())
    }

    /// Processes of this node leave, each once for each time that it is in the list.
    pub(super) fn handle_leave(&mut self, group: &Term, pids: &[Pid]) -> Result<(), GroupError> {
        self.check_local(pids)?;
        let left = self.take_away(None, group, pids);
        if left.is_empty() {
            return Err(GroupError::NotJoined);
        }
        for pid in &left {
            let still = self.local.get(group).is_some_and(|members| members.contains(*pid));
            if !still && let Some(known) = self.known.get_mut(pid) {
                known.groups.remove(group);
                self.forget_if_idle(*pid);
            }
        }
        self.tell_peers(&PeerMessage::Leave { peer: self.me, pids: left, groups: vec![group.clone()] });
        Ok(())
    }

    /// A process that was watched has ended: a member, who watches groups, or a peer.
    pub(super) fn handle_ended(&mut self, pid: Pid) {
        self.forget_peer(pid);
        let Some(known) = self.known.remove(&pid) else { return };
        for reference in known.monitors {
            self.remove_monitor(reference);
        }
        let mut all = Vec::new();
        for group in known.groups {
            let Some(members) = self.local.get_mut(&group) else { continue };
            let times = members.leave_wholly(pid);
            if members.is_empty() {
                self.local.remove(&group);
            }
            self.memberships -= times;
            self.tell(&group, Membership::Left, &vec![pid; times]);
            all.extend(std::iter::repeat_n(group, times));
        }
        if !all.is_empty() {
            self.tell_peers(&PeerMessage::Leave { peer: self.me, pids: vec![pid], groups: all });
        }
    }

    /// A process of this node watches one group, or all; who is a member now, by group.
    pub(super) fn handle_monitor(
        &mut self,
        watcher: Pid,
        reference: Reference,
        group: Option<Term>,
    ) -> Result<Vec<(Term, Vec<Pid>)>, GroupError> {
        self.check_local(&[watcher])?;
        if self.monitors.len() >= self.limits.monitors {
            return Err(GroupError::TooManyMonitors(self.limits.monitors));
        }
        self.know(watcher).monitors.insert(reference);
        let groups = match &group {
            Some(group) => {
                self.of_group.entry(group.clone()).or_default().insert(reference);
                vec![group.clone()]
            }
            None => {
                self.of_scope.insert(reference);
                self.groups()
            }
        };
        self.monitors.insert(reference, Monitor { watcher, group });
        Ok(groups.into_iter().map(|group| (group.clone(), self.members(&group).collect())).collect())
    }

    /// Ends a monitor; whether there was one.
    pub(super) fn handle_demonitor(&mut self, reference: Reference) -> bool {
        let Some(watcher) = self.remove_monitor(reference) else { return false };
        if let Some(known) = self.known.get_mut(&watcher) {
            known.monitors.remove(&reference);
            self.forget_if_idle(watcher);
        }
        true
    }

    /// Another node is there, which may have a process of this scope, registered as `scope`.
    pub(super) fn handle_node_up(&mut self, scope: Atom, node: NodeName) {
        if node != self.me.node() {
            let discover = PeerMessage::Discover { peer: self.me };
            self.effects.push_back(Effect::Send(Dest::RemoteName(scope, node), discover));
        }
    }

    /// A message of a peer; why it was dropped, if it was.
    pub(super) fn handle_peer(&mut self, message: PeerMessage) -> Result<(), Refused> {
        match message {
            PeerMessage::Discover { peer } => {
                let groups =
                    self.local.iter().map(|(group, members)| (group.clone(), members.iter().collect()));
                let sync = PeerMessage::Sync { peer: self.me, groups: groups.collect() };
                let is_new = !self.peers.contains_key(&peer);
                if is_new {
                    self.meet(peer)?;
                }
                self.effects.push_back(Effect::Send(Dest::Pid(peer), sync));
                if is_new {
                    let discover = PeerMessage::Discover { peer: self.me };
                    self.effects.push_back(Effect::Send(Dest::Pid(peer), discover));
                }
                Ok(())
            }
            PeerMessage::Sync { peer, groups } => self.sync(peer, groups),
            PeerMessage::Join { peer, group, mut pids } => {
                pids.retain(|pid| pid.node() == peer.node());
                self.add_of_peer(peer, &group, &pids)
            }
            PeerMessage::Leave { peer, pids, groups } => {
                if !self.peers.contains_key(&peer) {
                    return Err(Refused::Stranger);
                }
                for group in groups {
                    self.take_away(Some(peer), &group, &pids);
                }
                Ok(())
            }
        }
    }

    /// Makes what is known of a peer what it says.
    fn sync(&mut self, peer: Pid, groups: Vec<(Term, Vec<Pid>)>) -> Result<(), Refused> {
        if !self.peers.contains_key(&peer) {
            self.meet(peer)?;
        }
        let mut new: BTreeMap<Term, Vec<Pid>> = BTreeMap::new();
        for (group, pids) in groups {
            new.entry(group).or_default().extend(pids.into_iter().filter(|pid| pid.node() == peer.node()));
        }
        let known = self.peers.get(&peer).into_iter().flat_map(|peer| peer.table.keys());
        let old: Vec<Term> = known.cloned().collect();
        for group in old {
            let members = self.peers.get(&peer).and_then(|peer| peer.table.get(&group));
            let pids: Vec<Pid> = members.into_iter().flat_map(Members::iter).collect();
            let (gone, came) = difference(pids, new.remove(&group).unwrap_or_default());
            self.take_away(Some(peer), &group, &gone);
            if !came.is_empty() {
                new.insert(group, came);
            }
        }
        new.into_iter().try_for_each(|(group, pids)| self.add_of_peer(peer, &group, &pids))
    }

    /// Enters a peer, unless there are too many.
    fn meet(&mut self, peer: Pid) -> Result<(), Refused> {
        if peer.node() == self.me.node() {
            return Err(Refused::Stranger);
        }
        if self.peers.len() >= self.limits.peers {
            return Err(Refused::Peers(self.limits.peers));
        }
        self.peers.insert(peer, Peer::default());
        self.effects.push_back(Effect::Watch(peer));
        Ok(())
    }

    /// Members of a peer's node; one that is over a limit is dropped as a whole.
    fn add_of_peer(&mut self, peer: Pid, group: &Term, pids: &[Pid]) -> Result<(), Refused> {
        let known = self.peers.get(&peer).ok_or(Refused::Stranger)?;
        let GroupLimits { memberships, peer_memberships, peer_groups, .. } = self.limits;
        let refused = if !self.has_room_for(pids.len()) {
            Refused::Memberships(memberships)
        } else if pids.len() > peer_memberships.saturating_sub(known.memberships) {
            Refused::PeerMemberships(peer_memberships)
        } else if !known.table.contains_key(group) && known.table.len() >= peer_groups {
            Refused::PeerGroups(peer_groups)
        } else {
            self.add(Some(peer), group, pids);
            return Ok(());
        };
        self.forget_peer(peer);
        self.effects.push_back(Effect::Unwatch(peer));
        Err(refused)
    }

    /// Takes a peer away, with all its members.
    fn forget_peer(&mut self, peer: Pid) {
        let Some(Peer { table, memberships }) = self.peers.remove(&peer) else { return };
        self.memberships -= memberships;
        for (group, members) in table {
            let pids: Vec<Pid> = members.iter().collect();
            self.tell(&group, Membership::Left, &pids);
        }
    }

    fn check_local(&self, pids: &[Pid]) -> Result<(), GroupError> {
        let is_here = |pid: &Pid| pid.node() == self.me.node() && pid.creation() == self.me.creation();
        pids.iter().find(|pid| !is_here(pid)).map_or(Ok(()), |pid| Err(GroupError::NotLocal(*pid)))
    }

    fn has_room_for(&self, joining: usize) -> bool {
        joining <= self.limits.memberships.saturating_sub(self.memberships)
    }

    /// Makes processes members, of this node or of a peer's, and tells who watches.
    fn add(&mut self, peer: Option<Pid>, group: &Term, pids: &[Pid]) {
        let Some(table) = self.table(peer).filter(|_| !pids.is_empty()) else { return };
        let members = table.entry(group.clone()).or_default();
        for pid in pids {
            members.join(*pid);
        }
        self.count(peer, |count| count + pids.len());
        self.tell(group, Membership::Joined, pids);
    }

    /// Takes memberships away, and tells who watches; those that there were.
    fn take_away(&mut self, peer: Option<Pid>, group: &Term, pids: &[Pid]) -> Vec<Pid> {
        let Some(table) = self.table(peer) else { return Vec::new() };
        let Some(members) = table.get_mut(group) else { return Vec::new() };
        let left: Vec<Pid> = pids.iter().copied().filter(|pid| members.leave(*pid)).collect();
        if members.is_empty() {
            table.remove(group);
        }
        self.count(peer, |count| count - left.len());
        self.tell(group, Membership::Left, &left);
        left
    }

    /// Counts memberships of all, and of the peer whose they are.
    fn count(&mut self, peer: Option<Pid>, change: impl Fn(usize) -> usize) {
        self.memberships = change(self.memberships);
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(&peer)) {
            peer.memberships = change(peer.memberships);
        }
    }

    fn table(&mut self, peer: Option<Pid>) -> Option<&mut Table> {
        match peer {
            None => Some(&mut self.local),
            Some(peer) => self.peers.get_mut(&peer).map(|peer| &mut peer.table),
        }
    }

    fn tell(&mut self, group: &Term, what: Membership, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        let of_group = self.of_group.get(group).into_iter().flatten();
        for monitor in self.of_scope.iter().chain(of_group) {
            let Some(Monitor { watcher, .. }) = self.monitors.get(monitor) else { continue };
            let event = GroupEvent { monitor: *monitor, what, group: group.clone(), pids: pids.to_vec() };
            self.effects.push_back(Effect::Tell(*watcher, event));
        }
    }

    fn tell_peers(&mut self, message: &PeerMessage) {
        let send = |peer: &Pid| Effect::Send(Dest::Pid(*peer), message.clone());
        self.effects.extend(self.peers.keys().map(send));
    }

    fn know(&mut self, pid: Pid) -> &mut Known {
        let effects = &mut self.effects;
        self.known.entry(pid).or_insert_with(|| {
            effects.push_back(Effect::Watch(pid));
            Known::default()
        })
    }

    fn forget_if_idle(&mut self, pid: Pid) {
        if self.known.get(&pid).is_some_and(|known| known.groups.is_empty() && known.monitors.is_empty()) {
            self.known.remove(&pid);
            self.effects.push_back(Effect::Unwatch(pid));
        }
    }

    /// Removes a monitor; whose it was.
    fn remove_monitor(&mut self, reference: Reference) -> Option<Pid> {
        let Monitor { watcher, group } = self.monitors.remove(&reference)?;
        let Some(group) = group else {
            self.of_scope.remove(&reference);
            return Some(watcher);
        };
        if let Some(watching) = self.of_group.get_mut(&group) {
            watching.remove(&reference);
            if watching.is_empty() {
                self.of_group.remove(&group);
            }
        }
        Some(watcher)
    }
}

/// What is only in `old`, and what is only in `new`, each as often as it is there more often.
fn difference(mut old: Vec<Pid>, mut new: Vec<Pid>) -> (Vec<Pid>, Vec<Pid>) {
    old.sort();
    new.sort();
    let (mut gone, mut came) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next();
            }
            (Some(a), Some(b)) if a < b => gone.extend(old.next()),
            (Some(_), Some(_)) => came.extend(new.next()),
            (Some(_), None) => gone.extend(&mut old),
            (None, Some(_)) => came.extend(&mut new),
            (None, None) => return (gone, came),
        }
    }
}
