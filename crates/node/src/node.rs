//! The node: its processes, its peers, and what happens when connections come and go.

use crate::access::{Access, PeerCookieError, TooManyEntries, known};
use crate::channel::CloseReason;
use crate::config::NodeConfig;
use crate::derived::derived;
use crate::dynamic_names::{DynamicNames, Given};
use crate::functions::Functions;
use crate::global::Global;
use crate::held::{Held, HeldBytes};
use crate::hooks::Hooks;
use crate::kernel;
use crate::outbound::Outbound;
use crate::own_name::{OwnName, outward};
use crate::peers::{
    Abandoned, AttemptId, Concerned, Connecting, DialError, Link, Peer, Peers, TooManyConnections, Waiter,
};
use crate::refusals::Refusals;
use crate::watchers::{NodedownReason, Watchers};
use engset_dist::Flags;
use engset_dist::blocks::Blocks;
use engset_dist::connection::{OutgoingConfig, OutgoingStreams};
use engset_dist::control::Control;
use engset_dist::handshake::{Cookie, Established};
use engset_etf::Body;
use engset_otp::StartError;
use engset_process::{ControlSignal, Dest, Epoch, ExitReason, Identity, Processes, Scheduler};
use engset_term::{NodeName, Pid, PinnedNodeName};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

/// What carries a node's connections: sockets, or a simulated network.
pub trait Network: Send + Sync + 'static {
    /// Begins to connect `node` to `dial.peer`. Must not block. The outcome is told by a
    /// [`Channel`](crate::Channel) for this dial, or by [`Node::dial_failed`] when it did not get that far.
    fn dial(&self, node: Arc<Node>, dial: Dial);
}

/// A wish to be connected to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dial {
    /// Whom to reach.
    pub peer: NodeName,
    /// The attempt that this is.
    pub attempt: AttemptId,
}

/// A node: a value, as many in one program as you like.
pub struct Node {
    this: Weak<Self>,
    config: NodeConfig,
    processes: Arc<Processes>,
    network: Arc<dyn Network>,
    pub(crate) peers: Mutex<Peers>,
    /// Names claimed by those who dial us and have not proven anything yet, by their text: they get no table entry.
    /// Locked after `peers`.
    pub(crate) accepting: Mutex<BTreeMap<String, AttemptId>>,
    last_attempt: AtomicU64,
    /// The challenges that peers which dialled us have not answered yet.
    open_challenges: Mutex<BTreeMap<AttemptId, u32>>,
    access: Mutex<Access>,
    /// Names for peers that ask for one.
    dynamic_names: Mutex<DynamicNames>,
    functions: Functions,
    hooks: Hooks,
    held: Arc<HeldBytes>,
    /// What connections read into.
    pub(crate) blocks: Mutex<Blocks>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Locked after `peers`.
    pub(crate) watchers: Mutex<Watchers>,
    global: Global,
    /// Set at the end of the node: it connects to nobody any more.
    is_closed: AtomicBool,
    /// For a node that gets its name from a peer.
    pub(crate) own_name: Option<OwnName>,
    pub(crate) refusals: Mutex<Refusals>,
    _name: PinnedNodeName,
}

