//! Says loudly which tests are skipped because a program is not installed.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;

/// Where `erl` is, or `None` after printing `skipped: <test>: erl is not installed`.
///
/// # Panics
/// Instead of skipping when the environment says `CI=true`: there, everything is installed.
pub fn require_erl() -> Option<PathBuf> {
    require("erl")
}

/// Where `elixir` is, or `None` after printing `skipped: <test>: elixir is not installed`.
///
/// # Panics
/// Instead of skipping when the environment says `CI=true`: there, everything is installed.
pub fn require_elixir() -> Option<PathBuf> {
    require("elixir")
}

/// Whether a [`Network`](crate::Network) can be made here, or `None` after printing
/// `skipped: <test>: <what is missing>`.
///
/// # Panics
/// Instead of skipping when the environment says `CI=true`: there, everything is installed, and tests run as root.
#[cfg(target_os = "linux")]
pub fn require_network() -> Option<()> {
    require("ip")?;
    match crate::Network::new(1) {
        Ok(_) => Some(()),
        Err(error) => {
            skip_this_test(&error.to_string());
            None
        }
    }
}

/// That the node has a module of an application that is not part of every Erlang, or `None` after printing
/// `skipped: <test>: Erlang's <module> is not installed`.
///
/// # Panics
/// Instead of skipping when the environment says `CI=true`: there, everything is installed.
pub fn require_module(beam: &crate::Beam, module: &str) -> Option<()> {
    let found = beam.eval(&format!("code:which({module}) =/= non_existing."));
    let is_there = found.is_ok_and(|found| found == "true");
    if !is_there {
        skip_this_test(&format!("Erlang's {module} is not installed"));
    }
    is_there.then_some(())
}

/// An X server to open windows on, or `None` after printing `skipped: <test>: Xvfb is not installed`, or why it did not
/// start.
///
/// # Panics
/// Instead of skipping when the environment says `CI=true`: there, everything is installed.
#[cfg(target_os = "linux")]
pub fn require_display() -> Option<crate::Display> {
    require("Xvfb")?;
    match crate::Display::start() {
        Ok(display) => Some(display),
        Err(error) => {
            skip_this_test(&error.to_string());
            None
        }
    }
}

fn require(program: &str) -> Option<PathBuf> {
    let found = on_path(program, &env::var_os("PATH").unwrap_or_default());
    if found.is_none() {
        skip_this_test(&format!("{program} is not installed"));
    }
    found
}

fn skip_this_test(reason: &str) {
    let ci = env::var("CI").is_ok_and(|value| value == "true");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    skip(&skip_line(&test, reason), ci);
}

fn on_path(program: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file()
}

fn skip_line(test: &str, reason: &str) -> String {
    format!("skipped: {test}: {reason}")
}

#[expect(clippy::print_stdout, reason = "the test runner collects these lines from standard output")]
fn skip(line: &str, ci: bool) {
    assert!(!ci, "nothing is skipped in CI, but {line}");
    println!("{line}");
}

#[cfg(test)]
mod tests;
