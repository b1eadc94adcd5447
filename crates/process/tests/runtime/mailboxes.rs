//! Mailboxes: order of arrival, selective receive, time limits.

use crate::stage::{Number, everywhere, number, quiet};
use engset_process::{Cx, Mail, SpawnOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn send_all(cx: &Cx<Number>, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert!(cx.send(cx.pid(), Number(number)).is_ok());
    }
}

#[test]
fn a_selective_receive_leaves_the_others_in_order() {
    everywhere(|mut cx| async move {
        send_all(&cx, 0..10);
        let even = |mail| match mail {
            Mail::Message(Number(number)) if number % 2 == 1 => Ok(number),
            other => Err(other),
        };
        for expected in [1, 3, 5] {
            assert_eq!(cx.receive(even).await, expected);
        }
        for expected in [0, 2, 4, 6, 7, 8, 9] {
            assert_eq!(number(&mut cx).await, expected);
        }
        quiet(&mut cx).await;
    });
}

#[test]
fn what_a_receive_has_refused_it_is_not_offered_again() {
    everywhere(|mut cx| async move {
        send_all(&cx, 0..100);
        let offered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&offered);
        let me = cx.pid();
        // One that is wanted comes at the end, one by one.
        let late = move |cx: Cx<Number>| async move {
            for number in 100..110 {
                assert!(cx.send(me, Number(number)).is_ok());
                cx.sleep(Duration::from_millis(1)).await;
            }
        };
        cx.spawn(late).expect("room");
        let chosen = cx.receive(move |mail| {
            count.fetch_add(1, Ordering::Relaxed);
            match mail {
                Mail::Message(Number(109)) => Ok(()),
                other => Err(other),
            }
        });
        chosen.await;
        assert_eq!(offered.load(Ordering::Relaxed), 110);
        assert_eq!(number(&mut cx).await, 0, "the next receive begins at the front");
    });
}

#[test]
fn a_receive_that_is_dropped_loses_nothing() {
    everywhere(|mut cx| async move {
        for expected in 0..10 {
            let none = cx.receive_timeout(Duration::ZERO, |mail| match mail {
                Mail::Down(_) => Ok(()),
                other => Err(other),
            });
            assert!(none.await.is_none());
            send_all(&cx, [expected]);
        }
        for expected in 0..10 {
            assert_eq!(number(&mut cx).await, expected);
        }
    });
}

#[test]
fn a_time_limit_of_zero_looks_once() {
    everywhere(|mut cx| async move {
        assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
        send_all(&cx, [1]);
        let mail = cx.recv_timeout(Duration::ZERO).await;
        assert!(matches!(mail, Some(Mail::Message(Number(1)))));
        assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
    });
}

#[test]
fn a_time_limit_is_waited_out_and_not_longer_than_needed() {
    everywhere(|mut cx| async move {
        let limit = Duration::from_millis(20);
        let begin = cx.processes().scheduler().now();
        assert!(cx.recv_timeout(limit).await.is_none());
        let waited = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert!(waited >= limit, "{waited:?}");
        let me = cx.pid();
        let soon = move |cx: Cx<Number>| async move { drop(cx.send(me, Number(5))) };
        cx.processes().spawn(SpawnOptions::default(), soon).expect("room");
        let mail = cx.recv_timeout(Duration::from_secs(1_000)).await;
        assert!(matches!(mail, Some(Mail::Message(Number(5)))));
    });
}
