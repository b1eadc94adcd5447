//! The order of events, as a table of steps and what is delivered after each.

use super::core::{Core, Entered, Excess, Limits, Plan, To, Turn};
use super::timeouts::{Key, Setting, When};
use engset_term::Instant;
use std::time::Duration;

type TestCore = Core<u8, &'static str, char>;
type Set = Setting<&'static str, char>;

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn core() -> TestCore {
    Core::new(0, Limits::DEFAULT)
}

fn limited(limits: Limits) -> TestCore {
    Core::new(0, limits)
}

fn keep() -> Plan<u8, &'static str> {
    Plan { to: To::Keep, postpone: None, insert: Vec::new() }
}

fn to(state: u8) -> Plan<u8, &'static str> {
    Plan { to: To::Next(state), ..keep() }
}

fn postpone(event: &'static str) -> Plan<u8, &'static str> {
    Plan { postpone: Some(event), ..keep() }
}

fn start(key: Key<char>, millis: u64, event: &'static str) -> Set {
    Setting::Start(key, When::After(Duration::from_millis(millis)), event)
}

/// What is delivered at `now` without a receive, where nothing has arrived.
fn delivered(core: &mut TestCore, now: Instant) -> Vec<&'static str> {
    let mut events = Vec::new();
    while let Turn::Deliver(event) = core.next(now, || 0) {
        events.push(event);
    }
    events
}

#[test]
fn inserted_events_come_first_then_postponed_ones_from_the_oldest_on() {
    let mut core = core();
    assert_eq!(core.step(postpone("p1")), Ok(None));
    assert_eq!(core.step(postpone("p2")), Ok(None));
    assert_eq!(delivered(&mut core, at(0)), [""; 0]);
    let plan = Plan { to: To::Next(1), postpone: Some("p3"), insert: vec!["i1", "i2"] };
    assert_eq!(core.step(plan), Ok(Some(Entered::From(0))));
    assert_eq!(delivered(&mut core, at(0)), ["i1", "i2", "p1", "p2", "p3"]);
}

#[test]
fn what_is_inserted_later_comes_before_what_is_queued() {
    let mut core = core();
    core.step(Plan { insert: vec!["a", "b"], ..keep() }).unwrap();
    assert_eq!(core.next(at(0), || 0), Turn::Deliver("a"));
    core.step(Plan { insert: vec!["c", "d"], ..keep() }).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["c", "d", "b"]);
}

#[test]
fn postponed_events_wait_for_another_state() {
    let mut core = core();
    core.step(postpone("p")).unwrap();
    for plan in [keep(), to(0), Plan { to: To::Repeat, ..keep() }] {
        core.step(plan).unwrap();
        assert_eq!(delivered(&mut core, at(0)), [""; 0]);
    }
    core.step(to(1)).unwrap();
    assert_eq!(*core.state(), 1);
    assert_eq!(delivered(&mut core, at(0)), ["p"]);
}

#[test]
fn states_are_entered_when_they_differ_or_are_repeated() {
    let mut core = core();
    assert_eq!(core.step(keep()), Ok(None));
    assert_eq!(core.step(to(0)), Ok(None));
    assert_eq!(core.step(Plan { to: To::Repeat, ..keep() }), Ok(Some(Entered::Same)));
    assert_eq!(core.step(to(2)), Ok(Some(Entered::From(0))));
    assert_eq!(core.step(to(1)), Ok(Some(Entered::From(2))));
}

#[test]
fn zero_comes_after_queued_events_and_before_received_ones() {
    let mut core = core();
    core.step(Plan { insert: vec!["i"], ..keep() }).unwrap();
    core.set(at(0), vec![start(Key::Named('a'), 0, "zero")]).unwrap();
    assert_eq!(core.next(at(0), || 5), Turn::Deliver("i"));
    assert_eq!(core.next(at(0), || 5), Turn::Deliver("zero"));
    assert_eq!(core.next(at(0), || 5), Turn::Receive(None));
}

#[test]
fn zeros_come_in_the_order_in_which_they_were_set_last() {
    let mut core = core();
    let settings = vec![
        start(Key::Named('a'), 0, "a1"),
        start(Key::Named('c'), 50, "c1"),
        start(Key::Named('b'), 0, "b"),
        start(Key::Named('c'), 0, "c2"),
        Setting::Update(Key::Named('a'), "a2"),
    ];
    core.set(at(0), settings).unwrap();
    assert_eq!(delivered(&mut core, at(100)), ["b", "c2", "a2"]);
}

