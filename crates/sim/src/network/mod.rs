//! An in-memory network between nodes: streams of bytes with latency, pieces of any size, and faults.
//!
//! Each stream has two ends; each end drives the channel of its node, as a socket's driver would. Bytes keep their
//! order. A partition holds back whatever would arrive during it, in both directions, and lets dials time out; when
//! it is healed, what was held arrives. All delays and sizes are drawn from the seed.

mod end;
mod pipe;

use crate::facts::{Fact, Facts, hash};
use crate::ledger::Loss;
use bytes::Bytes;
use end::{End, EndId};
use engset_dist::handshake::{Framing, TIMEOUT_DEFAULT};
use engset_node::{Channel, CloseReason, Dial, Network, Node};
use engset_process::{Scheduler, Seeded};
use engset_term::{Instant, NodeName};
use parking_lot::Mutex;
use pipe::Parcel;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a dial into a partition takes to fail.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the largest piece into which a write is cut.
const PIECE_BYTES_MAX: u64 = 48 * 1024;
/// How long a byte occupies the wire.
const NANOS_PER_BYTE: u64 = 4;

/// A dial that did not get as far as a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// No node of that name runs.
    Refused(NodeName),
    /// A partition is in between.
    TimedOut(NodeName),
    /// The dialling node itself has crashed.
    Crashed,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(peer) => write!(f, "no node {peer} runs"),
            Self::TimedOut(peer) => write!(f, "no way to {peer}"),
            Self::Crashed => f.write_str("the dialling node has crashed"),
        }
    }
}

impl Error for Unreachable {}

/// A stream was cut by the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was cut")
    }
}

impl Error for Cut {}

/// The network.
pub(crate) struct Fabric {
    this: Weak<Self>,
    scheduler: Scheduler,
    seeded: Arc<Seeded>,
    inner: Mutex<Inner>,
}

struct Inner {
    running: BTreeMap<NodeName, Weak<Node>>,
    ends: BTreeMap<EndId, Arc<End>>,
    apart: BTreeSet<(NodeName, NodeName)>,
    latency_micros: RangeInclusive<u64>,
    last_stream: u64,
    facts: Facts,
    gave_way: Vec<Loss>,
}

impl Fabric {
    pub(crate) fn new(seeded: Arc<Seeded>) -> Arc<Self> {
        let inner = Inner {
            running: BTreeMap::new(),
            ends: BTreeMap::new(),
            apart: BTreeSet::new(),
            latency_micros: 50..=2_000,
            last_stream: 0,
            facts: Facts::default(),
            gave_way: Vec::new(),
        };
        let scheduler = Scheduler::Seeded(Arc::clone(&seeded));
        Arc::new_cyclic(|this| Self { this: Weak::clone(this), scheduler, seeded, inner: Mutex::new(inner) })
    }

    /// Lets peers reach `node`.
    pub(crate) fn listen(&self, node: &Arc<Node>) {
        self.inner.lock().running.insert(node.name(), Arc::downgrade(node));
    }

    /// The node is gone: its ends close, and its peers see the end of the streams.
    pub(crate) fn crash(&self, name: NodeName) {
        self.inner.lock().running.remove(&name);
        for end in self.ends_where(|end| end.node == name) {
            self.close(&end, None);
        }
    }

    pub(crate) fn set_latency(&self, micros: RangeInclusive<u64>) {
        self.inner.lock().latency_micros = micros;
    }

    /// Nothing gets through between the two from now on; neither is told.
    pub(crate) fn partition(&self, a: NodeName, b: NodeName) {
        self.fact(Fact::Note(format!("{a} and {b} are apart")));
        self.inner.lock().apart.insert(pair(a, b));
    }

