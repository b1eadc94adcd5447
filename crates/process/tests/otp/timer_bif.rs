//! Messages sent later (`timer_bif_SUITE`).

use crate::stage::{
    atom, each_seed, kb_128, message, millis, name, node, now, on_threads, quiet, send, spawn_idle, yield_now,
};
use engset_process::{Cx, Dest, ExitReason, Mail, Scheduler, Step, TimerRef};
use engset_term::Term;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// 2^31 milliseconds, more than 24 days.
const BIG: Duration = Duration::from_millis(1 << 31);
/// As many timers as make the BEAM's timer service yield, three times over.
const SAME_TIME: u64 = 2 * (3 * 100 + 1);

/// A timer fires at its time and not before; a cancel tells how long it would have waited.
#[test]
fn start_timer_1() {
    each_seed(|mut cx| async move {
        let me = cx.pid();
        let timer = cx.send_after(millis(1_000), me, atom("plopp"));
        assert_eq!(message(&mut cx).await, atom("plopp"));
        assert_eq!(now(&cx), millis(1_000));
        assert_eq!(timer.cancel(), None);
        let timer = cx.send_after(millis(1_000), me, atom("plapp"));
        cx.sleep(millis(50)).await;
        assert_eq!(timer.cancel(), Some(millis(950)));
        assert!(cx.recv_timeout(millis(1_000)).await.is_none());
        _ = cx.send_after(millis(1_000), me, atom("plopp"));
        assert!(cx.recv_timeout(millis(999)).await.is_none());
        assert_eq!(message(&mut cx).await, atom("plopp"));
    });
}

/// A message sent later comes once.
#[test]
fn send_after_1() {
    each_seed(|mut cx| async move {
        let timer = cx.send_after(millis(1_000), cx.pid(), atom("plipp"));
        assert_eq!(message(&mut cx).await, atom("plipp"));
        assert_eq!(now(&cx), millis(1_000));
        assert_eq!(timer.cancel(), None);
        quiet(&mut cx).await;
    });
}

/// Messages come in the order of their times, not in the order in which they were set.
#[test]
fn send_after_2() {
    each_seed(|mut cx| async move {
        let delays = [5_000_u64, 0, 200, 100, 500, 300, 400];
        for delay in delays {
            _ = cx.send_after(millis(delay), cx.pid(), Term::from(delay));
        }
        for expected in [0_u64, 100, 200, 300, 400, 500, 5_000] {
            assert_eq!(message(&mut cx).await, Term::from(expected));
            assert_eq!(now(&cx), millis(expected));
        }
    });
}

/// Messages come in the order of their times, also a millisecond apart, and in the order of setting where those are
/// equal (which OTP does not promise).
#[test]
fn send_after_3() {
    each_seed(|mut cx| async move {
        for delay in [100_u64, 101, 102, 103] {
            _ = cx.send_after(millis(delay), cx.pid(), Term::from(delay));
        }
        for expected in [100_u64, 101, 102, 103] {
            assert_eq!(message(&mut cx).await, Term::from(expected));
        }
        for number in 0..4_u64 {
            _ = cx.send_after(millis(100), cx.pid(), Term::from(number));
        }
        for expected in 0..4_u64 {
            assert_eq!(message(&mut cx).await, Term::from(expected));
        }
    });
}

/// A cancel of a timer that has fired says that there is none.
#[test]
fn cancel_timer_1() {
    each_seed(|mut cx| async move {
        let timer = cx.processes().scheduler().run_at(cx.processes().scheduler().now(), || {});
        cx.sleep(millis(1)).await;
        assert_eq!(timer.cancel(), None);
        assert_eq!(timer.cancel(), None);
        quiet(&mut cx).await;
    });
}

