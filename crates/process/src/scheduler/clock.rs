//! The clock of a worker: the processor's own counter between two looks at the system's clock.
//!
//! A look at the system's clock costs more than all else that a message does. The counter of the processor is read in a
//! fifth of that time; how long one of its ticks is, is measured against the system's clock all the time, and no more
//! than [`TRUSTED`] is ever bridged with it. Where there is no such counter each look is one at the system's clock.

#![expect(unsafe_code, reason = "reading the processor's counter is unsafe by signature only")]

use std::cell::Cell;
use std::time::Instant;

/// The counter is trusted for so many nanoseconds after a look at the system's clock.
const TRUSTED: u64 = 1_000_000;
/// Ticks are measured over at least so many nanoseconds.
const MEASURED: u64 = 2_000_000;

/// One worker's clock. Never goes back.
#[derive(Debug)]
pub(super) struct Clock {
    epoch: Instant,
    /// The counter and the nanoseconds since the epoch at the first look at the system's clock.
    first: (u64, u64),
    last: Cell<(u64, u64)>,
    /// Nanoseconds for each tick, in 2^-32; 0 while unknown.
    scale: Cell<u64>,
    /// For so many ticks after the last look the counter is trusted.
    trusted_ticks: Cell<u64>,
    told: Cell<u64>,
}

impl Clock {
    pub(super) fn new(epoch: Instant) -> Self {
        let first = (ticks(), since(epoch));
        Self {
            epoch,
            first,
            last: Cell::new(first),
            scale: Cell::new(0),
            trusted_ticks: Cell::new(0),
            told: Cell::new(0),
        }
    }

    /// Nanoseconds since the epoch.
    pub(super) fn now(&self) -> u64 {
        let (ticks_then, nanos_then) = self.last.get();
        let passed = ticks().wrapping_sub(ticks_then);
        let now = if passed < self.trusted_ticks.get() {
            // Less than `TRUSTED` nanoseconds in 2^-32: that fits.
            nanos_then + ((passed.wrapping_mul(self.scale.get())) >> 32)
        } else {
            self.look()
        };
        let now = now.max(self.told.get());
        self.told.set(now);
        now
    }

    /// Looks at the system's clock.
    #[cold]
    fn look(&self) -> u64 {
        let (ticks, nanos) = (ticks(), since(self.epoch));
        self.last.set((ticks, nanos));
        let (passed_ticks, passed) = (ticks.wrapping_sub(self.first.0), nanos.saturating_sub(self.first.1));
        if passed >= MEASURED && passed_ticks > 0 {
            let scale = (u128::from(passed) << 32) / u128::from(passed_ticks);
            self.scale.set(u64::try_from(scale).unwrap_or(0));
            let trusted = u128::from(TRUSTED) * u128::from(passed_ticks) / u128::from(passed);
            self.trusted_ticks.set(u64::try_from(trusted).unwrap_or(0));
        }
        nanos
    }
}

fn since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The processor's counter.
#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    // SAFETY: the instruction reads a counter, has no other effect, and is there on every x86-64 processor.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Without a counter the system's clock is looked at each time: no tick ever passes.
#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the clock under test is compared with the system's")]
    fn goes_with_the_systems_clock_and_never_back() {
        let epoch = Instant::now();
        let clock = Clock::new(epoch);
        let mut before = 0;
        while since(epoch) < 20_000_000 {
            let (from, now, to) = (since(epoch), clock.now(), since(epoch));
            assert!(now >= before, "{now} after {before}");
            before = now;
            // Measured over milliseconds, the length of a tick is exact to far less than a microsecond in the bridge.
            assert!(now + 20_000 >= from && now <= to + 20_000, "{from} {now} {to}");
        }
    }
}