impl Node {
    /// A node without connections; its processes run on `scheduler`.
    #[must_use]
    pub fn new(config: NodeConfig, scheduler: Scheduler, network: Arc<dyn Network>) -> Arc<Self> {
        let identity = Identity {
            node: config.name,
            creation: config.creation,
            processes_max: config.processes_max,
            salt: config.salt,
        };
        let processes = Processes::new(identity, scheduler);
        let name = config.name.pin();
        let global = Global::new(&processes, config.salt ^ u64::from(config.creation));
        let access = Mutex::new(Access::new(config.cookie.clone()));
        let functions = Functions::with_defaults(config.functions);
        let own_name = config.asks_for_name_at.clone().map(OwnName::new);
        let node = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            config,
            processes,
            network,
            peers: Mutex::default(),
            accepting: Mutex::default(),
            last_attempt: AtomicU64::new(0),
            open_challenges: Mutex::default(),
            access,
            dynamic_names: Mutex::default(),
            functions,
            hooks: Hooks::default(),
            held: Arc::default(),
            blocks: Mutex::new(Blocks::new()),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            watchers: Mutex::default(),
            global,
            is_closed: AtomicBool::new(false),
            own_name,
            refusals: Mutex::default(),
            _name: name,
        });
        let router: Weak<Self> = Arc::downgrade(&node);
        node.processes.set_router(router);
        node
    }

    /// Starts the processes that every node has, such as `net_kernel`.
    ///
    /// # Errors
    /// When one of them could not be started.
    pub async fn start_kernel(&self) -> Result<(), StartError> {
        match self.this() {
            Some(node) => kernel::start(&node).await,
            // It is being dropped.
            None => Ok(()),
        }
    }

    /// The node, unless it is being dropped.
    pub(crate) fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// The node's name. One that asks a peer for its name is `nonode@nohost` until it has it, and when it is gone.
    #[must_use]
    pub fn name(&self) -> NodeName {
        let alias = self.own_name.as_ref().and_then(OwnName::alias);
        alias.map_or(self.config.name, |alias| alias.name())
    }

    /// The node of this node's pids, inside: the name, unless that comes from a peer.
    pub(crate) fn here(&self) -> NodeName {
        self.config.name
    }

    /// The node's settings.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// What peers may call.
    #[must_use]
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// What the program wants to be told of by the node's own processes.
    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The node's processes.
    #[must_use]
    pub fn processes(&self) -> &Arc<Processes> {
        &self.processes
    }

    /// The names and locks that the nodes of a cluster agree on.
    #[must_use]
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// Sets the secret shared with `peer` alone, in both directions, from the next handshake on; with this node's own
    /// name, the one shared with all peers that have none of their own (`erlang:set_cookie/2`).
    ///
    /// # Errors
    /// When [`PEER_COOKIES_MAX`](crate::PEER_COOKIES_MAX) peers have a cookie of their own, or the name is forgotten.
    pub fn set_cookie(&self, peer: NodeName, cookie: Cookie) -> Result<(), PeerCookieError> {
        let mut access = self.access.lock();
        if peer == self.name() || peer == self.here() {
            access.set_default(cookie);
            return Ok(());
        }
        let kept = known(peer).map_err(PeerCookieError::Forgotten)?;
        let set = kept.name().with_text(|text| access.set_cookie(text, cookie));
        set.map_err(PeerCookieError::TooMany)
    }

    /// Adds to the list of those who may connect; with an empty list, as at the start, everybody with the cookie may
    /// (`net_kernel:allow/1`). An entry is a node's `name@host`, a `host`, or `name@` on any host. This node itself then
    /// connects to nodes that the list has in full, and to no others.
    ///
    /// # Errors
    /// When the list would have more than [`ALLOWED_MAX`](crate::ALLOWED_MAX) entries; it is as before then.
    pub fn allow(&self, entries: &[&str]) -> Result<(), TooManyEntries> {
        self.access.lock().allow(entries)
    }

    pub(crate) fn cookie(&self, peer: &str) -> Cookie {
        self.access.lock().cookie(peer).clone()
    }

    /// Whether a node of this name may connect.
    pub(crate) fn lets_in(&self, peer: &str) -> bool {
        !self.is_closed.load(Ordering::SeqCst) && self.access.lock().lets_in(peer)
    }

    /// A name for a peer on `host` that asks for one; `None` where it is not let in. `challenge` is a fresh random
    /// number.
    pub(crate) fn name_for(&self, host: &str, attempt: AttemptId, challenge: u32) -> Option<Given> {
        if !self.lets_in(host) {
            return None;
        }
        let number = (u64::from(challenge) << 32) ^ attempt.0;
        let random = derived(self.config.salt, "a name", number);
        let creation = u32::try_from(derived(self.config.salt, "its creation", number) >> 32);
        let creation = creation.unwrap_or_default();
        let given = self.dynamic_names.lock().give(host, random, creation);
        self.accepting.lock().insert(given.name.clone(), attempt);
        Some(given)
    }

    /// The peer that was given a name is gone, or, with `was_up` false, did not prove that it may have it.
    pub(crate) fn name_back(&self, given: Given, was_up: bool) {
        let mut names = self.dynamic_names.lock();
        if was_up {
            names.freed(given);
        } else if given.is_reused {
            names.unused(given);
        }
    }

    /// The nodes connected now: name, and whether it is visible.
    #[must_use]
    pub fn connected(&self) -> Vec<(NodeName, bool)> {
        let peers = self.peers.lock();
        let up = peers.values().filter_map(|peer| match peer {
            Peer::Up(link) => Some((link.peer, link.visible)),
            Peer::Connecting(_) => None,
        });
        sorted(up)
    }

    /// The nodes that are connected, or being connected to.
    pub(crate) fn known(&self) -> Vec<NodeName> {
        sorted(self.peers.lock().keys().copied())
    }

    /// How many attempts of peers to connect to this node are under way; for checking that none is kept in vain.
    #[must_use]
    pub fn attempts(&self) -> usize {
        let claimed = self.accepting.lock().len();
        claimed.max(self.open_challenges.lock().len())
    }

    /// How many bytes have been received from all peers and sent to them.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }

    /// The part of a new connection in what all of them hold.
    pub(crate) fn held(&self) -> Held {
        Held::new(Arc::clone(&self.held))
    }

    pub(crate) fn count_bytes(&self, received: usize, sent: usize) {
        self.bytes_in.fetch_add(received as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(sent as u64, Ordering::Relaxed);
    }

    /// How many processes would be told if all connections were lost now; for checking that none is kept in vain.
    #[must_use]
    pub fn concerned(&self) -> usize {
        let peers = self.peers.lock();
        let count = |concerned: &Concerned| concerned.pids.len() + concerned.by_name.len();
        peers
            .values()
            .map(|peer| match peer {
                Peer::Connecting(connecting) => count(&connecting.concerned),
                Peer::Up(link) => count(&link.state.lock().concerned),
            })
            .sum()
    }

    /// Connects to `peer`, unless connected, and tells `done` how that went: [`NameForgotten`](crate::NameForgotten)
    /// where it cannot be told any more which node is meant.
    pub fn connect(
        self: &Arc<Self>,
        peer: NodeName,
        done: impl FnOnce(Result<(), DialError>) + Send + 'static,
    ) {
        let mut peers = self.peers.lock();
        match peers.get_mut(&peer) {
            Some(Peer::Up(_)) => {
                drop(peers);
                done(Ok(()));
            }
            Some(Peer::Connecting(connecting)) => connecting.waiters.push(Box::new(done)),
            None => {
                let _kept = match self.check_new(&peers, peer) {
                    Ok(kept) => kept,
                    Err(error) => {
                        drop(peers);
                        done(Err(error));
                        return;
                    }
                };
                let (mut connecting, dial) = self.begin(peer);
                let awaited = self.own_name.as_ref().map_or(Ok(()), |own| own.begin(connecting.attempt));
                if let Err(error) = awaited {
                    drop(peers);
                    done(Err(Arc::new(error)));
                    return;
                }
                connecting.waiters.push(Box::new(done));
                peers.insert(peer, Peer::Connecting(connecting));
                drop(peers);
                self.dial(dial);
            }
        }
    }

    /// Cuts the connection to `peer`, or the attempt to make one; whether there was any.
    pub fn disconnect(&self, peer: NodeName) -> bool {
        let mut peers = self.silenced(peer);
        match peers.remove(&peer) {
            Some(Peer::Up(link)) => {
                self.link_lost(&link, NodedownReason::Disconnect);
                self.name_lost(peers, &link, NodedownReason::Disconnect);
            }
            Some(Peer::Connecting(connecting)) => {
                drop(peers);
                self.abandon(peer, connecting, &(Arc::new(Abandoned::Disconnected) as DialError));
            }
            None => return false,
        }
        true
    }

    /// Cuts all connections, and lets none be made any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.disconnect_all();
    }

    /// Cuts all connections.
    pub fn disconnect_all(&self) {
        for name in self.known() {
            self.disconnect(name);
        }
    }

    pub(crate) fn challenge_opened(&self, attempt: AttemptId, challenge: u32) {
        self.open_challenges.lock().insert(attempt, challenge);
    }

    pub(crate) fn challenge_closed(&self, attempt: AttemptId) {
        self.open_challenges.lock().remove(&attempt);
    }

    pub(crate) fn open_challenges(&self) -> Vec<u32> {
        self.open_challenges.lock().values().copied().collect()
    }

    pub(crate) fn new_attempt(&self) -> AttemptId {
        AttemptId(self.last_attempt.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A number for a new connection, greater than all before.
    fn new_epoch(&self) -> Epoch {
        Epoch(self.new_attempt().0)
    }

    /// The handshake succeeded: signals that waited are sent, an older connection is lost. `groups` is for how many groups
    /// of senders the carrier has streams.
    pub(crate) fn established(
        &self,
        attempt: AttemptId,
        peer: NodeName,
        (established, groups): (&Established, usize),
    ) -> Result<Arc<Link>, CloseReason> {
        // All in one piece: no signal may find the peer neither connecting nor up, and the loss of an older connection
        // is told before anything of this one can arrive.
        let mut peers = self.silenced(peer);
        if self.is_closed.load(Ordering::SeqCst) {
            // The node has left the cluster while the handshake went on.
            return Err(CloseReason::ClosedHere);
        }
        if !peers.contains_key(&peer) {
            self.check_room(&peers).map_err(CloseReason::TooMany)?;
        }
        self.named(attempt, established)?;
        self.accepting.lock().retain(|_, accepted| *accepted != attempt);
        let connecting = match peers.remove(&peer) {
            Some(Peer::Connecting(connecting)) => connecting,
            Some(Peer::Up(old)) => {
                self.link_lost(&old, NodedownReason::ConnectionClosed);
                Connecting::new(peer, self.new_attempt(), self.new_epoch())
            }
            None => Connecting::new(peer, self.new_attempt(), self.new_epoch()),
        };
        if connecting.is_busy {
            self.processes.link_is_calm();
        }
        // What has waited had a limit of its own.
        let config = self.config.outgoing.clone();
        let lenient = OutgoingConfig { queue_bytes_max: usize::MAX, large_bytes_max: usize::MAX, ..config };
        let mut outgoing = OutgoingStreams::new(established.flags, lenient, groups);
        let mut refused = Vec::new();
        let alias = self.own_name.as_ref().and_then(OwnName::alias);
        for Outbound { control, payload, caller } in connecting.queue {
            let inside = alias.as_ref().map(|_| control.clone());
            let (control, payload) = outward(alias.as_deref(), control, payload);
            if let Err(error) = outgoing.send(caller, &control, payload) {
                tracing::warn!(%peer, "a signal that waited for the connection cannot be sent: {error}");
                refused.push(inside.unwrap_or(control));
            }
        }
        outgoing.set_config(config);
        let visible = established.peer_flags.contains(Flags::PUBLISHED);
        let ids = (connecting.epoch, attempt);
        let flags = (established.flags, visible);
        let link = Link::new(ids, peer, flags, alias, outgoing, connecting.concerned);
        peers.insert(peer, Peer::Up(Arc::clone(&link)));
        let told = self.watchers.lock().node_up(link.connection());
        self.tell_watchers(told);
        drop(peers);
        tracing::info!(%peer, visible, "node up");
        refused.iter().for_each(|control| self.refused(control));
        connecting.senders.into_iter().for_each(Waker::wake);
        connecting.waiters.into_iter().for_each(|waiter| waiter(Ok(())));
        Ok(link)
    }

    /// The connection of this link is gone.
    pub(crate) fn link_down(&self, link: &Arc<Link>, reason: &dyn fmt::Display, nodedown: NodedownReason) {
        tracing::info!(peer = %link.peer, "node down: {reason}");
        let mut peers = self.peers.lock();
        if matches!(peers.get(&link.peer), Some(Peer::Up(current)) if current.attempt == link.attempt) {
            peers.remove(&link.peer);
        }
        self.link_lost(link, nodedown);
        self.name_lost(peers, link, nodedown);
    }

    /// Sends a signal to `peer`, connecting first if need be. `concerned` must hear of the loss of the connection.
    pub(crate) fn transmit(&self, peer: NodeName, concerned: Option<Pid>, signal: Outbound) -> Epoch {
        let mut signal = Some(signal);
        loop {
            let link = match self.link_or_queue(peer, concerned, &mut signal) {
                Ok(link) => link,
                Err(epoch) => return epoch,
            };
            // Where its loss has been told, what was to be sent belongs to the next connection.
            if self.transmit_over(&link, concerned, &mut signal) {
                return link.epoch;
            }
        }
    }

    /// The peers, locked, when nothing acts any more that comes from this one. Whoever calls it closes that connection: what
    /// came before its loss has acted before the loss is told, as OTP promises since 23 (`net_kernel:monitor_nodes/2`).
    pub(crate) fn silenced(&self, peer: NodeName) -> MutexGuard<'_, Peers> {
        loop {
            let peers = self.peers.lock();
            match peers.get(&peer) {
                Some(Peer::Up(link)) if !link.is_silent() => {
                    let link = Arc::clone(link);
                    drop(peers);
                    link.silence();
                }
                Some(Peer::Up(_) | Peer::Connecting(_)) | None => return peers,
            }
        }
    }

    /// The link to `peer`, if it is up.
    pub(crate) fn link(&self, peer: NodeName) -> Option<Arc<Link>> {
        match self.peers.lock().get(&peer) {
            Some(Peer::Up(link)) => Some(Arc::clone(link)),
            Some(Peer::Connecting(_)) | None => None,
        }
    }

    /// Whether there is a connection to `peer`, or one in the making.
    pub(crate) fn knows(&self, peer: NodeName) -> bool {
        self.peers.lock().contains_key(&peer)
    }

    /// Notes that a process needs not be told of anything any more, or not by this peer.
    pub(crate) fn forget_process(&self, pid: Pid, peer: Option<NodeName>) {
        let forget = |peer: &mut Peer| match peer {
            Peer::Connecting(connecting) => {
                connecting.concerned.pids.remove(&pid);
            }
            Peer::Up(link) => {
                link.state.lock().concerned.pids.remove(&pid);
            }
        };
        let mut peers = self.peers.lock();
        match peer {
            Some(peer) => peers.get_mut(&peer).into_iter().for_each(forget),
            None => peers.values_mut().for_each(forget),
        }
    }

    /// The link to the peer; where there is none yet, takes the signal into the queue of the connection that it returns.
    fn link_or_queue(
        &self,
        peer: NodeName,
        concerned: Option<Pid>,
        signal: &mut Option<Outbound>,
    ) -> Result<Arc<Link>, Epoch> {
        let (dial, epoch) = {
            let mut peers = self.peers.lock();
            if let Some(Peer::Up(link)) = peers.get(&peer) {
                return Ok(Arc::clone(link));
            }
            let is_new = !peers.contains_key(&peer);
            if is_new && self.own_name.is_some() && peer == self.name() {
                drop(peers);
                self.to_itself(signal.take());
                return Err(Epoch::NONE);
            }
            let may_begin = || self.check_demand().and_then(|()| self.check_new(&peers, peer));
            let _kept = match is_new.then(may_begin).transpose() {
                Ok(kept) => kept,
                Err(error) => {
                    drop(peers);
                    self.tell_refusal(peer, &error);
                    signal.take().into_iter().for_each(|signal| self.refused(&signal.control));
                    return Err(Epoch::NONE);
                }
            };
            let mut dial = None;
            let entry = peers.entry(peer).or_insert_with(|| {
                let (connecting, begun) = self.begin(peer);
                dial = begun;
                Peer::Connecting(connecting)
            });
            let Peer::Connecting(connecting) = entry else { return Err(Epoch::NONE) };
            let epoch = connecting.epoch;
            connecting.concerned.pids.extend(concerned);
            let Some(signal) = signal.take() else { return Err(epoch) };
            connecting.queued_bytes += signal.payload.as_ref().map_or(0, Body::len) + CONTROL_BYTES;
            if connecting.queued_bytes >= self.config.outgoing.busy_bytes {
                if !std::mem::replace(&mut connecting.is_busy, true) {
                    self.processes.link_is_busy();
                }
                signal.sender().into_iter().for_each(|from| self.processes.suspend_sender(from, peer));
            }
            connecting.queue.push(signal);
            let attempt = connecting.attempt;
            if connecting.queued_bytes > self.config.pending_bytes_max {
                drop(peers);
                self.dial_failed(peer, attempt, Arc::new(Abandoned::PendingQueueFull));
                return Err(epoch);
            }
            (dial, epoch)
        };
        self.dial(dial);
        Err(epoch)
    }

    /// A new attempt, and what to dial for it: nothing where the peer is dialling us.
    fn begin(&self, peer: NodeName) -> (Connecting, Option<Dial>) {
        let accepted = peer.with_text(|text| self.accepting.lock().get(text).copied());
        match accepted {
            Some(attempt) => (Connecting::new(peer, attempt, self.new_epoch()), None),
            None => {
                let mut connecting = Connecting::new(peer, self.new_attempt(), self.new_epoch());
                let dial = connecting.dial(peer, connecting.attempt);
                (connecting, Some(dial))
            }
        }
    }

    pub(crate) fn dial(&self, dial: Option<Dial>) {
        if let (Some(dial), Some(node)) = (dial, self.this.upgrade()) {
            self.network.dial(node, dial);
        }
    }

    /// Closes a link and tells its loss. Called with the peers locked, in one piece with the link's removal: nothing of a
    /// later connection can come in between.
    pub(crate) fn link_lost(&self, link: &Arc<Link>, reason: NodedownReason) {
        if let Some(concerned) = link.close(&self.processes) {
            self.tell_concerned(link.peer, link.epoch, &concerned);
            self.processes.aliases().node_down(link.peer, link.epoch);
            let told = self.watchers.lock().node_down(link.connection(), reason);
            self.tell_watchers(told);
        }
    }

    pub(crate) fn abandon(&self, peer: NodeName, connecting: Connecting, error: &DialError) {
        if let Some(own) = &self.own_name {
            own.failed(connecting.attempt);
        }
        if connecting.is_busy {
            self.processes.link_is_calm();
        }
        self.tell_concerned(peer, connecting.epoch, &connecting.concerned);
        let told = self.watchers.lock().not_reached(peer);
        self.tell_watchers(told);
        connecting.queue.iter().for_each(|signal| self.unsent(&signal.control));
        connecting.senders.into_iter().for_each(Waker::wake);
        fail(connecting.waiters, error);
    }

    /// Counts a message that was never sent, and tells a caller that its request was not.
    fn unsent(&self, control: &Control) {
        // A message; other signals are told of in another way.
        if control.has_payload() && control.reason().is_none() {
            self.processes.count_dropped();
        }
        if let Control::MonitorP { reference, .. } | Control::SpawnRequest { request: reference, .. } =
            control
        {
            self.processes.aliases().unreachable(*reference);
        }
    }

    /// Tells whoever sent a signal that the connection cannot take that it goes nowhere.
    pub(crate) fn refused(&self, control: &Control) {
        self.unsent(control);
        let reason = ExitReason::NoConnection;
        match control {
            Control::MonitorP { from, reference, .. } => {
                let down = ControlSignal::Down { reference: *reference, reason };
                self.processes.signal(*from, &Dest::Pid(*from), down);
            }
            Control::Link { from, to } => {
                self.processes.signal(*to, &Dest::Pid(*from), ControlSignal::LinkExit { from: *to, reason });
            }
            _ => {}
        }
    }

    fn tell_concerned(&self, peer: NodeName, epoch: Epoch, concerned: &Concerned) {
        for pid in &concerned.pids {
            self.processes.node_down(*pid, peer, epoch);
        }
    }

    /// Whether a connection to `peer` may be begun; its name is kept until that is done.
    fn check_new(&self, peers: &Peers, peer: NodeName) -> Result<PinnedNodeName, DialError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(Arc::new(Abandoned::Disconnected));
        }
        self.access.lock().lets_out(peer).map_err(|error| Arc::new(error) as DialError)?;
        self.check_room(peers).map_err(|error| Arc::new(error) as DialError)?;
        known(peer).map_err(|error| Arc::new(error) as DialError)
    }

    fn check_room(&self, peers: &Peers) -> Result<(), TooManyConnections> {
        let limit = self.config.connections_max;
        if peers.len() < limit { Ok(()) } else { Err(TooManyConnections { limit }) }
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

/// What a queued control message is taken to weigh.
const CONTROL_BYTES: usize = 128;

fn fail(waiters: Vec<Waiter>, error: &DialError) {
    waiters.into_iter().for_each(|waiter| waiter(Err(Arc::clone(error))));
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name()).finish_non_exhaustive()
    }
}
