//! Supervisors: order, strategies, restart types, intensity.

use crate::node::{atom, each_seed, millis, on_threads, settle};
use crate::worker::{Yard, crash, end, exit, pid_of};
use engset_otp::{Child, ChildState, Restart, StartError, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::{Pid, Term};
use std::time::Duration;

fn pids(cx: &Cx<Term>) -> [Option<Pid>; 3] {
    ["a", "b", "c"].map(|id| pid_of(cx.processes(), id))
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let before = cx.processes().count();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
        assert_eq!(yard.record.take(), ["stop c shutdown", "stop b shutdown", "stop a shutdown"]);
        assert_eq!(cx.processes().count(), before);
    });
}

#[test]
fn one_for_one_restarts_only_who_ended() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        let before = pids(&cx);
        end("b", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop b crash", "start b"]);
        let after = pids(&cx);
        assert_eq!((after[0], after[2]), (before[0], before[2]));
        assert!(after[1].is_some() && after[1] != before[1]);
    });
}

#[test]
fn one_for_all_restarts_all() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.start_abc(&mut cx, Supervisor::one_for_all()).await;
        let before = pids(&cx);
        end("b", crash());
        settle(&cx).await;
        let stops = ["stop b crash", "stop c shutdown", "stop a shutdown"];
        assert_eq!(yard.record.take(), [&stops[..], &["start a", "start b", "start c"]].concat());
        assert!(pids(&cx).iter().zip(before).all(|(after, before)| after.is_some() && *after != before));
    });
}

#[test]
fn rest_for_one_restarts_who_ended_and_those_started_after_it() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        yard.start_abc(&mut cx, Supervisor::rest_for_one()).await;
        let before = pids(&cx);
        end("b", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop b crash", "stop c shutdown", "start b", "start c"]);
        assert_eq!(pids(&cx)[0], before[0]);
    });
}

/// What became of a child that ended.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Restarted,
    Stopped,
    Gone,
}

async fn fate(cx: &mut Cx<Term>, restart: Restart, reason: &ExitReason) -> Fate {
    let yard = Yard::default();
    cx.trap_exit(true);
    let supervisor = Supervisor::one_for_one().child(yard.child("x").restart(restart));
    let supervisor = supervisor.start_link(cx).await.unwrap();
    let before = pid_of(cx.processes(), "x").unwrap();
    if *reason == ExitReason::Killed {
        cx.exit(before, ExitReason::Kill);
    } else {
        end("x", reason.clone());
    }
    settle(cx).await;
    let children = supervisor.which_children().await.unwrap();
    cx.exit(supervisor.pid(), ExitReason::Shutdown);
    exit(cx).await;
    match children.as_slice() {
        [] => Fate::Gone,
        [child] if child.state == ChildState::Stopped => Fate::Stopped,
        [child] => {
            assert_ne!(child.state, ChildState::Running(before));
            Fate::Restarted
        }
        _ => panic!("one child has become {children:?}"),
    }
}

#[test]
fn restart_types_and_reasons_decide_who_is_restarted() {
    each_seed(|mut cx| async move {
        let shutdown = Term::tuple([Term::atom("shutdown"), Term::atom("upgrade")]);
        let orderly = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::from(shutdown)];
        for reason in &orderly {
            assert_eq!(fate(&mut cx, Restart::Permanent, reason).await, Fate::Restarted, "{reason}");
            assert_eq!(fate(&mut cx, Restart::Transient, reason).await, Fate::Stopped, "{reason}");
            assert_eq!(fate(&mut cx, Restart::Temporary, reason).await, Fate::Gone, "{reason}");
        }
        for reason in &[crash(), ExitReason::Killed, ExitReason::NoProc] {
            assert_eq!(fate(&mut cx, Restart::Permanent, reason).await, Fate::Restarted, "{reason}");
            assert_eq!(fate(&mut cx, Restart::Transient, reason).await, Fate::Restarted, "{reason}");
            assert_eq!(fate(&mut cx, Restart::Temporary, reason).await, Fate::Gone, "{reason}");
        }
    });
}

#[test]
fn a_temporary_child_does_not_come_back_with_its_siblings() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        cx.trap_exit(true);
        let supervisor = Supervisor::one_for_all()
            .child(yard.child("a"))
            .child(yard.child("b").restart(Restart::Temporary))
            .child(yard.child("c").restart(Restart::Transient));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        end("c", ExitReason::Normal);
        settle(&cx).await;
        yard.record.take();
        end("a", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop a crash", "stop b shutdown", "start a", "start c"]);
        assert_eq!(supervisor.count_children().await.unwrap().specs, 2);
    });
}

#[test]
fn the_intensity_allows_so_many_restarts_and_not_one_more() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::one_for_one().intensity(2, Duration::from_secs(5));
        let supervisor = yard.start_abc(&mut cx, supervisor).await;
        for _ in 0..2 {
            end("b", crash());
            settle(&cx).await;
            assert_eq!(yard.record.take(), ["stop b crash", "start b"]);
        }
        end("b", crash());
        assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
        assert_eq!(yard.record.take(), ["stop b crash", "stop c shutdown", "stop a shutdown"]);
    });
}

#[test]
fn restarts_longer_ago_than_the_period_do_not_count() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::one_for_one().intensity(1, Duration::from_secs(5));
        let supervisor = yard.start_abc(&mut cx, supervisor).await;
        for _ in 0..4 {
            end("a", crash());
            cx.sleep(Duration::from_secs(5) + millis(1)).await;
        }
        assert!(cx.processes().is_alive(supervisor.pid()));
        end("a", crash());
        cx.sleep(Duration::from_secs(5)).await;
        end("a", crash());
        assert_eq!(exit(&mut cx).await.1, ExitReason::Shutdown);
    });
}

