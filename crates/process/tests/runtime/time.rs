//! Messages sent later, and sleeping.

use crate::stage::{Number, everywhere, gone, idle, number, quiet, seeded};
use engset_process::{Cx, ExitReason, SpawnOptions};
use std::time::Duration;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn messages_come_at_their_time_in_order_of_time() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let begin = cx.processes().scheduler().now();
        for delay in [30, 10, 20, 0] {
            _ = cx.send_after(millis(delay), me, Number(delay));
        }
        for expected in [0, 10, 20, 30] {
            assert_eq!(number(&mut cx).await, expected);
            let waited = cx.processes().scheduler().now().saturating_duration_since(begin);
            assert!(waited >= millis(expected), "{waited:?}");
        }
    });
}

#[test]
fn a_message_taken_back_does_not_come() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let timer = cx.send_after(millis(10_000), me, Number(1));
        let left = timer.cancel().expect("it has not been sent");
        assert!(left > millis(5_000) && left <= millis(10_000), "{left:?}");
        let timer = cx.send_after(Duration::ZERO, me, Number(2));
        assert_eq!(number(&mut cx).await, 2);
        assert_eq!(timer.cancel(), None, "it has been sent");
        quiet(&mut cx).await;
    });
}

#[test]
fn a_timer_outlives_the_process_that_set_it() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let set = move |cx: Cx<Number>| async move { _ = cx.send_after(millis(20), me, Number(3)) };
        let child = cx.processes().spawn(SpawnOptions::default(), set).expect("room").pid();
        gone(&mut cx, child).await;
        assert_eq!(number(&mut cx).await, 3);
    });
}

#[test]
fn a_timer_for_a_process_that_has_ended_does_nothing() {
    everywhere(|mut cx| async move {
        let child = cx.processes().spawn(SpawnOptions::default(), idle).expect("room").pid();
        let dropped = cx.processes().counters().read().dropped;
        _ = cx.send_after(millis(5), child, Number(1));
        cx.exit(child, ExitReason::Kill);
        gone(&mut cx, child).await;
        cx.sleep(millis(30)).await;
        assert_eq!(cx.processes().counters().read().dropped, dropped + 1);
    });
}

#[test]
fn virtual_time_passes_as_if_nothing() {
    seeded(1, |cx| async move {
        let begin = cx.processes().scheduler().now();
        cx.sleep(Duration::from_secs(86_400)).await;
        let slept = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert_eq!(slept, Duration::from_secs(86_400));
    });
}