/// A timer can be cancelled by another process on another thread; the answer is there when the cancel returns.
#[test]
fn cancel_timer_sync() {
    on_threads(4, |mut cx| async move {
        let me = cx.addr();
        for _ in 0..200 {
            let timer = cx.send_after(Duration::from_secs(1_000), me, atom("never"));
            let canceller = move |cx: Cx<Term>| async move {
                let left = timer.cancel().expect("it has not fired");
                assert!(left > Duration::from_secs(900) && left <= Duration::from_secs(1_000), "{left:?}");
                send(&cx, me, atom("cancelled"));
            };
            cx.spawn::<Term, _, _>(canceller).expect("room");
            assert_eq!(message(&mut cx).await, atom("cancelled"));
        }
        quiet(&mut cx).await;
    });
}

/// No delay is too long; the longest ends with the clock, after centuries.
#[test]
fn send_after_e() {
    each_seed(|mut cx| async move {
        for delay in [Duration::from_secs(u64::MAX), Duration::MAX] {
            let timer = cx.send_after(delay, cx.pid(), atom("never"));
            assert!(cx.recv_timeout(millis(200)).await.is_none());
            let left = timer.cancel().expect("it has not fired");
            assert!(left > Duration::from_secs(500 * 365 * 86_400), "{left:?}");
        }
    });
}

/// A delay of many days is kept exactly.
#[test]
fn start_timer_big() {
    each_seed(|cx| async move {
        let timer = cx.send_after(BIG, cx.pid(), atom("never"));
        cx.sleep(millis(200)).await;
        assert_eq!(timer.cancel(), Some(BIG - millis(200)));
    });
}

/// A message sent after many days comes then.
#[test]
fn send_after_big() {
    each_seed(|mut cx| async move {
        _ = cx.send_after(BIG, cx.pid(), atom("late"));
        assert!(matches!(cx.recv().await, Mail::Message(term) if term == atom("late")));
        assert_eq!(now(&cx), BIG);
    });
}

/// A timer that has fired or was cancelled has no time left.
#[test]
fn read_timer_trivial() {
    each_seed(|cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let fired = scheduler.run_at(scheduler.now(), || {});
        cx.sleep(millis(1)).await;
        assert_eq!((fired.left(), fired.cancel()), (Duration::ZERO, None));
    });
}

/// How long a timer will wait can be read without cancelling it.
#[test]
fn read_timer() {
    each_seed(|cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let timer = scheduler.run_at(scheduler.now().saturating_add(BIG), || {});
        assert_eq!(timer.left(), BIG);
        cx.sleep(millis(200)).await;
        assert_eq!(timer.left(), BIG - millis(200));
        assert_eq!(timer.cancel(), Some(BIG - millis(200)));
    });
}

/// Another process on another thread can read it, and gets the answer at once.
#[test]
fn read_timer_async() {
    on_threads(4, |mut cx| async move {
        let me = cx.addr();
        let scheduler = cx.processes().scheduler().clone();
        let delay = BIG * 4;
        for _ in 0..100 {
            let timer = scheduler.run_at(scheduler.now().saturating_add(delay), || {});
            let reader = move |cx: Cx<Term>| async move {
                let left = timer.left();
                let cancelled = timer.cancel().expect("it has not fired");
                assert!(left <= delay && cancelled <= left && left - cancelled < Duration::from_secs(60));
                assert_eq!(timer.cancel(), None);
                send(&cx, me, atom("read"));
            };
            cx.spawn::<Term, _, _>(reader).expect("room");
            assert_eq!(message(&mut cx).await, atom("read"));
        }
    });
}

/// Timers that were cancelled or have fired leave nothing behind.
#[test]
fn cleanup() {
    for seed in 0..8 {
        let scheduler = Scheduler::seeded(seed);
        let Scheduler::Seeded(seeded) = &scheduler else { panic!("not seeded") };
        let processes = node(&scheduler, 10);
        let kept: Arc<()> = Arc::default();
        let weak = Arc::downgrade(&kept);
        let used = processes.block_on(|mut cx: Cx<Term>| async move {
            let timer = cx.send_after(millis(10_000), cx.pid(), atom("hej"));
            let holds = Arc::clone(&kept);
            let due = cx.processes().scheduler().now().saturating_add(millis(10_000));
            let action = cx.processes().scheduler().run_at(due, move || drop(holds));
            assert_eq!(timer.cancel(), Some(millis(10_000)));
            assert_eq!(action.cancel(), Some(millis(10_000)));
            assert_eq!(Arc::strong_count(&kept), 1, "dropped with its timer");
            _ = cx.send_after(millis(5_001), cx.pid(), atom("hej"));
            assert_eq!(message(&mut cx).await, atom("hej"));
            drop(cx.recv_timeout(Duration::ZERO).await);
        });
        assert_eq!(used, Ok(()));
        assert_eq!(seeded.step(), Step::Idle, "no timer and no task");
        assert_eq!(weak.strong_count(), 0);
    }
}

