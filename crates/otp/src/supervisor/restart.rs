//! Pure: which children a strategy restarts, and whether the intensity still allows it.

use super::spec::Restart;
use engset_process::ExitReason;
use engset_term::Instant;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Which children are restarted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Only the one that ended.
    OneForOne,
    /// All.
    OneForAll,
    /// The one that ended and those started after it.
    RestForOne,
}

impl Strategy {
    /// The children, by place in start order, that are stopped and started again because the one at `ended` did end.
    #[must_use]
    pub fn affected(self, ended: usize, children: usize) -> Range<usize> {
        match self {
            Self::OneForOne => ended..ended + 1,
            Self::OneForAll => 0..children,
            Self::RestForOne => ended..children,
        }
    }
}

/// What happens to a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is started again, with whom the strategy says.
    Restart,
    /// It stays in the list, not running.
    Keep,
    /// It leaves the list.
    Remove,
}

/// What happens to a child with this restart type that ended for `reason`.
#[must_use]
pub(crate) fn verdict(restart: Restart, reason: &ExitReason) -> Verdict {
    match restart {
        Restart::Permanent => Verdict::Restart,
        Restart::Transient if reason.is_orderly() => Verdict::Keep,
        Restart::Transient => Verdict::Restart,
        Restart::Temporary => Verdict::Remove,
    }
}

/// The restart intensity: at most `restarts` within any `period`.
///
/// Keeps at most `restarts` + 1 times in memory, however many restarts have happened.
#[derive(Debug, Clone)]
pub(crate) struct Intensity {
    restarts: usize,
    period: Duration,
    times: VecDeque<Instant>,
}

impl Intensity {
    /// At most `restarts` within any `period`.
    #[must_use]
    pub(crate) fn new(restarts: usize, period: Duration) -> Self {
        Self { restarts, period, times: VecDeque::new() }
    }

    /// Counts a restart at `now`; whether it is still within the intensity.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        while self.times.front().is_some_and(|first| now.saturating_duration_since(*first) > self.period) {
            self.times.pop_front();
        }
        if self.times.len() > self.restarts {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() <= self.restarts
    }

    /// How many restarts count at the moment.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn counted(&self) -> usize {
        self.times.len()
    }

    /// How many are allowed.
    #[must_use]
    pub(crate) fn restarts(&self) -> usize {
        self.restarts
    }

    /// The period.
    #[must_use]
    pub(crate) fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::Term;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn strategies_affect_whom_they_say() {
        assert_eq!(Strategy::OneForOne.affected(1, 4), 1..2);
        assert_eq!(Strategy::OneForAll.affected(1, 4), 0..4);
        assert_eq!(Strategy::RestForOne.affected(1, 4), 1..4);
    }

    #[test]
    fn restart_types_decide_by_reason() {
        let shutdown = ExitReason::from_term(Term::tuple([Term::atom("shutdown"), Term::from(1)]));
        for reason in [ExitReason::Normal, ExitReason::Shutdown, shutdown] {
            assert_eq!(verdict(Restart::Permanent, &reason), Verdict::Restart);
            assert_eq!(verdict(Restart::Transient, &reason), Verdict::Keep);
            assert_eq!(verdict(Restart::Temporary, &reason), Verdict::Remove);
        }
        assert_eq!(verdict(Restart::Transient, &ExitReason::Killed), Verdict::Restart);
        assert_eq!(verdict(Restart::Temporary, &ExitReason::Killed), Verdict::Remove);
    }

    #[test]
    fn intensity_counts_within_the_period_only() {
        let mut intensity = Intensity::new(2, Duration::from_secs(5));
        assert!(intensity.allows(at(0)));
        assert!(intensity.allows(at(1)));
        assert!(!intensity.allows(at(5)), "the third within five seconds");
        let mut intensity = Intensity::new(2, Duration::from_secs(5));
        assert!(intensity.allows(at(0)));
        assert!(intensity.allows(at(1)));
        assert!(intensity.allows(at(6)), "the first is more than five seconds old");
    }

    #[test]
    fn intensity_zero_allows_none() {
        assert!(!Intensity::new(0, Duration::from_secs(1)).allows(at(9)));
    }

    #[test]
    fn intensity_keeps_a_bounded_history() {
        let mut intensity = Intensity::new(3, Duration::from_secs(1_000));
        for second in 0..100 {
            intensity.allows(at(second));
        }
        assert!(intensity.counted() <= 4);
    }
}
