//! Tests of the list and its limits.

use super::*;

fn peer(name: &str) -> NodeName {
    NodeName::new(name).expect("a node name")
}

fn functions(at_once_max: usize, at_once_per_peer_max: usize, args_bytes_max: usize) -> Functions {
    Functions::with_defaults(FunctionLimits { at_once_max, at_once_per_peer_max, args_bytes_max })
}

#[test]
fn as_many_run_at_once_as_the_limit_says() {
    let functions = functions(2, 2, 10);
    let first = functions.enter(peer("a@h"), 0).expect("there is room");
    let second = functions.enter(peer("b@h"), 0).expect("there is room");
    assert_eq!(functions.enter(peer("c@h"), 0).expect_err("none is left"), Refusal::OverLimit);
    assert_eq!(functions.running(), 2);
    drop(first);
    let third = functions.enter(peer("c@h"), 0).expect("there is room again");
    drop((second, third));
    assert_eq!(functions.running(), 0);
}

#[test]
fn one_peer_does_not_take_the_places_of_others() {
    let functions = functions(10, 1, 10);
    let held = functions.enter(peer("a@h"), 0).expect("there is room");
    assert_eq!(functions.enter(peer("a@h"), 0).expect_err("it has its place"), Refusal::OverLimit);
    assert!(functions.enter(peer("b@h"), 0).is_ok());
    drop(held);
    assert!(functions.enter(peer("a@h"), 0).is_ok());
}

#[test]
fn arguments_may_be_as_long_as_the_limit_says() {
    let functions = functions(1, 1, 10);
    assert!(functions.enter(peer("a@h"), 10).is_ok());
    assert_eq!(functions.enter(peer("a@h"), 11).expect_err("too long"), Refusal::OverLimit);
}

#[test]
fn a_denied_peer_calls_nothing() {
    let functions = functions(9, 9, 9);
    functions.deny(peer("a@h")).expect("a name just made");
    assert_eq!(functions.enter(peer("a@h"), 0).expect_err("it is denied"), Refusal::Denied);
    assert!(functions.enter(peer("b@h"), 0).is_ok());
    assert!(functions.permit(peer("a@h")) && !functions.permit(peer("a@h")));
    assert!(functions.enter(peer("a@h"), 0).is_ok());
}

#[test]
fn only_what_is_listed_is_allowed() {
    let functions = functions(9, 9, 9);
    assert!(functions.is_allowed("erlang", "node", 0));
    assert!(!functions.is_allowed("erlang", "node", 1) && !functions.is_allowed("os", "cmd", 1));
    functions.allow("m", "f", 2, |_| async { Ok(Term::Nil) });
    assert!(functions.is_allowed("m", "f", 2) && !functions.is_allowed("m", "f", 1));
    assert!(functions.disallow("m", "f", 2) && !functions.disallow("m", "f", 2));
    assert!(!functions.is_allowed("m", "f", 2));
}

#[test]
fn what_changes_something_needs_a_word() {
    let functions = functions(9, 9, 9);
    assert!(!functions.is_allowed("erlang", "exit", 2));
    functions.allow_changes(true);
    assert!(functions.is_allowed("erlang", "exit", 2));
    functions.allow_changes(false);
    assert!(!functions.is_allowed("erlang", "exit", 2));
}

#[test]
fn the_log_tells_of_so_many_undefined_functions() {
    let functions = functions(9, 9, 9);
    for index in 0..=UNDEFINED_TOLD_MAX {
        let name = Atom::new(&format!("f{index}")).expect("an atom");
        functions.tell_undefined(peer("a@h"), &name, &name, 0);
        functions.tell_undefined(peer("a@h"), &name, &name, 0);
    }
    assert_eq!(functions.told.lock().len(), UNDEFINED_TOLD_MAX);
    assert_eq!(functions.counts().undefined, 2 * (UNDEFINED_TOLD_MAX as u64 + 1));
}