/// Large composite messages of many timers arrive whole, whoever set the timers, whether the receiver runs or waits.
#[test]
fn evil_timers() {
    const TIMERS: u64 = 200;
    async fn evil(mut cx: Cx<Term>, own: bool, big: bool) {
        let me = cx.addr();
        let payload = if big { kb_128() } else { atom("immediate") };
        let expected = payload.clone();
        let set = move |cx: &Cx<Term>| {
            for number in 0..TIMERS {
                let term = Term::tuple([Term::from(number), payload.clone()]);
                _ = cx.send_after(millis(number), me, term);
            }
        };
        if own {
            set(&cx);
        } else {
            cx.spawn(move |cx: Cx<Term>| async move { set(&cx) }).expect("room");
        }
        let mut numbers = BTreeSet::new();
        while numbers.len() < 200 {
            // Busy half of the time.
            let mail = if own { cx.recv_timeout(Duration::ZERO).await } else { Some(cx.recv().await) };
            let Some(mail) = mail else {
                cx.sleep(Duration::from_micros(100)).await;
                continue;
            };
            let Mail::Message(term) = mail else { panic!("{mail:?}") };
            let [number, payload] = term.as_tuple().expect("a pair") else { panic!("{term}") };
            assert_eq!(*payload, expected);
            assert!(numbers.insert(number.as_int().expect("a number")));
        }
        quiet(&mut cx).await;
    }
    for (own, big) in [(true, true), (true, false), (false, true), (false, false)] {
        on_threads(2, move |cx| evil(cx, own, big));
    }
}

/// A timer for a name: cancelled, or sent to whoever holds the name when it fires.
#[test]
fn registered_process() {
    each_seed(|mut cx| async move {
        let name = name("timer_bif_suite");
        let to = Dest::Name(name.clone());
        let timer = cx.send_after(millis(5_001), to.clone(), atom("hej"));
        assert_eq!(timer.cancel(), Some(millis(5_001)));
        _ = cx.send_after(millis(5_001), to.clone(), atom("after"));
        cx.register(&name).expect("free");
        assert_eq!(message(&mut cx).await, atom("after"));
        _ = cx.send_after(millis(5_001), to.clone(), atom("before"));
        assert_eq!(message(&mut cx).await, atom("before"));
        cx.processes().unregister(&name);
        _ = cx.send_after(millis(5_001), to, atom("nobody"));
        cx.sleep(millis(6_000)).await;
        assert_eq!(cx.processes().counters().read().dropped, 1);
    });
}

/// Hundreds of timers for one time all fire then.
#[test]
fn same_time_yielding() {
    each_seed(|mut cx| async move {
        for number in 0..SAME_TIME {
            _ = cx.send_after(millis(3_000), cx.pid(), Term::from(number));
        }
        for _ in 0..SAME_TIME {
            message(&mut cx).await;
        }
        assert_eq!(now(&cx), millis(3_000));
    });
    on_threads(2, |mut cx| async move {
        let me = cx.addr();
        let due = now(&cx) + millis(100);
        for number in 0..SAME_TIME {
            // Each from a process of its own, so that several workers have some.
            let set = move |cx: Cx<Term>| async move {
                _ = cx.send_after(due.saturating_sub(now(&cx)), me, Term::from(number));
            };
            cx.spawn::<Term, _, _>(set).expect("room");
        }
        for _ in 0..SAME_TIME {
            message(&mut cx).await;
            assert!(now(&cx) >= due);
        }
        assert!(now(&cx) < due + Duration::from_secs(10), "{:?} late", now(&cx) - due);
    });
}

