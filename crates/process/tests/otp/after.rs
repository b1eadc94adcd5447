//! Receiving for a limited time (`after_SUITE`).

use crate::stage::{
    atom, each_seed, everywhere, message, millis, now, on_threads, send, spawn_idle, with_seed, yield_now,
};
use engset_process::{Cx, ExitReason, Mail, SpawnOptions};
use engset_term::Term;
use std::time::Duration;

/// 2^32 - 1 milliseconds, more than 49 days.
const BIG: Duration = Duration::from_millis(0xFFFF_FFFF);

fn only(wanted: &'static str) -> impl FnMut(Mail<Term>) -> Result<(), Mail<Term>> + Unpin {
    move |mail| match mail {
        Mail::Message(term) if term.is_atom(wanted) => Ok(()),
        other => Err(other),
    }
}

/// A minute is a minute, though another process wakes up every 100 ms.
#[test]
fn t_after() {
    each_seed(|mut cx| async move {
        let frequent = |cx: Cx<Term>| async move {
            loop {
                cx.sleep(millis(100)).await;
            }
        };
        cx.spawn::<Term, _, _>(frequent).expect("room");
        assert!(cx.recv_timeout(Duration::from_secs(60)).await.is_none());
        assert_eq!(now(&cx), Duration::from_secs(60));
    });
}

/// Time limits of many lengths end, each after its time.
#[test]
fn receive_after() {
    each_seed(|mut cx| async move {
        let mut limit = 5_000;
        while limit > 0 {
            let begin = now(&cx);
            assert!(cx.recv_timeout(millis(limit)).await.is_none());
            assert_eq!(now(&cx) - begin, millis(limit));
            limit /= 2;
        }
    });
}

/// A limit of many days does not end at once.
#[test]
fn receive_after_big() {
    everywhere(|mut cx| async move {
        for limit in [0xF765_4321, 0xF799_9977] {
            let me = cx.addr();
            cx.spawn(move |cx: Cx<Term>| async move {
                yield_now().await;
                send(&cx, me, atom("here"));
            })
            .expect("room");
            let mail = cx.recv_timeout(millis(limit)).await;
            assert!(matches!(mail, Some(Mail::Message(_))), "{mail:?}");
        }
    });
}

/// No limit is too long; the longest is as good as none.
#[test]
fn receive_after_errors() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        for limit in [BIG + millis(1), Duration::from_secs(u64::MAX), Duration::MAX] {
            cx.spawn(move |cx: Cx<Term>| async move {
                cx.sleep(millis(2)).await;
                send(&cx, me, atom("here"));
            })
            .expect("room");
            let mail = cx.recv_timeout(limit).await;
            assert!(matches!(mail, Some(Mail::Message(_))), "{mail:?}");
        }
    });
}

/// A limit of zero that is computed looks into the mailbox once, and leaves what is not wanted.
#[test]
fn receive_var_zero() {
    everywhere(|mut cx| async move {
        send(&cx, cx.pid(), atom("x"));
        send(&cx, cx.pid(), atom("y"));
        let zero = std::hint::black_box(Duration::ZERO);
        assert_eq!(cx.receive_timeout(zero, only("z")).await, None);
        assert_eq!(cx.receive_timeout(zero, Err::<(), _>).await, None);
        send(&cx, cx.pid(), atom("w"));
        for expected in ["x", "y", "w"] {
            assert_eq!(message(&mut cx).await, atom(expected));
        }
    });
}

/// A limit of zero takes what is there and does not wait.
#[test]
fn receive_zero() {
    each_seed(|mut cx| async move {
        send(&cx, cx.pid(), atom("x"));
        send(&cx, cx.pid(), atom("y"));
        assert_eq!(cx.receive_timeout(Duration::ZERO, only("z")).await, None);
        send(&cx, cx.pid(), atom("w"));
        assert_eq!(cx.receive_timeout(Duration::ZERO, only("y")).await, Some(()));
        for expected in ["x", "w"] {
            let mail = cx.recv_timeout(Duration::ZERO).await;
            assert!(matches!(mail, Some(Mail::Message(term)) if term.is_atom(expected)));
        }
        assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
        assert_eq!(now(&cx), Duration::ZERO);
    });
}

/// Messages that arrive in a wait that takes none do not end it, and keep their order.
#[test]
fn multi_timeout() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let waits = move |mut cx: Cx<Term>| async move {
            cx.receive(only("a")).await;
            assert_eq!(cx.receive_timeout(millis(100_000), Err::<(), _>).await, None);
            for expected in ["b", "c", "d"] {
                assert_eq!(message(&mut cx).await, atom(expected));
            }
            send(&cx, me, atom("done"));
        };
        let waits = cx.spawn(waits).expect("room");
        for text in ["a", "b", "c", "d"] {
            send(&cx, waits, atom(text));
            cx.sleep(millis(1_000)).await;
        }
        assert_eq!(message(&mut cx).await, atom("done"));
        assert_eq!(now(&cx), millis(100_000));
    });
}

/// Limits of 2^32 - 1 ms of thousands of processes end after that time, not at once.
#[test]
fn receive_after_32bit() {
    const PROCESSES: usize = 2_048;
    with_seed(1, |mut cx| async move {
        for _ in 0..PROCESSES {
            let waits = |mut cx: Cx<Term>| async move { assert!(cx.recv_timeout(BIG).await.is_none()) };
            _ = cx.spawn_monitor(SpawnOptions::default(), waits).expect("room");
        }
        assert!(cx.recv_timeout(BIG - millis(1)).await.is_none());
        for _ in 0..PROCESSES {
            assert!(matches!(cx.recv().await, Mail::Down(down) if down.reason == ExitReason::Normal));
        }
        assert_eq!(now(&cx), BIG);
    });
}

/// Ten thousand limits that end at the same time all end.
#[test]
fn receive_after_blast() {
    const BLASTERS: usize = 10_000;
    async fn blast(mut cx: Cx<Term>, delay: Duration) {
        let due = now(&cx) + delay;
        for _ in 0..BLASTERS {
            let blaster = move |mut cx: Cx<Term>| async move {
                let left = due.saturating_sub(now(&cx));
                assert!(cx.recv_timeout(left).await.is_none());
                assert!(now(&cx) >= due);
            };
            _ = cx.spawn_monitor(SpawnOptions::default(), blaster).expect("room");
        }
        for _ in 0..BLASTERS {
            assert!(matches!(cx.recv().await, Mail::Down(down) if down.reason == ExitReason::Normal));
        }
    }
    with_seed(1, |cx| blast(cx, millis(5_000)));
    on_threads(2, |cx| blast(cx, millis(500)));
}

/// A process that waits with a limit can be ended meanwhile, and its timer does no harm.
#[test]
fn a_process_that_waits_with_a_limit_can_be_killed() {
    everywhere(|mut cx| async move {
        let waits = |mut cx: Cx<Term>| async move { drop(cx.recv_timeout(millis(5)).await) };
        let (waits, _) = cx.spawn_monitor(SpawnOptions::default(), waits).expect("room");
        let other = spawn_idle(&cx);
        cx.exit(waits.pid(), ExitReason::Kill);
        assert!(matches!(cx.recv().await, Mail::Down(_)));
        cx.sleep(millis(10)).await;
        assert!(cx.processes().is_alive(other.pid()));
    });
}
