//! Accepting peers, and the places for those that have not proven who they are.
//!
//! Who gets a place, and who loses it to another, is decided by [`Admission`].

use crate::carrier::{Carrier, From, Guest, Listener};
use crate::driver::drive;
use crate::random;
use engset_dist::handshake::HandshakeError;
use engset_node::{
    Admission, AdmissionConfig, AdmissionCounts, Channel, CloseReason, End, Entry, GuestId, Node,
};
use engset_process::{Scheduler, yield_now};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long accepting pauses after the operating system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// So many are accepted in a row before others, and those that were accepted, have their turn.
pub(crate) const ACCEPTS_PER_TURN: usize = 16;

/// The open handshakes of a node.
#[derive(Debug)]
pub(crate) struct Handshakes {
    scheduler: Scheduler,
    places: Mutex<Places>,
}

#[derive(Debug)]
struct Places {
    admission: Admission,
    /// Told when the place is wanted for another.
    open: BTreeMap<GuestId, oneshot::Sender<()>>,
}

/// A place among the open handshakes; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    handshakes: Arc<Handshakes>,
    guest: GuestId,
    end: End,
}

impl Handshakes {
    pub(crate) fn new(scheduler: Scheduler, config: AdmissionConfig) -> Self {
        let places = Places { admission: Admission::new(config), open: BTreeMap::new() };
        Self { scheduler, places: Mutex::new(places) }
    }

    /// A place, and what completes when it is wanted for another; none for who is refused.
    fn enter(self: &Arc<Self>, from: From) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut places = self.places.lock();
        let (guest, evicted) = match places.admission.handle_open(self.scheduler.now(), address(from)) {
            Entry::Place { guest, evicted } => (guest, evicted),
            Entry::Refused { why, is_first } => {
                drop(places);
                if is_first {
                    tracing::warn!(%from, "a connection is closed unread: {why}");
                }
                return None;
            }
        };
        for loser in evicted {
            // It may just have ended.
            places.open.remove(&loser).and_then(|loser| loser.send(()).ok());
        }
        let (sender, lost) = oneshot::channel();
        places.open.insert(guest, sender);
        Some((Place { handshakes: Arc::clone(self), guest, end: End::Failed }, lost))
    }

    /// What strangers did so far.
    pub(crate) fn counts(&self) -> AdmissionCounts {
        self.places.lock().admission.counts()
    }

    /// How many handshakes are open.
    pub(crate) fn open(&self) -> usize {
        self.places.lock().admission.open()
    }
}

impl Place {
    /// The peer has proven who it is: the place is free.
    pub(crate) fn proven(mut self) {
        self.end = End::Proven;
    }

