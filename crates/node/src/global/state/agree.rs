//! Pure: the steps by which two name servers come to agree, from `init_connect` to `in_sync`.

use super::{Effect, Known, Lock, Outcome, Peer, State, cancel_connect};
use crate::global::locker::{Him, LockerMsg};
use crate::global::tables::{Entry, GLOBAL, Says};
use crate::global::wire::{self, External, Member, Op, VERSION};
use engset_term::{NodeName, Pid, Term};

impl State {
    pub(super) fn init_connect(&mut self, node: NodeName, his_version: i64, his_tag: Term, locker: Pid) {
        if self.peers.get(&node).is_some_and(|peer| peer.is_removing) {
            // He was asked to end the connection, and in the middle of a beginning an Erlang node does not.
            self.effects.push_back(Effect::Disconnect(node));
            return;
        }
        let is_second = self.peers.get(&node).is_some_and(|peer| peer.pending.is_some());
        if is_second {
            if his_version < 8 {
                tracing::error!(peer = %node, "an old node connects out of turn, and is disconnected");
                self.effects.push_back(Effect::Disconnect(node));
                return;
            }
            // He has begun anew, and knows this side's beginning, or has cancelled it before. To begin anew, too, would
            // make him do it again, and so on for ever; and so would an acknowledgement, if he has moved on meanwhile.
            self.start_over_with(node);
        }
        let me = self.me.node();
        let peer = self.peers.entry(node).or_default();
        let Some(tag) = peer.tag else {
            peer.early = Some((his_version, his_tag, locker));
            if self.known.contains_key(&node) && self.up.contains_key(&node) {
                // Others say that it agrees with this side, and it may never have heard that: it lost them meanwhile.
                self.begin_anyway(node);
            }
            return;
        };
        peer.version = his_version.min(VERSION);
        peer.his_tag = Some(his_tag.clone());
        peer.pending = Some(his_version);
        let him = Him { node, locker, version: peer.version, tag, his_tag: his_tag.clone() };
        self.effects.push_back(Effect::Locker(LockerMsg::Him(him)));
        if his_version >= 8 && !is_second {
            let ack = [Term::atom("init_connect_ack"), wire::node_term(me), his_tag, Term::Int(tag)];
            self.tell(node, Term::tuple(ack));
        }
    }

    /// Whether a node that begins knows this one from others meanwhile, by what it says that it knows, and this one knows
    /// it: nothing is to be agreed on.
    pub(super) fn both_know(&self, node: NodeName, his_known: &Term) -> bool {
        let knows_me =
            his_known.as_map().is_some_and(|known| known.get(&wire::node_term(self.me.node())).is_some());
        let is_begun = self.peers.get(&node).is_some_and(|peer| peer.tag.is_some());
        knows_me && self.known.contains_key(&node) && !is_begun
    }

