//! Tasks under a supervisor.

use crate::stage::{each_seed, end_of, millis, named, nothing_comes, now, outcome_of, secs, settle};
use engset_otp::task::{StreamOptions, TaskError, TaskSupervisor};
use engset_otp::{CallError, ChildError, Restart, Shutdown, Supervisor};
use engset_process::{Cx, Exit, ExitReason, current_pid};
use engset_term::{Pid, Term};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn tasks() -> TaskSupervisor {
    limited(usize::MAX).await
}

async fn limited(children: usize) -> TaskSupervisor {
    Supervisor::dynamic().intensity(3, secs(5)).max_children(children).start().await.unwrap().into()
}

/// A task without a link is a child of the supervisor, and its owner hears of its crash by its value only.
#[test]
fn async_nolink_runs_under_the_supervisor_without_a_link() {
    each_seed(|mut cx| async move {
        let tasks = tasks().await;
        let body = |mut cx: Cx<Term>| async move {
            cx.recv().await;
            Err::<(), _>(Exit(named("crash")))
        };
        let task = tasks.async_nolink_with(body).await.unwrap();
        assert_eq!(tasks.children().await, Ok(vec![task.pid()]));
        let info = cx.processes().info(task.pid()).unwrap();
        assert_eq!(info.ancestors.first(), Some(&tasks.supervisor().pid()));
        cx.send(task.pid(), Term::Nil).unwrap();
        assert_eq!(task.await, Err(TaskError::Ended { reason: named("crash"), begun: true }));
        settle(&cx).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
        nothing_comes(&mut cx).await;
    });
}

/// A linked task is a child of the supervisor and ends its owner when it crashes.
#[test]
fn async_linked_is_linked_to_its_owner_too() {
    each_seed(|mut cx| async move {
        let tasks = tasks().await;
        assert_eq!(tasks.async_linked(&mut cx, async { 5 }).await.unwrap().await, Ok(5));
        let owner = async move |mut cx: Cx<Term>| {
            let task = tasks.async_linked(&mut cx, async { panic!("oops") }).await.unwrap();
            let error: Result<(), TaskError> = task.await;
            error.unwrap_err();
            pending::<()>().await;
        };
        let reason = outcome_of(&mut cx, owner).await;
        assert!(reason.to_string().contains("oops"), "{reason}");
        assert!(cx.processes().is_alive(tasks.supervisor().pid()));
    });
}

/// A linked task under a supervisor ends with its handle, too, and with its owner; one without a link does not.
#[test]
fn supervised_tasks_end_with_their_handle_where_they_are_linked() {
    each_seed(|mut cx| async move {
        let tasks = tasks().await;
        let linked = tasks.async_linked(&mut cx, pending::<()>()).await.unwrap();
        let pid = linked.pid();
        drop(linked);
        end_of(&mut cx, pid).await;
        let alone = tasks.async_nolink(pending::<()>()).await.unwrap();
        let pid = alone.pid();
        drop(alone);
        cx.sleep(secs(1)).await;
        assert_eq!(tasks.children().await, Ok(vec![pid]));
        nothing_comes(&mut cx).await;
    });
}

/// As many tasks as may run, and no more; when one has ended there is room again.
#[test]
fn a_supervisor_takes_as_many_tasks_as_it_may() {
    each_seed(|mut cx| async move {
        let tasks = limited(2).await;
        let full = || CallError::App(ChildError::MaxChildren);
        let first = tasks.async_nolink(pending::<()>()).await.unwrap();
        tasks.start_child(Restart::Temporary, pending::<()>).await.unwrap();
        assert_eq!(tasks.async_nolink(async {}).await.unwrap_err(), full());
        assert_eq!(tasks.async_linked(&mut cx, async {}).await.unwrap_err(), full());
        assert_eq!(tasks.start_child(Restart::Temporary, async || {}).await, Err(full()));
        assert_eq!(first.shutdown(Shutdown::BrutalKill).await, None);
        settle(&cx).await;
        assert_eq!(tasks.async_nolink(async { 3 }).await.unwrap().await, Ok(3));
    });
}

/// What nobody awaits is started again as its restart type says.
#[test]
fn start_child_restarts_as_it_is_told() {
    each_seed(|cx| async move {
        let cases = [
            (Restart::Temporary, ExitReason::Normal, 1),
            (Restart::Temporary, named("crash"), 1),
            (Restart::Transient, ExitReason::Normal, 1),
            (Restart::Transient, named("crash"), 2),
            (Restart::Permanent, ExitReason::Normal, 2),
        ];
        for (restart, first_end, expected) in cases {
            let tasks = tasks().await;
            let starts = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&starts);
            let make = move || {
                let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
                let first_end = first_end.clone();
                async move {
                    if is_first {
                        return first_end;
                    }
                    pending().await
                }
            };
            tasks.start_child(restart, make).await.unwrap();
            settle(&cx).await;
            assert_eq!(starts.load(Ordering::Relaxed), expected, "{restart:?}");
            assert_eq!(tasks.children().await.unwrap().len(), expected - 1, "{restart:?}");
        }
    });
}

