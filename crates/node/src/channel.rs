//! One byte stream between two nodes, from its first byte to its end: handshake, then connection.
//!
//! The driver (a socket's, or a simulation's) owns the channel, feeds it bytes and the time, writes what it gives,
//! and closes the stream at the first error. After each `handle_*` it drains `poll_transmit`. Dropping the channel
//! ends the connection for the node.

mod groups;

use crate::deliver::BadSignal;
use crate::dynamic_names::Given;
use crate::held::{Held, HoldsTooMuch};
use crate::node::{Dial, Node};
use crate::peers::{AttemptId, Link, TooManyConnections};
use crate::watchers::NodedownReason;
use bytes::{Bytes, BytesMut};
use engset_dist::connection::{ConnectionError, Incoming, Tick, Ticker};
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Decision, Established, Framing, HandshakeError, Initiator, InitiatorEvent,
};
use engset_term::{Instant, NodeName, NodeNameError};
use groups::Groups;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// One byte stream between two nodes.
#[derive(Debug)]
pub struct Channel {
    node: Arc<Node>,
    attempt: AttemptId,
    /// Whom we dialled.
    dialled: Option<NodeName>,
    phase: Phase,
    /// Which names the carrier vouches for.
    names: Option<NameCheck>,
    /// The number that the peer has to answer, where it dialled us.
    challenge: u32,
    /// The name that the peer got from us.
    given: Option<Given>,
    closed: Option<CloseReason>,
    /// For how many groups of senders the carrier has streams beside the one that this is about.
    groups: usize,
}

/// Whether the carrier vouches for the name that a peer gives: it may know who is at the other end, for instance by a
/// certificate.
pub struct NameCheck(Box<Check>);

type Check = dyn Fn(&str) -> Result<(), Arc<dyn Error + Send + Sync>> + Send + Sync;

impl NameCheck {
    /// A check that refuses names with an error, which should say who the carrier knows the peer as.
    pub fn new(
        check: impl Fn(&str) -> Result<(), Arc<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(check))
    }
}

impl fmt::Debug for NameCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameCheck")
    }
}

#[derive(Debug)]
enum Phase {
    Dialling(Box<Initiator>),
    Accepting(Box<Acceptor>),
    Up(Box<Up>),
}

#[derive(Debug)]
struct Up {
    link: Arc<Link>,
    incoming: Incoming,
    held: Held,
    /// What comes on the streams for groups of senders.
    groups: Groups,
    ticker: Ticker,
    /// The rest of the handshake: our acknowledgement.
    unsent: Vec<u8>,
}

/// Why a stream is to be closed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CloseReason {
    /// The handshake failed.
    Handshake(HandshakeError),
    /// The peer's own attempt to connect goes on instead.
    PeerDialsUs,
    /// This node told the peer that it is not welcome, or that this node's own attempt to connect goes on.
    Refused,
    /// The peer's name cannot be used.
    PeerName(NodeNameError),
    /// The name that the peer gave this node, which had asked for one, cannot be used.
    OwnName(NodeNameError),
    /// The peer gives a name that its carrier knows not to be its own; it was told that it is not allowed.
    Impostor(Arc<dyn Error + Send + Sync>),
    /// There are too many connections.
    TooMany(TooManyConnections),
    /// The peer broke the protocol.
    Connection(ConnectionError),
    /// The peer holds more than its share of this node's memory.
    Holds(HoldsTooMuch),
    /// The peer sent a signal that it must not send.
    Signal(Arc<BadSignal>),
    /// The peer was silent for too long.
    TickTimeout,
    /// The peer closed the stream.
    ClosedByPeer,
    /// This node closed the connection: it disconnected, or a newer one took over.
    ClosedHere,
    /// The carrier failed.
    Carrier(Arc<dyn Error + Send + Sync>),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => fmt::Display::fmt(error, f),
            Self::PeerDialsUs => f.write_str("the peer's own attempt to connect goes on instead of ours"),
            Self::Refused => f.write_str("this node refused the peer's attempt to connect"),
            Self::OwnName(error) => {
                write!(f, "the name that the peer gave this node cannot be used: {error}")
            }
            Self::PeerName(error) => write!(f, "the peer's name cannot be used: {error}"),
            Self::Impostor(error) => write!(f, "a peer was refused that gives a name not its own: {error}"),
            Self::TooMany(error) => fmt::Display::fmt(error, f),
            Self::Connection(error) => fmt::Display::fmt(error, f),
            Self::Holds(error) => fmt::Display::fmt(error, f),
            Self::Signal(error) => fmt::Display::fmt(error, f),
            Self::TickTimeout => f.write_str(
                "the peer was silent for longer than net_ticktime, or over QUIC for the time between two ticks",
            ),
            Self::ClosedByPeer => f.write_str("the peer closed the connection"),
            Self::ClosedHere => f.write_str("this node closed the connection, or a newer one took over"),
            Self::Carrier(error) => write!(f, "the carrier failed: {error}"),
        }
    }
}

