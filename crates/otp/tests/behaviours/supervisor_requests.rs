//! What a supervisor answers: children listed, counted, started, stopped, restarted, forgotten.

use crate::node::{each_seed, millis, settle, yield_now};
use crate::worker::{Yard, crash, end, exit, pid_of};
use engset_otp::{
    CallError, Child, ChildError, ChildId, ChildInfo, ChildKind, ChildState, Counts, Restart, Supervisor,
};
use engset_process::{Cx, ExitReason};
use engset_term::Term;
use std::time::Duration;

fn no<T>(error: ChildError) -> Result<T, CallError<ChildError>> {
    Err(CallError::App(error))
}

#[test]
fn children_are_listed_and_counted() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let below = yard.clone();
        let inner = Child::supervisor("inner", move || Supervisor::one_for_all().child(below.child("b")));
        let supervisor = Supervisor::one_for_one().child(yard.child("a")).child(inner);
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        supervisor.terminate_child("a").await.unwrap();
        let children = supervisor.which_children().await.unwrap();
        let [inner, a] = children.as_slice() else { panic!("two children, not {children:?}") };
        let stopped = ChildInfo { id: "a".to_owned(), state: ChildState::Stopped, kind: ChildKind::Worker };
        assert_eq!(*a, stopped);
        assert_eq!((inner.id.as_str(), inner.kind), ("inner", ChildKind::Supervisor));
        assert!(matches!(inner.state, ChildState::Running(_)));
        let counts = supervisor.count_children().await.unwrap();
        assert_eq!(counts, Counts { specs: 2, active: 1, supervisors: 1, workers: 1 });
    });
}

#[test]
fn children_may_be_started_later() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        let pid = supervisor.start_child(yard.child("d")).await.unwrap();
        assert_eq!(pid_of(cx.processes(), "d"), Some(pid));
        let again = supervisor.start_child(yard.child("d")).await;
        assert_eq!(again, no(ChildError::AlreadyStarted(pid)));
        supervisor.terminate_child("d").await.unwrap();
        assert_eq!(supervisor.start_child(yard.child("d")).await, no(ChildError::AlreadyPresent));
        yard.fail("e", 1);
        let failed = supervisor.start_child(yard.child("e")).await;
        assert_eq!(failed, no(ChildError::Start(Term::atom("no_luck"))));
        assert_eq!(supervisor.count_children().await.unwrap().specs, 4);
        yard.record.take();
        end("c", crash());
        settle(&cx).await;
        assert_eq!(yard.record.take(), ["stop c crash", "start c"]);
    });
}

#[test]
fn a_stopped_child_may_be_restarted_or_forgotten() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_all()).await;
        assert_eq!(supervisor.restart_child("b").await, no(ChildError::Running));
        assert_eq!(supervisor.delete_child("b").await, no(ChildError::Running));
        supervisor.terminate_child("b").await.unwrap();
        supervisor.terminate_child("b").await.unwrap();
        assert_eq!(yard.record.take(), ["stop b shutdown"]);
        let pid = supervisor.restart_child("b").await.unwrap();
        assert_eq!(pid_of(cx.processes(), "b"), Some(pid));
        assert_eq!(supervisor.terminate_child(pid).await, no(ChildError::NotFound), "it is known by its id");
        supervisor.terminate_child("b").await.unwrap();
        yard.fail("b", 1);
        assert_eq!(supervisor.restart_child("b").await, no(ChildError::Start(Term::atom("no_luck"))));
        supervisor.delete_child("b").await.unwrap();
        for result in [
            supervisor.delete_child("b").await,
            supervisor.terminate_child("b").await,
            supervisor.restart_child("b").await.map(drop),
            supervisor.terminate_child(ChildId::Pid(pid)).await,
        ] {
            assert_eq!(result, no(ChildError::NotFound));
        }
        assert_eq!(supervisor.count_children().await.unwrap().specs, 2);
    });
}

#[test]
fn a_temporary_child_is_forgotten_when_it_is_stopped() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let child = yard.child("a").restart(Restart::Temporary);
        let supervisor = Supervisor::one_for_one().child(child).start_link(&mut cx).await.unwrap();
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(supervisor.terminate_child("a").await, no(ChildError::NotFound));
    });
}

