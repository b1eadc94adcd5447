//! Time-outs as a machine gets them: in their order, and none that was cancelled.

use crate::node::{Record, each_seed, on_threads};
use crate::script::{Script, ScriptMsg, go, millis, play};
use engset_otp::CallTarget;
use engset_otp::gen_statem::{Step, start};
use engset_process::Target;
use std::time::Duration;

/// The state time-out comes once, unless the state changes; one that is set with a change belongs to the new state, and
/// one of zero comes before anything else that is received.
#[test]
fn state_timeout() {
    let set = || Step::keep().state_timeout(millis(20), "old");
    assert_eq!(play(vec![go(set)]), ["enter s0 s0", "go s0", "state_timeout old s0"]);
    assert_eq!(
        play(vec![go(set), go(|| Step::next("s0")), go(Step::repeat)]),
        ["enter s0 s0", "go s0", "go s0", "go s0", "enter s0 s0", "state_timeout old s0"],
        "the state is the same"
    );
    assert_eq!(
        play(vec![go(set), go(|| Step::next("s1"))]),
        ["enter s0 s0", "go s0", "go s0", "enter s0 s1"],
        "the state changes"
    );
    let change = || Step::next("s1").state_timeout(millis(0), "new").internal("i");
    assert_eq!(
        play(vec![ScriptMsg::Post("p"), go(set), go(change), ScriptMsg::Note("n")]),
        [
            "enter s0 s0",
            "post p s0",
            "go s0",
            "go s0",
            "enter s0 s1",
            "internal i s1",
            "post p s1",
            "state_timeout new s1",
            "note n s1"
        ]
    );
}

/// Time-outs of all kinds can be cancelled and updated; what is updated keeps its time, and is of zero where none ran.
#[test]
fn timeout_cancel_and_update() {
    let set = || {
        Step::keep()
            .state_timeout(millis(20), "s")
            .timeout("n", millis(10), "n")
            .timeout("m", millis(30), "m")
            .event_timeout(millis(5), "e")
    };
    let cancel = || Step::keep().cancel_state_timeout().cancel_timeout("n").cancel_timeout("none");
    assert_eq!(play(vec![go(set), go(cancel)]), ["enter s0 s0", "go s0", "go s0", "m m s0"]);
    let update = || {
        Step::keep()
            .update_state_timeout("s2")
            .update_timeout("n", "n2")
            .update_timeout("none", "at once")
            .update_event_timeout("never")
    };
    assert_eq!(
        play(vec![go(set), go(update)]),
        ["enter s0 s0", "go s0", "go s0", "none at once s0", "n n2 s0", "state_timeout s2 s0", "m m s0"]
    );
    let event = || Step::keep().event_timeout(millis(5), "e").cancel_event_timeout();
    assert_eq!(play(vec![go(event)]), ["enter s0 s0", "go s0"]);
    let event = || Step::keep().event_timeout(millis(5), "e").update_event_timeout("e2");
    assert_eq!(play(vec![go(event)]), ["enter s0 s0", "go s0", "timeout e2 s0"]);
    let again = || Step::keep().timeout("n", millis(10), "first").timeout("n", millis(500), "second");
    assert_eq!(play(vec![go(again)]), ["enter s0 s0", "go s0", "n second s0"], "there is one of each name");
}

/// Named time-outs run side by side, over changes of state, each by its name.
#[test]
fn generic_timers() {
    let set = || {
        Step::next("s1")
            .timeout("c", millis(30), "3")
            .timeout("a", millis(10), "1")
            .timeout("b", millis(20), "2")
            .timeout("z", millis(0), "0")
    };
    assert_eq!(
        play(vec![go(set), go(|| Step::next("s2")), go(|| Step::keep().cancel_timeout("b"))]),
        [
            "enter s0 s0",
            "go s0",
            "enter s0 s1",
            "z 0 s1",
            "go s1",
            "enter s1 s2",
            "go s2",
            "a 1 s2",
            "c 3 s2"
        ]
    );
}

/// Any event cancels the event time-out.
#[test]
fn event_timeouts_are_cancelled_by_events() {
    let set = || Step::keep().event_timeout(millis(20), "e");
    assert_eq!(play(vec![go(set)]), ["enter s0 s0", "go s0", "timeout e s0"]);
    assert_eq!(play(vec![go(set), ScriptMsg::Note("n")]), ["enter s0 s0", "go s0", "note n s0"]);
    let with_other = || Step::keep().event_timeout(millis(20), "e").timeout("t", millis(10), "t");
    assert_eq!(play(vec![go(with_other)]), ["enter s0 s0", "go s0", "t t s0"]);
}

/// A time-out that became due while the machine was busy waits for what had arrived by then, and is cancelled by it.
#[test]
fn a_time_out_that_was_due_is_still_cancelled() {
    let set = || Step::keep().state_timeout(millis(10), "s").timeout("n", millis(12), "n");
    assert_eq!(
        play(vec![go(set), ScriptMsg::Busy(millis(30)), ScriptMsg::Note("n")]),
        ["enter s0 s0", "go s0", "busy s0", "note n s0", "state_timeout s s0", "n n s0"]
    );
    let cancel = || Step::next("s1").cancel_timeout("n");
    assert_eq!(
        play(vec![go(set), ScriptMsg::Busy(millis(30)), go(cancel)]),
        ["enter s0 s0", "go s0", "busy s0", "go s0", "enter s0 s1"]
    );
    let zero = || Step::keep().state_timeout(millis(0), "s");
    assert_eq!(
        play(vec![go(zero), go(cancel)]),
        ["enter s0 s0", "go s0", "state_timeout s s0", "go s0", "enter s0 s1"],
        "zero comes first"
    );
}

/// A machine with much to receive gets its time-outs nevertheless.
#[test]
fn a_flood_of_messages_does_not_keep_time_outs_back() {
    on_threads(|cx| async move {
        let record = Record::default();
        let script = start(Script::new(&record)).await.unwrap();
        script.send(go(|| Step::keep().timeout("t", millis(20), "t"))).unwrap();
        let began = cx.processes().scheduler().now();
        loop {
            for _ in 0..50 {
                script.send(ScriptMsg::Note("n")).unwrap();
            }
            assert_eq!(script.call(ScriptMsg::Ask).await, Ok("s0"));
            if record.take().contains(&"t t s0".to_owned()) {
                return;
            }
            let passed = cx.processes().scheduler().now().saturating_duration_since(began);
            assert!(passed < Duration::from_secs(10), "the time-out has not come");
        }
    });
}

/// A time-out may be set for an instant.
#[test]
fn a_time_out_for_an_instant_comes_then() {
    each_seed(|cx| async move {
        let record = Record::default();
        let script = start(Script::new(&record)).await.unwrap();
        let now = cx.processes().scheduler().now();
        let (due, past) = (now.saturating_add(millis(30)), now);
        script.send(go(move || Step::keep().timeout("due", due, "d").timeout("past", past, "p"))).unwrap();
        cx.sleep(millis(29)).await;
        assert_eq!(record.take(), ["enter s0 s0", "go s0", "past p s0"]);
        cx.sleep(millis(2)).await;
        assert_eq!(record.take(), ["due d s0"]);
    });
}