impl Error for CloseReason {}

impl Channel {
    /// A channel on a stream that this node opened; `challenge` is a fresh random number.
    ///
    /// # Errors
    /// When the names cannot be sent.
    pub fn dialled(
        node: Arc<Node>,
        dial: Dial,
        now: Instant,
        challenge: u32,
        framing: Framing,
    ) -> Result<Self, HandshakeError> {
        let peer = dial.peer.text();
        let initiator = Initiator::new(now, node.local_node(&peer), &peer, challenge, framing)?
            .with_timeout(node.config().handshake_timeout);
        let phase = Phase::Dialling(Box::new(initiator));
        Ok(Self::new(node, dial.attempt, Some(dial.peer), phase, challenge))
    }

    /// A channel on a stream that a peer opened; `challenge` is a fresh random number.
    ///
    /// # Errors
    /// When our own name cannot be sent.
    pub fn accepted(
        node: Arc<Node>,
        now: Instant,
        challenge: u32,
        framing: Framing,
    ) -> Result<Self, HandshakeError> {
        let local = node.config().local_node();
        let acceptor =
            Acceptor::new(now, local, challenge, framing)?.with_timeout(node.config().handshake_timeout);
        let attempt = node.new_attempt();
        node.challenge_opened(attempt, challenge);
        Ok(Self::new(node, attempt, None, Phase::Accepting(Box::new(acceptor)), challenge))
    }

    fn new(
        node: Arc<Node>,
        attempt: AttemptId,
        dialled: Option<NodeName>,
        phase: Phase,
        challenge: u32,
    ) -> Self {
        Self { node, attempt, dialled, phase, names: None, challenge, given: None, closed: None, groups: 0 }
    }

    /// Refuses a peer whose name `names` does not let pass.
    #[must_use]
    pub fn check_name(mut self, names: NameCheck) -> Self {
        self.names = Some(names);
        self
    }

