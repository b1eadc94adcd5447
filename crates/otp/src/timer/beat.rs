//! Pure: when an interval is due, again and again, without drift.

use engset_term::Instant;
use std::fmt;
use std::time::Duration;

/// The shortest period of an interval.
///
/// OTP counts in milliseconds and takes 0 too, which keeps a scheduler busy for ever.
pub const PERIOD_MIN: Duration = Duration::from_millis(1);

/// The caller asked for an interval with a period below [`PERIOD_MIN`]; none was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodTooShort {
    /// What was asked for.
    pub period: Duration,
}

impl fmt::Display for PeriodTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the period of an interval is at least {PERIOD_MIN:?}, not {:?}", self.period)
    }
}

impl std::error::Error for PeriodTooShort {}

/// Due times at equal distances. However late one is noticed, the next is one period after it was due: nothing drifts,
/// and what was missed is made up for at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beat {
    due: Instant,
    period: Duration,
}

impl Beat {
    /// The first due time is one period after `now`.
    pub(super) fn begin(now: Instant, period: Duration) -> Result<Self, PeriodTooShort> {
        if period < PERIOD_MIN {
            return Err(PeriodTooShort { period });
        }
        Ok(Self { due: now.saturating_add(period), period })
    }

    /// How long it takes until it is due.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }

    /// Goes on to the next due time; false where there is none before the end of time.
    pub(super) fn advance(&mut self) -> bool {
        match self.due.checked_add(self.period) {
            Some(due) => {
                self.due = due;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn due_times_follow_each_other_however_late_they_are_noticed() {
        let mut beat = Beat::begin(at(5), millis(10)).unwrap();
        assert_eq!(beat.wait(at(5)), millis(10));
        assert!(beat.advance());
        assert_eq!(beat.wait(at(18)), millis(7), "noticed 3 ms late");
        assert!(beat.advance());
        assert_eq!(beat.wait(at(60)), Duration::ZERO, "due at 35 ms");
        assert!(beat.advance());
        assert_eq!(beat.wait(at(44)), millis(1));
    }

    #[test]
    fn a_period_is_at_least_the_shortest() {
        let below = PERIOD_MIN - Duration::from_nanos(1);
        assert_eq!(Beat::begin(at(0), below), Err(PeriodTooShort { period: below }));
        assert_eq!(Beat::begin(at(0), PERIOD_MIN).unwrap().wait(at(0)), PERIOD_MIN);
    }

    #[test]
    fn the_end_of_time_ends_it() {
        let mut beat = Beat::begin(at(0), Duration::MAX).unwrap();
        assert_eq!(beat.wait(Instant::MAX), Duration::ZERO);
        assert!(!beat.advance());
    }
}
