//! `cargo xtask test`: every test, doc test, fuzz target and example, with a count of all of them at the end.
//!
//! The last line is `N passed, M failed, K skipped`. Skipped are tests that the runner ignores and tests
//! that print `skipped: <what>: <reason>`; the latter are listed above the last line.

mod examples;
mod setup;
mod tally;

use crate::clock;
use crate::error::TaskError;
use crate::fuzz;
use crate::output;
use crate::program::{Ended, Program};
use crate::workspace::Workspace;
use std::time::{Duration, Instant};
use tally::Tally;

/// Every test of every package; bench targets would take too long.
const TESTS: [&str; 9] = [
    "test",
    "--workspace",
    "--no-fail-fast",
    "--lib",
    "--bins",
    "--tests",
    "--examples",
    "--",
    // Shows what passing tests print, for the sake of their `skipped:` lines.
    "--show-output",
];

const DOC_TESTS: [&str; 6] = ["test", "--workspace", "--no-fail-fast", "--doc", "--", "--show-output"];

/// Each fuzz target runs on mutated seeds for two seconds, always the same ones in the same order.
const SMOKE: [&str; 4] = ["--seconds", "2", "--seed", "1"];

/// How long the smoke run may take, its build included: a target that never returns must not hold up the rest.
const SMOKE_LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run() -> Result<(), TaskError> {
    let start = clock::now();
    stage("setup", setup::run)?;
    let mut total = Tally::default();
    stage("tests", || count(Program::cargo().args(TESTS), None, &mut total))?;
    stage("doc tests", || count(Program::cargo().args(DOC_TESTS), None, &mut total))?;
    stage("fuzz targets", || count(fuzz::smoke(&SMOKE), Some(SMOKE_LIMIT), &mut total))?;
    stage("examples", || examples::run(&Workspace::load()?, &mut total))?;
    output::say(&format!("\nall stages: {}", seconds_since(start)));
    total.skips().iter().for_each(|skip| output::say(skip));
    output::say(&total.to_string());
    if total.failed() > 0 { Err(TaskError::TestsFailed { failed: total.failed() }) } else { Ok(()) }
}

fn stage(name: &str, work: impl FnOnce() -> Result<(), TaskError>) -> Result<(), TaskError> {
    output::say(&format!("\n== {name}"));
    let start = clock::now();
    let result = work();
    output::say(&format!("== {name}: {}", seconds_since(start)));
    result
}

/// Runs tests and counts. A run that fails without a failed test (a test program that does not compile,
/// or that ends in the middle) counts as one failure.
fn count(tests: Program, limit: Option<Duration>, total: &mut Tally) -> Result<(), TaskError> {
    let mut tally = Tally::default();
    let ended = tests.stream(limit, |line| {
        if tally.read(line) {
            output::say(line);
        }
    })?;
    if ended != Ended::Well && tally.failed() == 0 {
        tally.fail();
    }
    total.add(tally);
    Ok(())
}

fn seconds_since(start: Instant) -> String {
    format!("{:.1} s", clock::now().duration_since(start).as_secs_f64())
}
