//! What becomes of tasks whose handle is dropped or whose owner ends.

use crate::stage::{each_seed, end_of, millis, named, nothing_comes, outcome_of, secs, settle};
use engset_otp::task::Task;
use engset_process::{Cx, Exit, ExitReason, Mail};
use engset_term::{Pid, Term};
use std::future::pending;

/// Dropping the handle of a linked task ends it with `shutdown`, and its owner lives and hears nothing.
#[test]
fn dropping_the_handle_ends_a_linked_task_alone() {
    each_seed(|mut cx| async move {
        for traps in [false, true] {
            cx.trap_exit(traps);
            let task = Task::spawn(&mut cx, pending::<()>()).unwrap();
            settle(&cx).await;
            let watch = cx.monitor(task.pid());
            drop(task);
            let Mail::Down(down) = cx.recv().await else { panic!("it is watched") };
            assert_eq!((down.reference, down.reason), (watch, ExitReason::Shutdown));
            nothing_comes(&mut cx).await;
        }
    });
}

/// Dropping what awaits a task, as a `select` does with what came second, drops the handle.
#[test]
fn dropping_the_wait_drops_the_handle() {
    each_seed(|mut cx| async move {
        let task = Task::spawn(&mut cx, pending::<()>()).unwrap();
        let pid = task.pid();
        let awaiting = task.await_within(secs(1));
        settle(&cx).await;
        assert!(cx.processes().is_alive(pid));
        drop(awaiting);
        assert!(matches!(end_of(&mut cx, pid).await, ExitReason::Shutdown | ExitReason::NoProc));
    });
}

/// A task whose handle is dropped before it runs does not begin.
#[test]
fn a_task_that_is_dropped_at_once_does_nothing() {
    each_seed(|mut cx| async move {
        let task = Task::<()>::spawn(&mut cx, async { panic!("it must not run") }).unwrap();
        let watch = cx.monitor(task.pid());
        drop(task);
        let Mail::Down(down) = cx.recv().await else { panic!("it is watched") };
        assert_eq!(down.reference, watch);
        assert!(matches!(down.reason, ExitReason::Shutdown | ExitReason::Normal), "{}", down.reason);
        nothing_comes(&mut cx).await;
    });
}

/// Without a link a task runs on when its handle is dropped.
#[test]
fn dropping_the_handle_leaves_a_task_without_a_link_alone() {
    each_seed(|mut cx| async move {
        let me = cx.pid();
        let body = move |cx: Cx<Term>| async move {
            cx.sleep(millis(10)).await;
            cx.send(me, Term::atom("done"))?;
            Ok::<_, Exit>(())
        };
        drop(Task::spawn_nolink_with(body).unwrap());
        let Mail::Message(done) = cx.recv().await else { panic!("nothing else comes") };
        assert!(done.is_atom("done"));
    });
}

/// A linked task ends with its owner, whatever the reason: by the link, or because the handle is dropped.
#[test]
fn a_linked_task_ends_with_its_owner() {
    each_seed(|mut cx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, named("crash")] {
            let task = spawned_by_who_ends(&mut cx, reason, true).await;
            end_of(&mut cx, task).await;
        }
        let task = spawned_by_who_ends(&mut cx, named("crash"), false).await;
        cx.sleep(secs(1)).await;
        assert!(cx.processes().is_alive(task), "it is not linked");
    });
}

/// A task that is moved to another process and dropped there ends, and its first owner hears nothing.
#[test]
fn a_handle_dropped_by_another_process_ends_the_task_alone() {
    each_seed(|mut cx| async move {
        let task = Task::spawn(&mut cx, pending::<()>()).unwrap();
        let pid = task.pid();
        assert_eq!(outcome_of(&mut cx, async move |_cx: Cx<Term>| drop(task)).await, ExitReason::Normal);
        end_of(&mut cx, pid).await;
        nothing_comes(&mut cx).await;
    });
}

/// Starts a task from a process that ends with `reason` while it holds the handle.
async fn spawned_by_who_ends(cx: &mut Cx<Term>, reason: ExitReason, linked: bool) -> Pid {
    let me = cx.pid();
    let expected = reason.clone();
    let owner = async move |mut cx: Cx<Term>| {
        let task = if linked {
            Task::spawn(&mut cx, pending::<()>()).unwrap()
        } else {
            Task::spawn_nolink(pending::<()>()).unwrap()
        };
        cx.send(me, Term::Pid(task.pid())).unwrap();
        cx.sleep(millis(1)).await;
        reason
    };
    assert_eq!(outcome_of(cx, owner).await, expected);
    let Mail::Message(Term::Pid(task)) = cx.recv().await else { panic!("it tells its task") };
    task
}
