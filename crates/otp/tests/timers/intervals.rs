//! Intervals: send_interval, apply_interval, apply_repeatedly (`timer_simple_SUITE`), and what ends them.

use crate::stage::{
    PROCESSES_MAX, atom, each_seed, forever, heard, message, millis, now, on_threads, quiet, reason, settle,
    trapped,
};
use engset_otp::timer::{self, IntervalError, PERIOD_MIN, PeriodTooShort};
use engset_process::{Cx, Dest, ExitReason, Mail, SpawnError, SpawnOptions};
use engset_term::{Atom, Term};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NAME: Atom = Atom::from_static("receiver");

fn tick() -> Term {
    atom("tick")
}

/// Three intervals side by side run something at each of their times, until they are cancelled.
#[test]
fn apply_interval1() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let intervals = ["a", "b", "c"].map(|text| {
            let send = move |cx: Cx<Term>| async move { cx.send(me, atom(text)).unwrap() };
            timer::apply_interval(&cx, millis(1_000), send).unwrap()
        });
        for round in 1..=3 {
            let mut texts = Vec::new();
            for _ in 0..3 {
                let (text, at) = heard(&mut cx).await;
                assert_eq!(at, round * 1_000);
                texts.push(text);
            }
            texts.sort();
            assert_eq!(texts, ["a", "b", "c"]);
        }
        for interval in intervals {
            assert!(interval.cancel());
            assert!(!interval.cancel(), "it has ended");
        }
        quiet(&mut cx, millis(5_000)).await;
    });
}

/// An apply_interval does not wait for what it has started.
#[test]
fn apply_interval2() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let slow = move |cx: Cx<Term>| async move {
            cx.send(me, tick()).unwrap();
            cx.sleep(millis(1_000)).await;
        };
        let before = cx.processes().count();
        let interval = timer::apply_interval(&cx, millis(400), slow).unwrap();
        cx.sleep(millis(1_250)).await;
        assert_eq!(cx.processes().count(), before + 1 + 3, "itself and three side by side");
        assert!(interval.cancel());
        for _ in 0..3 {
            message(&mut cx).await;
        }
        cx.sleep(millis(1_000)).await;
        assert_eq!(cx.processes().count(), before);
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// Where runs are short, apply_repeatedly is as apply_interval.
#[test]
fn apply_repeatedly1() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let send = move |cx: Cx<Term>| async move { cx.send(me, tick()).unwrap() };
        let interval = timer::apply_repeatedly(&cx, millis(1_000), send).unwrap();
        for round in 1..=5 {
            assert_eq!(heard(&mut cx).await.1, round * 1_000);
        }
        assert!(interval.cancel());
        quiet(&mut cx, millis(5_000)).await;
    });
}

/// apply_repeatedly runs one after the other, and makes up for what a long run has missed.
#[test]
fn apply_repeatedly2() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let runs = Arc::new(AtomicU64::new(0));
        let first_is_slow = move |cx: Cx<Term>| {
            let is_first = runs.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                cx.send(me, tick()).unwrap();
                if is_first {
                    cx.sleep(millis(250)).await;
                }
            }
        };
        let interval = timer::apply_repeatedly(&cx, millis(100), first_is_slow).unwrap();
        for expected in [100, 350, 350, 400, 500, 600] {
            assert_eq!(heard(&mut cx).await.1, expected);
        }
        assert!(interval.cancel());
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// A cancel does not wait for what runs, nor end it.
#[test]
fn a_run_goes_on_when_its_interval_is_cancelled() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let slow = move |cx: Cx<Term>| async move {
            cx.sleep(millis(1_000)).await;
            cx.send(me, tick()).unwrap();
        };
        let before = cx.processes().count();
        let interval = timer::apply_repeatedly(&cx, millis(100), slow).unwrap();
        cx.sleep(millis(500)).await;
        assert!(interval.cancel());
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before + 1);
        assert_eq!(heard(&mut cx).await.1, 1_100);
        quiet(&mut cx, millis(5_000)).await;
    });
}

/// Messages come at equal distances until the interval is cancelled.
#[test]
fn send_interval1() {
    each_seed(|mut cx| async move {
        let interval = timer::send_interval(&cx, millis(1_000), cx.pid(), tick).unwrap();
        for round in 1..=5 {
            assert_eq!(heard(&mut cx).await.1, round * 1_000);
        }
        assert!(interval.cancel());
        quiet(&mut cx, millis(5_000)).await;
    });
}

/// Messages go to the process that is named, whoever set the interval, and go on when that has ended.
#[test]
fn send_interval2() {
    each_seed(|mut cx| async move {
        let me = cx.pid();
        let set = move |cx: Cx<Term>| async move {
            _ = timer::send_interval(&cx, millis(1_000), me, tick).unwrap();
        };
        cx.spawn(set).unwrap();
        assert_eq!(heard(&mut cx).await.1, 1_000);
        assert_eq!(heard(&mut cx).await.1, 2_000);
    });
}

