//! Awaiting tasks, and looking for their values.

use crate::stage::{
    PROCESSES_MAX, each_seed, end_of, millis, named, nothing_comes, now, on_threads, outcome_of, secs,
};
use engset_otp::task::{Task, TaskError};
use engset_process::{Cx, Exit, ExitReason, Mail, SpawnError, SpawnOptions};
use engset_term::Term;
use std::future::pending;

fn ended<T>(reason: ExitReason) -> Result<T, TaskError> {
    Err(TaskError::Ended { reason, begun: true })
}

/// A task is a process of its own, linked to its owner, and its value is what its code returns.
#[test]
fn async_spawns_a_linked_process_and_await_gives_its_value() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let me = cx.pid();
        let task = Task::spawn(&mut cx, async move {
            let pid = engset_process::current_pid().unwrap();
            assert_ne!(pid, me);
            (pid, String::from("moved, not copied"))
        })
        .unwrap();
        let pid = task.pid();
        assert_eq!(task.await, Ok((pid, String::from("moved, not copied"))));
        let Mail::Exit(exit) = cx.recv().await else { panic!("it was linked") };
        assert_eq!((exit.from, exit.reason), (pid, ExitReason::Normal));
    });
}

/// Nothing of a task that is done comes to the mailbox of an owner that does not trap exits.
#[test]
fn a_value_never_reaches_the_mailbox() {
    each_seed(|mut cx| async move {
        let task = Task::spawn(&mut cx, async { 1 }).unwrap();
        assert_eq!(task.await, Ok(1));
        let late = Task::spawn_nolink(cx.sleep(secs(9))).unwrap();
        assert_eq!(late.await, Err(TaskError::Timeout { begun: true }));
        cx.sleep(secs(9)).await;
        nothing_comes(&mut cx).await;
    });
}

/// Await gives up after its time-out, to the millisecond, and the linked task ends; its owner does not.
#[test]
fn await_times_out_and_ends_the_linked_task() {
    each_seed(|mut cx| async move {
        let before = now(&cx);
        let task = Task::spawn(&mut cx, pending::<()>()).unwrap();
        let pid = task.pid();
        let watch = cx.monitor(pid);
        assert_eq!(task.await_within(millis(20)).await, Err(TaskError::Timeout { begun: true }));
        assert_eq!(now(&cx) - before, 20);
        let Mail::Down(down) = cx.recv().await else { panic!("it is watched") };
        assert_eq!((down.reference, down.reason), (watch, ExitReason::Shutdown));
        nothing_comes(&mut cx).await;
    });
}

/// A value that comes within the very last moment is a value.
#[test]
fn await_waits_as_long_as_it_says() {
    each_seed(|mut cx| async move {
        for (takes, in_time) in [(19, true), (21, false)] {
            let sleep = cx.sleep(millis(takes));
            let task = Task::spawn(&mut cx, sleep).unwrap();
            assert_eq!(task.await_within(millis(20)).await.is_ok(), in_time, "{takes} ms");
        }
    });
}

/// A task that ends without a value, even with `normal`, is an error with its reason.
#[test]
fn await_tells_the_reason_of_a_task_that_exits() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        for reason in [ExitReason::Normal, ExitReason::Shutdown, named("unknown")] {
            let exiting = reason.clone();
            let body = |_cx: Cx<Term>| async move { Err::<(), _>(Exit(exiting)) };
            let task = Task::spawn_with(&mut cx, body).unwrap();
            let pid = task.pid();
            assert_eq!(task.await, ended(reason.clone()));
            let Mail::Exit(exit) = cx.recv().await else { panic!("it was linked") };
            assert_eq!((exit.from, exit.reason), (pid, reason));
        }
    });
}

/// A panic is told with its text; its owner ends too unless it traps exits.
#[test]
fn await_tells_of_a_panic_and_the_link_passes_it_on() {
    each_seed(|mut cx| async move {
        let owner = async |mut cx: Cx<Term>| {
            let task = Task::spawn(&mut cx, async { panic!("oops") }).unwrap();
            let error: Result<(), TaskError> = task.await_within(secs(1)).await;
            let Err(TaskError::Ended { reason, begun: true }) = error else { panic!("{error:?}") };
            assert!(reason.to_string().contains("oops"), "{reason}");
            pending::<()>().await;
        };
        let reason = outcome_of(&mut cx, owner).await;
        assert!(reason.to_string().contains("oops"), "{reason}");
    });
}

