//! Facts about what happens when programs are missing.

use super::{Plan, plan, warning};

#[test]
fn what_can_be_installed_is_never_skipped() {
    assert_eq!(plan(&[], true, true), Plan::Nothing);
    assert_eq!(plan(&["erl"], true, true), Plan::Install);
    assert_eq!(plan(&["erl"], true, false), Plan::Install);
}

#[test]
fn ci_fails_where_others_skip() {
    assert_eq!(plan(&["erl"], false, true), Plan::Fail);
    assert_eq!(plan(&["erl"], false, false), Plan::Skip);
    assert!(warning("erl").contains("tests that need erl will be skipped: it is not installed"));
}