/// A task may be stopped by its supervisor; who awaits it hears `shutdown`.
#[test]
fn terminate_child_ends_a_task() {
    each_seed(|_cx| async move {
        let tasks = tasks().await;
        let task = tasks.async_nolink(pending::<()>()).await.unwrap();
        // It has begun when the supervisor has answered again and the task had its turn.
        let mut task = task;
        assert_eq!(task.yield_within(millis(1)).await, None);
        tasks.supervisor().terminate_child(task.pid()).await.unwrap();
        assert_eq!(task.await, Err(TaskError::Ended { reason: ExitReason::Shutdown, begun: true }));
    });
}

/// The supervisor's end ends its tasks, those that do not listen by force after their time.
#[test]
fn tasks_end_with_their_supervisor() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let supervisor = Supervisor::dynamic().start_link(&mut cx).await.unwrap();
        let tasks = TaskSupervisor::from(supervisor).shutdown(Shutdown::Timeout(millis(70)));
        let deaf = |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            pending::<Result<(), Exit>>().await
        };
        let (obedient, deaf) = (
            tasks.async_nolink(pending::<()>()).await.unwrap(),
            tasks.async_nolink_with(deaf).await.unwrap(),
        );
        settle(&cx).await;
        let before = now(&cx);
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        let ended = |reason| Err(TaskError::Ended { reason, begun: true });
        assert_eq!(obedient.await, ended(ExitReason::Shutdown));
        assert_eq!(now(&cx), before);
        assert_eq!(deaf.await, ended(ExitReason::Killed));
        assert_eq!(now(&cx), before + 70);
        end_of(&mut cx, supervisor.pid()).await;
        let gone = tasks.async_nolink(async {}).await.unwrap_err();
        assert_eq!(gone, CallError::NoProcess);
        assert!(!gone.maybe_executed());
    });
}

/// A linked task ends also where its owner ends while it is being started.
#[test]
fn a_linked_task_ends_with_an_owner_that_has_no_handle_yet() {
    each_seed(|mut cx| async move {
        let tasks = tasks().await;
        let owner = async move |mut cx: Cx<Term>| {
            let task = tasks.async_linked(&mut cx, pending::<()>()).await.unwrap();
            pending::<()>().await;
            drop(task);
        };
        let owner = cx.spawn(owner).unwrap();
        cx.exit(owner.pid(), ExitReason::Kill);
        end_of(&mut cx, owner.pid()).await;
        cx.sleep(secs(1)).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
}

/// A stream of tasks without links: crashes and a full supervisor are errors among the values.
#[test]
fn async_stream_nolink_gives_errors_for_what_failed() {
    each_seed(|mut cx| async move {
        let tasks = limited(2).await;
        let work = |number: u64| async move {
            assert_ne!(number, 1, "told to");
            let (processes, _) = engset_process::current().unwrap();
            processes.scheduler().sleep(millis(5)).await;
            number
        };
        let options = StreamOptions { max_concurrency: 1, ..StreamOptions::default() };
        let values = tasks.async_stream_nolink(0..4, work, options).unwrap().collect(&mut cx).await;
        assert!(matches!(&values[1], Err(TaskError::Ended { begun: true, .. })), "{:?}", values[1]);
        assert_eq!((&values[0], &values[2..]), (&Ok(0), &[Ok(2), Ok(3)][..]));
        settle(&cx).await;
        let options = StreamOptions { max_concurrency: 3, ..options };
        let values = tasks.async_stream_nolink(2..5, work, options).unwrap().collect(&mut cx).await;
        let full = TaskError::Supervisor(CallError::App(ChildError::MaxChildren));
        assert!(!full.maybe_executed());
        assert_eq!(values, [Ok(2), Ok(3), Err(full)]);
        nothing_comes(&mut cx).await;
    });
}

/// The tasks of a stream without links end with it all the same.
#[test]
fn dropping_a_supervised_stream_ends_its_tasks() {
    each_seed(|mut cx| async move {
        let tasks = tasks().await;
        let me = cx.pid();
        let work = move |number: u64| async move {
            if number > 0 {
                let (processes, own) = engset_process::current().unwrap();
                processes.send(own, &me.into(), Term::Pid(own)).unwrap();
                pending::<()>().await;
            }
        };
        let mut stream = tasks.async_stream_nolink(0..9, work, StreamOptions::default()).unwrap();
        assert_eq!(stream.next(&mut cx).await, Some((0, Ok(()))));
        drop(stream);
        cx.sleep(secs(1)).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
}

/// A task may start tasks, under the same supervisor, too.
#[test]
fn tasks_may_start_tasks() {
    each_seed(|_cx| async move {
        let tasks = tasks().await;
        let inner = async move {
            let pid: Pid = current_pid().unwrap();
            (pid, tasks.async_nolink(async { current_pid().unwrap() }).await.unwrap().await.unwrap())
        };
        let (outer, inner) = tasks.async_nolink(inner).await.unwrap().await.unwrap();
        assert_ne!(outer, inner);
    });
}
