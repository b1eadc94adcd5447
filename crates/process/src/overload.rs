//! How much may wait for a process, and what happens to what is too much.
//!
//! A mailbox grows without bound unless its process was started with [`MailboxLimits`]. Signals (links, monitors, exits)
//! are never refused and never dropped; every message that is refused or dropped is counted, so that for each process
//! at any time: sent = received + waiting + refused + dropped.

use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use parking_lot::Mutex;
use std::task::Waker;

/// So many senders may wait for room at one mailbox; more are refused.
pub const WAITING_SENDERS_MAX: usize = 65_536;

/// A message from another node that is no longer, in bytes, is copied where it waits at a mailbox with limits: it keeps what
/// it was read with otherwise, of which nobody counts more than its own bytes.
pub const APART_BYTES_MAX: usize = 16 * 1024;

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// The sender gets it back, with [`crate::SendError::Overloaded`]. One from another node is dropped.
    #[default]
    Refuse,
    /// As [`WhenFull::Refuse`]; and [`crate::Cx::send_when_ready`] waits for room.
    Wait,
    /// The one that has waited longest is dropped for it.
    DropOldest,
    /// It is dropped, and the sender not told.
    DropNewest,
}

/// How much may wait for one process.
///
/// ```
/// use engset_process::{MailboxLimits, WhenFull};
///
/// let latest_prices = MailboxLimits::messages(1_000).when_full(WhenFull::DropOldest);
/// let uploads = MailboxLimits::bytes(64 << 20).watermarks(500, 100);
/// # drop((latest_prices, uploads));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) high: usize,
    pub(crate) low: usize,
}

impl MailboxLimits {
    const NONE: Self = Self {
        messages: usize::MAX,
        bytes: usize::MAX,
        when_full: WhenFull::Refuse,
        high: usize::MAX,
        low: 0,
    };

    /// At most so many messages.
    #[must_use]
    pub const fn messages(messages: usize) -> Self {
        Self { messages, ..Self::NONE }
    }

    /// Grows up to so many bytes, by [`crate::Protocol::size`] for values and by the length of their encoding for
    /// messages from outside.
    #[must_use]
    pub const fn bytes(bytes: usize) -> Self {
        Self { bytes, ..Self::NONE }
    }

    /// Also at most so many bytes.
    #[must_use]
    pub const fn and_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// What happens to a message for which there is no room; [`WhenFull::Refuse`] without.
    #[must_use]
    pub const fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }

    /// Tells (by `tracing`, and to the node's [`crate::Processes::set_system_monitor`]) when `high` messages wait, and
    /// when they have become no more than `low` again.
    #[must_use]
    pub const fn watermarks(self, high: usize, low: usize) -> Self {
        Self { high, low, ..self }
    }
}

/// What is done with one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Take,
    Refuse,
    DropNewest,
    /// It is taken, and the oldest goes.
    DropOldest,
}

/// What a sender whose message was refused can expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// There may be room now: the next attempt tells.
    Perhaps,
    /// There is none; its waker is used when there may be some.
    Later,
    /// It may not wait, or would wait in vain.
    Never,
}

/// What waits at one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Load {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl MailboxLimits {
    /// Decides about one more message of so many bytes.
    pub(crate) fn decide(&self, load: Load, bytes: usize) -> Verdict {
        let fits = load.messages < self.messages && load.bytes.saturating_add(bytes) <= self.bytes;
        match self.when_full {
            _ if fits => Verdict::Take,
            WhenFull::Refuse | WhenFull::Wait => Verdict::Refuse,
            WhenFull::DropNewest => Verdict::DropNewest,
            // Nothing that could go makes room for what is too large by itself.
            WhenFull::DropOldest if load.messages == 0 || bytes > self.bytes => Verdict::DropNewest,
            WhenFull::DropOldest => Verdict::DropOldest,
        }
    }
}

/// The limits of one process and what has come of them.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) limits: MailboxLimits,
    /// Bytes of the messages that were taken in. Changed under the door's lock.
    bytes_in: AtomicUsize,
    /// Bytes of the messages that have left the mailbox. Only the process adds to it.
    pub(crate) bytes_out: AtomicUsize,
    /// So many of the oldest the process must drop before it receives again.
    pub(crate) excess: AtomicUsize,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) is_above: AtomicBool,
    waiters: Mutex<Vec<Waker>>,
    has_waiters: AtomicBool,
}