    /// Bytes get through again, those held first.
    pub(crate) fn heal(&self, a: NodeName, b: NodeName) {
        if !self.inner.lock().apart.remove(&pair(a, b)) {
            return;
        }
        self.fact(Fact::Note(format!("{a} and {b} see each other again")));
        for end in self.ends_where(|end| pair(end.node, end.peer) == pair(a, b)) {
            let owed = end.state.lock().incoming.release();
            for _ in 0..owed {
                let id = end.id;
                self.at(self.now(), move |fabric| fabric.arrive(id));
            }
        }
    }

    /// Who is apart from whom.
    pub(crate) fn apart(&self) -> Vec<(NodeName, NodeName)> {
        self.inner.lock().apart.iter().copied().collect()
    }

    /// Breaks all streams between the two; both ends see it at once, and what was on its way is lost.
    pub(crate) fn cut(&self, a: NodeName, b: NodeName) {
        self.fact(Fact::Note(format!("streams between {a} and {b} are cut")));
        for end in self.ends_where(|end| pair(end.node, end.peer) == pair(a, b)) {
            let reason = {
                let mut state = end.state.lock();
                let with_error = self.seeded.draw(2) == 0;
                state.channel.as_mut().map(|channel| {
                    if with_error {
                        channel.handle_carrier_error(Arc::new(Cut))
                    } else {
                        channel.handle_eof()
                    }
                })
            };
            self.close(&end, reason.as_ref());
        }
    }

    /// How many streams there are between the two that are up at both ends.
    pub(crate) fn streams_up(&self, a: NodeName, b: NodeName) -> usize {
        let ends = self.ends_where(|end| pair(end.node, end.peer) == pair(a, b) && end.state.lock().up);
        let streams: Vec<u64> = ends.iter().map(|end| end.id.stream).collect();
        streams.windows(2).filter(|two| two[0] == two[1]).count()
    }

    /// When a peer that was given way to must have connected at the latest.
    pub(crate) fn gave_way(&self) -> Vec<Loss> {
        self.inner.lock().gave_way.clone()
    }

    pub(crate) fn fact(&self, fact: Fact) {
        self.inner.lock().facts.add(&self.seeded, fact);
    }

    pub(crate) fn facts<R>(&self, read: impl FnOnce(&[(Instant, Fact)]) -> R) -> R {
        read(self.inner.lock().facts.all())
    }

    pub(crate) fn now(&self) -> Instant {
        self.seeded.now()
    }

    /// Runs `action` at `due`, if the network is still there.
    pub(crate) fn at(&self, due: Instant, action: impl FnOnce(&Self) + Send + 'static) {
        let this = Weak::clone(&self.this);
        // Not cancelled by dropping the handle.
        drop(self.scheduler.run_at(due, move || {
            if let Some(fabric) = this.upgrade() {
                action(&fabric);
            }
        }));
    }

    /// Writes what the end's channel has to write.
    pub(crate) fn pump(&self, id: EndId) {
        let Some(end) = self.end(id) else { return };
        let mut pieces = Vec::new();
        let result = {
            let mut state = end.state.lock();
            if state.busy_until > self.now() {
                return;
            }
            let Some(channel) = state.channel.as_mut() else { return };
            let result = channel.poll_transmit(&mut pieces, &end.waker);
            let written: usize = pieces.iter().map(Bytes::len).sum();
            if written > 0 {
                let nanos = u64::try_from(written).unwrap_or(u64::MAX).saturating_mul(NANOS_PER_BYTE);
                state.busy_until = self.now().saturating_add(Duration::from_nanos(nanos));
                self.at(state.busy_until, move |fabric| fabric.pump(id));
            }
            result
        };
        self.write(&end, &pieces);
        if let Err(reason) = result {
            self.close(&end, Some(&reason));
        } else {
            self.set_alarm(&end);
        }
    }

