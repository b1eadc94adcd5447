//! What a node counts: every drop, every refusal, every crash.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one node's processes, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    dropped: AtomicU64,
    rejected: AtomicU64,
    crashed: AtomicU64,
    unreceived: AtomicU64,
}

/// The values of [`Counters`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Messages that found no receiver, or for which a mailbox had no room.
    pub dropped: u64,
    /// Messages from outside that their receiver did not understand.
    pub rejected: u64,
    /// Messages that waited for a process when it ended.
    pub unreceived: u64,
    /// Processes that ended for a reason other than `normal` or `shutdown`.
    pub crashed: u64,
}

impl Counters {
    /// The values now.
    #[must_use]
    pub fn read(&self) -> Counted {
        Counted {
            dropped: self.dropped.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            crashed: self.crashed.load(Ordering::Relaxed),
            unreceived: self.unreceived.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unreceived(&self, messages: u64) {
        self.unreceived.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn crashed(&self) {
        self.crashed.fetch_add(1, Ordering::Relaxed);
    }
}