/// Messages go to a name.
#[test]
fn send_interval3() {
    each_seed(|mut cx| async move {
        cx.register(&NAME).unwrap();
        let interval = timer::send_interval(&cx, millis(1_000), Dest::Name(NAME), tick).unwrap();
        assert_eq!(heard(&mut cx).await.1, 1_000);
        assert_eq!(heard(&mut cx).await.1, 2_000);
        assert!(interval.cancel());
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// Messages go to a name and node.
#[test]
fn send_interval4() {
    each_seed(|mut cx| async move {
        cx.register(&NAME).unwrap();
        let to = Dest::RemoteName(NAME, cx.node());
        let interval = timer::send_interval(&cx, millis(1_000), to, tick).unwrap();
        assert_eq!(heard(&mut cx).await.1, 1_000);
        assert_eq!(heard(&mut cx).await.1, 2_000);
        assert!(interval.cancel());
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// An interval ends when its receiver does, also one by name, and leaves no process behind.
#[test]
fn send_interval5() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let before = cx.processes().count();
        let receiver = forever(&mut cx, Some(NAME));
        let by_pid = timer::send_interval(&cx, millis(500), receiver, tick).unwrap();
        let by_name = timer::send_interval(&cx, millis(500), Dest::Name(NAME), tick).unwrap();
        cx.sleep(millis(1_600)).await;
        assert_eq!(cx.processes().info(receiver).unwrap().message_queue_len, 6);
        cx.exit(receiver, reason("over"));
        trapped(&mut cx).await;
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
        // A successor under the name gets nothing.
        cx.register(&NAME).unwrap();
        quiet(&mut cx, millis(5_000)).await;
        assert!(!by_pid.cancel() && !by_name.cancel());
        assert_eq!(cx.processes().counters().read().dropped, 0);
    });
}

/// Where there is no receiver an interval ends at once.
#[test]
fn an_interval_for_nobody_ends_at_once() {
    each_seed(|cx| async move {
        let before = cx.processes().count();
        let interval = timer::send_interval(&cx, millis(1), Dest::Name(NAME), tick).unwrap();
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
        assert!(!interval.cancel());
    });
}

/// A name may pass to another process: messages follow the name, and what finds nobody is counted.
#[test]
fn messages_to_a_name_go_to_its_holder() {
    each_seed(|mut cx| async move {
        let first = forever(&mut cx, Some(NAME));
        let interval = timer::send_interval(&cx, millis(10), Dest::Name(NAME), tick).unwrap();
        cx.sleep(millis(15)).await;
        assert!(cx.processes().unregister(&NAME));
        cx.sleep(millis(10)).await;
        assert_eq!(cx.processes().counters().read().dropped, 1);
        cx.register(&NAME).unwrap();
        assert_eq!(heard(&mut cx).await.1, 30);
        assert_eq!(cx.processes().info(first).unwrap().message_queue_len, 1);
        assert!(interval.cancel());
    });
}

/// What runs at intervals ends with the process that set it, however that ends.
#[test]
fn an_interval_ends_with_the_process_that_set_it() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let before = cx.processes().count();
        for (reason, one_by_one) in [(ExitReason::Normal, false), (ExitReason::Killed, true)] {
            let sets = move |cx: Cx<Term>| async move {
                let send = move |cx: Cx<Term>| async move { cx.send(me, tick()).unwrap() };
                if one_by_one {
                    _ = timer::apply_repeatedly(&cx, millis(10), send).unwrap();
                } else {
                    _ = timer::apply_interval(&cx, millis(10), send).unwrap();
                }
                cx.sleep(millis(35)).await;
                reason
            };
            _ = cx.spawn_monitor(SpawnOptions::default(), sets).unwrap();
            for _ in 0..3 {
                heard(&mut cx).await;
            }
            assert!(matches!(cx.recv().await, Mail::Down(_)));
            quiet(&mut cx, millis(1_000)).await;
            assert_eq!(cx.processes().count(), before);
        }
    });
}

/// The process that is to be run one by one ends with a crash: the interval goes on.
#[test]
fn a_run_that_crashes_does_not_end_its_interval() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let crashes = move |cx: Cx<Term>| async move {
            cx.send(me, tick()).unwrap();
            reason("crash")
        };
        timer::apply_repeatedly(&cx, millis(10), crashes).unwrap();
        for round in 1..=3 {
            assert_eq!(heard(&mut cx).await.1, round * 10);
        }
    });
}

