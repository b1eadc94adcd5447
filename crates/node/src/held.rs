//! What all connections hold of frames and signals that are not complete yet, and who has to go when it is too much.
//!
//! Each connection has limits of its own; many together may still hold more than a machine has. When the sum is over
//! the limit, a connection that holds more than its equal share is closed as soon as it brings more; one that holds
//! less goes on.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What incomplete frames and signals of all peers may hold, in bytes, unless configured otherwise.
pub const HELD_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The sum over a node's connections.
#[derive(Debug, Default)]
pub(crate) struct HeldBytes {
    bytes: AtomicUsize,
    connections: AtomicUsize,
}

/// One connection's part; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    sum: Arc<HeldBytes>,
    bytes: usize,
}

/// A connection was closed because of what it made this node hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldsTooMuch {
    /// What the peer has sent of signals that are not complete, in bytes.
    pub held: usize,
    /// The limit for all connections together, in bytes, from the node's configuration.
    pub limit: usize,
}

impl fmt::Display for HoldsTooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, limit } = self;
        write!(
            f,
            "incomplete signals of all peers hold more than {limit} bytes, and those of this one {held}, more than its share; send smaller messages, or raise `held_bytes_max`"
        )
    }
}

impl Error for HoldsTooMuch {}

impl Held {
    pub(crate) fn new(sum: Arc<HeldBytes>) -> Self {
        sum.connections.fetch_add(1, Ordering::Relaxed);
        Self { sum, bytes: 0 }
    }

    /// Notes what the connection holds now.
    pub(crate) fn set(&mut self, bytes: usize, limit: usize) -> Result<(), HoldsTooMuch> {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes <= before {
            self.sum.bytes.fetch_sub(before - bytes, Ordering::Relaxed);
            return Ok(());
        }
        let more = bytes - before;
        let all = self.sum.bytes.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        let share = limit / self.sum.connections.load(Ordering::Relaxed).max(1);
        if all > limit && bytes > share { Err(HoldsTooMuch { held: bytes, limit }) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.sum.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.sum.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, HeldBytes, HoldsTooMuch};
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    const LIMIT: usize = 1_000;

    #[test]
    fn the_sum_has_a_limit_at_both_sides_of_it() {
        for (bytes, expected) in
            [(999, Ok(())), (1_000, Ok(())), (1_001, Err(HoldsTooMuch { held: 1_001, limit: LIMIT }))]
        {
            let mut held = Held::new(Arc::default());
            assert_eq!(held.set(bytes, LIMIT), expected);
        }
    }

    #[test]
    fn who_holds_more_than_its_share_goes() {
        let sum: Arc<HeldBytes> = Arc::default();
        let [mut greedy, mut modest, _idle, mut late] = [(); 4].map(|()| Held::new(Arc::clone(&sum)));
        assert_eq!(greedy.set(900, LIMIT), Ok(()));
        // At its share, a quarter, a connection is let be, although the sum is over the limit.
        assert_eq!(modest.set(250, LIMIT), Ok(()));
        assert_eq!(modest.set(251, LIMIT), Err(HoldsTooMuch { held: 251, limit: LIMIT }));
        assert_eq!(greedy.set(901, LIMIT), Err(HoldsTooMuch { held: 901, limit: LIMIT }));
        drop(greedy);
        // The three left hold 251, and each may hold a third or what nobody else does.
        assert_eq!(late.set(749, LIMIT), Ok(()));
        assert_eq!(late.set(10, LIMIT), Ok(()));
        drop((modest, late));
        assert_eq!(sum.bytes.load(Ordering::Relaxed), 0);
    }
}
