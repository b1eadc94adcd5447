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

fn require(program: &str) -> Option<PathBuf> {
    let found = on_path(program, &env::var_os("PATH").unwrap_or_default());
    if found.is_none() {
        let ci = env::var("CI").is_ok_and(|value| value == "true");
        let test = thread::current().name().unwrap_or("a test").to_owned();
        skip(&skip_line(&test, program), ci);
    }
    found
}

fn on_path(program: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file()
}

fn skip_line(test: &str, program: &str) -> String {
    format!("skipped: {test}: {program} is not installed")
}

#[expect(clippy::print_stdout, reason = "the test runner collects these lines from standard output")]
fn skip(line: &str, ci: bool) {
    assert!(!ci, "nothing is skipped in CI, but {line}");
    println!("{line}");
}

#[cfg(test)]
mod tests;
