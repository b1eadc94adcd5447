//! `process/src/scheduler/parked.rs`: no worker sleeps over work that nobody was woken for.

use super::model;
use crate::parked::{Parked, Watcher};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// Pieces of work in a queue that orders nothing by itself, and the workers that sleep.
struct Office {
    work: AtomicUsize,
    parked: Parked,
}

impl Office {
    fn new() -> Arc<Self> {
        Arc::new(Self { work: AtomicUsize::new(0), parked: Parked::new() })
    }

    /// Brings a piece of work; the worker that is woken for it.
    fn bring(&self) -> Option<usize> {
        self.work.fetch_add(1, Ordering::Relaxed);
        self.parked.choose(None)
    }

    /// Goes to sleep as a worker does that has found nothing to do; whether it sleeps.
    fn sleep(&self, index: usize) -> bool {
        self.parked.enter(index, || self.work.load(Ordering::Relaxed) > 0)
    }
}

/// Work that comes while a worker goes to sleep is seen by it, or it is woken.
#[test]
fn work_against_going_to_sleep() {
    model(|| {
        let office = Office::new();
        let other = Arc::clone(&office);
        let worker = thread::spawn(move || other.sleep(3));
        let woken = office.bring();
        let sleeps = worker.join().unwrap();
        assert!(!sleeps || woken == Some(3), "it sleeps over work");
    });
}

/// Work that comes while two workers go to sleep: one of them sees it, or one is woken.
#[test]
fn work_against_two_that_go_to_sleep() {
    model(|| {
        let office = Office::new();
        let others = [(0, Arc::clone(&office)), (1, Arc::clone(&office))];
        let workers = others.map(|(index, other)| thread::spawn(move || other.sleep(index)));
        let woken = office.bring();
        let sleep = workers.map(|worker| worker.join().unwrap());
        assert!(sleep != [true, true] || woken.is_some(), "both sleep over work");
    });
}

/// Two pieces of work that come while one worker goes to sleep: it sees them, or is woken once.
#[test]
fn two_pieces_of_work_against_going_to_sleep() {
    model(|| {
        let office = Office::new();
        let (other, third) = (Arc::clone(&office), Arc::clone(&office));
        let bringing = thread::spawn(move || other.bring());
        let worker = thread::spawn(move || third.sleep(0));
        let woken = [office.bring(), bringing.join().unwrap()];
        let sleeps = worker.join().unwrap();
        let count = woken.iter().flatten().count();
        assert!(!sleeps || count == 1, "woken {count} times");
    });
}

/// Two that bring work to two sleepers do not both wake the same one.
#[test]
fn two_pieces_of_work_for_two_sleepers() {
    model(|| {
        let office = Office::new();
        assert!(office.sleep(0) && office.sleep(1));
        let other = Arc::clone(&office);
        let bringing = thread::spawn(move || other.bring());
        let here = office.bring();
        let there = bringing.join().unwrap();
        assert!(here.is_some() || there.is_some());
        assert_ne!(here, there);
    });
}

/// A worker that is awake again is not chosen: work that comes then is for one that sleeps, or for its own next look.
#[test]
fn work_against_waking_up() {
    model(|| {
        let office = Office::new();
        assert!(office.sleep(0) && office.sleep(1));
        let other = Arc::clone(&office);
        // Woken by its sockets.
        let waking = thread::spawn(move || {
            other.parked.leave(0);
            other.work.load(Ordering::Relaxed)
        });
        let woken = office.bring();
        let seen = waking.join().unwrap();
        assert!(woken.is_some() || seen > 0 || office.work.load(Ordering::Relaxed) > 0);
        assert_ne!(office.parked.choose(None), Some(0), "it is awake");
    });
}

/// A worker that wakes while who looks after the workers goes to sleep is seen by it, or wakes it.
#[test]
fn waking_up_against_a_watcher_that_goes_to_sleep() {
    model(|| {
        let office = Arc::new((Parked::new(), Watcher::new()));
        for worker in 0..2 {
            assert!(office.0.enter(worker, || false));
        }
        let other = Arc::clone(&office);
        let worker = thread::spawn(move || {
            other.0.leave(1);
            other.1.sleeps()
        });
        let sleeps = office.1.enter(&office.0, 0b11);
        let is_woken = worker.join().unwrap();
        assert!(!sleeps || is_woken, "it sleeps while a worker runs");
        assert!(!office.1.enter(&office.0, 0b11), "a worker is awake");
        assert!(office.1.enter(&office.0, 0b01), "who is not looked after does not matter");
    });
}

/// A worker that brings work wakes a sleeper, and takes its bit away first: the watcher does not sleep meanwhile.
#[test]
fn work_against_a_watcher_that_goes_to_sleep() {
    model(|| {
        let office = Arc::new((Parked::new(), Watcher::new()));
        assert!(office.0.enter(0, || false));
        let other = Arc::clone(&office);
        let bringing = thread::spawn(move || {
            // The woken worker says itself that it is awake.
            let woken = other.0.choose(None);
            woken.map(|index| {
                other.0.leave(index);
                other.1.sleeps()
            })
        });
        let sleeps = office.1.enter(&office.0, 1);
        let is_woken = bringing.join().unwrap();
        assert!(!sleeps || is_woken == Some(true));
    });
}