#[test]
fn intensity_zero_allows_no_restart() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one().intensity(0, millis(1))).await;
        end("c", crash());
        assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
        assert_eq!(yard.record.take(), ["stop c crash", "stop b shutdown", "stop a shutdown"]);
    });
}

#[test]
fn a_child_that_fails_to_start_stops_those_before_it() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let before = cx.processes().count();
        cx.trap_exit(true);
        yard.fail("c", 1);
        let supervisor = Supervisor::one_for_one()
            .child(yard.child("a"))
            .child(yard.child("b"))
            .child(yard.child("c"))
            .child(yard.child("d"));
        let error = supervisor.start_link(&mut cx).await.unwrap_err();
        let what = ["failed_to_start_child", "c", "no_luck"].map(Term::atom);
        let reason = ExitReason::from(Term::tuple([Term::atom("shutdown"), Term::tuple(what)]));
        assert_eq!(error, StartError::Init(reason.clone()));
        assert_eq!(exit(&mut cx).await.1, reason);
        let facts = ["start a", "start b", "fail c", "stop b shutdown", "stop a shutdown"];
        assert_eq!(yard.record.take(), facts);
        assert_eq!(cx.processes().count(), before);
    });
}

#[test]
fn two_children_with_one_id_are_refused() {
    each_seed(|_| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::one_for_one().child(yard.child("a")).child(yard.nameless("a"));
        let StartError::Init(reason) = supervisor.start().await.unwrap_err() else {
            panic!("it was spawned")
        };
        assert_eq!(reason.to_string(), "{start_spec,{duplicate_child_name,a}}");
        assert!(yard.record.take().is_empty(), "no child was started");
    });
}

#[test]
fn a_restart_that_fails_is_tried_again_and_counted() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::one_for_one().intensity(3, Duration::from_secs(5));
        let supervisor = yard.start_abc(&mut cx, supervisor).await;
        yard.fail("b", 2);
        end("b", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop b crash", "fail b", "fail b", "start b"]);
        cx.sleep(Duration::from_secs(6)).await;
        yard.fail("b", 3);
        end("b", crash());
        assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
        let facts = ["stop b crash", "fail b", "fail b", "fail b", "stop c shutdown", "stop a shutdown"];
        assert_eq!(yard.record.take(), facts);
    });
}

#[test]
fn a_failed_restart_of_all_begins_anew() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::one_for_all().intensity(5, Duration::from_secs(5));
        yard.start_abc(&mut cx, supervisor).await;
        yard.fail("b", 1);
        end("a", crash());
        settle(&cx).await;
        let first = ["stop a crash", "stop c shutdown", "stop b shutdown", "start a", "fail b"];
        let second = ["stop a shutdown", "start a", "start b", "start c"];
        assert_eq!(yard.record.take(), [&first[..], &second].concat());
    });
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_the_one_above() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        cx.trap_exit(true);
        let below = yard.clone();
        let inner = Child::supervisor("inner", move || {
            Supervisor::rest_for_one().intensity(0, millis(1)).child(below.child("b")).child(below.child("c"))
        });
        let outer = Supervisor::one_for_one().child(yard.child("a")).child(inner);
        let outer = outer.start_link(&mut cx).await.unwrap();
        let before = pids(&cx);
        yard.record.take();
        end("b", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop b crash", "stop c shutdown", "start b", "start c"]);
        assert_eq!(pids(&cx)[0], before[0]);
        cx.exit(outer.pid(), ExitReason::Shutdown);
        exit(&mut cx).await;
        assert_eq!(yard.record.take(), ["stop c shutdown", "stop b shutdown", "stop a shutdown"]);
    });
}

#[test]
fn a_killed_supervisor_leaves_no_orphans() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let before = cx.processes().count();
        cx.trap_exit(true);
        let below = yard.clone();
        let inner = Child::supervisor("inner", move || Supervisor::one_for_one().child(below.child("b")));
        let plain = Child::process("plain", || |mut cx: Cx<Term>| async move { drop(cx.recv().await) });
        let outer = Supervisor::one_for_one().child(yard.child("a")).child(inner).child(plain);
        let outer: SupervisorRef = outer.start_link(&mut cx).await.unwrap();
        assert_eq!(cx.processes().count(), before + 5);
        cx.exit(outer.pid(), ExitReason::Kill);
        assert_eq!(exit(&mut cx).await, (outer.pid(), ExitReason::Killed));
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
    });
}

#[test]
fn a_named_supervisor_is_found_by_its_name() {
    each_seed(|mut cx| async move {
        let supervisor = Supervisor::one_for_one().named(atom("top")).start_link(&mut cx).await.unwrap();
        assert_eq!(cx.processes().whereis(&atom("top")), Some(supervisor.pid()));
    });
}

#[test]
fn children_that_are_killed_all_the_time_all_come_back_with_threads() {
    on_threads(|mut cx| async move {
        let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let yard = Yard::default();
        cx.trap_exit(true);
        let before = cx.processes().count();
        let supervisor = Supervisor::one_for_one().intensity(1_000, Duration::from_secs(60));
        let supervisor = ids.iter().fold(supervisor, |supervisor, id| supervisor.child(yard.child(id)));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        for round in 0..300 {
            if let Some(pid) = pid_of(cx.processes(), ids[round % ids.len()]) {
                cx.exit(pid, ExitReason::Kill);
            }
        }
        while supervisor.count_children().await.unwrap().active < ids.len()
            || ids.iter().any(|id| pid_of(cx.processes(), id).is_none())
        {
            cx.sleep(millis(1)).await;
        }
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
        assert_eq!(cx.processes().count(), before);
    });
}
