//! A node that has no name of its own and asks the first peer it connects to for one (`erl -name undefined`).
//!
//! Inside, such a node is `nonode@nohost` all the time, so that its pids and references stay what they are when it gets
//! a name, loses it, and gets another: nothing in it has to be written anew. Outside, it has the name it was given: what
//! goes to a peer and comes from one is translated at the edge, here, in the control message and in the term that
//! follows. Nodes with a name of their own do nothing of this.
//!
//! The name belongs to the connection that it came over. While that one is being made no other can be, since nobody
//! could tell the second peer who we are; when it is lost, the other connections and the name go, too.

use crate::channel::CloseReason;
use crate::node::Node;
use crate::outbound::Outbound;
use crate::peers::{Abandoned, AttemptId, DialError, Link, Peer, Peers};
use crate::watchers::{Connection, NodedownReason};
use engset_dist::Flags;
use engset_dist::connection::Received;
use engset_dist::control::{AltactTarget, Control, Process, Reason, SpawnResult};
use engset_dist::handshake::{Established, LocalNode};
use engset_etf::{Body, DecodeError, Payload, encode_body};
use engset_process::{Dest, Epoch};
use engset_term::{NodeName, NodeNameError, Pid, PinnedNodeName, Reference, Term};
use parking_lot::{Mutex, MutexGuard};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A connection was not made because this node has no name yet and is asking another peer for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAwaited;

impl fmt::Display for NameAwaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this node is being given a name by another peer: connect to one first, and to others once it is up",
        )
    }
}

impl Error for NameAwaited {}

/// A connection was not made: a node that gets its name from a peer makes none by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnlyOnDemand;

impl fmt::Display for OnlyOnDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this node gets its name from a peer, and connects only when it is told to")
    }
}

impl Error for OnlyOnDemand {}

/// The name of a node that asks for one.
#[derive(Debug)]
pub(crate) struct OwnName {
    /// The host part of the name to be.
    host: String,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// `nonode@nohost`.
    None,
    /// The peer of this attempt is asked.
    Asking(AttemptId),
    /// Its peer gave the name.
    Named { by: AttemptId, alias: Arc<Alias> },
}

/// What a node is called outside, and what it is inside.
#[derive(Debug)]
pub(crate) struct Alias {
    name: NodeName,
    creation: u32,
    /// The creation of `nonode@nohost`.
    inside: u32,
    _pin: PinnedNodeName,
}

impl OwnName {
    pub(crate) fn new(host: String) -> Self {
        Self { host, state: Mutex::new(State::None) }
    }

    /// An attempt to connect begins: it asks for the name if there is none.
    pub(crate) fn begin(&self, attempt: AttemptId) -> Result<(), NameAwaited> {
        let mut state = self.state.lock();
        match *state {
            State::None => *state = State::Asking(attempt),
            State::Asking(_) => return Err(NameAwaited),
            State::Named { .. } => {}
        }
        Ok(())
    }

    /// An attempt failed, be it after it had given the name.
    pub(crate) fn failed(&self, attempt: AttemptId) {
        let mut state = self.state.lock();
        if matches!(*state, State::Asking(asked) | State::Named { by: asked, .. } if asked == attempt) {
            *state = State::None;
        }
    }

    /// The handshake of an attempt succeeded; the name that is new with it. None where the attempt was not to bring
    /// one, or is not wanted any more.
    pub(crate) fn established(
        &self,
        attempt: AttemptId,
        established: &Established,
        inside: u32,
    ) -> Result<Option<NodeName>, NodeNameError> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Asking(asked) if asked == attempt) {
            return Ok(None);
        }
        let name = NodeName::new(&established.local)?;
        let alias = Alias { name, creation: established.local_creation, inside, _pin: name.pin() };
        *state = State::Named { by: attempt, alias: Arc::new(alias) };
        Ok(Some(name))
    }

    /// A connection is lost; the name that goes with it.
    pub(crate) fn lost(&self, attempt: AttemptId) -> Option<NodeName> {
        let mut state = self.state.lock();
        let lost = match &*state {
            State::Named { by, alias } if *by == attempt => alias.name,
            State::None | State::Asking(_) | State::Named { .. } => return None,
        };
        *state = State::None;
        Some(lost)
    }

    /// Whether a peer may go on knowing this node by `name`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.alias().is_some_and(|alias| alias.name.with_text(|text| text == name))
    }

    /// The name, while there is one.
    pub(crate) fn alias(&self) -> Option<Arc<Alias>> {
        match &*self.state.lock() {
            State::Named { alias, .. } => Some(Arc::clone(alias)),
            State::None | State::Asking(_) => None,
        }
    }

    /// The node as it presents itself to the peer of an attempt.
    pub(crate) fn present(&self, node: LocalNode) -> LocalNode {
        match self.alias() {
            Some(alias) => {
                let name = alias.name.text().to_string();
                LocalNode { name, creation: alias.creation, visible: false, ..node }
            }
            None => {
                let flags = node.flags | Flags::NAME_ME;
                LocalNode { name: self.host.clone(), creation: 0, visible: false, flags, ..node }
            }
        }
    }
}