#[test]
fn of_several_settings_in_one_step_the_last_counts() {
    let mut core = core();
    let in_place = Setting::Update(Key::Named('a'), "later");
    core.set(at(0), vec![start(Key::Named('a'), 50, "a")]).unwrap();
    core.set(at(0), vec![Setting::Cancel(Key::Named('a')), in_place, start(Key::Named('b'), 0, "b")])
        .unwrap();
    assert_eq!(delivered(&mut core, at(9)), ["b"], "it is not cancelled");
    assert_eq!(delivered(&mut core, at(50)), ["later"]);
    let never_started = vec![start(Key::Named('a'), 50, "a"), Setting::Update(Key::Named('a'), "at once")];
    core.set(at(50), never_started).unwrap();
    assert_eq!(delivered(&mut core, at(50)), ["at once"]);
}

#[test]
fn an_update_leaves_a_zero_in_its_place_and_a_new_one_is_the_last() {
    let mut core = core();
    core.set(at(0), vec![start(Key::Named('a'), 0, "a1"), start(Key::Named('b'), 0, "b")]).unwrap();
    core.set(at(0), vec![Setting::Update(Key::Named('a'), "a2")]).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["a2", "b"]);
    core.set(at(0), vec![start(Key::Named('a'), 0, "a1"), start(Key::Named('b'), 0, "b")]).unwrap();
    core.set(at(0), vec![start(Key::Named('a'), 0, "a2")]).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["b", "a2"]);
}

#[test]
fn any_event_cancels_the_event_time_out() {
    let mut core = core();
    core.step(Plan { insert: vec!["i"], ..keep() }).unwrap();
    core.set(at(0), vec![start(Key::Event, 0, "e"), start(Key::State, 0, "s")]).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["i", "s"], "cancelled by an inserted event");

    core.set(at(0), vec![start(Key::State, 0, "s"), start(Key::Event, 0, "e")]).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["s"], "cancelled by another time-out");
    core.set(at(0), vec![start(Key::Event, 0, "e"), start(Key::State, 0, "s")]).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["e", "s"], "nothing came before");

    core.set(at(0), vec![start(Key::Event, 5, "e")]).unwrap();
    core.received();
    assert_eq!(delivered(&mut core, at(9)), [""; 0], "cancelled by a message");
    core.set(at(0), vec![start(Key::Event, 5, "e"), start(Key::Named('n'), 4, "n")]).unwrap();
    assert_eq!(delivered(&mut core, at(9)), ["n"], "cancelled by a named time-out");
}

#[test]
fn a_change_of_state_cancels_the_state_time_out_only() {
    let mut core = core();
    let all = || vec![start(Key::State, 5, "s"), start(Key::Event, 6, "e"), start(Key::Named('n'), 7, "n")];
    core.set(at(0), all()).unwrap();
    core.step(to(0)).unwrap();
    core.step(Plan { to: To::Repeat, ..keep() }).unwrap();
    assert_eq!(core.next(at(0), || 0), Turn::Receive(Some(at(5))));
    core.step(to(1)).unwrap();
    assert_eq!(core.next(at(0), || 0), Turn::Receive(Some(at(6))));
    core.received();
    assert_eq!(core.next(at(0), || 0), Turn::Receive(Some(at(7))));
    assert_eq!(delivered(&mut core, at(7)), ["n"]);
}

#[test]
fn time_outs_come_in_the_order_in_which_they_are_due() {
    let mut core = core();
    let settings = vec![
        start(Key::Named('a'), 9, "a"),
        Setting::Start(Key::Named('b'), When::At(at(3)), "b"),
        start(Key::Named('c'), 9, "c"),
    ];
    core.set(at(0), settings).unwrap();
    assert_eq!(delivered(&mut core, at(2)), [""; 0]);
    assert_eq!(delivered(&mut core, at(3)), ["b"]);
    assert_eq!(delivered(&mut core, at(20)), ["a", "c"]);
}

#[test]
fn an_update_keeps_the_time_and_without_a_time_out_it_is_zero() {
    let mut core = core();
    core.set(at(0), vec![start(Key::State, 5, "old"), start(Key::Named('n'), 9, "n")]).unwrap();
    core.set(at(4), vec![Setting::Update(Key::State, "new")]).unwrap();
    assert_eq!(core.next(at(4), || 0), Turn::Receive(Some(at(5))));
    assert_eq!(delivered(&mut core, at(5)), ["new"]);
    core.set(at(5), vec![Setting::Update(Key::State, "at once")]).unwrap();
    assert_eq!(delivered(&mut core, at(5)), ["at once"]);
}

#[test]
fn a_cancelled_time_out_does_not_come_even_if_it_was_due() {
    let mut core = core();
    core.set(at(0), vec![start(Key::Named('n'), 5, "n"), start(Key::State, 0, "s")]).unwrap();
    core.set(at(9), vec![Setting::Cancel(Key::Named('n')), Setting::Cancel(Key::State)]).unwrap();
    assert_eq!(core.next(at(9), || 0), Turn::Receive(None));
    core.set(at(9), vec![Setting::Cancel(Key::Event)]).unwrap();
}

