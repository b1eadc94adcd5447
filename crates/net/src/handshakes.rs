//! Accepting peers, and the places for those that have not proven who they are.
//!
//! Whoever comes when all places are taken gets that of the one who has waited longest: so strangers who say nothing
//! keep nobody out.

use crate::carrier::{Carrier, From, Guest, Listener};
use crate::driver::drive;
use crate::random;
use engset_node::{Channel, CloseReason, Node};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Incoming connections that have not finished their handshake, at a time; one more takes the place of the oldest.
pub const HANDSHAKES_MAX: usize = 256;
/// How long accepting pauses after the operating system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open handshakes of a node.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    last: u64,
    /// Oldest first. Told when the place is wanted for another.
    open: BTreeMap<u64, oneshot::Sender<()>>,
    evicted: u64,
}

/// A place among the open handshakes; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    handshakes: Arc<Handshakes>,
    number: u64,
}

impl Handshakes {
    /// A place, and what completes when it is wanted for another. The oldest loses its place when all are taken.
    pub(crate) fn enter(self: &Arc<Self>) -> (Place, oneshot::Receiver<()>) {
        let (sender, evicted) = oneshot::channel();
        let mut places = self.places.lock();
        if places.open.len() >= HANDSHAKES_MAX
            && let Some((_, oldest)) = places.open.pop_first()
        {
            places.evicted = places.evicted.saturating_add(1);
            // It may just have ended.
            oldest.send(()).ok();
        }
        places.last += 1;
        let number = places.last;
        places.open.insert(number, sender);
        (Place { handshakes: Arc::clone(self), number }, evicted)
    }

    /// How many have lost their place to a newer one.
    pub(crate) fn evicted(&self) -> u64 {
        self.places.lock().evicted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.handshakes.places.lock().open.remove(&self.number);
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
    loop {
        match listener.accept().await {
            Ok((guest, from)) => {
                let (place, evicted) = handshakes.enter();
                let (carrier, node) = (carrier.clone(), Arc::clone(&node));
                scheduler.spawn_task(async move {
                    tokio::select! {
                        () = receive(guest, from, carrier, node, place) => {}
                        () = eviction(evicted) => {
                            tracing::warn!(%from, "too many open handshakes: the oldest is closed");
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                scheduler.sleep(ACCEPT_PAUSE).await;
            }
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
    let carried = match carrier.welcome(guest, &scheduler, limit).await {
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
        Ok(channel) => channel,
        Err(error) => return tracing::error!("this node cannot accept connections: {error}"),
    };
    let channel = match carried.names {
        Some(names) => channel.check_name(names),
        None => channel,
    };
    match drive(channel, carried.stream, scheduler, Some(place)).await {
        reason @ CloseReason::Impostor(_) => tracing::warn!(%from, "{reason}"),
        reason @ CloseReason::Handshake(_) => tracing::info!(%from, "no connection: {reason}"),
        reason => tracing::debug!(%from, "connection ended: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{HANDSHAKES_MAX, Handshakes};
    use std::sync::Arc;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn the_oldest_gives_its_place_to_one_too_many() {
        let handshakes = Arc::new(Handshakes::default());
        let mut places: Vec<_> = (0..HANDSHAKES_MAX).map(|_| handshakes.enter()).collect();
        assert!(places.iter_mut().all(|(_, evicted)| evicted.try_recv() == Err(TryRecvError::Empty)));
        assert_eq!(handshakes.evicted(), 0);
        let one_more = handshakes.enter();
        assert_eq!(places[0].1.try_recv(), Ok(()));
        assert_eq!(places[1].1.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(handshakes.evicted(), 1);
        // A place that is given back is free.
        drop(one_more);
        let _again = handshakes.enter();
        assert_eq!(places[1].1.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(handshakes.evicted(), 1);
    }
}
