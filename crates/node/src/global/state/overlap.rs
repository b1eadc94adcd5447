//! Pure: what follows of a lost connection, here or between others, so that no two parts of a cluster overlap.

use super::{Down, Effect, Outcome, Peer, State};
use crate::global::locker::LockerMsg;
use crate::global::wire;
use engset_term::{NodeName, Term};
use std::collections::BTreeSet;

impl State {
    pub(super) fn down(&mut self, node: NodeName, why: Down) {
        let had_names = self.tables.has_names_of(node);
        if why == Down::Lost {
            self.tables.handle_node_down(node);
        }
        let was_removing = self.peers.get(&node).is_some_and(|peer| peer.is_removing);
        self.cancel(node, Vec::new());
        self.effects.push_back(Effect::Locker(LockerMsg::RemoveKnown(node)));
        let (others, me) = (self.connected_to_tell(node), self.me.node());
        self.reset(node);
        match why {
            Down::Removing if self.up.contains_key(&node) => {
                self.peers.entry(node).or_default().is_removing = true;
            }
            // There is no connection whose end this side has asked for: the next one is another.
            Down::Removing => {}
            Down::Lost if was_removing => drop(self.peers.remove(&node)),
            Down::Lost if self.prevents_overlap && self.is_visible => {
                let number = self.next_number();
                let words = [Term::atom("lost_connection"), wire::node_term(me), Term::Int(self.incarnation)];
                let lost = Term::tuple(words.into_iter().chain([Term::Int(number), wire::node_term(node)]));
                others.into_iter().for_each(|other| self.tell(other, lost.clone()));
            }
            Down::Lost => {}
        }
        self.known.remove(&node);
        self.synced.remove(&node);
        if had_names {
            self.take_back_what_was_told();
        }
    }

    /// Names that were told to others in the middle of an agreement are no more: it begins anew, unless its outcome was told,
    /// too.
    fn take_back_what_was_told(&mut self) {
        let is_told = |peer: &Peer| {
            let is_over = matches!(peer.outcome, Outcome::Ours(_));
            peer.requester.is_some() && !is_over && peer.pending.is_some_and(|version| version >= 8)
        };
        let told: Vec<NodeName> =
            self.peers.iter().filter(|(_, peer)| is_told(peer)).map(|(node, _)| *node).collect();
        told.into_iter().for_each(|node| self.restart_connect(node));
    }

    /// A peer that names are exchanged with tells of a lost connection, and leaves one of both nodes, or has lost it itself.
    /// What it told of that node before is not to be taken: it does not have its names any more, and would not hear that
    /// they are freed.
    pub(super) fn has_left(&mut self, sender: NodeName, (a, b): &(Term, Term)) {
        let (first, second) = (wire::known_node(a), wire::known_node(b));
        let left = if second == Some(sender) { first } else { second };
        let (me, max) = (self.me.node(), self.limits.nodes);
        let Some(peer) = self.peers.get_mut(&sender).filter(|peer| peer.pending.is_some()) else { return };
        if let Some(left) = left.filter(|left| *left != me && *left != sender)
            && peer.left.len() < max
        {
            peer.left.insert(left, left.pin());
        }
    }

    /// Another node lost a connection: the one of both that is not this one is left, so that nobody sees half of a part.
    pub(super) fn lost_connection(&mut self, (a, b): &(Term, Term), message: &Term) {
        let first = wire::known_node(a);
        for other in self.connected_to_tell(first.unwrap_or_else(|| self.me.node())) {
            self.tell(other, message.clone());
        }
        let second = wire::known_node(b);
        let leave = if second == Some(self.me.node()) { first } else { second };
        let Some(leave) = leave.filter(|node| self.is_potentially_known(*node)) else { return };
        let version = self.known.get(&leave).map(|known| known.version);
        let version = version.or_else(|| self.peers.get(&leave)?.pending).unwrap_or(0);
        tracing::warn!(peer = %leave, "asked to disconnect, so that no two parts of the cluster overlap");
        if version < 7 {
            self.effects.push_back(Effect::Disconnect(leave));
            self.down(leave, Down::Removing);
        } else {
            self.ask_to_leave(leave);
        }
    }

    /// Asks a node to end the connection with this one, of which neither tells others.
    pub(super) fn ask_to_leave(&mut self, node: NodeName) {
        let remove = [Term::atom("remove_connection"), wire::node_term(self.me.node())];
        self.tell(node, Term::tuple(remove));
        self.down(node, Down::Removing);
    }

    /// Who is told of a lost connection: all that are known, or about to be, except `without`.
    pub(super) fn connected_to_tell(&self, without: NodeName) -> Vec<NodeName> {
        let known = self.known.iter().filter(|(_, known)| known.version >= 7).map(|(node, _)| *node);
        let is_pending = |peer: &Peer| peer.pending.is_some_and(|version| version >= 7);
        let pending = self.peers.iter().filter(|(_, peer)| is_pending(peer)).map(|(node, _)| *node);
        let nodes: BTreeSet<NodeName> = known.chain(pending).filter(|node| *node != without).collect();
        nodes.into_iter().collect()
    }

    pub(super) fn is_potentially_known(&self, node: NodeName) -> bool {
        let is_pending = self.peers.get(&node).is_some_and(|peer| peer.pending.is_some());
        self.known.contains_key(&node) || is_pending
    }
}
