//! Facts about reading a test runner's report.

use super::Tally;

/// Reads a report and returns the lines shown and the last line.
fn read(report: &str) -> (Vec<&str>, Tally) {
    let mut tally = Tally::default();
    let shown = report.lines().filter(|line| tally.read(line)).collect();
    (shown, tally)
}

#[test]
fn results_of_all_runs_are_added_up() {
    let (_, tally) = read(
        "test result: ok. 11 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.07s\n\
         test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.59s",
    );
    assert_eq!(tally.to_string(), "13 passed, 3 failed, 1 skipped");
    assert_eq!(tally.failed(), 3);
}

#[test]
fn what_passing_tests_print_is_hidden_but_skips_are_found() {
    let report = "running 2 tests\n\
        test a ... ok\n\
        \n\
        successes:\n\
        \n\
        ---- a stdout ----\n\
        chatter\n\
        skipped: a: erl is not installed\n\
        \n\
        successes:\n    a\n    b\n\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
    let (shown, tally) = read(report);
    assert!(!shown.contains(&"chatter"));
    assert_eq!(tally.skips(), ["skipped: a: erl is not installed"]);
    assert_eq!(tally.to_string(), "1 passed, 0 failed, 1 skipped");
    assert_eq!(shown.len(), 5);
}

#[test]
fn what_failing_tests_print_is_shown() {
    let (shown, _) = read("successes:\nchatter\nfailures:\npanicked");
    assert_eq!(shown, ["failures:", "panicked"]);
}

#[test]
fn other_lines_are_not_counted() {
    let (_, tally) = read("test result: unknown\ntest a ... ok\nskipped: no reason given\nskipped:a: b");
    assert_eq!(tally, Tally::default());
}

#[test]
fn a_program_that_is_no_test_can_pass_fail_and_skip() {
    let mut total = Tally::default();
    let mut tally = Tally::default();
    tally.pass();
    tally.pass();
    tally.fail();
    assert!(tally.read_skip("skipped: example x: erl is not installed"));
    assert!(!tally.read_skip("test result: ok. 1 passed; 0 failed; 0 ignored"));
    total.add(tally);
    assert_eq!(total.to_string(), "1 passed, 1 failed, 1 skipped");
}
