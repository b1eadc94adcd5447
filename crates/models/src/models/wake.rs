//! `process/src/task.rs`: whoever gives a task a reason to run makes it run, and it is in a queue at most once.
//!
//! The stage finds a task that is queued twice, or runs twice at a time, in every one of these.

use super::model;
use super::stage::{LAST, Stage, finish, send, sends, signal};
use crate::task::MailState;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::sync::Arc;
use std::task::Poll;

/// A message that comes while a run ends is taken: by that run, or because the task runs again.
#[test]
fn a_push_against_the_end_of_a_run() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, 1).unwrap();
        let sender = sends(&door, 0, [2]);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// A message that comes while a run takes over once more is taken, by this run or the next.
#[test]
fn a_push_against_a_refill() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| {
            if turn.take().is_ready() {
                return Poll::Ready(());
            }
            turn.refill();
            turn.take()
        });
        send(&door, 0, 1).unwrap();
        let sender = sends(&door, 0, [2]);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// A waker that is used while a run ends makes the task run again, and that run sees what was done before the waking.
#[test]
fn a_waker_against_the_end_of_a_run() {
    model(|| {
        let stage = Stage::new();
        let is_done = Arc::new(AtomicBool::new(false));
        let (seen, look) = (Arc::new(std::sync::atomic::AtomicBool::new(false)), Arc::clone(&is_done));
        let (keeper, sees) = (Arc::clone(&stage), Arc::clone(&seen));
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            sees.store(look.load(Ordering::Relaxed), Ordering::Relaxed);
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, 1).unwrap();
        let waking = thread::spawn(move || {
            is_done.store(true, Ordering::Relaxed);
            waker.wake();
        });
        stage.run_all();
        waking.join().unwrap();
        stage.run_all();
        assert!(seen.load(Ordering::Relaxed), "the last run came before the waking");
        finish(&stage, &door);
    });
}

/// A message and a waker at the same time, from two threads, while the task runs: neither hides the other.
#[test]
fn a_waker_and_a_push_at_once() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = stage.waker();
        let sender = sends(&door, 0, [1]);
        let waking = thread::spawn(move || waker.wake());
        stage.run_all();
        sender.join().unwrap();
        waking.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1]);
        assert!(stage.known().runs >= 2, "the waking made the task run");
        finish(&stage, &door);
    });
}

/// Two threads use two wakers of an idle task: it runs after the first, and is queued at most once at a time.
#[test]
fn two_wakers_at_once() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = stage.waker();
        let other = waker.clone();
        let waking = thread::spawn(move || other.wake_by_ref());
        waker.wake();
        stage.run_all();
        waking.join().unwrap();
        stage.run_all();
        let runs = stage.known().runs;
        assert!(runs == 2 || runs == 3, "{runs} runs for the start and two wakings");
        finish(&stage, &door);
    });
}

/// A waker that is used while its task ends, or later, does nothing.
#[test]
fn a_wake_of_an_ended_task() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, LAST).unwrap();
        let waking = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        stage.run_all();
        waking.join().unwrap();
        assert!(stage.next().is_none(), "a task that is over is not run");
        drop(stage.waker());
        assert_eq!(stage.known().programs_dropped, 1);
    });
}

/// Two senders and the receiver's run: both messages are taken.
#[test]
fn two_pushers() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let senders = [sends(&door, 0, [1]), sends(&door, 0, [2])];
        stage.run_all();
        for sender in senders {
            sender.join().unwrap();
        }
        stage.run_all();
        let mut taken = stage.known().taken.clone();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// Two messages of one sender are taken in the order in which they were sent, whatever runs meanwhile.
#[test]
fn the_order_of_one_sender() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let sender = sends(&door, 0, [1, 2]);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// The messages of two senders: those of each are in order among each other.
#[test]
fn the_order_of_each_of_two_senders() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let sender = sends(&door, 0, [1, 2]);
        send(&door, 0, 11).unwrap();
        stage.run_all();
        send(&door, 0, 12).unwrap();
        sender.join().unwrap();
        stage.run_all();
        let taken = stage.known().taken.clone();
        let of = |from: std::ops::Range<u32>| {
            taken.iter().copied().filter(|message| from.contains(message)).collect::<Vec<_>>()
        };
        assert_eq!((of(0..10), of(10..20)), (vec![1, 2], vec![11, 12]));
        finish(&stage, &door);
    });
}