    fn reach(&self, node: &Arc<Node>, dial: Dial) {
        let fail = |unreachable: Unreachable| {
            self.fact(Fact::NotReached { node: node.name(), peer: dial.peer });
            node.dial_failed(dial.peer, dial.attempt, Arc::new(unreachable));
        };
        if !self.is_running(node) {
            return fail(Unreachable::Crashed);
        }
        if self.is_apart(node.name(), dial.peer) {
            let node = Arc::downgrade(node);
            let due = self.now().saturating_add(CONNECT_TIMEOUT);
            self.at(due, move |fabric| {
                if let Some(node) = node.upgrade() {
                    fabric.fact(Fact::NotReached { node: node.name(), peer: dial.peer });
                    let error = Arc::new(Unreachable::TimedOut(dial.peer));
                    node.dial_failed(dial.peer, dial.attempt, error);
                }
            });
            return;
        }
        let Some(peer) = self.inner.lock().running.get(&dial.peer).and_then(Weak::upgrade) else {
            return fail(Unreachable::Refused(dial.peer));
        };
        self.join(node, &peer, dial);
    }

    /// Makes a stream with a channel at each end.
    fn join(&self, node: &Arc<Node>, peer: &Arc<Node>, dial: Dial) {
        if !node.goes_on(dial) {
            return;
        }
        let now = self.now();
        let dialled = Channel::dialled(Arc::clone(node), dial, now, self.challenge(), Framing::Two);
        let accepted = Channel::accepted(Arc::clone(peer), now, self.challenge(), Framing::Two);
        let (dialled, accepted) = match (dialled, accepted) {
            (Ok(dialled), Ok(accepted)) => (dialled, accepted),
            (Err(error), _) | (_, Err(error)) => {
                node.dial_failed(dial.peer, dial.attempt, Arc::new(error));
                return;
            }
        };
        let stream = {
            let mut inner = self.inner.lock();
            inner.last_stream += 1;
            inner.last_stream
        };
        let names = (node.name(), peer.name());
        let near = EndId { stream, dialled: true };
        let far = near.other();
        let ends = [
            End::new(&self.this, near, names, dialled),
            End::new(&self.this, far, (names.1, names.0), accepted),
        ];
        self.inner.lock().ends.extend(ends.map(|end| (end.id, end)));
        self.pump(far);
        self.pump(near);
    }

    fn arrive(&self, id: EndId) {
        let Some(end) = self.end(id) else { return };
        let parcel = {
            let mut state = end.state.lock();
            if self.is_apart(end.node, end.peer) {
                state.incoming.hold();
                return;
            }
            state.incoming.arrive()
        };
        match parcel {
            Some(Parcel::Bytes(bytes)) => {
                self.seeded.note(hash(&bytes) ^ id.stream);
                self.handle(&end, |channel, now| channel.handle_bytes(now, &bytes));
            }
            Some(Parcel::Eof) => self.handle(&end, |channel, _| Err(channel.handle_eof())),
            None => {}
        }
    }

    fn handle(&self, end: &Arc<End>, act: impl FnOnce(&mut Channel, Instant) -> Result<(), CloseReason>) {
        let now = self.now();
        let (result, came_up) = {
            let mut state = end.state.lock();
            let Some(channel) = state.channel.as_mut() else { return };
            let result = act(channel, now);
            let up = channel.peer().is_some();
            (result, up && !std::mem::replace(&mut state.up, up))
        };
        if came_up {
            self.fact(Fact::Up { node: end.node, peer: end.peer });
        }
        match result {
            Ok(()) => self.pump(end.id),
            Err(reason) => {
                // What the channel still has to say goes first.
                let mut pieces = Vec::new();
                if let Some(channel) = end.state.lock().channel.as_mut() {
                    // The first reason to close is the one that counts.
                    drop(channel.poll_transmit(&mut pieces, &end.waker));
                }
                self.write(end, &pieces);
                self.close(end, Some(&reason));
            }
        }
    }