    /// Bytes arrived.
    ///
    /// # Errors
    /// The stream is to be closed, after what `poll_transmit` still gives.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> Result<(), CloseReason> {
        self.node.count_bytes(bytes.len(), 0);
        let result = match &mut self.phase {
            Phase::Dialling(initiator) => {
                // A peer that hands us a challenge of ours wants the answer for somebody else.
                initiator.forbid_challenges(self.node.open_challenges());
                let read = initiator.handle_bytes(now, bytes).map_err(CloseReason::Handshake);
                read.and_then(|()| self.dialling(now))
            }
            Phase::Accepting(acceptor) => acceptor
                .handle_bytes(now, bytes)
                .map_err(CloseReason::Handshake)
                .and_then(|()| self.accepting(now)),
            Phase::Up(up) => up.handle_bytes(&self.node, now, bytes),
        };
        self.note(result)
    }

    /// Where to read the next bytes to, once the handshake is over: put them behind those that are there, and call
    /// [`Self::handle_read`]. Without, [`Self::handle_bytes`] takes them.
    pub fn room(&mut self) -> Option<&mut BytesMut> {
        match &mut self.phase {
            Phase::Up(up) => Some(up.incoming.room(|| self.node.blocks.lock())),
            Phase::Dialling(_) | Phase::Accepting(_) => None,
        }
    }

    /// So many bytes were put into [`Self::room`]; how many signals came with them.
    ///
    /// # Errors
    /// As [`Self::handle_bytes`].
    pub fn handle_read(&mut self, now: Instant, bytes: usize) -> Result<usize, CloseReason> {
        self.node.count_bytes(bytes, 0);
        let result = match &mut self.phase {
            Phase::Up(up) => up.handle_read(&self.node, now, bytes),
            Phase::Dialling(_) | Phase::Accepting(_) => Ok(0),
        };
        self.note(result)
    }

    /// Nothing more has come for now: memory that is not needed is given back.
    pub fn rest(&mut self) {
        if let Phase::Up(up) = &mut self.phase {
            up.incoming.rest(|| self.node.blocks.lock());
        }
    }

    /// The peer closed the stream; why it may have.
    pub fn handle_eof(&mut self) -> CloseReason {
        let reason = match &mut self.phase {
            Phase::Dialling(initiator) => initiator.handle_eof().map(CloseReason::Handshake),
            Phase::Accepting(acceptor) => acceptor.handle_eof().map(CloseReason::Handshake),
            Phase::Up(_) => None,
        };
        let reason = reason.unwrap_or(CloseReason::ClosedByPeer);
        self.closed.get_or_insert(reason).clone()
    }

    /// The carrier failed.
    pub fn handle_carrier_error(&mut self, error: Arc<dyn Error + Send + Sync>) -> CloseReason {
        self.closed.get_or_insert(CloseReason::Carrier(error)).clone()
    }

    /// The carrier watches over the peer's silence, which has lasted too long.
    pub fn handle_silence(&mut self) -> CloseReason {
        self.closed.get_or_insert(CloseReason::TickTimeout).clone()
    }

    /// The time went on.
    ///
    /// # Errors
    /// The stream is to be closed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), CloseReason> {
        let result = match &mut self.phase {
            Phase::Dialling(initiator) => initiator.handle_timeout(now).map_err(CloseReason::Handshake),
            Phase::Accepting(acceptor) => acceptor.handle_timeout(now).map_err(CloseReason::Handshake),
            Phase::Up(up) => up.handle_timeout(now),
        };
        self.note(result)
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Dialling(initiator) => initiator.poll_timeout(),
            Phase::Accepting(acceptor) => acceptor.poll_timeout(),
            Phase::Up(up) => {
                let fragments = up.incoming.poll_timeout().into_iter().chain(up.groups.poll_timeout());
                Some(fragments.fold(up.ticker.poll_timeout(), Instant::min))
            }
        }
    }

    /// Appends pieces to be written, in order; a few hundred kilobytes at most. With nothing to write, `driver` is
    /// woken when there is.
    ///
    /// # Errors
    /// When this node closed the connection.
    pub fn poll_transmit(&mut self, out: &mut Vec<Bytes>, driver: &Waker) -> Result<(), CloseReason> {
        let mut handshake = Vec::new();
        let before = out.len();
        let result = match &mut self.phase {
            Phase::Dialling(initiator) => {
                initiator.poll_transmit(&mut handshake);
                Ok(())
            }
            Phase::Accepting(acceptor) => {
                acceptor.poll_transmit(&mut handshake);
                Ok(())
            }
            Phase::Up(up) => {
                handshake = std::mem::take(&mut up.unsent);
                up.poll_transmit(&self.node, out, driver)
            }
        };
        if !handshake.is_empty() {
            out.insert(0, handshake.into());
        }
        self.node.count_bytes(0, out.iter().skip(before).map(Bytes::len).sum());
        self.note(result)
    }

    /// Why this node closed the connection, if it did: nothing more is to be written then. Otherwise `driver` is woken
    /// when it does, or when there is something to write.
    ///
    /// For a driver that waits for the stream to take what it got from [`Self::poll_transmit`].
    pub fn poll_closed(&mut self, driver: &Waker) -> Option<CloseReason> {
        let Phase::Up(up) = &self.phase else { return None };
        let mut state = up.link.state.lock();
        if state.closed {
            drop(state);
            return Some(self.closed.get_or_insert(CloseReason::ClosedHere).clone());
        }
        match &mut state.driver {
            Some(known) => known.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
        None
    }

    /// The peer, once it has proven who it is.
    #[must_use]
    pub fn peer(&self) -> Option<NodeName> {
        match &self.phase {
            Phase::Up(up) => Some(up.link.peer),
            Phase::Dialling(_) | Phase::Accepting(_) => None,
        }
    }

    fn dialling(&mut self, now: Instant) -> Result<(), CloseReason> {
        while let Phase::Dialling(initiator) = &mut self.phase
            && let Some(event) = initiator.poll_event()
        {
            match event {
                // What the peer still has is stale, unless it reached us while we dialled, or we do not want it any more.
                InitiatorEvent::AskAlive => {
                    let attempt = self.attempt;
                    let stale = self.dialled.is_none_or(|peer| self.node.is_wanted(Dial { peer, attempt }));
                    initiator.answer_alive(stale).map_err(CloseReason::Handshake)?;
                }
                InitiatorEvent::WaitForOther => {
                    if let Some(peer) = self.dialled {
                        self.node.await_peer(peer, self.attempt);
                    }
                    return Err(CloseReason::PeerDialsUs);
                }
                InitiatorEvent::Established(established) => {
                    let mut unsent = Vec::new();
                    initiator.poll_transmit(&mut unsent);
                    let peer = self.dialled.map_or_else(|| NodeName::new(&established.peer), Ok);
                    self.up(now, peer.map_err(CloseReason::PeerName)?, &established, unsent)?;
                }
            }
        }
        Ok(())
    }

    fn accepting(&mut self, now: Instant) -> Result<(), CloseReason> {
        while let Phase::Accepting(acceptor) = &mut self.phase
            && let Some(event) = acceptor.poll_event()
        {
            match event {
                AcceptorEvent::Name { peer, wants_name, .. } => {
                    acceptor.set_cookie(self.node.cookie(&peer));
                    if wants_name {
                        self.given = self.node.name_for(&peer, self.attempt, self.challenge);
                    }
                    let name = self.given.as_ref().map_or(&peer, |given| &given.name);
                    let known = self.names.as_ref().map_or(Ok(()), |NameCheck(names)| names(name));
                    if let Err(error) = known {
                        acceptor.decide(Decision::NotAllowed).map_err(CloseReason::Handshake)?;
                        return Err(CloseReason::Impostor(error));
                    }
                    let decision = if wants_name {
                        self.given.as_ref().map_or(Decision::NotAllowed, |given| Decision::Named {
                            name: given.name.clone(),
                            creation: given.creation,
                        })
                    } else {
                        self.node.decide(&peer, self.attempt)
                    };
                    let is_refused = matches!(decision, Decision::Nok | Decision::NotAllowed);
                    acceptor.decide(decision).map_err(CloseReason::Handshake)?;
                    // Nothing more can come of it, and its place among the handshakes is wanted.
                    if is_refused {
                        return Err(CloseReason::Refused);
                    }
                }
                AcceptorEvent::Established(established) => {
                    let mut unsent = Vec::new();
                    acceptor.poll_transmit(&mut unsent);
                    let peer = NodeName::new(&established.peer).map_err(CloseReason::PeerName)?;
                    self.up(now, peer, &established, unsent)?;
                }
            }
        }
        Ok(())
    }

    fn up(
        &mut self,
        now: Instant,
        peer: NodeName,
        established: &Established,
        unsent: Vec<u8>,
    ) -> Result<(), CloseReason> {
        let link = self.node.established(self.attempt, peer, (established, self.groups))?;
        let config = self.node.config();
        let incoming = Incoming::new(now, established.flags, &config.incoming).between([config.name, peer]);
        let ticker = Ticker::new(now, config.tick);
        let groups =
            Groups::new(now, established.flags, &config.incoming, self.groups).between([config.name, peer]);
        let mut up = Box::new(Up { link, incoming, groups, held: self.node.held(), ticker, unsent });
        self.node.challenge_closed(self.attempt);
        let begun = up.handle_bytes(&self.node, now, &established.leftover);
        self.phase = Phase::Up(up);
        begun
    }

    fn note<T>(&mut self, result: Result<T, CloseReason>) -> Result<T, CloseReason> {
        if let Err(reason) = &result {
            self.closed.get_or_insert_with(|| reason.clone());
        }
        result
    }
}

