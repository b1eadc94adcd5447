//! `process/src/scheduler/leader.rs`: when all workers sleep, one of them sleeps over the sockets.

use super::model;
use crate::bell::Bell;
use crate::leader::Leader;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::sync::Arc;
use std::task::Waker;

/// Goes to sleep as a worker does; whether over the sockets. It sleeps for good: the lead is not given up.
fn sleeps_over_sockets(leader: &Leader, index: usize) -> bool {
    leader.take(index).map(std::mem::forget).is_some()
}

/// A worker that has looked at the sockets and goes to sleep, and another that goes to sleep meanwhile.
#[test]
fn one_sleeps_over_the_sockets() {
    model(|| {
        let leader = Arc::new(Leader::new());
        let other = Arc::clone(&leader);
        let looks = thread::spawn(move || {
            drop(other.take(1));
            sleeps_over_sockets(&other, 1)
        });
        let mine = sleeps_over_sockets(&leader, 0);
        let others = looks.join().unwrap();
        assert_ne!(mine, others, "one, and no more than one");
        assert_eq!(leader.index(), Some(usize::from(others)));
    });
}

/// A worker that has slept over the sockets and takes no work any more, and another that goes to sleep meanwhile.
#[test]
fn who_takes_no_work_any_more_leaves_the_sockets_to_one_that_does() {
    model(|| {
        let leader = Arc::new(Leader::new());
        let bell = Arc::new(Bell::default());
        let parked = Arc::new(AtomicBool::new(false));
        let (other, rings, is_parked) = (Arc::clone(&leader), Arc::clone(&bell), Arc::clone(&parked));
        let retires = thread::spawn(move || {
            drop(other.take(1));
            if other.index().is_none() && is_parked.swap(false, Ordering::SeqCst) {
                rings.ring();
            }
        });
        parked.store(true, Ordering::SeqCst);
        let mut leads = sleeps_over_sockets(&leader, 0);
        if !leads && bell.has_rung(Waker::noop()) {
            leads = sleeps_over_sockets(&leader, 0);
        }
        retires.join().unwrap();
        // What rings later wakes it.
        let is_woken = bell.is_rung();
        assert!(leads || is_woken, "it sleeps beside nobody");
    });
}
