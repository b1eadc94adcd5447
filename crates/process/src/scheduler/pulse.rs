//! What a worker shows of itself: cells that only it writes, by plain stores, and that others may look at.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shown as running while the worker runs nothing.
pub(super) const NOTHING: u64 = 0;
/// Shown as running while the worker fires timers. No process has the id 0, and a plain task no such number.
pub(super) const TIMERS: u64 = 0xFFFF_FFFF << 32;

/// The cells of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Pulse {
    /// The number of the task that runs, [`TIMERS`], or [`NOTHING`].
    running: AtomicU64,
    /// How many runs have begun: of tasks, also inside each other, and of timers.
    runs: AtomicU64,
    /// The number of the task that was put into the slot last.
    slot: AtomicU64,
    steals: AtomicU64,
    parks: AtomicU64,
    /// Nanoseconds between waking and sleeping, of all times before the present one.
    busy: AtomicU64,
    /// When the worker woke by the scheduler's clock, in nanoseconds and one more; 0 while it sleeps.
    busy_since: AtomicU64,
}

impl Pulse {
    /// The cell that shows the number of the task that runs.
    #[inline]
    pub(super) fn running(&self) -> &AtomicU64 {
        &self.running
    }

    #[inline]
    pub(super) fn show_running(&self, number: u64) {
        self.running.store(number, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn show_slot(&self, number: u64) {
        self.slot.store(number, Ordering::Relaxed);
    }

    /// Counts a run that begins.
    #[inline]
    pub(super) fn run_begins(&self) {
        bump(&self.runs);
    }

    pub(super) fn stole(&self) {
        bump(&self.steals);
    }

    pub(super) fn parks(&self) {
        bump(&self.parks);
    }

    pub(super) fn wakes(&self, now: u64) {
        self.busy_since.store(now.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn rests(&self, now: u64) {
        let since = self.busy_since.load(Ordering::Relaxed).saturating_sub(1);
        let busy = self.busy.load(Ordering::Relaxed);
        self.busy.store(busy.saturating_add(now.saturating_sub(since)), Ordering::Relaxed);
        self.busy_since.store(0, Ordering::Relaxed);
    }

    /// What is shown now.
    #[inline]
    pub(super) fn read(&self) -> Shown {
        Shown {
            running: self.running.load(Ordering::Relaxed),
            runs: self.runs.load(Ordering::Relaxed),
            slot: self.slot.load(Ordering::Relaxed),
        }
    }

    #[inline]
    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Steals, parks, and the time awake until `now`.
    pub(super) fn work(&self, now: u64) -> (u64, u64, Duration) {
        let since = self.busy_since.load(Ordering::Relaxed);
        let present = if since == 0 { 0 } else { now.saturating_sub(since - 1) };
        let busy = self.busy.load(Ordering::Relaxed).saturating_add(present);
        let (steals, parks) = (self.steals.load(Ordering::Relaxed), self.parks.load(Ordering::Relaxed));
        (steals, parks, Duration::from_nanos(busy))
    }
}

/// What a worker showed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) running: u64,
    pub(super) runs: u64,
    pub(super) slot: u64,
}

/// One more, by the only thread that writes the cell.
#[inline]
fn bump(cell: &AtomicU64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_awake_is_that_of_all_times_and_the_present_one() {
        let pulse = Pulse::default();
        pulse.wakes(0);
        assert_eq!(pulse.work(5).2, Duration::from_nanos(5));
        pulse.rests(7);
        assert_eq!(pulse.work(100).2, Duration::from_nanos(7));
        pulse.wakes(100);
        assert_eq!(pulse.work(101).2, Duration::from_nanos(8));
    }
}
