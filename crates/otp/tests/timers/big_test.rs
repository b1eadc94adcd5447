//! Many timers at once: none too early, none lost, intervals without drift (`timer_SUITE`).

use crate::stage::{PROCESSES_MAX, atom, each_seed, message, millis, now, on_threads, with_seed};
use engset_otp::timer;
use engset_process::{Addr, Cx, SpawnOptions};
use engset_term::Term;

/// How late the last timer of a busy machine may be, in milliseconds; as generous as OTP's.
const LATE_MAX: u64 = 8_000;

/// What one process measured: when it was to hear, and when it did, in milliseconds.
fn sample(due: u64, heard: u64) -> Term {
    Term::tuple([Term::from(due), Term::from(heard)])
}

/// Waits once.
async fn after(mut cx: Cx<Term>, collector: Addr<Term>, delay: u64) {
    let due = now(&cx) + delay;
    _ = cx.send_after(millis(delay), cx.pid(), atom("now"));
    message(&mut cx).await;
    cx.send(collector, sample(due, now(&cx))).unwrap();
}

/// Waits some times for the same interval.
async fn interval(mut cx: Cx<Term>, collector: Addr<Term>, period: u64, times: u64) {
    let begin = now(&cx);
    let interval = timer::send_interval(&cx, millis(period), cx.pid(), || atom("now")).unwrap();
    for round in 1..=times {
        message(&mut cx).await;
        cx.send(collector, sample(begin + round * period, now(&cx))).unwrap();
    }
    assert!(interval.cancel());
}

/// Keeps a worker busy.
fn load(rounds: usize) -> usize {
    let mut numbers: Vec<usize> = (0..512).collect();
    for _ in 0..rounds {
        numbers.reverse();
        std::hint::black_box(&mut numbers);
    }
    numbers[0]
}

/// Starts timers at random; how late the latest came.
async fn big_test(mut cx: Cx<Term>, rounds: u64, scale: u64, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let me = cx.addr();
    let mut expected = 0;
    for _ in 0..rounds {
        if random.u64(0..4) == 0 {
            let (period, times) = (random.u64(1..=53) * scale, random.u64(4..=13));
            expected += times;
            cx.spawn_link(SpawnOptions::default(), move |cx| interval(cx, me, period, times)).unwrap();
        }
        for _ in 0..random.u64(1..=4) {
            let delay = random.u64(1..=100) * scale;
            expected += 1;
            cx.spawn_link(SpawnOptions::default(), move |cx| after(cx, me, delay)).unwrap();
        }
        let work = random.usize(0..200);
        cx.spawn(move |_: Cx<Term>| async move { assert!(load(work) < 512) }).unwrap();
        assert!(cx.processes().count() < PROCESSES_MAX / 2, "room for the rest");
        cx.sleep(millis(random.u64(1..=12) * scale)).await;
    }
    let mut latest = 0;
    for _ in 0..expected {
        let sample = message(&mut cx).await;
        let [due, heard] = sample.as_tuple().unwrap() else { panic!("{sample}") };
        let (due, heard) = (number(due), number(heard));
        assert!(heard >= due, "due at {due}, came at {heard}");
        latest = latest.max(heard - due);
    }
    latest
}

fn number(term: &Term) -> u64 {
    term.to_string().parse().unwrap()
}

/// Hundreds of timers and intervals under load: none early or lost; in virtual time none late either.
#[test]
fn do_big_test() {
    for seed in 0..4 {
        with_seed(seed, move |cx| async move { assert_eq!(big_test(cx, 200, 47, seed).await, 0) });
    }
    on_threads(|cx| async move {
        let latest = big_test(cx, 100, 1, 9).await;
        assert!(latest < LATE_MAX, "{latest} ms late");
    });
}

/// Timers for the same time fire in the order in which they were set.
#[test]
fn timers_for_one_time_keep_their_order() {
    each_seed(|mut cx| async move {
        for number in 0..100_u64 {
            _ = cx.send_after(millis(10), cx.pid(), Term::from(number));
        }
        for expected in 0..100_u64 {
            assert_eq!(message(&mut cx).await, Term::from(expected));
        }
    });
}
