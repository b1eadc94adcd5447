//! Ending tasks.

use crate::stage::{each_seed, millis, named, nothing_comes, now, secs, settle};
use engset_otp::Shutdown;
use engset_otp::task::{Task, TaskError};
use engset_process::{Cx, Exit, ExitReason, Mail};
use engset_term::Term;
use std::future::pending;

const PATIENT: Shutdown = Shutdown::Timeout(secs(5));

/// A task that runs is ended, and its process is gone afterwards; the owner hears nothing by the link.
#[test]
fn shutdown_returns_nothing_for_a_task_that_runs() {
    each_seed(|mut cx| async move {
        for (traps, how) in [(false, PATIENT), (true, Shutdown::BrutalKill), (false, Shutdown::Infinity)] {
            cx.trap_exit(traps);
            let task = Task::spawn(&mut cx, pending::<()>()).unwrap();
            let pid = task.pid();
            assert_eq!(task.shutdown(how).await, None);
            assert!(!cx.processes().is_alive(pid));
            nothing_comes(&mut cx).await;
        }
    });
}

/// The value of a task that is done already is not lost.
#[test]
fn shutdown_returns_the_value_that_is_there() {
    each_seed(|mut cx| async move {
        for how in [PATIENT, Shutdown::BrutalKill] {
            let task = Task::spawn(&mut cx, async { 7 }).unwrap();
            settle(&cx).await;
            assert_eq!(task.shutdown(how).await, Some(Ok(7)));
        }
    });
}

/// A task that traps exits may still bring its value when it is asked to end.
#[test]
fn shutdown_returns_the_value_that_comes_while_the_task_ends() {
    each_seed(|mut cx| async move {
        let body = |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            let Mail::Exit(asked) = cx.recv().await else { return Err(Exit(named("unexpected"))) };
            cx.sleep(millis(10)).await;
            Ok(asked.reason)
        };
        let task = Task::spawn_with(&mut cx, body).unwrap();
        settle(&cx).await;
        assert_eq!(task.shutdown(PATIENT).await, Some(Ok(ExitReason::Shutdown)));
        assert_eq!(now(&cx), 10);
    });
}

/// A task that ended for a reason of its own says so; `shutdown` is what was asked for.
#[test]
fn shutdown_returns_the_reason_of_a_task_that_ended_otherwise() {
    each_seed(|_cx| async move {
        let ends_with = |reason: ExitReason| {
            Task::spawn_nolink_with(move |_cx: Cx<Term>| async move { Err::<(), _>(Exit(reason)) }).unwrap()
        };
        let ended = |reason| Some(Err(TaskError::Ended { reason, begun: true }));
        for reason in [ExitReason::Normal, named("abnormal")] {
            let mut task = ends_with(reason.clone());
            assert_eq!(task.yield_within(secs(1)).await, ended(reason.clone()));
            assert_eq!(task.shutdown(PATIENT).await, None, "it was told before");
            let task = ends_with(reason.clone());
            pause().await;
            assert_eq!(task.shutdown(Shutdown::BrutalKill).await, ended(reason));
        }
        let task = ends_with(ExitReason::Shutdown);
        pause().await;
        assert_eq!(task.shutdown(PATIENT).await, None);
        let task = ends_with(ExitReason::Shutdown);
        pause().await;
        assert_eq!(task.shutdown(Shutdown::BrutalKill).await, ended(ExitReason::Shutdown));
    });
}

/// A task that does not end in time is killed, not before; with all patience it is not.
#[test]
fn shutdown_kills_after_the_timeout() {
    each_seed(|mut cx| async move {
        let stubborn = |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            loop {
                cx.recv().await;
                cx.sleep(millis(30)).await;
                if cx.processes().scheduler().now().as_millis() >= 60 {
                    return Ok::<_, Exit>(());
                }
            }
        };
        let task = Task::spawn_with(&mut cx, stubborn).unwrap();
        settle(&cx).await;
        assert_eq!(task.shutdown(Shutdown::Timeout(millis(20))).await, None);
        assert_eq!(now(&cx), 20);
        cx.sleep(millis(20)).await;
        let task = Task::spawn_with(&mut cx, stubborn).unwrap();
        settle(&cx).await;
        assert_eq!(task.shutdown(Shutdown::Timeout(millis(31))).await, Some(Ok(())));
        nothing_comes(&mut cx).await;
    });
}

/// Ending one that crashes at the same moment ends the waiting with that reason.
#[test]
fn shutdown_of_a_task_that_crashes_when_asked() {
    each_seed(|mut cx| async move {
        let body = |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            cx.recv().await;
            Err::<(), _>(Exit(named("crash")))
        };
        let task = Task::spawn_with(&mut cx, body).unwrap();
        settle(&cx).await;
        let ended = TaskError::Ended { reason: named("crash"), begun: true };
        assert_eq!(task.shutdown(PATIENT).await, Some(Err(ended)));
        nothing_comes(&mut cx).await;
    });
}

/// Lets the other processes run; in simulation.
async fn pause() {
    let (processes, _) = engset_process::current().unwrap();
    processes.scheduler().sleep(millis(1)).await;
}
