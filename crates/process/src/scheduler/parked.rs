//! Which workers sleep or are about to: who brings work sees one of them, or that one sees the work.
//!
//! Both sides write first and look afterwards, with a fence in between: who brings work writes the work and looks for
//! sleepers, who goes to sleep writes that and looks for work. So at least one of them sees what the other wrote.

use crate::sync::{AtomicU64, Ordering, fence};

/// A set of workers, one bit for each, by their index.
#[derive(Debug)]
pub(crate) struct Parked {
    bits: AtomicU64,
}

impl Parked {
    pub(crate) fn new() -> Self {
        Self { bits: AtomicU64::new(0) }
    }

    /// Says that a worker is about to sleep; false, and unsaid, where `has_work` finds work that came meanwhile.
    pub(crate) fn enter(&self, index: usize, has_work: impl FnOnce() -> bool) -> bool {
        self.bits.fetch_or(1 << index, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let sleeps = !has_work();
        if !sleeps {
            self.leave(index);
        }
        sleeps
    }

    /// Says that a worker is awake.
    pub(crate) fn leave(&self, index: usize) {
        self.bits.fetch_and(!(1 << index), Ordering::SeqCst);
    }

    /// Whether all workers of a set sleep or are about to.
    pub(crate) fn have(&self, set: u64) -> bool {
        self.bits.load(Ordering::SeqCst) & set == set
    }

    /// A worker that sleeps, to be woken by the caller, who has just put work where all workers look. `None` where
    /// nobody sleeps, or another caller wakes the one that was seen.
    pub(crate) fn choose(&self) -> Option<usize> {
        fence(Ordering::SeqCst);
        let parked = self.bits.load(Ordering::SeqCst);
        if parked == 0 {
            return None;
        }
        let index = parked.trailing_zeros() as usize;
        let bit = 1 << index;
        (self.bits.fetch_and(!bit, Ordering::SeqCst) & bit != 0).then_some(index)
    }
}
