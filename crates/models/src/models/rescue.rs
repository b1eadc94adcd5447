//! `process/src/task.rs`: a task that gets one more right to run, for the first lies where nobody gets at it, runs once.

use super::model;
use super::stage::{LAST, Stage, finish, run, send};
use crate::task::{Door, Runnable};
use loom::thread;
use std::sync::Arc;

/// A task that has a message waiting, and the right to run it, which lies in somebody's slot.
fn scheduled() -> (Arc<Stage>, Arc<Door>, Runnable) {
    let stage = Stage::new();
    let door = stage.idle(|turn| turn.receive());
    send(&door, 0, 1).unwrap();
    let slot = stage.next().expect("it was scheduled");
    (stage, door, slot)
}

/// A worker comes back from its long run while its slot's task is rescued: the task takes its message in one run.
#[test]
fn a_rescue_against_the_run_of_the_first_right() {
    model(|| {
        let (stage, door, slot) = scheduled();
        let worker = thread::spawn(move || run(slot));
        if let Some(extra) = door.rescue(Some(0), 1) {
            run(extra);
        }
        worker.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.taken), (2, vec![1]), "its first run, and one for the message");
        finish(&stage, &door);
    });
}

/// Both rights are used at the same time: one runs the task, the other is given back.
#[test]
fn two_rights_at_the_same_time() {
    model(|| {
        let (stage, door, slot) = scheduled();
        let extra = door.rescue(Some(0), 1).unwrap();
        assert!(door.rescue(Some(0), 1).is_none(), "one of the two is not lost");
        let worker = thread::spawn(move || run(slot));
        run(extra);
        worker.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.taken), (2, vec![1]));
        finish(&stage, &door);
    });
}

/// The right that was lost comes back while the task is woken again: each message is taken once, none lies.
#[test]
fn a_late_right_against_a_send() {
    model(|| {
        let (stage, door, slot) = scheduled();
        run(door.rescue(Some(0), 1).unwrap());
        let other = Arc::clone(&door);
        let sender = thread::spawn(move || send(&other, 0, 2).unwrap());
        run(slot);
        stage.run_all();
        sender.join().unwrap();
        stage.run_all();
        assert_eq!(stage.known().taken, [1, 2]);
        finish(&stage, &door);
    });
}

/// The right that was lost comes back while the other one runs the task to its end: the task is given back once, by
/// whoever is last.
#[test]
fn a_late_right_against_the_end() {
    model(|| {
        let (stage, door, slot) = scheduled();
        send(&door, 0, LAST).unwrap();
        let extra = door.rescue(Some(0), 1).unwrap();
        let worker = thread::spawn(move || run(extra));
        run(slot);
        worker.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.taken.as_slice()), (2, [1].as_slice()));
        assert_eq!((known.codes_dropped.len(), known.programs_dropped), (1, 1));
    });
}

/// The right that was lost comes back when another task is behind the door: it runs neither.
#[test]
fn a_late_right_against_reuse_of_the_door() {
    model(|| {
        let (stage, door, slot) = scheduled();
        send(&door, 0, LAST).unwrap();
        run(door.rescue(Some(0), 1).unwrap());
        let second = Stage::new();
        let next = second.start(&door, |turn| turn.receive());
        let worker = thread::spawn(move || run(slot));
        next.schedule();
        second.run_all();
        worker.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.programs_dropped), (2, 1));
        assert_eq!(second.known().runs, 1);
        assert!(door.rescue(Some(0), 9).is_none(), "another generation");
        send(&door, 1, LAST).unwrap();
        second.run_all();
    });
}

/// A task is lost in the slots of two workers, one after the other: it gets a right each time, and runs once for each
/// reason, also where both come back while the third is used.
#[test]
fn two_late_rights_against_a_run() {
    model(|| {
        let (stage, door, first) = scheduled();
        run(door.rescue(Some(0), 1).unwrap());
        send(&door, 0, 2).unwrap();
        let second = stage.next().unwrap();
        assert!(door.rescue(Some(0), 1).is_none(), "the door knows of as many rights as are lost");
        let extra = door.rescue(Some(0), 2).unwrap();
        assert!(door.rescue(Some(0), 2).is_none());
        let worker = thread::spawn(move || [first, second].map(run));
        run(extra);
        worker.join().unwrap();
        let known = stage.known().clone();
        assert_eq!((known.runs, known.taken), (3, vec![1, 2]));
        finish(&stage, &door);
    });
}

/// One of the rights is dropped by a shutdown while the other is used: the task runs, or is given up, once.
#[test]
fn a_dropped_right_against_a_run() {
    model(|| {
        let (stage, door, slot) = scheduled();
        let extra = door.rescue(Some(0), 1).unwrap();
        let clearing = thread::spawn(move || drop(slot));
        run(extra);
        clearing.join().unwrap();
        let known = stage.known().clone();
        if known.cancels == 1 {
            let (taken, unacted) = (known.taken, known.unacted);
            assert_eq!(([taken, unacted].concat(), known.programs_dropped), (vec![1], 1));
        } else {
            assert_eq!((known.runs, known.taken), (2, vec![1]));
            finish(&stage, &door);
        }
    });
}

/// The watchdog looks at a door whose task is being started: it finds a task that can be run, or none.
#[test]
fn a_rescue_against_the_start() {
    model(|| {
        let stage = Stage::new();
        let door = Arc::new(Door::new());
        let (other, place) = (Arc::clone(&stage), Arc::clone(&door));
        let starting = thread::spawn(move || {
            other.start(&place, |turn| turn.receive()).schedule();
            other.run_all();
        });
        if let Some(extra) = door.rescue(None, 1) {
            run(extra);
        }
        starting.join().unwrap();
        assert_eq!(stage.known().runs, 1);
        finish(&stage, &door);
    });
}
