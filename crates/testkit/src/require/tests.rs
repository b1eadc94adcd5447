//! Facts about skipping.

use super::{on_path, skip, skip_line};
use std::ffi::OsStr;

#[test]
fn a_program_is_found_on_the_path_or_not_at_all() {
    assert!(on_path("sh", OsStr::new("/nonexistent:/bin")).is_some());
    assert_eq!(on_path("sh", OsStr::new("/nonexistent")), None);
    assert_eq!(on_path("sh", OsStr::new("")), None);
}

#[test]
fn the_line_names_test_and_reason() {
    assert_eq!(skip_line("net::ping", "erl is not installed"), "skipped: net::ping: erl is not installed");
}

#[test]
fn ci_fails_where_others_skip() {
    skip("nothing: is skipped here", false);
    let failure = std::panic::catch_unwind(|| skip("skipped: x: erl is not installed", true));
    assert!(failure.is_err());
}