#[test]
fn a_due_time_out_waits_for_what_had_arrived_and_no_longer() {
    let mut core = core();
    core.set(at(0), vec![start(Key::Named('n'), 5, "n")]).unwrap();
    for _ in 0..2 {
        assert_eq!(core.next(at(9), || 2), Turn::Receive(Some(at(5))), "two messages were first");
        core.received();
    }
    assert_eq!(core.next(at(9), || 7), Turn::Deliver("n"));
    assert_eq!(core.next(at(9), || 7), Turn::Receive(None));

    core.set(at(9), vec![start(Key::Named('n'), 1, "n")]).unwrap();
    assert_eq!(core.next(at(10), || 2), Turn::Receive(Some(at(10))));
    core.waited();
    assert_eq!(core.next(at(10), || 2), Turn::Deliver("n"), "what had arrived is gone");
}

#[test]
fn what_had_arrived_for_a_cancelled_time_out_is_forgotten() {
    let mut core = core();
    core.set(at(0), vec![start(Key::Named('n'), 5, "n")]).unwrap();
    assert_eq!(core.next(at(9), || 1_000), Turn::Receive(Some(at(5))));
    core.received();
    core.set(at(9), vec![Setting::Cancel(Key::Named('n'))]).unwrap();
    assert_eq!(core.next(at(9), || 0), Turn::Receive(None));
    core.set(at(9), vec![start(Key::Named('n'), 5, "n")]).unwrap();
    assert_eq!(core.next(at(20), || 0), Turn::Deliver("n"));
}

#[test]
fn as_many_events_are_postponed_as_the_limit_says() {
    let mut core = limited(Limits { postponed: 2, ..Limits::DEFAULT });
    core.step(postpone("1")).unwrap();
    core.step(postpone("2")).unwrap();
    assert_eq!(core.step(postpone("3")), Err(Excess::Postponed(2)));
    core.step(to(1)).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["1", "2"]);
    core.step(postpone("4")).unwrap();
}

#[test]
fn as_many_events_are_queued_as_the_limit_says() {
    let mut core = limited(Limits { queued: 3, ..Limits::DEFAULT });
    core.step(Plan { insert: vec!["1", "2"], ..keep() }).unwrap();
    core.step(Plan { insert: vec!["3"], ..keep() }).unwrap();
    assert_eq!(core.step(Plan { insert: vec!["4"], ..keep() }), Err(Excess::Queued(3)));

    let mut core = limited(Limits { queued: 1, ..Limits::DEFAULT });
    core.step(postpone("1")).unwrap();
    core.step(to(1)).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["1"]);
    core.step(postpone("1")).unwrap();
    assert_eq!(core.step(Plan { insert: vec!["2"], ..to(2) }), Err(Excess::Queued(1)));
}

#[test]
fn as_many_time_outs_run_as_the_limit_says() {
    let mut core = limited(Limits { timeouts: 2, ..Limits::DEFAULT });
    core.set(at(0), vec![start(Key::Named('a'), 5, "a"), start(Key::State, 0, "s")]).unwrap();
    core.set(at(0), vec![start(Key::Named('a'), 6, "a")]).unwrap();
    assert_eq!(core.set(at(0), vec![start(Key::Named('b'), 5, "b")]), Err(Excess::Timeouts(2)));
    assert_eq!(delivered(&mut core, at(0)), ["s"]);
    core.set(at(0), vec![start(Key::Named('b'), 5, "b")]).unwrap();
}

#[test]
fn an_excess_says_what_there_is_too_much_of_and_what_to_do() {
    assert_eq!(
        Excess::Postponed(7).into_reason().to_string(),
        "{system_limit,<<\"the state machine has 7 events postponed and may not have more: serve or drop some, or raise \
         `StateMachine::LIMITS.postponed`\">>}"
    );
    assert!(Excess::Timeouts(1).to_string().ends_with("LIMITS.timeouts`"));
    assert!(Excess::Queued(1).to_string().ends_with("LIMITS.queued`"));
}

#[test]
fn what_is_kept_survives_hibernation() {
    let mut core = core();
    core.step(postpone("p")).unwrap();
    core.step(Plan { insert: vec!["i"], ..keep() }).unwrap();
    core.set(at(0), vec![start(Key::State, 0, "s")]).unwrap();
    core.shrink();
    assert_eq!(delivered(&mut core, at(0)), ["i", "s"]);
    core.step(to(1)).unwrap();
    assert_eq!(delivered(&mut core, at(0)), ["p"]);
}
