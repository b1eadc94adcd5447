//! Starting: children that start, ask not to be run, or fail.

use crate::stage::{
    child, counts, each_seed, end, failing, ignoring, list, no, once, only, settle, stop, up_to,
};
use engset_otp::{
    Child, ChildError, ChildState, Restart, Server, StartError, Supervisor, SupervisorMsg, ignore,
};
use engset_process::{Addr, Cx, Exit, ExitReason};
use engset_term::Term;

/// A server whose `init` asks not to be run.
struct Idle;

impl Server for Idle {
    type Msg = Term;
    type Ref = Addr<Term>;

    async fn init(&mut self, _: &mut Cx<Term>) -> Result<(), Exit> {
        Err(ignore())
    }

    async fn handle(&mut self, _: Term, _: &mut Cx<Term>) -> Result<(), Exit> {
        Ok(())
    }
}

fn stopped(id: &str) -> (String, ChildState) {
    (id.to_owned(), ChildState::Stopped)
}

/// A supervisor starts and ends when told to.
#[test]
fn sup_start_normal() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one()).start_link(&mut cx).await.unwrap();
        assert!(cx.processes().is_alive(supervisor.pid()));
        stop(&mut cx, supervisor).await;
    });
}

/// A supervisor below another that asks not to be run is no failure, and leaves no process behind.
#[test]
fn sup_start_ignore_init() {
    each_seed(|mut cx| async move {
        let before = cx.processes().count();
        let below =
            Child::by("below", |_: &mut Cx<SupervisorMsg>| Box::pin(async { Err(StartError::ignored()) }));
        let supervisor = Supervisor::one_for_one().child(below).child(Child::server("idle", || Idle));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        assert_eq!(list(supervisor).await, [stopped("idle"), stopped("below")]);
        assert_eq!(cx.processes().count(), before + 1);
        stop(&mut cx, supervisor).await;
        let error = engset_otp::start_link(&mut cx, None, Idle).await.unwrap_err();
        assert!(error.is_ignored(), "{error}");
    });
}

/// A child that asks not to be run is kept as not running, and others start behind it.
#[test]
fn sup_start_ignore_child() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one()).start_link(&mut cx).await.unwrap();
        assert_eq!(supervisor.start_child(ignoring("child1")).await, no(ChildError::Ignored));
        let pid = supervisor.start_child(child("child2")).await.unwrap();
        let running = ("child2".to_owned(), ChildState::Running(pid));
        assert_eq!(list(supervisor).await, [running, stopped("child1")]);
        assert_eq!(counts(supervisor).await, [2, 1, 0, 2]);
        assert_eq!(supervisor.restart_child("child1").await, no(ChildError::Ignored), "it asks again");
        assert_eq!(supervisor.start_child(child("child1")).await, no(ChildError::AlreadyPresent));
    });
}

/// A temporary child of the supervisor's beginning that asks not to be run is not kept.
#[test]
fn sup_start_ignore_temporary_child() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one())
            .child(ignoring("child1").restart(Restart::Temporary))
            .child(child("child2").restart(Restart::Temporary));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        only(supervisor).await;
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
    });
}

/// A temporary child that was started later and asks not to be run is not kept.
#[test]
fn sup_start_ignore_temporary_child_start_child() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one()).start_link(&mut cx).await.unwrap();
        let ignored = ignoring("child1").restart(Restart::Temporary);
        assert_eq!(supervisor.start_child(ignored).await, no(ChildError::Ignored));
        let pid = supervisor.start_child(child("child2").restart(Restart::Temporary)).await.unwrap();
        assert_eq!(only(supervisor).await, pid);
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        supervisor.start_child(child("child1")).await.unwrap();
    });
}

/// A dynamic supervisor keeps no temporary child that asks not to be run.
#[test]
fn sup_start_ignore_temporary_child_start_child_simple() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::dynamic()).start_link(&mut cx).await.unwrap();
        let ignored = ignoring("child").restart(Restart::Temporary);
        assert_eq!(supervisor.start_child(ignored).await, no(ChildError::Ignored));
        let pid = supervisor.start_child(child("child").restart(Restart::Temporary)).await.unwrap();
        assert_eq!(only(supervisor).await, pid);
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
    });
}

/// A dynamic supervisor keeps no permanent child either that asks not to be run, and ends as always.
#[test]
fn sup_start_ignore_permanent_child_start_child_simple() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::dynamic()).start_link(&mut cx).await.unwrap();
        assert_eq!(supervisor.start_child(ignoring("child")).await, no(ChildError::Ignored));
        let pid = supervisor.start_child(child("child")).await.unwrap();
        assert_eq!(only(supervisor).await, pid);
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        stop(&mut cx, supervisor).await;
    });
}

/// A supervisor whose flags mean nothing is refused, and the starter hears of it in the result and over the link.
#[test]
fn sup_start_error_return() {
    each_seed(|mut cx| async move {
        let before = cx.processes().count();
        let supervisor = Supervisor::one_for_one().intensity(1, std::time::Duration::ZERO);
        let StartError::Init(reason) = supervisor.start_link(&mut cx).await.unwrap_err() else {
            panic!("it was spawned")
        };
        assert_eq!(reason.to_string(), "{supervisor_data,{invalid_period,0}}");
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
    });
}

/// A supervisor below whose making panics ends the one above, whose starter hears the panic.
#[test]
fn sup_start_fail() {
    each_seed(|mut cx| async move {
        let before = cx.processes().count();
        let below = Child::supervisor("below", || panic!("badmatch"));
        let supervisor = Supervisor::one_for_one().child(child("child")).child(below);
        let StartError::Init(reason) = supervisor.start_link(&mut cx).await.unwrap_err() else {
            panic!("it was spawned")
        };
        assert!(reason.to_string().contains("badmatch"), "{reason}");
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before, "the first child ends with its supervisor");
    });
}

