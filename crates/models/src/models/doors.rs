//! `process/src/task.rs`: a door knows its tasks apart, and gives back what it cannot hand over.

use super::model;
use super::stage::{LAST, Stage, finish, forward, send, sends};
use crate::task::Door;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::sync::Arc;
use std::task::Poll;

/// What is sent to a process that ends, and whose door gets another, comes to the first or back: never to the other.
#[test]
fn a_visit_against_leaving_and_reuse() {
    model(|| {
        let (first, second) = (Stage::new(), Stage::new());
        let door = first.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || send(&other, 0, 7));
        first.run_all();
        second.start(&door, |turn| turn.receive()).schedule();
        second.run_all();
        let sent = sender.join().unwrap();
        first.run_all();
        second.run_all();
        assert_eq!(second.known().taken, [], "the next holder has nothing to do with it");
        let unacted = first.known().unacted.clone();
        match sent {
            Ok(()) => assert_eq!(unacted, [7]),
            Err(message) => assert_eq!((message, unacted.as_slice()), (7, [].as_slice())),
        }
        send(&door, 1, LAST).unwrap();
        second.run_all();
    });
}

/// The waker of a task that is over does not make the next task behind its door run.
#[test]
fn a_stale_waker_after_reuse() {
    model(|| {
        let (first, second) = (Stage::new(), Stage::new());
        let keeper = Arc::clone(&first);
        let door = first.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = first.waker();
        send(&door, 0, LAST).unwrap();
        let waking = thread::spawn(move || waker.wake());
        first.run_all();
        second.start(&door, |turn| turn.receive()).schedule();
        second.run_all();
        waking.join().unwrap();
        second.run_all();
        first.forget_wakers();
        assert_eq!(second.known().runs, 1, "the next holder ran once, for its start");
        assert_eq!(first.known().programs_dropped, 1);
        send(&door, 1, LAST).unwrap();
        second.run_all();
    });
}

/// All that two senders send to a process that ends is taken, found in its inbox at the end, or given back: once.
#[test]
fn what_was_sent_is_delivered_or_given_back_once() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || [1, 2].map(|message| send(&other, 0, message)));
        stage.run_all();
        let here = send(&door, 0, 3);
        assert_eq!(here, Err(3), "it has ended before");
        let there = sender.join().unwrap();
        let known = stage.known().clone();
        let refused: Vec<u32> = there.iter().filter_map(|sent| sent.err()).collect();
        assert_eq!([known.taken, known.unacted, refused].concat(), [1, 2], "in order, each of them once");
        assert_eq!(known.programs_dropped, 1);
    });
}

/// A message carries a value that is dropped once, wherever it ends up.
#[test]
fn the_value_of_a_message_is_dropped_once() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let (other, value) = (Arc::clone(&door), Arc::new(()));
        let held = Arc::clone(&value);
        let sender = thread::spawn(move || {
            // What is brought stays, or is the body's.
            let mut held = Some(held);
            other.visit(0, |_| held.take());
            held.is_some()
        });
        stage.run_all();
        sender.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// A task that has left its door does not push its next holder out when the run of its end is over.
#[test]
fn the_end_of_a_run_leaves_the_next_holder_alone() {
    model(|| {
        let (first, second) = (Stage::new(), Stage::new());
        let has_left = Arc::new(AtomicBool::new(false));
        let leaves = Arc::clone(&has_left);
        let door = first.idle(move |turn| {
            if turn.receive().is_pending() {
                return Poll::Pending;
            }
            turn.leave();
            leaves.store(true, Ordering::Release);
            Poll::Ready(())
        });
        send(&door, 0, LAST).unwrap();
        let (next, place) = (Arc::clone(&second), Arc::clone(&door));
        let starting = thread::spawn(move || {
            let is_free = has_left.load(Ordering::Acquire);
            if is_free {
                next.start(&place, |turn| turn.receive()).schedule();
            }
            is_free
        });
        first.run_all();
        if starting.join().unwrap() {
            assert_eq!(send(&door, 1, LAST), Ok(()), "the next holder is still there");
            second.run_all();
            assert_eq!(second.known().programs_dropped, 1);
        }
    });
}

/// Who looks at a door meanwhile sees the task until it has left, then nobody, and no other generation.
#[test]
fn a_look_against_leaving() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        let looking = thread::spawn(move || {
            let before = other.is_occupied(0);
            let by = other.occupied_by();
            assert!(by.is_none() || by == Some(0), "nobody else was there");
            assert!(before || by.is_none(), "who has left does not come back");
        });
        stage.run_all();
        looking.join().unwrap();
        assert_eq!((door.is_occupied(0), door.occupied_by(), door.generation()), (false, None, 1));
    });
}

/// A message to a task that is being started is taken by its first run, or leads to a second.
#[test]
fn a_push_against_the_start() {
    model(|| {
        let stage = Stage::new();
        let door = Arc::new(Door::new());
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || send(&other, 0, 1));
        stage.start(&door, |turn| turn.receive()).schedule();
        stage.run_all();
        let sent = sender.join().unwrap();
        stage.run_all();
        let taken = stage.known().taken.clone();
        assert_eq!(taken, if sent.is_ok() { vec![1] } else { vec![] });
        finish(&stage, &door);
    });
}

/// A send that finds a new generation by its number, read without the lock, reaches it and no other.
#[test]
fn a_generation_that_was_read_without_the_lock() {
    model(|| {
        let (first, second) = (Stage::new(), Stage::new());
        let door = first.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || {
            let generation = other.generation();
            (generation, send(&other, generation, 7))
        });
        first.run_all();
        second.start(&door, |turn| turn.receive()).schedule();
        second.run_all();
        let (generation, sent) = sender.join().unwrap();
        second.run_all();
        let taken = second.known().taken.clone();
        assert_eq!(taken, if (generation, sent) == (1, Ok(())) { vec![7] } else { vec![] });
        send(&door, 1, LAST).unwrap();
        second.run_all();
    });
}

/// Two processes that send to each other from their runs, on two threads: both messages are taken.
#[test]
fn two_tasks_that_send_to_each_other() {
    model(|| {
        let (left, right) = (Stage::new(), Stage::new());
        let (left_door, right_door) = (Arc::new(Door::new()), Arc::new(Door::new()));
        left.start(&left_door, forward(&right_door)).schedule();
        left.run_all();
        right.start(&right_door, forward(&left_door)).schedule();
        right.run_all();
        let (there, thrower) = (Arc::clone(&right), sends(&right_door, 0, [2]));
        send(&left_door, 0, 2).unwrap();
        let worker = thread::spawn(move || there.run_all());
        left.run_all();
        worker.join().unwrap();
        thrower.join().unwrap();
        for _ in 0..4 {
            left.run_all();
            right.run_all();
        }
        let count = |stage: &Stage| stage.known().taken.len();
        assert_eq!(count(&left) + count(&right), 6, "each message goes to and fro: 2, 1, 0");
        finish(&left, &left_door);
        finish(&right, &right_door);
    });
}