impl Alias {
    pub(crate) fn name(&self) -> NodeName {
        self.name
    }

    /// A signal as the peers understand it.
    pub(crate) fn outward(&self, control: Control, payload: Option<Body>) -> (Control, Option<Body>) {
        let owner = |node, creation| self.outside(node, creation);
        let payload = payload.map(|body| {
            let plain = Payload::new(body.into_bytes());
            // What is no term is refused by the peer.
            Body::from(plain.with_owners(&owner).unwrap_or(plain).bytes().clone())
        });
        let control = Translation { owner: &owner }.control(control);
        (control, payload)
    }

    /// A signal of a peer as this node understands it.
    pub(crate) fn inward(&self, received: Received) -> Received {
        let owner = |node, creation| self.within(node, creation);
        let Received { control, payload } = received;
        // What is no term is refused by who reads it.
        let payload = payload.map(|payload| payload.with_owners(&owner).unwrap_or(payload));
        Received { control: Translation { owner: &owner }.control(control), payload }
    }

    fn outside(&self, node: NodeName, creation: u32) -> (NodeName, u32) {
        if node != NodeName::NONODE {
            return (node, creation);
        }
        let outside = match creation {
            ours if ours == self.inside => self.creation,
            // The answer to a peer that means somebody who had the name before.
            other if other == !self.inside => self.inside,
            other => other,
        };
        (self.name, outside)
    }

    fn within(&self, node: NodeName, creation: u32) -> (NodeName, u32) {
        if node != self.name {
            return (node, creation);
        }
        let inside = match creation {
            ours if ours == self.creation => self.inside,
            // Of somebody who had the name before: a process of this node that is not there.
            other if other == self.inside => !other,
            other => other,
        };
        (NodeName::NONODE, inside)
    }
}

impl Node {
    /// This node as it presents itself to `peer`, with the secret of the two.
    pub(crate) fn local_node(&self, peer: &str) -> LocalNode {
        let node = LocalNode { cookie: self.cookie(peer), ..self.config().local_node() };
        match &self.own_name {
            Some(own) => own.present(node),
            None => node,
        }
    }

    /// Where the name came over this connection, which is lost, the other connections go, too, and then the name.
    pub(crate) fn name_lost(&self, peers: MutexGuard<'_, Peers>, link: &Link, reason: NodedownReason) {
        let Some(name) = self.own_name.as_ref().and_then(|own| own.lost(link.attempt)) else { return };
        drop(peers);
        // There are no new ones: this node has no name.
        self.known().into_iter().for_each(|peer| drop(self.silenced(peer)));
        let mut peers = self.peers.lock();
        let (mut up, mut others): (Vec<Arc<Link>>, Vec<_>) = (Vec::new(), Vec::new());
        for (name, peer) in std::mem::take(&mut *peers) {
            match peer {
                Peer::Up(link) => up.push(link),
                Peer::Connecting(connecting) => others.push((name, connecting)),
            }
        }
        up.sort_by_key(|link| link.peer);
        others.sort_by_key(|(peer, _)| *peer);
        up.iter().for_each(|link| self.link_lost(link, reason));
        let told = self.watchers.lock().node_down(this_node(name, link.epoch), reason);
        self.tell_watchers(told);
        drop(peers);
        tracing::info!(%name, "the name is gone with the connection that it came over");
        for (peer, connecting) in others {
            self.abandon(peer, connecting, &(Arc::new(Abandoned::Disconnected) as DialError));
        }
    }

    /// The handshake succeeded: where it was to give this node a name, it has it from now on. Called with the peers
    /// locked, so that nobody cuts the connection before it is up and leaves it without the name.
    pub(crate) fn named(&self, attempt: AttemptId, established: &Established) -> Result<(), CloseReason> {
        let Some(own) = &self.own_name else { return Ok(()) };
        let named = own.established(attempt, established, self.config().creation);
        if let Some(name) = named.map_err(CloseReason::OwnName)? {
            tracing::info!(%name, by = established.peer, "this node has got a name");
            let told = self.watchers.lock().node_up(this_node(name, Epoch::NONE));
            self.tell_watchers(told);
        }
        // Where this node was told to disconnect meanwhile, the name is not its own.
        if own.is(&established.local) { Ok(()) } else { Err(CloseReason::ClosedHere) }
    }

