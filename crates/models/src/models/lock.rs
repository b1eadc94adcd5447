//! `process/src/lock.rs`: one at a time, and each sees what the one before did.

use super::model;
use crate::cells::Mark;
use crate::lock::Lock;
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Two threads that add under the lock are never inside together, and none of their additions is lost.
#[test]
fn two_are_never_inside_together() {
    model(|| {
        let lock = Arc::new(Lock::new(0));
        let other = Arc::clone(&lock);
        let thread = thread::spawn(move || {
            other.with(|value| *value += 1);
            other.with(|value| *value += 1);
        });
        lock.with(|value| *value += 1);
        thread.join().unwrap();
        assert_eq!(lock.with(|value| *value), 3);
    });
}

/// Two threads that take the lock again and again are never inside together, whoever is first each time.
#[test]
fn two_in_turns() {
    model(|| {
        let lock = Arc::new(Lock::new(Vec::new()));
        let other = Arc::clone(&lock);
        let add = |lock: &Lock<Vec<u32>>, from: u32| {
            lock.with(|values| values.push(from));
            lock.with(|values| values.push(from + 1));
        };
        let thread = thread::spawn(move || add(&other, 10));
        add(&lock, 0);
        thread.join().unwrap();
        let mut values = lock.with(std::mem::take);
        values.sort_by_key(|value| *value / 10);
        assert_eq!(values, [0, 1, 10, 11], "all are there, those of each thread in order");
    });
}

/// Who finds a flag that was set under the lock may touch, outside the lock, what was touched before the flag was set.
#[test]
fn what_was_done_before_comes_before_what_is_done_behind_it() {
    model(|| {
        let shared = Arc::new((Lock::new(false), Mark::new()));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            other.1.touch();
            other.0.with(|is_ready| *is_ready = true);
        });
        if shared.0.with(|is_ready| *is_ready) {
            shared.1.touch();
        }
        thread.join().unwrap();
    });
}

/// A panic under the lock gives it back: the other thread does not wait for ever.
#[test]
fn a_panic_inside_gives_it_back() {
    model(|| {
        let lock = Arc::new(Lock::new(0));
        let other = Arc::clone(&lock);
        let thread = thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                other.with(|value| {
                    *value += 1;
                    std::panic::resume_unwind(Box::new("inside"));
                })
            }));
            assert!(result.is_err());
        });
        lock.with(|value| *value += 1);
        thread.join().unwrap();
        assert_eq!(lock.with(|value| *value), 2);
    });
}
