//! What Engset is to reach in a row, and whether it did, decided from medians.

use crate::row::Row;
use crate::systems::System;
use std::fmt;

/// One condition on Engset's median in a row. Smaller numbers are better in every row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The system's number is at least so many times Engset's.
    TimesFaster(f64, System),
    /// The system's number is larger.
    AheadOf(System),
    /// The numbers of all other systems are larger.
    AheadOfAll,
    /// The number, in the row's unit.
    AtMost(f64),
    /// At most so many times Engset's number in another row of the same unit.
    AtMostTimesRow(f64, Row),
}

/// Whether a goal is met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Met,
    NotMet,
    /// Something that it compares was not measured.
    Unknown,
}

impl Goal {
    /// Judges by `median`, which knows the median of a system in a row where it was measured.
    pub(crate) fn judge(self, row: Row, median: impl Fn(System, Row) -> Option<f64>) -> Verdict {
        let Some(ours) = median(System::Engset, row) else { return Verdict::Unknown };
        let is_met = match self {
            Self::TimesFaster(times, system) => median(system, row).map(|theirs| theirs >= ours * times),
            Self::AheadOf(system) => median(system, row).map(|theirs| ours < theirs),
            Self::AheadOfAll => {
                let others = System::ALL.into_iter().filter(|system| *system != System::Engset);
                let first = others.filter_map(|system| median(system, row)).reduce(f64::min);
                first.map(|first| ours < first)
            }
            Self::AtMost(limit) => Some(ours <= limit),
            Self::AtMostTimesRow(times, other) => {
                median(System::Engset, other).map(|before| ours <= before * times)
            }
        };
        match is_met {
            Some(true) => Verdict::Met,
            Some(false) => Verdict::NotMet,
            None => Verdict::Unknown,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimesFaster(times, system) if *times > 1.0 => {
                write!(f, "at least {times}x {}", system.name())
            }
            Self::TimesFaster(times, system) if *times < 1.0 => {
                write!(f, "at most {:.0} % behind {}", (1.0 / times - 1.0) * 100.0, system.name())
            }
            Self::TimesFaster(_, system) => write!(f, "not behind {}", system.name()),
            Self::AheadOf(system) => write!(f, "ahead of {}", system.name()),
            Self::AheadOfAll => f.write_str("ahead of all"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::AtMostTimesRow(times, row) => write!(f, "at most {times}x {}", row.name()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Unknown => "not measured",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Verdict};
    use crate::row::Row;
    use crate::systems::System;

    #[track_caller]
    fn check(goal: Goal, medians: &[(System, Row, f64)], expected: Verdict) {
        let median = |system, row| {
            medians.iter().find(|median| (median.0, median.1) == (system, row)).map(|median| median.2)
        };
        assert_eq!(goal.judge(Row::RestartLate, median), expected, "{goal} of {medians:?}");
    }

    const OURS: (System, Row, f64) = (System::Engset, Row::RestartLate, 10.0);

    #[test]
    fn a_factor_is_met_from_exactly_there() {
        let goal = Goal::TimesFaster(4.0, System::Beam);
        check(goal, &[OURS, (System::Beam, Row::RestartLate, 40.0)], Verdict::Met);
        check(goal, &[OURS, (System::Beam, Row::RestartLate, 39.9)], Verdict::NotMet);
    }

    #[test]
    fn ahead_is_not_beside() {
        let beam = |number| [OURS, (System::Beam, Row::RestartLate, number)];
        check(Goal::AheadOf(System::Beam), &beam(10.1), Verdict::Met);
        check(Goal::AheadOf(System::Beam), &beam(10.0), Verdict::NotMet);
        check(Goal::TimesFaster(1.0, System::Beam), &beam(10.0), Verdict::Met);
    }

    #[test]
    fn ahead_of_all_means_the_smallest_number() {
        let tokio = (System::Tokio, Row::RestartLate, 11.0);
        check(Goal::AheadOfAll, &[OURS, tokio], Verdict::Met);
        check(Goal::AheadOfAll, &[OURS, tokio, (System::Actix, Row::RestartLate, 9.0)], Verdict::NotMet);
    }

    #[test]
    fn limits_are_of_the_number_or_another_rows() {
        check(Goal::AtMost(10.0), &[OURS], Verdict::Met);
        check(Goal::AtMost(9.0), &[OURS], Verdict::NotMet);
        let flat = Goal::AtMostTimesRow(1.25, Row::Restart);
        check(flat, &[OURS, (System::Engset, Row::Restart, 8.0)], Verdict::Met);
        check(flat, &[OURS, (System::Engset, Row::Restart, 7.9)], Verdict::NotMet);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        check(Goal::AtMost(10.0), &[], Verdict::Unknown);
        check(Goal::AheadOfAll, &[OURS], Verdict::Unknown);
        check(Goal::TimesFaster(4.0, System::Beam), &[OURS], Verdict::Unknown);
        check(Goal::AtMostTimesRow(1.25, Row::Restart), &[OURS], Verdict::Unknown);
    }

    #[test]
    fn goals_are_said_in_words() {
        assert_eq!(Goal::TimesFaster(4.0, System::Beam).to_string(), "at least 4x beam");
        assert_eq!(Goal::TimesFaster(1.0 / 1.1, System::Tokio).to_string(), "at most 10 % behind tokio");
        assert_eq!(Goal::AheadOf(System::Tokio).to_string(), "ahead of tokio");
        assert_eq!(Goal::TimesFaster(1.0, System::Tokio).to_string(), "not behind tokio");
        assert_eq!(Goal::AtMostTimesRow(1.25, Row::Restart).to_string(), "at most 1.25x restart");
    }
}
