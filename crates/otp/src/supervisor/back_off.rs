//! Pure: how long a child waits before it is started again.

use std::time::Duration;

/// Delays before restarts, twice as long each time a child has to be restarted again: an extra that is off unless
/// [`crate::Supervisor::back_off`] turns it on.
///
/// A child that ran for at least [`BackOff::max`] begins anew with the first delay. While it waits it counts as
/// restarting: it can be terminated and then deleted, and requests to the supervisor get their turn. A restart counts
/// for the intensity when it is made, after the delay. Where the strategy restarts siblings too, these are stopped at
/// once and started after the delay.
///
/// ```
/// use engset_otp::{BackOff, Supervisor};
/// use std::time::Duration;
///
/// let back_off = BackOff::exponential(Duration::from_millis(100), Duration::from_secs(30)).jitter(7);
/// let supervisor = Supervisor::one_for_one().back_off(back_off);
/// assert_eq!(back_off.max(), Duration::from_secs(30));
/// # drop(supervisor);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    first: Duration,
    max: Duration,
    seed: Option<u64>,
}

impl BackOff {
    /// A delay of `first` before the first restart of a child, then twice as long each time, but never more than
    /// `max`.
    #[must_use]
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self { first, max, seed: None }
    }

    /// Draws each delay from between half of it and all of it, so that children which ended together are not started
    /// together. The same seed gives the same delays.
    #[must_use]
    pub const fn jitter(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// The longest delay.
    #[must_use]
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// The delay before a child, told apart from others by `child`, that was restarted `before` times in a row.
    pub(super) fn delay(&self, before: u32, child: u64) -> Duration {
        let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.max);
        let Some(seed) = self.seed else { return full };
        let half = full / 2;
        let span = u64::try_from((full - half).as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(draw(seed, child, before) % span.saturating_add(1))
    }
}

/// A number that depends on all three in no visible way (the output function of SplitMix64).
fn draw(seed: u64, child: u64, before: u32) -> u64 {
    let place = child.wrapping_mul(1 << 32).wrapping_add(u64::from(before)).wrapping_add(1);
    let mut bits = seed.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let back_off = BackOff::exponential(millis(100), millis(1_000));
        let delays: Vec<Duration> = (0..6).map(|before| back_off.delay(before, 1)).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_000, 1_000].map(millis));
        assert_eq!(back_off.delay(u32::MAX, 1), millis(1_000), "however often it was restarted");
    }

    #[test]
    fn jitter_stays_between_half_and_all_and_depends_on_child_and_seed() {
        let plain = BackOff::exponential(millis(100), millis(60_000));
        for seed in 0..50 {
            let back_off = plain.jitter(seed);
            for before in 0..8 {
                let (delay, full) = (back_off.delay(before, seed), plain.delay(before, seed));
                assert!(delay >= full / 2 && delay <= full, "{delay:?} of {full:?}");
                assert_eq!(delay, back_off.delay(before, seed));
            }
            assert_ne!(back_off.delay(3, 1), back_off.delay(3, 2));
            assert_ne!(back_off.delay(3, 1), plain.jitter(seed + 1).delay(3, 1));
        }
    }

    #[test]
    fn no_delay_stays_none() {
        assert_eq!(BackOff::exponential(Duration::ZERO, millis(5)).jitter(1).delay(9, 1), Duration::ZERO);
    }
}