/// Timers that are cancelled just when they fire are either cancelled or have fired, never both or neither.
#[test]
fn same_time_yielding_with_cancel() {
    each_seed(|mut cx| async move {
        let timers = set_timers(&cx, millis(3_000));
        cx.sleep(millis(3_000)).await;
        let cancelled = cancel_all(timers);
        check_each_once(&mut cx, &cancelled).await;
    });
    on_threads(2, |mut cx| async move {
        for _ in 0..20 {
            let due = now(&cx) + millis(10);
            let timers = set_timers(&cx, millis(10));
            while now(&cx) < due - Duration::from_micros(100) {
                yield_now().await;
            }
            let cancelled = cancel_all(timers);
            check_each_once(&mut cx, &cancelled).await;
        }
    });
}

/// The same where another process on another thread cancels.
#[test]
fn same_time_yielding_with_cancel_other() {
    on_threads(2, |mut cx| async move {
        let me = cx.addr();
        for _ in 0..20 {
            let due = now(&cx) + millis(10);
            let timers = set_timers(&cx, millis(10));
            let cancelled: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
            let note = Arc::clone(&cancelled);
            let canceller = move |cx: Cx<Term>| async move {
                while now(&cx) < due - Duration::from_micros(100) {
                    yield_now().await;
                }
                *note.lock() = cancel_all(timers);
                send(&cx, me, atom("done"));
            };
            cx.spawn::<Term, _, _>(canceller).expect("room");
            crate::stage::await_message(&mut cx, atom("done")).await;
            let cancelled = cancelled.lock().clone();
            check_each_once(&mut cx, &cancelled).await;
        }
    });
}

fn set_timers(cx: &Cx<Term>, delay: Duration) -> Vec<(u64, TimerRef)> {
    (0..SAME_TIME).map(|number| (number, cx.send_after(delay, cx.pid(), Term::from(number)))).collect()
}

/// Cancels all; those that had not fired.
fn cancel_all(timers: Vec<(u64, TimerRef)>) -> BTreeSet<u64> {
    let cancelled = timers.into_iter().filter_map(|(number, timer)| timer.cancel().map(|_| number));
    cancelled.collect()
}

/// Those that were not cancelled come, and no others.
async fn check_each_once(cx: &mut Cx<Term>, cancelled: &BTreeSet<u64>) {
    let mut fired = BTreeSet::new();
    while fired.len() + cancelled.len() < usize::try_from(SAME_TIME).expect("small") {
        let number = message(cx).await.as_int().expect("a number");
        assert!(fired.insert(u64::try_from(number).expect("not negative")));
    }
    assert!(fired.is_disjoint(cancelled));
    assert!(cx.recv_timeout(millis(2)).await.is_none());
}

/// Timers of no delay that are set while one fires, all fire, in order, and let others in between.
#[test]
fn multizero_timeout_in_timeout() {
    const TIMERS: u64 = 500;
    async fn zeros(mut cx: Cx<Term>) {
        let me = cx.addr();
        let processes = cx.processes().clone();
        let begin = now(&cx);
        let due = cx.processes().scheduler().now().saturating_add(millis(5));
        cx.processes().scheduler().run_at(due, move || {
            for number in 0..TIMERS {
                let inner = processes.clone();
                let now = processes.scheduler().now();
                processes.scheduler().run_at(now, move || {
                    drop(inner.send(me.pid(), &me.into(), Term::from(number)));
                });
            }
        });
        for expected in 0..TIMERS {
            assert_eq!(message(&mut cx).await, Term::from(expected));
        }
        assert!(now(&cx) - begin >= millis(5));
        let other = spawn_idle(&cx);
        cx.exit(other.pid(), ExitReason::Kill);
        crate::stage::gone(&mut cx, other.pid()).await;
    }
    each_seed(|cx| async move {
        let begin = now(&cx);
        let processes = cx.processes().clone();
        zeros(cx).await;
        let end = processes.scheduler().now().as_millis();
        assert_eq!(end, 5 + u64::try_from(begin.as_millis()).expect("small"));
    });
    on_threads(2, zeros);
}