/// A child that does not start is not kept, and its reason is told.
#[test]
fn sup_start_child_returns_error() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one()).start_link(&mut cx).await.unwrap();
        for reason in ["reason", "error_reason"] {
            let error = ChildError::Start(Term::atom(reason));
            assert_eq!(supervisor.start_child(failing("child", reason)).await, no(error));
        }
        assert_eq!(list(supervisor).await, []);
    });
}

/// A child that was terminated and does not start again stays as not running.
#[test]
fn sup_start_restart_child_returns_error() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::one_for_one()).child(once("child1"));
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        supervisor.terminate_child("child1").await.unwrap();
        let error = ChildError::Start(Term::atom("error"));
        assert_eq!(supervisor.restart_child("child1").await, no(error));
        assert_eq!(list(supervisor).await, [stopped("child1")]);
    });
}

/// A dynamic supervisor does not keep a child that does not start.
#[test]
fn sup_start_child_returns_error_simple() {
    each_seed(|mut cx| async move {
        let supervisor = up_to(2, Supervisor::dynamic()).start_link(&mut cx).await.unwrap();
        for reason in ["reason", "error_reason"] {
            let error = ChildError::Start(Term::atom(reason));
            assert_eq!(supervisor.start_child(failing("child", reason)).await, no(error));
        }
        assert_eq!(list(supervisor).await, []);
        assert_eq!(counts(supervisor).await, [0; 4]);
    });
}

/// What the start makes beside the process is handed out by what it captured, at each start anew.
#[test]
fn extra_return() {
    each_seed(|mut cx| async move {
        let (sender, extra) = std::sync::mpsc::channel();
        let made = move || {
            let sender = sender.clone();
            Child::by("child1", move |cx| {
                let sender = sender.clone();
                Box::pin(async move {
                    let addr = cx.spawn_link(engset_process::SpawnOptions::default(), crate::stage::obedient);
                    let pid = addr.map_err(StartError::Spawn)?.pid();
                    sender.send((pid, "extra")).unwrap();
                    Ok(pid)
                })
            })
        };
        let supervisor = up_to(2, Supervisor::one_for_one()).child(made());
        let supervisor = supervisor.start_link(&mut cx).await.unwrap();
        let pid = only(supervisor).await;
        assert_eq!(extra.try_recv(), Ok((pid, "extra")));
        supervisor.terminate_child("child1").await.unwrap();
        assert_eq!(counts(supervisor).await, [1, 0, 0, 1]);
        let pid = supervisor.restart_child("child1").await.unwrap();
        assert_eq!(extra.try_recv(), Ok((pid, "extra")));
        supervisor.terminate_child("child1").await.unwrap();
        supervisor.delete_child("child1").await.unwrap();
        assert_eq!(supervisor.restart_child("child1").await, no(ChildError::NotFound));
        let pid = supervisor.start_child(made()).await.unwrap();
        assert_eq!(extra.try_recv(), Ok((pid, "extra")));
        end(&mut cx, pid, crate::stage::died()).await;
        let again = only(supervisor).await;
        assert_ne!(again, pid);
        assert_eq!(extra.try_recv(), Ok((again, "extra")), "also when it is restarted");
    });
}

/// A restarted child that asks not to be run stays as not running, and a dynamic one is forgotten.
#[test]
fn simple_one_for_one_restart_ignore() {
    each_seed(|mut cx| async move {
        let turncoat = || {
            let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
            Child::by("child", move |cx| {
                let run = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Box::pin(async move {
                    if run > 1 {
                        return Err(StartError::ignored());
                    }
                    let addr = cx.spawn_link(engset_process::SpawnOptions::default(), crate::stage::obedient);
                    Ok(addr.map_err(StartError::Spawn)?.pid())
                })
            })
        };
        for restart in [Restart::Transient, Restart::Permanent] {
            for dynamic in [false, true] {
                let supervisor = if dynamic { Supervisor::dynamic() } else { Supervisor::one_for_one() };
                let supervisor = up_to(10, supervisor).start_link(&mut cx).await.unwrap();
                let pid = supervisor.start_child(turncoat().restart(restart)).await.unwrap();
                end(&mut cx, pid, ExitReason::Kill).await;
                let pid = only(supervisor).await;
                end(&mut cx, pid, ExitReason::Kill).await;
                let left = if dynamic { vec![] } else { vec![stopped("child")] };
                assert_eq!(list(supervisor).await, left);
                stop(&mut cx, supervisor).await;
            }
        }
    });
}

/// A child that fails at the beginning ends the supervisor with its reason, told in the result and over the link.
#[test]
fn a_child_that_fails_first_ends_its_supervisor() {
    each_seed(|mut cx| async move {
        let top = Supervisor::one_for_one().child(child("a")).child(failing("b", "bad"));
        let error = top.start_link(&mut cx).await.unwrap_err();
        let words = ["failed_to_start_child", "b", "bad"].map(Term::atom);
        let reason = ExitReason::from(Term::tuple([Term::atom("shutdown"), Term::tuple(words)]));
        assert_eq!(error, StartError::Init(reason.clone()));
        let above = Supervisor::one_for_one()
            .child(Child::supervisor("below", || Supervisor::one_for_one().child(failing("b", "bad"))));
        let StartError::Init(above) = above.start_link(&mut cx).await.unwrap_err() else {
            panic!("it was spawned")
        };
        assert_eq!(
            above.to_string(),
            "{shutdown,{failed_to_start_child,below,{shutdown,{failed_to_start_child,b,bad}}}}"
        );
    });
}