    /// Forgets how far an agreement was, except for its beginning on this side.
    fn start_over_with(&mut self, node: NodeName) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let Peer { tag, is_removing, is_in_sync, .. } = *peer;
        *peer = Peer { tag, is_removing, is_in_sync, ..Peer::default() };
        if let Some(tag) = tag {
            self.effects.push_back(Effect::Locker(LockerMsg::Cancel { node, tag, casts: Vec::new() }));
        }
    }

    /// Begins with a node anew.
    pub(super) fn restart_connect(&mut self, node: NodeName) {
        let had_tag = self.peers.get(&node).is_some_and(|peer| peer.tag.is_some());
        self.cancel(node, Vec::new());
        self.reset(node);
        if had_tag && self.known.contains_key(&node) {
            // Known from others, and agreed with once more since it began: where it gives that up, nothing more comes of it.
            self.go_on_without(node);
            self.synced.insert(node);
        } else if had_tag {
            self.begin(node);
        }
    }

    /// Compares names as soon as the lock is set and the peer's names are here.
    pub(super) fn exchange(&mut self, node: NodeName, names: Vec<Entry>) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let Some(tag) = peer.tag else { return };
        match std::mem::take(&mut peer.lock) {
            Lock::Set => {
                let his_tag = peer.his_tag.clone();
                self.effects.push_back(Effect::Compare { node, tag, his_tag, names });
            }
            Lock::Open | Lock::Names(_) => peer.lock = Lock::Names(names),
        }
    }

    pub(super) fn his_outcome(
        &mut self,
        node: NodeName,
        ops: Vec<Op>,
        known: Vec<Member>,
        externals: Vec<External>,
    ) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        if let Outcome::Ours(_) = &peer.outcome {
            self.resolved(node, ops, &known, &externals);
        } else {
            peer.outcome = Outcome::His { ops, known, externals };
        }
    }

    /// Both sides know what came of it.
    pub(super) fn resolved(
        &mut self,
        node: NodeName,
        mut his: Vec<Op>,
        his_known: &[Member],
        externals: &[External],
    ) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        let Outcome::Ours(mut ops) = std::mem::take(&mut peer.outcome) else { return };
        let (requester, version) = (peer.requester.clone(), peer.pending.unwrap_or(peer.version));
        ops.append(&mut his);
        let left = std::mem::take(&mut peer.left);
        ops.retain(|op| !matches!(op, Op::Insert(entry) if left.contains_key(&entry.pid.node())));
        let his_known: Vec<Member> =
            his_known.iter().copied().filter(|(node, _)| !left.contains_key(node)).collect();
        let mut new = vec![(node, version)];
        new.extend(his_known.iter().copied());
        self.join(his_known.iter().map(|(node, _)| *node));
        let in_sync = self.say_in_sync(&his_known.iter().map(|(node, _)| *node).collect::<Vec<_>>());
        self.apply(ops.clone(), externals, Says::Node(self.me.node(), requester.as_ref()));
        self.go_on_without(node);
        let lock = Term::tuple([
            Term::atom("lock"),
            Term::tuple([GLOBAL, requester.unwrap_or(Term::atom("undefined"))]),
        ]);
        let extra = Term::list([Term::tuple([Term::atom("vsn"), Term::Int(version.min(VERSION))]), lock]);
        let tell = |known: (&NodeName, &Known)| {
            let members = wire::members_term(&new, known.1.version);
            (*known.0, wire::new_nodes(self.me.node(), &ops, externals, members, extra.clone()))
        };
        let casts = self.known.iter().filter(|(known, _)| **known != node).map(tell).collect();
        self.finish(node, casts);
        let added = self.add_known(&new);
        self.effects.push_back(Effect::Locker(LockerMsg::AddKnown(added)));
        self.synced.insert(node);
        in_sync.into_iter().for_each(|node| self.in_sync(node));
    }

    /// Tells a node that it is known from others. In the middle of an agreement an Erlang node leaves that then without a word,
    /// also where it does not know this side: it is asked whether it has, so that no lock is set for it any more, and nobody
    /// waits. It answers by a `cancel_connect`.
    pub(super) fn say_that_it_is_known(&mut self, node: NodeName) {
        let me = wire::node_term(self.me.node());
        let in_sync = [Term::atom("in_sync"), me.clone(), Term::from(true)];
        self.effects.push_back(Effect::Cast(node, Term::tuple(in_sync)));
        if let Some(peer) = self.peers.get(&node)
            && peer.pending.is_some_and(|version| version >= 8)
            && let (Some(tag), Some(his_tag)) = (peer.tag, peer.his_tag.clone())
        {
            self.tell(node, Term::tuple([Term::atom("init_connect_ack"), me, his_tag, Term::Int(tag)]));
        }
    }

    /// A node knows this one from others. Until this one has heard from others, too, the agreement that was begun is not
    /// over: those may have been lost in the middle of theirs.
    pub(super) fn in_sync(&mut self, node: NodeName) {
        self.go_on_without(node);
        self.synced.insert(node);
        if self.known.contains_key(&node) {
            self.finish(node, Vec::new());
        } else {
            // He may have heard of this side in the middle of the agreement with it, which an Erlang node then leaves without
            // a word: the lock that is set for it would stay. One that begins anew such a node does not answer.
            if self.peers.get(&node).is_some_and(|peer| peer.pending.is_some()) {
                self.restart_connect(node);
            }
            self.peers.entry(node).or_default().is_in_sync = true;
        }
    }

    /// Those of `nodes` that have said that they know this one.
    pub(super) fn say_in_sync(&self, nodes: &[NodeName]) -> Vec<NodeName> {
        let says = |node: &&NodeName| self.peers.get(node).is_some_and(|peer| peer.is_in_sync);
        nodes.iter().filter(says).copied().collect()
    }

    /// Ends an agreement that was reached: the locker makes these casts before it releases the lock.
    pub(super) fn finish(&mut self, node: NodeName, casts: Vec<(NodeName, Term)>) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.pending = None;
        }
        self.cancel(node, casts);
        self.reset(node);
    }

    /// Ends an agreement in the making; the peer is told where it has begun.
    pub(super) fn cancel(&mut self, node: NodeName, casts: Vec<(NodeName, Term)>) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        if let Some(tag) = peer.tag {
            self.effects.push_back(Effect::Locker(LockerMsg::Cancel { node, tag, casts }));
        }
        if peer.pending.is_some_and(|version| version >= 8)
            && let Some(his_tag) = peer.his_tag.clone()
        {
            self.tell(node, cancel_connect(self.me.node(), his_tag));
        }
    }

    /// Forgets how far an agreement was.
    pub(super) fn reset(&mut self, node: NodeName) {
        let is_removing = self.peers.remove(&node).is_some_and(|peer| peer.is_removing);
        if is_removing {
            self.peers.insert(node, Peer { is_removing, ..Peer::default() });
        }
    }
}