    /// The connection ended before that.
    pub(crate) fn ended(mut self, reason: &CloseReason) {
        self.end = match reason {
            CloseReason::Handshake(HandshakeError::CookieMismatch { .. }) => End::Guessed,
            // An honest peer may be told so, too.
            CloseReason::Handshake(HandshakeError::Duplicate)
            | CloseReason::PeerDialsUs
            | CloseReason::Refused
            | CloseReason::TooMany(_)
            | CloseReason::ClosedHere => End::Settled,
            _ => End::Failed,
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.handshakes.places.lock();
        places.open.remove(&self.guest);
        places.admission.handle_end(self.handshakes.scheduler.now(), self.guest, self.end);
    }
}

fn address(from: From) -> Option<IpAddr> {
    match from {
        From::Tcp(at) => Some(at.ip()),
        From::Unix => None,
        #[cfg(feature = "quic")]
        From::Quic(at) => Some(at.ip()),
    }
}

/// Accepts peers until the node's threads end.
pub(crate) async fn accept(
    listener: Listener,
    carrier: Carrier,
    node: Arc<Node>,
    handshakes: Arc<Handshakes>,
) {
    let scheduler = node.processes().scheduler().clone();
    for accepted in 1_usize.. {
        match listener.accept().await {
            Ok((guest, from)) => {
                if let Some((place, evicted)) = handshakes.enter(from) {
                    let (carrier, node) = (carrier.clone(), Arc::clone(&node));
                    scheduler.spawn_task(async move {
                        tokio::select! {
                            () = receive(guest, from, carrier, node, place) => {}
                            () = eviction(evicted) => {
                                tracing::info!(%from, "too many open handshakes: this one is closed");
                            }
                        }
                    });
                }
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                scheduler.sleep(ACCEPT_PAUSE).await;
            }
        }
        if accepted.is_multiple_of(ACCEPTS_PER_TURN) {
            yield_now().await;
        }
    }
}

/// Completes when the place is lost; never when it was given back.
async fn eviction(evicted: oneshot::Receiver<()>) {
    if evicted.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One connection that a peer has opened, from its first byte to its end.
async fn receive(guest: Guest, from: From, carrier: Carrier, node: Arc<Node>, place: Place) {
    let scheduler = node.processes().scheduler().clone();
    let limit = node.config().handshake_timeout;
    // Boxed: it is over soon, and of some carriers much longer than what follows.
    let carried = match Box::pin(carrier.welcome(guest, &scheduler, limit)).await {
        Ok(carried) => carried,
        Err(error) => return tracing::info!(%from, "a connection is of no use: {error}"),
    };
    let challenge = match random::challenge() {
        Ok(challenge) => challenge,
        Err(error) => {
            return tracing::error!("a connection is refused, this machine gives no random numbers: {error}");
        }
    };
    let channel = match Channel::accepted(node, scheduler.now(), challenge, carried.framing) {
        Ok(channel) => channel.with_groups(carried.groups()),
        Err(error) => return tracing::error!("this node cannot accept connections: {error}"),
    };
    let channel = match carried.names {
        Some(names) => channel.check_name(names),
        None => channel,
    };
    match drive(channel, carried.stream, carried.beside, scheduler, Some(place)).await {
        reason @ CloseReason::Impostor(_) => tracing::warn!(%from, "{reason}"),
        reason @ CloseReason::Handshake(_) => tracing::info!(%from, "no connection: {reason}"),
        reason => tracing::debug!(%from, "connection ended: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCEPTS_PER_TURN, Handshakes, accept};
    use crate::carrier::{Carrier, Listener};
    use engset_dist::handshake::Cookie;
    use engset_node::{AdmissionConfig, Dial, Network, Node, NodeConfig};
    use engset_process::Scheduler;
    use engset_term::NodeName;
    use std::net::TcpStream;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    /// Dials nobody.
    struct Nowhere;

    impl Network for Nowhere {
        fn dial(&self, _: Arc<Node>, _: Dial) {}
    }

    #[test]
    fn who_was_accepted_has_its_turn_before_more_are() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = crate::listening::listen("127.0.0.1:0".parse().unwrap()).unwrap();
            let at = listener.local_addr().unwrap();
            let peers: Vec<_> =
                (0..2 * ACCEPTS_PER_TURN + 1).map(|_| TcpStream::connect(at).unwrap()).collect();
            let scheduler = Scheduler::seeded(1);
            let cookie = Cookie::new("a cookie of tests").unwrap();
            let config = NodeConfig::new(NodeName::new("node@127.0.0.1").unwrap(), 7, cookie, 0);
            let node = Node::new(config, scheduler.clone(), Arc::new(Nowhere));
            let handshakes = Arc::new(Handshakes::new(scheduler, AdmissionConfig::default()));
            let accepting = accept(Listener::Tcp(listener), Carrier::Tcp, node, Arc::clone(&handshakes));
            // As on a worker, where tokio counts nothing.
            let mut accepting = pin!(tokio::task::unconstrained(accepting));
            let mut turns = vec![0];
            while handshakes.open() < peers.len() {
                assert!(accepting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                if handshakes.open() > turns[turns.len() - 1] {
                    turns.push(handshakes.open());
                }
                tokio::task::yield_now().await;
            }
            assert_eq!(turns, [0, ACCEPTS_PER_TURN, 2 * ACCEPTS_PER_TURN, peers.len()]);
        });
    }
}