/// A task that is not linked fails alone.
#[test]
fn a_task_without_a_link_fails_alone() {
    each_seed(|mut cx| async move {
        let task = Task::<()>::spawn_nolink(async { panic!("oops") }).unwrap();
        let Err(error) = task.await else { panic!("it has no value") };
        assert!(error.maybe_executed());
        nothing_comes(&mut cx).await;
    });
}

/// A task that was ended before it ran certainly did nothing.
#[test]
fn a_task_that_is_killed_before_it_runs_has_not_begun() {
    each_seed(|cx| async move {
        let task = Task::<()>::spawn_nolink(async { panic!("it must not run") }).unwrap();
        cx.exit(task.pid(), ExitReason::Kill);
        let error = task.await.unwrap_err();
        assert_eq!(error, TaskError::Ended { reason: ExitReason::Killed, begun: false });
        assert!(!error.maybe_executed());
    });
}

/// The handle is the right to the value: whoever has it awaits it, wherever the task was started.
#[test]
fn a_handle_may_be_awaited_by_another_process() {
    each_seed(|mut cx| async move {
        let task = Task::spawn(&mut cx, async { 42 }).unwrap();
        let other = async move |_cx: Cx<Term>| assert_eq!(task.await, Ok(42));
        assert_eq!(outcome_of(&mut cx, other).await, ExitReason::Normal);
    });
}

/// Yield gives nothing while the task runs, then the value, and after that says that it was taken.
#[test]
fn yield_looks_again_until_the_value_was_taken() {
    each_seed(|mut cx| async move {
        let sleep = cx.sleep(millis(30));
        let mut task = Task::spawn(&mut cx, sleep).unwrap();
        assert_eq!(task.yield_within(millis(0)).await, None);
        assert_eq!(task.yield_within(millis(20)).await, None);
        assert_eq!(task.yield_within(millis(20)).await, Some(Ok(())));
        assert_eq!(now(&cx), 30);
        assert_eq!(task.yield_within(millis(20)).await, Some(Err(TaskError::Taken)));
        assert_eq!(now(&cx), 30, "there is nothing to wait for");
        assert_eq!(task.await, Err(TaskError::Taken));
    });
}

/// Yield tells of an end, also of one with `normal`.
#[test]
fn yield_tells_the_reason_of_a_task_that_exits() {
    each_seed(|_cx| async move {
        let body = |_cx: Cx<Term>| async { Err::<(), _>(Exit(ExitReason::Normal)) };
        let mut task = Task::spawn_nolink_with(body).unwrap();
        assert_eq!(task.yield_within(secs(15)).await, Some(ended(ExitReason::Normal)));
    });
}

/// Values come in the order of the tasks, however they are done.
#[test]
fn await_many_gives_the_values_in_the_order_of_the_tasks() {
    each_seed(|mut cx| async move {
        let tasks: Vec<_> = [30, 10, 20]
            .map(|takes| {
                let sleep = cx.sleep(millis(takes));
                Task::spawn(&mut cx, async move {
                    sleep.await;
                    takes
                })
                .unwrap()
            })
            .into();
        assert_eq!(Task::await_many(tasks, millis(50)).await, [Ok(30), Ok(10), Ok(20)]);
        assert_eq!(now(&cx), 30, "they ran side by side");
        assert_eq!(Task::<()>::await_many([], millis(50)).await, []);
    });
}

/// The time-out is for all together; one that fails or is late does not hide the others.
#[test]
fn await_many_gives_one_answer_for_each_task() {
    each_seed(|cx| async move {
        let start = |takes| {
            let sleep = cx.sleep(millis(takes));
            Task::spawn_nolink(async move {
                sleep.await;
                assert_ne!(takes, 1, "told to");
                takes
            })
            .unwrap()
        };
        let answers = Task::await_many([start(900), start(1), start(10), start(901)], millis(20)).await;
        assert_eq!(now(&cx), 20);
        assert_eq!(answers[0], Err(TaskError::Timeout { begun: true }));
        assert!(matches!(&answers[1], Err(TaskError::Ended { .. })), "{:?}", answers[1]);
        assert_eq!(answers[2..], [Ok(10), Err(TaskError::Timeout { begun: true })]);
    });
}

