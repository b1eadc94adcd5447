//! How long to wait after failures: growing, bounded, and never the same for two nodes.

use std::time::Duration;

/// Waits that double with each failure, up to a limit, each shortened at random.
///
/// ```
/// use engset_discover::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::default();
/// assert_eq!((backoff.first, backoff.max), (Duration::from_secs(1), Duration::from_secs(15)));
/// assert_eq!(backoff.longest(3), Duration::from_secs(8));
/// assert_eq!(backoff.longest(99), backoff.max);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait after any.
    pub max: Duration,
    /// The part of a wait that chance may take away, from 0 to 1; values outside count as the nearer of the two.
    pub jitter: f64,
}

impl Default for Backoff {
    /// 1 s at first, 15 s at most, a fifth of it by chance.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(15), jitter: 0.2 }
    }
}

impl Backoff {
    /// The longest wait after `failures` failures before the one that counts: 0 for the first.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.min(31));
        self.first.saturating_mul(factor).min(self.max)
    }

    /// The shortest wait after as many failures.
    #[must_use]
    pub fn shortest(&self, failures: u32) -> Duration {
        self.longest(failures).mul_f64(1.0 - self.jitter.clamp(0.0, 1.0))
    }

    /// A wait between the two.
    pub(crate) fn draw(&self, failures: u32, chance: &mut fastrand::Rng) -> Duration {
        let (shortest, longest) = (self.shortest(failures), self.longest(failures));
        shortest.saturating_add(longest.saturating_sub(shortest).mul_f64(chance.f64())).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_stay_within_their_bounds_and_differ() {
        let backoff = Backoff::default();
        let mut chance = fastrand::Rng::with_seed(7);
        for failures in 0..40 {
            let drawn: Vec<Duration> = (0..200).map(|_| backoff.draw(failures, &mut chance)).collect();
            let (shortest, longest) = (backoff.shortest(failures), backoff.longest(failures));
            assert!(drawn.iter().all(|wait| *wait >= shortest && *wait <= longest), "{failures}");
            assert!(drawn.iter().any(|wait| *wait != drawn[0]), "{failures}");
        }
    }

    #[test]
    fn without_jitter_waits_double_until_the_limit() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let mut chance = fastrand::Rng::with_seed(1);
        let waits: Vec<u64> = (0..7).map(|failures| backoff.draw(failures, &mut chance).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn a_jitter_outside_its_range_is_taken_as_the_nearest() {
        let all = Backoff { jitter: 7.0, ..Backoff::default() };
        assert_eq!(all.shortest(0), Duration::ZERO);
        let none = Backoff { jitter: -7.0, ..Backoff::default() };
        assert_eq!(none.shortest(0), none.longest(0));
    }
}