#[test]
fn dynamic_children_come_and_go_by_their_pids() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        cx.trap_exit(true);
        let supervisor = Supervisor::dynamic().intensity(10, Duration::from_secs(5));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        let mut pids = Vec::new();
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary, Restart::Permanent] {
            pids.push(supervisor.start_child(yard.nameless("w").restart(restart)).await.unwrap());
        }
        supervisor.terminate_child(pids[3]).await.unwrap();
        assert_eq!(supervisor.terminate_child(pids[3]).await, Ok(()), "it is gone, as asked");
        assert_eq!(supervisor.terminate_child(cx.pid()).await, no(ChildError::NotFound));
        assert_eq!(supervisor.terminate_child("w").await, no(ChildError::Dynamic));
        assert_eq!(supervisor.count_children().await.unwrap().active, 3);
        for pid in &pids[..3] {
            cx.exit(*pid, ExitReason::Kill);
        }
        settle(&cx).await;
        let children = supervisor.which_children().await.unwrap();
        assert_eq!(children.len(), 2, "the temporary one is gone: {children:?}");
        assert!(
            children
                .iter()
                .all(|child| matches!(child.state, ChildState::Running(pid) if !pids.contains(&pid)))
        );
    });
}

#[test]
fn a_dynamic_child_that_ends_normally_is_forgotten_unless_permanent() {
    each_seed(|mut cx| async move {
        let supervisor = Supervisor::dynamic().start_link(&mut cx).await.unwrap();
        let brief = || Child::process("brief", || |cx: Cx<Term>| async move { cx.sleep(millis(5)).await });
        supervisor.start_child(brief().restart(Restart::Transient)).await.unwrap();
        supervisor.start_child(brief().restart(Restart::Temporary)).await.unwrap();
        assert_eq!(supervisor.count_children().await.unwrap().specs, 2);
        cx.sleep(millis(6)).await;
        assert_eq!(supervisor.count_children().await, Ok(Counts::default()));
    });
}

#[test]
fn requests_get_their_turn_between_failing_restarts() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::rest_for_one().intensity(1_000, Duration::from_secs(5));
        let supervisor = yard.start_abc(&mut cx, supervisor).await;
        yard.fail("b", 500);
        end("b", crash());
        loop {
            let children = supervisor.which_children().await.unwrap();
            if children[1].state == ChildState::Restarting {
                assert_eq!(children[0].state, ChildState::Stopped, "it waits its turn");
                break;
            }
            yield_now().await;
        }
        assert_eq!(supervisor.restart_child("b").await, no(ChildError::Restarting));
        assert_eq!(supervisor.delete_child("b").await, no(ChildError::Restarting));
        supervisor.terminate_child("b").await.unwrap();
        settle(&cx).await;
        yard.record.take();
        settle(&cx).await;
        assert!(yard.record.take().is_empty(), "it is not tried again");
        supervisor.restart_child("c").await.unwrap();
        assert_eq!(supervisor.count_children().await.unwrap().active, 2);
    });
}

#[test]
fn a_request_whose_caller_gave_up_changes_nothing() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        yard.stop_takes(50);
        let stopping = cx.spawn(move |_: Cx<Term>| async move {
            supervisor.terminate_child("c").await.unwrap();
        });
        stopping.unwrap();
        settle(&cx).await;
        let error = supervisor.terminate_child("a").timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: false });
        cx.sleep(millis(200)).await;
        assert_eq!(yard.record.take(), ["stop c shutdown"]);
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        exit(&mut cx).await;
    });
}

#[test]
fn a_child_is_not_forgotten_when_the_caller_gave_up() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        supervisor.terminate_child("a").await.unwrap();
        yard.stop_takes(50);
        let stopping = cx.spawn(move |_: Cx<Term>| async move {
            supervisor.terminate_child("c").await.unwrap();
        });
        stopping.unwrap();
        settle(&cx).await;
        let error = supervisor.delete_child("a").timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: false });
        cx.sleep(millis(200)).await;
        assert_eq!(supervisor.count_children().await.unwrap().specs, 3);
        supervisor.delete_child("a").await.unwrap();
        assert_eq!(supervisor.count_children().await.unwrap().specs, 2);
    });
}
