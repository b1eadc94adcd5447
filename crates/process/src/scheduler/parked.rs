//! Which workers sleep or are about to: who brings work sees one of them, or that one sees the work.
//!
//! Both sides write first and look afterwards, with a fence in between: who brings work writes the work and looks for
//! sleepers, who goes to sleep writes that and looks for work. So at least one of them sees what the other wrote.
//!
//! The same between the workers and who looks after them, and sleeps while all of them do.

use crate::sync::{AtomicBool, AtomicU64, Ordering, fence};

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

    /// A worker that sleeps, to be woken by the caller, who has just put work where all workers look; `last` only where
    /// no other does. `None` where nobody sleeps, or another caller wakes the one that was seen.
    pub(crate) fn choose(&self, last: Option<usize>) -> Option<usize> {
        fence(Ordering::SeqCst);
        let parked = self.bits.load(Ordering::SeqCst);
        if parked == 0 {
            return None;
        }
        let others = last.map_or(parked, |last| parked & !(1 << last));
        let index = if others == 0 { parked } else { others }.trailing_zeros() as usize;
        let bit = 1 << index;
        (self.bits.fetch_and(!bit, Ordering::SeqCst) & bit != 0).then_some(index)
    }
}

/// Whether who looks after the workers sleeps.
#[derive(Debug)]
pub(crate) struct Watcher {
    is_asleep: AtomicBool,
}

impl Watcher {
    pub(crate) fn new() -> Self {
        Self { is_asleep: AtomicBool::new(false) }
    }

    /// Says that the watcher is about to sleep until it is woken; false, and unsaid, where one of `workers` is awake.
    pub(crate) fn enter(&self, parked: &Parked, workers: u64) -> bool {
        self.is_asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let sleeps = parked.bits.load(Ordering::SeqCst) & workers == workers;
        if !sleeps {
            self.leave();
        }
        sleeps
    }

    /// Says that the watcher is awake.
    pub(crate) fn leave(&self) {
        self.is_asleep.store(false, Ordering::SeqCst);
    }

    /// Whether the watcher sleeps, and is to be woken by the caller: a worker that has just said that it is awake.
    #[inline]
    pub(crate) fn sleeps(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_asleep.load(Ordering::SeqCst)
    }
}