impl Up {
    fn handle_bytes(&mut self, node: &Arc<Node>, now: Instant, bytes: &[u8]) -> Result<(), CloseReason> {
        // What is wrong with them is told after what came before.
        drop(self.incoming.handle_bytes(now, bytes));
        self.received(node).map(drop)
    }

    fn handle_read(&mut self, node: &Arc<Node>, now: Instant, bytes: usize) -> Result<usize, CloseReason> {
        self.incoming.handle_read(now, bytes);
        self.received(node)
    }

    /// Lets what has arrived act, up to the fault in it, if there is one; how many signals it was.
    fn received(&mut self, node: &Arc<Node>) -> Result<usize, CloseReason> {
        let signals = act(&self.link, &mut self.incoming, node)?;
        self.held.set(self.held_bytes(), node.config().held_bytes_max).map_err(CloseReason::Holds)?;
        Ok(signals)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), CloseReason> {
        self.incoming.handle_timeout(now).map_err(CloseReason::Connection)?;
        self.groups.handle_timeout(now).map_err(CloseReason::Connection)?;
        let last_received = self.groups.last_received().max(Some(self.incoming.last_received()));
        match self.ticker.handle_timeout(now, last_received.unwrap_or(Instant::ZERO)) {
            Tick::Wait => Ok(()),
            Tick::Send => {
                self.link.state.lock().outgoing.tick_due();
                Ok(())
            }
            Tick::Down => Err(CloseReason::TickTimeout),
        }
    }

