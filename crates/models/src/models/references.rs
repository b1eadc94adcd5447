//! `process/src/task.rs`: a task is given back once, after all that was done with it; its code earlier, by its last run.

use super::model;
use super::stage::{LAST, Stage, run, send};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

/// A waker is dropped while the task ends: whichever reference is the last one gives the memory back, once.
#[test]
fn the_last_reference_by_a_waker_or_by_the_end_of_life() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            if keeper.known().runs == 1 {
                keeper.keep(turn.waker);
            }
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, LAST).unwrap();
        let dropping = thread::spawn(move || drop(waker));
        stage.run_all();
        dropping.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.codes_dropped.len(), known.programs_dropped), (1, 1));
    });
}

/// The code is dropped by the thread of the last run, however long a waker is kept elsewhere.
#[test]
fn the_code_is_dropped_by_the_last_run() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&stage);
        let dropping = thread::spawn(move || other.forget_wakers());
        stage.run_all();
        let here = thread::current().id();
        assert_eq!(stage.known().codes_dropped, [here], "before anybody else can be the last one");
        dropping.join().unwrap();
        stage.forget_wakers();
        assert_eq!(stage.known().programs_dropped, 1);
    });
}

/// Wakers are cloned and dropped by two threads while the task ends: the memory is given back once.
#[test]
fn clones_on_two_threads() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            if keeper.known().runs == 1 {
                keeper.keep(turn.waker);
            }
            turn.receive()
        });
        let waker = stage.waker();
        let other = waker.clone();
        send(&door, 0, LAST).unwrap();
        let cloning = thread::spawn(move || {
            let third = other.clone();
            drop(other);
            drop(third);
        });
        stage.run_all();
        drop(waker);
        cloning.join().unwrap();
        assert_eq!(stage.known().programs_dropped, 1);
    });
}

/// References held by two threads, one the run's: what each did with the program comes before its end.
#[test]
fn what_was_done_by_a_reference_comes_before_the_end() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            if keeper.known().runs == 1 {
                keeper.keep_task(turn.task);
            }
            turn.receive()
        });
        let task = stage.task();
        send(&door, 0, LAST).unwrap();
        let holding = thread::spawn(move || {
            task.hold();
            drop(task);
        });
        stage.run_all();
        holding.join().unwrap();
        assert_eq!(stage.known().programs_dropped, 1);
    });
}

/// What a sender did with the program under the door's lock comes before its end.
#[test]
fn what_was_done_by_a_visit_comes_before_the_end() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        // It touches the program's mark.
        let sender = thread::spawn(move || send(&other, 0, 1));
        stage.run_all();
        assert_eq!(stage.known().programs_dropped, 1, "nobody else has a reference");
        let unacted = stage.known().unacted.clone();
        let sent = sender.join().unwrap();
        assert_eq!(unacted, if sent.is_ok() { vec![1] } else { vec![] });
    });
}

/// A waker that is used up by its waking, as the last reference of a task that ends.
#[test]
fn a_waking_that_uses_up_the_last_reference() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            if keeper.known().runs == 1 {
                keeper.keep(turn.waker);
            }
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, LAST).unwrap();
        let waking = thread::spawn(move || waker.wake());
        stage.run_all();
        waking.join().unwrap();
        stage.run_all();
        let known = stage.known().clone();
        assert_eq!((known.codes_dropped.len(), known.programs_dropped), (1, 1));
    });
}

/// A run that panics is the last one: the code and the memory are given back once, whatever a waker does meanwhile.
#[test]
fn a_panic_in_a_run_against_a_waker() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            if keeper.known().runs == 2 {
                std::panic::resume_unwind(Box::new("in a run"));
            }
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, 1).unwrap();
        let waking = thread::spawn(move || waker.wake());
        assert!(
            catch_unwind(AssertUnwindSafe(|| stage.run_all())).is_err(),
            "the panic goes on to the worker"
        );
        waking.join().unwrap();
        assert!(stage.next().is_none(), "it is not run again");
        let known = stage.known().clone();
        assert_eq!((known.codes_dropped.len(), known.programs_dropped), (1, 1));
    });
}

/// A task with a door of its own ends while its waker is used and dropped: the door is there until both are through.
#[test]
fn an_own_door_against_a_waker() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        stage
            .start_alone(move |turn| {
                if keeper.known().runs == 2 {
                    return Poll::Ready(());
                }
                keeper.keep(turn.waker);
                Poll::Pending
            })
            .schedule();
        stage.run_all();
        let waker = stage.waker();
        let other = waker.clone();
        let waking = thread::spawn(move || other.wake());
        waker.wake();
        stage.run_all();
        waking.join().unwrap();
        stage.run_all();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.codes_dropped.len(), known.programs_dropped), (2, 1, 1));
    });
}

/// A task with a door of its own is given up while its waker is used up: it ends once, and all of it is given back.
#[test]
fn a_dropped_right_to_run_of_a_task_with_an_own_door() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        stage
            .start_alone(move |turn| {
                keeper.keep(turn.waker);
                turn.waker.wake_by_ref();
                Poll::Pending
            })
            .schedule();
        let first = stage.next().expect("it was scheduled");
        run(first);
        let waker = stage.waker();
        let waking = thread::spawn(move || waker.wake());
        drop(stage.next());
        waking.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.cancels, known.programs_dropped), (1, 1, 1));
    });
}
