//! What is counted of crashes and restarts.

use super::{PERIOD_S, RESTARTS_MAX, Report, Seen};
use engset::{Instant, NodeName, Pid};

fn pid() -> Pid {
    Pid::new(NodeName::NONODE, 1, 7, 0)
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn count(report: Option<&Report>) -> Option<Option<u64>> {
    match report {
        Some(Report::Restarted { count, .. }) => Some(*count),
        _ => None,
    }
}

#[test]
fn a_first_start_is_no_restart() {
    let mut seen = Seen::default();
    assert_eq!(seen.started("flaky", pid()), None);
}

#[test]
fn restarts_are_counted_for_each_supervisor_within_the_period() {
    let mut seen = Seen::default();
    seen.started("flaky", pid());
    seen.started("pool", pid());
    seen.crashed("top", "flaky", at(0));
    assert_eq!(count(seen.started("flaky", pid()).as_ref()), Some(Some(1)));
    seen.crashed("other", "pool", at(1));
    assert_eq!(count(seen.started("pool", pid()).as_ref()), Some(Some(1)));
    seen.crashed("top", "flaky", at(PERIOD_S));
    assert_eq!(count(seen.started("flaky", pid()).as_ref()), Some(Some(2)));
    seen.crashed("top", "flaky", at(PERIOD_S + 1));
    assert_eq!(count(seen.started("flaky", pid()).as_ref()), Some(Some(2)));
}

#[test]
fn a_start_without_an_own_crash_is_one_with_a_sibling() {
    let mut seen = Seen::default();
    seen.started("pool", pid());
    assert_eq!(count(seen.started("pool", pid()).as_ref()), Some(None));
}

#[test]
fn a_crash_beyond_the_limit_is_no_restart() {
    let mut seen = Seen::default();
    seen.started("flaky", pid());
    for _ in 0..RESTARTS_MAX {
        seen.crashed("top", "flaky", at(0));
    }
    assert_eq!(seen.crashed.get("flaky"), Some(&RESTARTS_MAX));
    seen.started("flaky", pid());
    seen.crashed("top", "flaky", at(0));
    assert_eq!(seen.crashed.get("flaky"), None);
}
