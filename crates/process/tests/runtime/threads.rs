//! What only worker threads can get wrong: order under contention, spreading of work, waking.

use crate::stage::{Number, next, number, on_threads};
use engset_process::{Cx, Mail, SpawnOptions};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

const SENDERS: u64 = 4;
const MESSAGES: u64 = 10_000;

#[test]
fn order_holds_between_each_pair() {
    for workers in [1, 2, 4] {
        on_threads(workers, |mut cx| async move {
            let me = cx.pid();
            for sender in 0..SENDERS {
                let send = move |cx: Cx<Number>| async move {
                    for message in 0..MESSAGES {
                        assert!(cx.send(me, Number(message * SENDERS + sender)).is_ok());
                        if message % 64 == 0 {
                            cx.sleep(Duration::ZERO).await;
                        }
                    }
                };
                cx.processes().spawn(SpawnOptions::default(), send).expect("room");
            }
            let mut expected = [0; 4];
            for _ in 0..SENDERS * MESSAGES {
                let number = number(&mut cx).await;
                let sender = usize::try_from(number % SENDERS).expect("small");
                assert_eq!(number / SENDERS, expected[sender], "of sender {sender}");
                expected[sender] += 1;
            }
        });
    }
}

#[test]
fn messages_go_back_and_forth_without_a_lost_wake_up() {
    for workers in [1, 2, 3] {
        on_threads(workers, |mut cx| async move {
            let me = cx.pid();
            let echo = move |mut cx: Cx<Number>| async move {
                while let Mail::Message(number) = cx.recv().await {
                    drop(cx.send(me, number));
                }
            };
            let echoes: Vec<_> = (0..8)
                .map(|_| cx.processes().spawn(SpawnOptions::default(), echo).expect("room").pid())
                .collect();
            for round in 0..500 {
                for echo in &echoes {
                    assert!(cx.send(*echo, Number(round)).is_ok());
                }
                for _ in &echoes {
                    assert_eq!(number(&mut cx).await, round);
                }
            }
        });
    }
}

#[test]
fn work_spreads_over_the_workers() {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let used = Arc::clone(&seen);
    on_threads(2, move |mut cx| async move {
        let me = cx.pid();
        // Each waits for the other on its thread: both can only be done when two workers run at once.
        let barrier = Arc::new(std::sync::Barrier::new(2));
        for _ in 0..2 {
            let (used, barrier) = (Arc::clone(&used), Arc::clone(&barrier));
            let work = move |cx: Cx<Number>| async move {
                barrier.wait();
                let thread: ThreadId = std::thread::current().id();
                used.lock().expect("no panic").insert(format!("{thread:?}"));
                drop(cx.send(me, Number(1)));
            };
            cx.processes().spawn(SpawnOptions::default(), work).expect("room");
        }
        // The work that was woken last runs on this worker, when this process waits.
        for _ in 0..2 {
            assert!(matches!(next(&mut cx).await, Mail::Message(_)));
        }
    });
    assert_eq!(seen.lock().expect("no panic").len(), 2);
}

#[test]
fn a_busy_process_does_not_keep_ready_ones_from_running() {
    on_threads(2, |mut cx| async move {
        let me = cx.pid();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let busy = Arc::clone(&stop);
        let work = move |_: Cx<Number>| async move {
            while !busy.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        cx.processes().spawn(SpawnOptions::default(), work).expect("room");
        for round in 0..100 {
            let answer = move |cx: Cx<Number>| async move { drop(cx.send(me, Number(round))) };
            cx.processes().spawn(SpawnOptions::default(), answer).expect("room");
            assert_eq!(number(&mut cx).await, round);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn timers_fire_on_workers_that_sleep() {
    on_threads(3, |mut cx| async move {
        let me = cx.pid();
        for number in 0..30 {
            let sleeper = move |cx: Cx<Number>| async move {
                for _ in 0..5 {
                    cx.sleep(Duration::from_millis(number % 7)).await;
                }
                drop(cx.send(me, Number(number)));
            };
            cx.processes().spawn(SpawnOptions::default(), sleeper).expect("room");
        }
        let mut all = BTreeSet::new();
        for _ in 0..30 {
            all.insert(number(&mut cx).await);
        }
        assert_eq!(all.len(), 30);
    });
}
