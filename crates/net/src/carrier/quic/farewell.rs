//! The end of a connection over QUIC: what was written arrives, then the peer is told.
//!
//! Closing at once would throw away what is under way, which a TCP connection delivers. So the streams for groups are
//! ended first, and the main one, whose end tells the peer, when all of theirs has arrived.

use engset_process::Scheduler;
use parking_lot::Mutex;
use quinn::{Connection, SendStream, VarInt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The code with which connections are closed.
pub(super) const DONE: VarInt = VarInt::from_u32(0);

/// How long a connection lingers at most for its peer to take what was written.
const LINGER: Duration = Duration::from_secs(1);
/// How many connections linger at a time, in all; one more is closed at once.
const LINGERING_MAX: usize = 1_024;

/// What is left of a connection when its driver is done with it.
#[derive(Debug)]
pub(super) struct Farewell {
    connection: Connection,
    scheduler: Scheduler,
    places: Arc<Places>,
    groups: Mutex<Vec<SendStream>>,
}

/// The places for connections that linger.
#[derive(Debug, Default)]
pub(super) struct Places(AtomicUsize);

/// One of them; free again when dropped.
#[derive(Debug)]
struct Place(Arc<Places>);

impl Places {
    fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(self));
        (self.0.fetch_add(1, Ordering::Relaxed) < LINGERING_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Farewell {
    pub(super) fn new(connection: Connection, scheduler: Scheduler, places: Arc<Places>) -> Arc<Self> {
        Arc::new(Self { connection, scheduler, places, groups: Mutex::default() })
    }

    /// What the connection's tasks run on.
    pub(super) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The driver is done with the streams for groups.
    pub(super) fn leave_groups(&self, groups: impl IntoIterator<Item = SendStream>) {
        self.groups.lock().extend(groups);
    }

    /// The driver is done with the main stream too: ends the connection.
    pub(super) fn leave(&self, main: SendStream) {
        let connection = self.connection.clone();
        let groups = std::mem::take(&mut *self.groups.lock());
        let Some(place) = self.places.enter().filter(|_| connection.close_reason().is_none()) else {
            return connection.close(DONE, b"");
        };
        let late = self.scheduler.sleep(LINGER);
        self.scheduler.spawn_task(async move {
            tokio::select! {
                () = end(groups, main) => {}
                _ = connection.closed() => {}
                () = late => {}
            }
            connection.close(DONE, b"");
            drop(place);
        });
    }
}

/// Ends the streams, the main one last, and waits until the peer has all of them.
async fn end(mut groups: Vec<SendStream>, mut main: SendStream) {
    // Errors say that a stream has ended already.
    for group in &mut groups {
        drop(group.finish());
    }
    for group in &groups {
        drop(group.stopped().await);
    }
    drop(main.finish());
    drop(main.stopped().await);
}

#[cfg(test)]
mod tests {
    use super::{LINGERING_MAX, Places};
    use std::sync::Arc;

    #[test]
    fn the_places_to_linger_have_a_limit_at_both_sides_of_it() {
        let places = Arc::new(Places::default());
        let mut taken: Vec<_> = (0..LINGERING_MAX).map(|_| places.enter().expect("there is one")).collect();
        assert!(places.enter().is_none());
        taken.pop();
        taken.push(places.enter().expect("one is free again"));
        assert!(places.enter().is_none());
    }
}