/// Cancelling an interval that sends ends it.
#[test]
fn cancel4() {
    each_seed(|mut cx| async move {
        let before = cx.processes().count();
        let interval = timer::send_interval(&cx, millis(500), cx.pid(), tick).unwrap();
        assert_eq!(heard(&mut cx).await.1, 500);
        assert!(interval.cancel());
        _ = cx.send_after(millis(600), cx.pid(), atom("after"));
        assert_eq!(heard(&mut cx).await, ("after".to_owned(), 1_100));
        assert_eq!(cx.processes().count(), before);
    });
}

/// Cancelling an interval that runs something ends it.
#[test]
fn cancel5() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let send = move |cx: Cx<Term>| async move { cx.send(me, tick()).unwrap() };
        let interval = timer::apply_interval(&cx, millis(500), send).unwrap();
        assert_eq!(heard(&mut cx).await.1, 500);
        assert!(interval.cancel());
        _ = cx.send_after(millis(600), cx.pid(), atom("after"));
        assert_eq!(heard(&mut cx).await, ("after".to_owned(), 1_100));
    });
}

/// Cancelling one-shot timers, twice each, does not touch intervals.
#[test]
fn unique_refs() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let intervals: Vec<_> =
            (0..10).map(|_| timer::send_interval(&cx, millis(6_000), me, tick).unwrap()).collect();
        for _ in 0..30 {
            let once = timer::apply_after(&cx, millis(7_000), move |cx: Cx<Term>| async move {
                cx.send(me, atom("never")).unwrap();
            });
            assert_eq!(once.cancel(), Some(millis(7_000)));
            assert_eq!(once.cancel(), None);
        }
        for _ in 0..10 {
            assert_eq!(heard(&mut cx).await, ("tick".to_owned(), 6_000));
        }
        assert!(intervals.iter().all(timer::Interval::cancel));
        quiet(&mut cx, millis(20_000)).await;
    });
}

/// Once a cancel has returned nothing is sent, though the interval's process runs on another thread.
#[test]
fn nothing_is_sent_after_a_cancel() {
    on_threads(|mut cx| async move {
        for _ in 0..50 {
            let interval = timer::send_interval(&cx, PERIOD_MIN, cx.pid(), tick).unwrap();
            message(&mut cx).await;
            assert!(interval.cancel());
            while cx.recv_timeout(Duration::ZERO).await.is_some() {}
            quiet(&mut cx, millis(3)).await;
        }
    });
}

/// However late the process of an interval runs, its times stay where they were.
#[test]
fn an_interval_does_not_drift() {
    each_seed(|mut cx| async move {
        timer::send_interval(&cx, millis(7), cx.pid(), tick).unwrap();
        for round in 1..=1_000 {
            assert_eq!(heard(&mut cx).await.1, round * 7);
        }
    });
    on_threads(|mut cx| async move {
        let begin = now(&cx);
        timer::send_interval(&cx, millis(2), cx.pid(), tick).unwrap();
        for round in 1..=100 {
            let (_, at) = heard(&mut cx).await;
            assert!(at >= begin + round * 2, "message {round} came at {at}, begun at {begin}");
        }
    });
}

/// A period may be as short as the shortest.
#[test]
fn a_period_is_not_shorter_than_the_shortest() {
    each_seed(|mut cx| async move {
        let period = PERIOD_MIN - Duration::from_nanos(1);
        let before = cx.processes().count();
        let refused = timer::send_interval(&cx, period, cx.pid(), tick).unwrap_err();
        assert_eq!(refused, IntervalError::Period(PeriodTooShort { period }));
        assert_eq!(
            refused.to_string(),
            "no interval was started: the period of an interval is at least 1ms, not 999.999µs"
        );
        assert_eq!(cx.processes().count(), before);
        timer::send_interval(&cx, PERIOD_MIN, cx.pid(), tick).unwrap();
        assert_eq!(heard(&mut cx).await.1, 1);
    });
}

/// An interval needs a process, and what it runs needs one each time.
#[test]
fn an_interval_needs_room_for_its_process() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        while cx.processes().count() < PROCESSES_MAX - 1 {
            forever(&mut cx, None);
        }
        let send = move |cx: Cx<Term>| async move { cx.send(me, tick()).unwrap() };
        let interval = timer::apply_interval(&cx, millis(10), send).unwrap();
        let refused = timer::apply_interval(&cx, millis(10), send).unwrap_err();
        assert!(matches!(refused, IntervalError::Spawn(SpawnError::TooManyProcesses(_))), "{refused}");
        quiet(&mut cx, millis(25)).await;
        assert!(interval.cancel());
        let interval = timer::send_interval(&cx, millis(10), me, tick);
        assert!(interval.is_err(), "its process has not ended yet");
        settle(&cx).await;
        assert!(timer::send_interval(&cx, millis(10), me, tick).is_ok());
        assert_eq!(heard(&mut cx).await.0, "tick");
    });
}
