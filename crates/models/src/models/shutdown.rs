//! The end of a node: rights to run that are dropped, and kills, against all that may come at the same time.

use super::model;
use super::stage::{LAST, Stage, send, signal};
use loom::thread;
use std::sync::Arc;

/// A right to run that is dropped ends its task; a sender meanwhile is heard of at the end, or refused.
#[test]
fn a_dropped_right_to_run_against_a_send() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, 1).unwrap();
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || send(&other, 0, 2));
        drop(stage.next());
        let sent = sender.join().unwrap();
        assert!(stage.next().is_none(), "it is not run any more");
        let known = stage.known().clone();
        assert_eq!(known.unacted, if sent.is_ok() { vec![1, 2] } else { vec![1] });
        assert_eq!(
            (known.cancels, known.runs, known.codes_dropped.len(), known.programs_dropped),
            (1, 1, 1, 1)
        );
    });
}

/// A right to run that is dropped ends its task once, whatever its waker does meanwhile.
#[test]
fn a_dropped_right_to_run_against_a_waker() {
    model(|| {
        let stage = Stage::new();
        let keeper = Arc::clone(&stage);
        let door = stage.idle(move |turn| {
            keeper.keep(turn.waker);
            turn.receive()
        });
        let waker = stage.waker();
        send(&door, 0, 1).unwrap();
        let waking = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        drop(stage.next());
        waking.join().unwrap();
        assert!(stage.next().is_none(), "it is not run any more");
        let known = stage.known().clone();
        assert_eq!((known.cancels, known.codes_dropped.len(), known.programs_dropped), (1, 1, 1));
    });
}

/// What a worker and the end of the node take from one queue at the same time: the task runs, or is given up.
#[test]
fn a_run_against_a_dropped_right_to_run() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, 1).unwrap();
        let worker = Arc::clone(&stage);
        let clearing = thread::spawn(move || drop(worker.next()));
        stage.run_all();
        clearing.join().unwrap();
        let known = stage.known().clone();
        if known.cancels == 1 {
            assert_eq!(([known.taken, known.unacted].concat(), known.programs_dropped), (vec![1], 1));
        } else {
            assert_eq!((known.taken, known.programs_dropped), (vec![1], 0));
            send(&door, 0, LAST).unwrap();
            stage.run_all();
        }
    });
}

/// A kill and a message at the same time: the process ends, and the message is taken before, dropped, or refused.
#[test]
fn a_kill_against_a_send() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || send(&other, 0, 1));
        assert!(signal(&door, 0));
        stage.run_all();
        let sent = sender.join().unwrap();
        stage.run_all();
        let known = stage.known().clone();
        assert_eq!((known.signals, known.programs_dropped, known.codes_dropped.len()), (1, 1, 1));
        let refused = sent.err().into_iter().collect();
        assert_eq!([known.taken, known.unacted, refused].concat(), [1]);
        assert_eq!(send(&door, 0, 2), Err(2), "nobody is there any more");
    });
}

/// Two kills at the same time end a process once.
#[test]
fn two_kills() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        let other = Arc::clone(&door);
        let killer = thread::spawn(move || signal(&other, 0));
        let here = signal(&door, 0);
        stage.run_all();
        let there = killer.join().unwrap();
        stage.run_all();
        assert!(here || there);
        let known = stage.known().clone();
        assert_eq!((known.signals, known.programs_dropped, known.codes_dropped.len()), (1, 1, 1));
    });
}

/// A kill against the end of a process by itself: it ends once, and later kills find nobody.
#[test]
fn a_kill_against_the_end() {
    model(|| {
        let stage = Stage::new();
        let door = stage.idle(|turn| turn.receive());
        send(&door, 0, LAST).unwrap();
        let other = Arc::clone(&door);
        let killer = thread::spawn(move || signal(&other, 0));
        stage.run_all();
        killer.join().unwrap();
        assert!(!signal(&door, 0));
        let known = stage.known().clone();
        assert_eq!((known.programs_dropped, known.codes_dropped.len()), (1, 1));
    });
}
