//! How children are stopped: in time, killed, at once, or as long as it takes.

use crate::node::{each_seed, millis};
use crate::worker::{Yard, exit};
use engset_otp::{Child, SHUTDOWN_TIMEOUT, Shutdown, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason, Mail};
use engset_term::Term;
use std::time::Duration;

/// A child that ignores every request to stop.
fn stubborn(id: &str) -> Child {
    Child::process(id, || {
        |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            while let Mail::Exit(_) = cx.recv().await {}
        }
    })
}

/// Stops the supervisor; how long that took.
async fn stop(cx: &mut Cx<Term>, supervisor: SupervisorRef) -> Duration {
    let before = cx.processes().scheduler().now();
    cx.exit(supervisor.pid(), ExitReason::Shutdown);
    assert_eq!(exit(cx).await, (supervisor.pid(), ExitReason::Shutdown));
    cx.processes().scheduler().now().saturating_duration_since(before)
}

async fn start(cx: &mut Cx<Term>, child: Child) -> SupervisorRef {
    cx.trap_exit(true);
    Supervisor::one_for_one().child(child).start_link(cx).await.unwrap()
}

#[test]
fn a_child_that_stops_in_time_is_left_to_it() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.stop_takes(99);
        let child = yard.child("a").shutdown(Shutdown::Timeout(millis(100)));
        let supervisor = start(&mut cx, child).await;
        assert_eq!(stop(&mut cx, supervisor).await, millis(99));
        assert_eq!(yard.record.take(), ["start a", "stop a shutdown"]);
    });
}

#[test]
fn a_child_that_does_not_stop_in_time_is_killed() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.stop_takes(101);
        let child = yard.child("a").shutdown(Shutdown::Timeout(millis(100)));
        let supervisor = start(&mut cx, child).await;
        let before = cx.processes().count();
        assert_eq!(stop(&mut cx, supervisor).await, millis(100));
        assert_eq!(yard.record.take(), ["start a"]);
        assert_eq!(cx.processes().count(), before - 2);
    });
}

#[test]
fn a_worker_has_the_default_time_to_stop() {
    each_seed(|mut cx| async move {
        let supervisor = start(&mut cx, stubborn("s")).await;
        cx.sleep(millis(1)).await;
        assert_eq!(stop(&mut cx, supervisor).await, SHUTDOWN_TIMEOUT);
    });
}

#[test]
fn a_brutal_kill_waits_for_nothing() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.stop_takes(1_000);
        let supervisor = start(&mut cx, yard.child("a").shutdown(Shutdown::BrutalKill)).await;
        assert_eq!(stop(&mut cx, supervisor).await, Duration::ZERO);
        assert_eq!(yard.record.take(), ["start a"]);
    });
}

#[test]
fn infinity_waits_as_long_as_it_takes() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.stop_takes(3_600_000);
        let supervisor = start(&mut cx, yard.child("a").shutdown(Shutdown::Infinity)).await;
        assert_eq!(stop(&mut cx, supervisor).await, millis(3_600_000));
        assert_eq!(yard.record.take(), ["start a", "stop a shutdown"]);
    });
}

#[test]
fn children_of_a_supervisor_below_have_their_own_times() {
    each_seed(|mut cx| async move {
        let inner = || {
            let child = |id| stubborn(id).shutdown(Shutdown::Timeout(Duration::from_secs(20)));
            Supervisor::one_for_one().child(child("s")).child(child("t"))
        };
        let supervisor = start(&mut cx, Child::supervisor("inner", inner)).await;
        cx.sleep(millis(1)).await;
        assert_eq!(stop(&mut cx, supervisor).await, Duration::from_secs(40));
    });
}

#[test]
fn children_of_a_dynamic_supervisor_stop_together() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let yard = Yard::default();
        let before = cx.processes().count();
        let supervisor = Supervisor::dynamic().start_link(&mut cx).await.unwrap();
        for _ in 0..3 {
            supervisor.start_child(stubborn("s").shutdown(Shutdown::Timeout(millis(100)))).await.unwrap();
            supervisor.start_child(yard.nameless("w").shutdown(Shutdown::Timeout(millis(70)))).await.unwrap();
        }
        yard.stop_takes(60);
        cx.sleep(millis(1)).await;
        assert_eq!(stop(&mut cx, supervisor).await, millis(100));
        let facts = [["start w"; 3], ["stop w shutdown"; 3]].concat();
        assert_eq!(yard.record.take(), facts);
        assert_eq!(cx.processes().count(), before);
    });
}

#[test]
fn a_child_that_ends_by_itself_while_it_is_stopped_is_not_restarted() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = start(&mut cx, yard.child("a")).await;
        crate::worker::end("a", crate::worker::crash());
        supervisor.terminate_child("a").await.unwrap();
        cx.sleep(millis(1)).await;
        let facts = yard.record.take();
        assert_eq!(supervisor.count_children().await.unwrap().active, 0);
        let starts = facts.iter().filter(|fact| *fact == "start a").count();
        let stops = facts.iter().filter(|fact| fact.starts_with("stop a")).count();
        assert_eq!(starts, stops, "{facts:?}");
    });
}
