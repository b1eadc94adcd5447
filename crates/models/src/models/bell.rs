//! `process/src/scheduler/bell.rs`: no worker sleeps on after it was woken, wherever it went to sleep.

use super::model;
use crate::bell::Bell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// A place to sleep in, and how often somebody woke who sleeps there.
#[derive(Default)]
struct Bed(AtomicUsize);

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A worker's bell, the work that it is woken for, and the two places where it may sleep.
struct Chamber {
    bell: Bell,
    work: AtomicUsize,
    beds: [Arc<Bed>; 2],
}

impl Chamber {
    fn new() -> Arc<Self> {
        Arc::new(Self { bell: Bell::default(), work: AtomicUsize::new(0), beds: Default::default() })
    }

    fn bring(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
        self.bell.ring();
    }

    /// Works, and goes to sleep in this place: how much work was seen, and whether it sleeps.
    fn turn(&self, bed: usize) -> (usize, bool) {
        self.bell.answer();
        let seen = self.work.load(Ordering::Relaxed);
        let sleeps = !self.bell.has_rung(&Waker::from(Arc::clone(&self.beds[bed])));
        (seen, sleeps)
    }

    /// Whether who sleeps there for good would do so over work.
    fn oversleeps(&self, (seen, sleeps): (usize, bool), bed: usize) -> bool {
        sleeps && seen < self.work.load(Ordering::SeqCst) && self.beds[bed].0.load(Ordering::SeqCst) == 0
    }
}

/// One rings while the worker works and goes to sleep, in another place than before.
#[test]
fn a_ring_against_going_to_sleep() {
    model(|| {
        let chamber = Chamber::new();
        assert_eq!(chamber.turn(0), (0, true));
        let other = Arc::clone(&chamber);
        let ringer = thread::spawn(move || other.bring());
        let turn = chamber.turn(1);
        ringer.join().unwrap();
        assert!(!chamber.oversleeps(turn, 1));
    });
}

/// Two ring, so that the second finds it rung: whoever was first wakes the worker.
#[test]
fn two_rings_against_going_to_sleep() {
    model(|| {
        let chamber = Chamber::new();
        let ringers = [(), ()].map(|()| {
            let other = Arc::clone(&chamber);
            thread::spawn(move || other.bring())
        });
        let turn = chamber.turn(0);
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        assert!(!chamber.oversleeps(turn, 0));
    });
}

/// What wakes a worker that has gone on to sleep elsewhere wakes it there.
#[test]
fn a_worker_that_was_woken_and_sleeps_again() {
    model(|| {
        let chamber = Chamber::new();
        let other = Arc::clone(&chamber);
        let ringer = thread::spawn(move || {
            other.bring();
            other.bring();
        });
        let first = chamber.turn(0);
        let second = chamber.turn(1);
        ringer.join().unwrap();
        assert!(!chamber.oversleeps(second, 1), "{first:?} {second:?}");
    });
}
