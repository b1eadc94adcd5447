//! Facts about how programs end.

use super::{Ended, Program, find};
use std::time::Duration;

#[track_caller]
fn check(script: &str, limit: Duration, lines: &[&str]) -> Ended {
    let mut seen = Vec::new();
    let shell = Program::new("sh").args(["-c", script]);
    let ended = shell.stream(Some(limit), |line| seen.push(line.to_owned())).expect("sh runs");
    assert_eq!(seen, lines);
    ended
}

const AMPLE: Duration = Duration::from_secs(60);

#[test]
fn lines_arrive_and_the_status_is_kept() {
    assert_eq!(check("echo a; echo b", AMPLE, &["a", "b"]), Ended::Well);
    assert!(
        matches!(check("printf a; exit 3", AMPLE, &["a"]), Ended::Badly(status) if status.code() == Some(3))
    );
}

#[test]
fn a_program_is_killed_at_its_limit() {
    assert_eq!(check("echo a; exec tail -f /dev/null", Duration::from_millis(200), &["a"]), Ended::TimedOut);
}

#[test]
fn a_child_left_behind_is_not_waited_for() {
    assert_eq!(check("tail -f /dev/null --pid=$$ & echo a", AMPLE, &["a"]), Ended::Well);
}

#[test]
fn programs_are_found_on_the_path() {
    assert!(find("sh").is_some());
    assert_eq!(find("no-such-program-anywhere"), None);
}

#[test]
fn what_cannot_be_run_is_an_error_that_names_it() {
    let error = Program::new("no-such-program-anywhere").output().expect_err("it is not there");
    assert!(error.to_string().starts_with("cannot run no-such-program-anywhere: "), "{error}");
    assert!(!Program::new("false").succeeds());
    assert!(Program::new("true").succeeds());
}
