//! Pure: what becomes of a child that ended, and whether the intensity still allows a restart.

use super::spec::Restart;
use engset_process::ExitReason;
use engset_term::Instant;
use std::collections::VecDeque;
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

    /// Allows `restarts` within `period` from now on; those that were counted still count.
    pub(crate) fn change(&mut self, restarts: usize, period: Duration) {
        self.restarts = restarts;
        self.period = period;
        let surplus = self.times.len().saturating_sub(restarts.saturating_add(1));
        self.times.drain(..surplus);
    }

    /// Counts a restart at `now`; whether it is still within the intensity. Takes the same time however many were
    /// counted before: each is entered once and forgotten once.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        self.forget(now);
        if self.times.len() > self.restarts {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() <= self.restarts
    }

    /// How many restarts count at `now`.
    pub(crate) fn counted(&mut self, now: Instant) -> usize {
        self.forget(now);
        self.times.len()
    }

    fn forget(&mut self, now: Instant) {
        while self.times.front().is_some_and(|first| now.saturating_duration_since(*first) > self.period) {
            self.times.pop_front();
        }
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
        assert!(intensity.times.len() <= 4);
    }

    #[test]
    fn a_changed_intensity_counts_what_was_before() {
        let mut intensity = Intensity::new(5, Duration::from_secs(5));
        for second in 0..3 {
            assert!(intensity.allows(at(second)));
        }
        intensity.change(3, Duration::from_secs(50));
        assert_eq!(intensity.counted(at(9)), 3);
        assert!(!intensity.allows(at(9)));
        intensity.change(1, Duration::from_secs(50));
        assert!(intensity.times.len() <= 2);
    }
}