    /// A signal for a process of this node by the name that it has from a peer.
    pub(crate) fn to_itself(&self, signal: Option<Outbound>) {
        match signal {
            Some(Outbound { control: Control::RegSend { from, to, .. }, payload: Some(body), .. }) => {
                self.processes().deliver(Some(from), &Dest::Name(to), body.into_bytes().into());
            }
            Some(Outbound { control, .. }) => self.refused(&control),
            None => {}
        }
    }

    /// Whether a connection may be begun because something is to be sent: not where it would give this node its name.
    pub(crate) fn check_demand(&self) -> Result<(), DialError> {
        if self.own_name.is_some() { Err(Arc::new(OnlyOnDemand)) } else { Ok(()) }
    }
}

/// A signal as the peers understand it; another than here only where they know this node by another name.
#[inline]
pub(crate) fn outward(
    alias: Option<&Alias>,
    control: Control,
    payload: Option<Body>,
) -> (Control, Option<Body>) {
    match alias {
        Some(alias) => alias.outward(control, payload),
        None => (control, payload),
    }
}

/// What watchers of nodes are told of a name of this node itself, as in OTP.
fn this_node(name: NodeName, epoch: Epoch) -> Connection {
    Connection { node: name, visible: true, is_full: false, epoch }
}

/// Gives the identifiers of a control message to the nodes that `owner` says.
struct Translation<'a> {
    owner: &'a dyn Fn(NodeName, u32) -> (NodeName, u32),
}

impl Translation<'_> {
    fn control(&self, mut control: Control) -> Control {
        match &mut control {
            Control::Link { from, to }
            | Control::Unlink { from, to }
            | Control::GroupLeader { from, to }
            | Control::UnlinkId { from, to, .. }
            | Control::UnlinkIdAck { from, to, .. } => self.pids([from, to]),
            Control::Send { from, to, token } => {
                self.pids(from.iter_mut().chain([to]));
                self.terms(token.as_deref_mut());
            }
            Control::Exit { from, to, token, reason } | Control::Exit2 { from, to, token, reason } => {
                self.pids([from, to]);
                self.terms(token.as_deref_mut());
                self.reason(reason);
            }
            Control::RegSend { from, token, .. } => {
                self.pids([from]);
                self.terms(token.as_deref_mut());
            }
            Control::MonitorP { from, to, reference } | Control::DemonitorP { from, to, reference } => {
                self.pids([from]);
                self.process(to);
                self.reference(reference);
            }
            Control::MonitorPExit { from, to, reference, reason } => {
                self.process(from);
                self.pids([to]);
                self.reference(reference);
                self.reason(reason);
            }
            Control::SpawnRequest { request, from, spawn, token } => {
                self.reference(request);
                self.pids([from, &mut spawn.group_leader]);
                self.terms(spawn.options.iter_mut().chain(token.as_deref_mut()));
            }
            Control::SpawnReply { request, to, result, token, .. } => {
                self.reference(request);
                self.pids([to]);
                if let SpawnResult::Spawned(pid) = result {
                    self.pids([pid]);
                }
                self.terms(token.as_deref_mut());
            }
            Control::AliasSend { from, to, token } => {
                self.pids([from]);
                self.reference(to);
                self.terms(token.as_deref_mut());
            }
            Control::AltactSigSend { from, to, token, .. } => {
                self.pids([from]);
                match to {
                    AltactTarget::Pid(pid) => self.pids([pid]),
                    AltactTarget::Alias(alias) => self.reference(alias),
                    AltactTarget::Name(_) => {}
                }
                self.terms(token.as_deref_mut());
            }
            Control::NodeLink => {}
        }
        control
    }

    fn pids<'a>(&self, pids: impl IntoIterator<Item = &'a mut Pid>) {
        for pid in pids {
            let (node, creation) = (self.owner)(pid.node(), pid.creation());
            *pid = Pid::new(node, creation, pid.id(), pid.serial());
        }
    }

    fn process(&self, process: &mut Process) {
        if let Process::Pid(pid) = process {
            self.pids([pid]);
        }
    }

    fn reference(&self, reference: &mut Reference) {
        let (node, creation) = (self.owner)(reference.node(), reference.creation());
        if let Ok(given) = Reference::new(node, creation, reference.words()) {
            *reference = given;
        }
    }

    fn reason(&self, reason: &mut Reason) {
        if let Reason::Inline(term) = reason {
            self.terms([&mut **term]);
        }
    }

    fn terms<'a>(&self, terms: impl IntoIterator<Item = &'a mut Term>) {
        for term in terms {
            match self.term(term) {
                Ok(given) => *term = given,
                Err(error) => tracing::debug!("a term of a signal keeps its identifiers: {error}"),
            }
        }
    }

    fn term(&self, term: &Term) -> Result<Term, DecodeError> {
        let mut body = Vec::new();
        encode_body(term, &mut body);
        Payload::from(body).with_owners(self.owner)?.term()
    }
}

#[cfg(test)]
mod tests;