impl Guard {
    pub(crate) fn new(limits: MailboxLimits) -> Self {
        Self {
            limits,
            bytes_in: AtomicUsize::new(0),
            bytes_out: AtomicUsize::new(0),
            excess: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_above: AtomicBool::new(false),
            waiters: Mutex::default(),
            has_waiters: AtomicBool::new(false),
        }
    }

    /// Bytes of the messages that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes_in.load(Ordering::Relaxed).wrapping_sub(self.bytes_out.load(Ordering::Relaxed))
    }

    /// Notes that a message was taken in. Under the door's lock.
    pub(crate) fn take_in(&self, bytes: usize) {
        self.bytes_in.store(self.bytes_in.load(Ordering::Relaxed).wrapping_add(bytes), Ordering::Relaxed);
    }

    /// Notes a sender whose message of so many bytes was refused, unless there is room now; `load` says what waits.
    ///
    /// The process makes room and looks for waiters then; here the waiter is noted and room looked for then. So whoever
    /// is later sees what the other did.
    pub(crate) fn wait(&self, bytes: usize, waker: &Waker, load: impl Fn() -> Load) -> Room {
        let fits = |load| self.limits.decide(load, bytes) == Verdict::Take;
        if self.limits.when_full != WhenFull::Wait || !fits(Load::default()) {
            return Room::Never;
        }
        if fits(load()) {
            return Room::Perhaps;
        }
        {
            let mut waiters = self.waiters.lock();
            if waiters.len() >= WAITING_SENDERS_MAX {
                return Room::Never;
            }
            waiters.push(waker.clone());
            self.has_waiters.store(true, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        if fits(load()) { Room::Perhaps } else { Room::Later }
    }

    /// Wakes the senders that wait for room, after some was made.
    pub(crate) fn wake_waiters(&self) {
        if self.limits.when_full != WhenFull::Wait {
            return;
        }
        fence(Ordering::SeqCst);
        if self.has_waiters.load(Ordering::Relaxed) {
            let waiters = {
                let mut waiters = self.waiters.lock();
                self.has_waiters.store(false, Ordering::Relaxed);
                std::mem::take(&mut *waiters)
            };
            waiters.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(messages: usize, bytes: usize) -> Load {
        Load { messages, bytes }
    }

    #[test]
    fn there_is_room_up_to_the_limit_and_not_beyond() {
        let limits = MailboxLimits::messages(2);
        assert_eq!(limits.decide(load(1, 0), 8), Verdict::Take);
        assert_eq!(limits.decide(load(2, 0), 8), Verdict::Refuse);
        let limits = MailboxLimits::bytes(100);
        assert_eq!(limits.decide(load(7, 92), 8), Verdict::Take);
        assert_eq!(limits.decide(load(7, 93), 8), Verdict::Refuse);
        let both = MailboxLimits::messages(9).and_bytes(100);
        assert_eq!(both.decide(load(8, 92), 8), Verdict::Take);
        assert_eq!(both.decide(load(9, 0), 8), Verdict::Refuse);
        assert_eq!(both.decide(load(0, 93), 8), Verdict::Refuse);
    }

    #[test]
    fn each_policy_says_what_goes() {
        let full = |when_full| MailboxLimits::messages(2).when_full(when_full).decide(load(2, 16), 8);
        assert_eq!(full(WhenFull::Refuse), Verdict::Refuse);
        assert_eq!(full(WhenFull::Wait), Verdict::Refuse);
        assert_eq!(full(WhenFull::DropNewest), Verdict::DropNewest);
        assert_eq!(full(WhenFull::DropOldest), Verdict::DropOldest);
    }

    #[test]
    fn dropping_the_oldest_makes_no_room_for_what_never_fits() {
        let limits = MailboxLimits::bytes(100).when_full(WhenFull::DropOldest);
        assert_eq!(limits.decide(load(3, 30), 101), Verdict::DropNewest);
        assert_eq!(limits.decide(load(0, 0), 101), Verdict::DropNewest);
        assert_eq!(
            MailboxLimits::messages(0).when_full(WhenFull::DropOldest).decide(load(0, 0), 1),
            Verdict::DropNewest
        );
    }
}