/// Looking at many waits for all of them once, and those that are not done can be asked again.
#[test]
fn yield_many_gives_what_is_there_when_the_time_is_over() {
    each_seed(|mut cx| async move {
        let mut tasks: Vec<_> = [10, 30, 15]
            .map(|takes| {
                let sleep = cx.sleep(millis(takes));
                Task::spawn(&mut cx, sleep).unwrap()
            })
            .into();
        assert_eq!(Task::yield_many(&mut tasks, millis(20)).await, [Some(Ok(())), None, Some(Ok(()))]);
        assert_eq!(now(&cx), 20);
        assert_eq!(tasks[1].yield_within(millis(20)).await, Some(Ok(())));
        assert_eq!(Task::<()>::yield_many(&mut [], millis(20)).await, []);
    });
}

/// A task detached from its handle runs on, and its crash reaches nobody.
#[test]
fn a_detached_task_runs_on_without_its_link() {
    each_seed(|mut cx| async move {
        let body = |mut cx: Cx<Term>| async move {
            cx.recv().await;
            Err::<(), _>(Exit(named("crash")))
        };
        let task = Task::spawn_with(&mut cx, body).unwrap();
        let pid = task.pid();
        task.detach();
        cx.sleep(secs(1)).await;
        assert!(cx.processes().is_alive(pid));
        let watch = cx.monitor(pid);
        cx.send(pid, Term::Nil).unwrap();
        let Mail::Down(down) = cx.recv().await else { panic!("it is watched") };
        assert_eq!((down.reference, down.reason), (watch, named("crash")));
        nothing_comes(&mut cx).await;
        assert!(cx.processes().aliases().is_empty(), "what kept its way back is gone");
    });
}

/// A node that is full refuses a task and takes one when there is room again; outside of a node there are none.
#[test]
fn tasks_are_refused_where_no_process_can_be_started() {
    each_seed(|mut cx| async move {
        let mut idle = Vec::new();
        while cx.processes().count() < PROCESSES_MAX {
            idle.push(cx.spawn(|_cx: Cx<Term>| pending::<()>()).unwrap());
        }
        let refused = Task::spawn(&mut cx, async {}).unwrap_err();
        assert!(matches!(refused, SpawnError::TooManyProcesses(_)), "{refused}");
        cx.exit(idle[0].pid(), ExitReason::Kill);
        end_of(&mut cx, idle[0].pid()).await;
        assert_eq!(Task::spawn(&mut cx, async {}).unwrap().await, Ok(()));
    });
    assert_eq!(Task::spawn_nolink(async {}).unwrap_err(), SpawnError::OutsideNode);
}

/// On threads, where value and time-out, end and look meet in every way.
#[test]
fn many_tasks_on_threads_bring_their_values() {
    on_threads(|mut cx| async move {
        let tasks: Vec<_> =
            (0..500_u64).map(|number| Task::spawn(&mut cx, async move { number * 2 }).unwrap()).collect();
        let values = Task::await_many(tasks, secs(60)).await;
        assert_eq!(values.into_iter().sum::<Result<u64, _>>(), Ok(500 * 499));
        let options = SpawnOptions::default();
        let crash = async |mut cx: Cx<Term>| {
            let task = Task::spawn(&mut cx, async { panic!("told to") }).unwrap();
            let value: Result<(), TaskError> = task.await_within(secs(60)).await;
            value.unwrap_err();
            pending::<()>().await;
        };
        let (_, watch) = cx.spawn_monitor(options, crash).unwrap();
        let Mail::Down(down) = cx.recv().await else { panic!("nothing else comes") };
        assert_eq!(down.reference, watch);
        assert!(down.reason.to_string().contains("told to"));
    });
}