    fn write(&self, end: &End, pieces: &[Bytes]) {
        let Some(other) = self.end(end.id.other()) else { return };
        for piece in pieces {
            let mut rest = piece.clone();
            while !rest.is_empty() {
                let largest = if self.seeded.draw(8) == 0 { 16 } else { PIECE_BYTES_MAX };
                let cut = usize::try_from(1 + self.seeded.draw(largest)).unwrap_or(1);
                self.send(&other, Parcel::Bytes(rest.split_to(cut.min(rest.len()))));
            }
        }
    }

    fn send(&self, to: &End, parcel: Parcel) {
        let due = self.now().saturating_add(self.latency());
        let due = to.state.lock().incoming.push(parcel, due);
        let id = to.id;
        self.at(due, move |fabric| fabric.arrive(id));
    }

    fn close(&self, end: &Arc<End>, reason: Option<&CloseReason>) {
        let channel = {
            let mut state = end.state.lock();
            if let Some((_, timer)) = state.alarm.take() {
                timer.cancel();
            }
            state.channel.take()
        };
        let Some(channel) = channel else { return };
        if let Some(CloseReason::PeerDialsUs) = reason {
            let at = self.now().saturating_add(TIMEOUT_DEFAULT);
            self.inner.lock().gave_way.push(Loss { at, node: end.node, peer: end.peer });
        }
        let reason = reason.map_or_else(|| "the node crashed".to_owned(), ToString::to_string);
        self.inner.lock().ends.remove(&end.id);
        self.fact(Fact::Down { node: end.node, peer: end.peer, reason });
        // Tells the node.
        drop(channel);
        if let Some(other) = self.end(end.id.other()) {
            self.send(&other, Parcel::Eof);
        }
    }

    fn set_alarm(&self, end: &Arc<End>) {
        let mut state = end.state.lock();
        let due = state.channel.as_ref().and_then(Channel::poll_timeout);
        if state.alarm.as_ref().map(|(due, _)| *due) == due {
            return;
        }
        if let Some((_, timer)) = state.alarm.take() {
            timer.cancel();
        }
        if let Some(due) = due {
            let (this, id) = (Weak::clone(&self.this), end.id);
            let timer = self.scheduler.run_at(due, move || {
                if let Some(fabric) = this.upgrade() {
                    fabric.alarm(id);
                }
            });
            state.alarm = Some((due, timer));
        }
    }

    fn alarm(&self, id: EndId) {
        let Some(end) = self.end(id) else { return };
        end.state.lock().alarm = None;
        self.handle(&end, |channel, now| channel.handle_timeout(now));
        self.set_alarm(&end);
    }

    fn end(&self, id: EndId) -> Option<Arc<End>> {
        self.inner.lock().ends.get(&id).cloned()
    }

    fn ends_where(&self, wanted: impl Fn(&End) -> bool) -> Vec<Arc<End>> {
        let all: Vec<Arc<End>> = self.inner.lock().ends.values().cloned().collect();
        all.into_iter().filter(|end| wanted(end)).collect()
    }

    fn is_running(&self, node: &Arc<Node>) -> bool {
        let inner = self.inner.lock();
        inner.running.get(&node.name()).is_some_and(|running| running.as_ptr() == Arc::as_ptr(node))
    }

    fn is_apart(&self, a: NodeName, b: NodeName) -> bool {
        self.inner.lock().apart.contains(&pair(a, b))
    }

    fn latency(&self) -> Duration {
        let range = self.inner.lock().latency_micros.clone();
        Duration::from_micros(range.start() + self.seeded.draw(range.end() - range.start() + 1))
    }

    fn challenge(&self) -> u32 {
        u32::try_from(self.seeded.draw(1 << 32)).unwrap_or_default()
    }
}

impl Network for Fabric {
    fn dial(&self, node: Arc<Node>, dial: Dial) {
        self.fact(Fact::Dial { node: node.name(), peer: dial.peer });
        let due = self.now().saturating_add(self.latency());
        self.at(due, move |fabric| fabric.reach(&node, dial));
    }
}

fn pair(a: NodeName, b: NodeName) -> (NodeName, NodeName) {
    (a.min(b), a.max(b))
}