/// A task that lets its messages lie is woken by what is urgent, at any moment of its run.
#[test]
fn urgent_mail_is_seen() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| {
            let is_urgent = turn.is_urgent() || turn.task.mail() == MailState::Urgent;
            if is_urgent { turn.receive() } else { Poll::Pending }
        });
        send(&door, 0, 1).unwrap();
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || assert!(signal(&other, 0)));
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().signals, 1);
        assert_eq!(stage.known().programs_dropped, 1, "the signal has ended it");
    });
}

/// What is urgent wakes a task that is idle although messages lie in its inbox; more messages do not.
#[test]
fn urgent_mail_wakes_who_lets_mail_lie() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| {
            let is_urgent = turn.is_urgent() || turn.task.mail() == MailState::Urgent;
            if is_urgent { turn.receive() } else { Poll::Pending }
        });
        for message in [1, 2] {
            send(&door, 0, message).unwrap();
            stage.run_all();
        }
        let runs = stage.known().runs;
        send(&door, 0, 3).unwrap();
        assert!(stage.next().is_none(), "it does not wait for messages");
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || assert!(signal(&other, 0)));
        send(&door, 0, 4).unwrap();
        sender.join().unwrap();
        stage.run_all();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.signals, known.programs_dropped), (runs + 1, 1, 1));
    });
}

/// What is urgent is seen also behind a message that came first, in the same run queue's turn.
#[test]
fn urgent_mail_behind_a_message_of_another() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| {
            let is_urgent = turn.is_urgent() || turn.task.mail() == MailState::Urgent;
            if is_urgent { turn.receive() } else { Poll::Pending }
        });
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || assert!(signal(&other, 0)));
        let refused = send(&door, 0, 1).err().into_iter().collect();
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        let known = stage.known().clone();
        assert_eq!((known.signals, known.programs_dropped), (1, 1));
        assert_eq!([known.taken, known.unacted, refused].concat(), [1]);
    });
}

/// A run that reads the flag for mail too early to see what comes is followed by one that takes it.
#[test]
fn a_flag_that_is_read_late_still_leads_to_a_run() {
    model(|| {
        let stage = Stage::new();
        // Never takes over in the middle of a run: relies on the next one.
        let door = stage.idle(|turn| turn.take());
        let sender = sends(&door, 0, [1, 2]);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// A message that comes while the task waits in a queue, or is being taken from it, is taken.
#[test]
fn a_push_while_another_thread_takes_the_task_from_the_queue() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, 1).unwrap();
        let worker = Arc::clone(&stage);
        let running = thread::spawn(move || worker.run_all());
        send(&door, 0, 2).unwrap();
        running.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// Two workers run the task in turns: each run sees all that the one before did, and no two run it at once.
#[test]
fn two_workers_in_turns() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let (worker, other) = (Arc::clone(&stage), Arc::clone(&door));
        let running = thread::spawn(move || {
            send(&other, 0, 1).unwrap();
            worker.run_all();
        });
        send(&door, 0, 2).unwrap();
        stage.run_all();
        running.join().unwrap();
        stage.run_all();
        let mut taken = stage.known().taken.clone();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// A task that wakes itself in its run while a message comes runs again, and takes it.
#[test]
fn a_push_against_a_task_that_wakes_itself() {
    model(|| {
        let stage = Stage::new();
        let mut wakings = 0;
        let door = stage.idle(move |turn| {
            wakings += 1;
            if wakings == 2 {
                turn.waker.wake_by_ref();
            }
            turn.receive()
        });
        send(&door, 0, 1).unwrap();
        let sender = sends(&door, 0, [2]);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        assert!(stage.known().runs >= 3, "the start, the message, and the waking");
        finish(&stage, &door);
    });
}

/// What a task let lie is there when something else makes it run, with what came meanwhile.
#[test]
fn mail_that_lies_is_there_in_a_later_run() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let mut runs = 0;
        let door = stage.idle(move |turn| {
            runs += 1;
            if runs == 1 {
                keeper.keep(turn.waker);
            }
            if runs < 3 { Poll::Pending } else { turn.receive() }
        });
        let waker = stage.waker();
        send(&door, 0, 1).unwrap();
        stage.run_all();
        let sender = sends(&door, 0, [2]);
        waker.wake();
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}