    fn poll_transmit(&self, node: &Node, out: &mut Vec<Bytes>, driver: &Waker) -> Result<(), CloseReason> {
        self.poll_stream(node, None, out, driver)
    }

    /// Takes what is to be written on the stream of this group, or on the main one.
    fn poll_stream(
        &self,
        node: &Node,
        group: Option<usize>,
        out: &mut Vec<Bytes>,
        driver: &Waker,
    ) -> Result<(), CloseReason> {
        let senders = {
            let mut state = self.link.state.lock();
            if state.closed {
                return Err(CloseReason::ClosedHere);
            }
            let before = out.len();
            state.outgoing.poll_chunks(group, out);
            if state.outgoing.stream(group).is_empty() {
                match &mut state.driver {
                    Some(known) => known.clone_from(driver),
                    none => *none = Some(driver.clone()),
                }
            }
            if state.is_busy && !state.outgoing.is_busy_for_some() {
                state.is_busy = false;
                node.processes().link_is_calm();
            }
            // Only what is taken makes the queue shorter.
            if out.len() > before { state.calm_senders() } else { Vec::new() }
        };
        senders.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

/// Lets the signals that have come on a stream of this link act, up to the fault in it, if there is one; how many it were.
fn act(link: &Arc<Link>, incoming: &mut Incoming, node: &Arc<Node>) -> Result<usize, CloseReason> {
    let mut signals = 0_usize;
    let _acting = link.acting();
    while let Some(received) = incoming.poll_event() {
        // The loss is told: nothing of this connection may act after it.
        if link.is_silent() {
            return Err(CloseReason::ClosedHere);
        }
        let received = link.inward(received);
        node.deliver(link, received).map_err(|bad| CloseReason::Signal(Arc::new(bad)))?;
        signals = signals.saturating_add(1);
    }
    incoming.fault().map_or(Ok(signals), |fault| Err(CloseReason::Connection(fault.clone())))
}

impl Drop for Channel {
    fn drop(&mut self) {
        let reason = self.closed.take().unwrap_or(CloseReason::ClosedHere);
        // Before the loss is told: whoever hears of it may ask for the name again.
        if let Some(given) = self.given.take() {
            self.node.name_back(given, matches!(self.phase, Phase::Up(_)));
        }
        match (&self.phase, self.dialled) {
            (Phase::Up(up), _) => {
                let nodedown = match reason {
                    CloseReason::TickTimeout => NodedownReason::NetTickTimeout,
                    _ => NodedownReason::ConnectionClosed,
                };
                self.node.link_down(&up.link, &reason, nodedown);
            }
            // A peer that dials us takes over; otherwise the attempt has failed.
            (Phase::Dialling(_), Some(peer)) if !matches!(reason, CloseReason::PeerDialsUs) => {
                self.node.dial_failed(peer, self.attempt, Arc::new(reason));
            }
            (Phase::Dialling(_), _) => {}
            (Phase::Accepting(_), _) => {
                tracing::debug!("an incoming connection was not made: {reason}");
                self.node.challenge_closed(self.attempt);
                self.node.accept_failed(self.attempt, &reason);
            }
        }
    }
}

#[cfg(test)]
#[path = "channel/tests/lost.rs"]
mod tests;
