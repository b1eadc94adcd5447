//! How processes end and yield (`process_SUITE`).

use crate::stage::{
    atom, each_seed, everywhere, gone, idle, kb_128, millis, node, on_threads, quiet, reason, send,
    spawn_idle_link, trapped, yield_now,
};
use engset_process::{Cx, Exit, ExitReason, Mail, Scheduler, SpawnOptions, Step};
use engset_term::Term;
use std::sync::Arc;

fn options() -> SpawnOptions {
    SpawnOptions::default()
}

/// What a process was given is freed with it.
#[test]
fn spawn_with_binaries() {
    everywhere(|mut cx| async move {
        let owned = Arc::new(vec![42_u8; 2 * 1_024 * 1_024]);
        for _ in 0..150 {
            let binary = Arc::clone(&owned);
            let owner = move |_: Cx<Term>| async move { assert_eq!(binary.len(), 2 * 1_024 * 1_024) };
            let owner = cx.spawn(owner).expect("room").pid();
            gone(&mut cx, owner).await;
        }
        assert_eq!(cx.processes().counters().read().crashed, 0);
        crate::stage::wait_until(&cx, || Arc::strong_count(&owned) == 1).await;
    });
}

/// A large reason of a process that ends arrives whole.
#[test]
fn t_exit_1() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for _ in 0..10 {
            let ends = |_: Cx<Term>| async { Err::<(), _>(Exit(ExitReason::from_term(kb_128()))) };
            let child = cx.spawn_link(options(), ends).expect("room").pid();
            assert_eq!(trapped(&mut cx).await, (child, ExitReason::from_term(kb_128())));
        }
    });
}

/// A large reason of an exit signal arrives whole.
#[test]
fn t_exit_2_other() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for _ in 0..10 {
            let child = spawn_idle_link(&mut cx).pid();
            cx.exit(child, ExitReason::from_term(kb_128()));
            assert_eq!(trapped(&mut cx).await, (child, ExitReason::from_term(kb_128())));
        }
    });
}

/// An exit signal `normal` does not end another process.
#[test]
fn t_exit_2_other_normal() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let child = spawn_idle_link(&mut cx).pid();
        cx.exit(child, ExitReason::Normal);
        quiet(&mut cx).await;
        assert!(cx.processes().is_alive(child));
    });
}

/// A process that traps exits gets those that it sends to itself.
#[test]
fn self_exit() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let garbage = ExitReason::from_term(kb_128());
        for _ in 0..200 {
            cx.exit(cx.pid(), garbage.clone());
            assert_eq!(trapped(&mut cx).await, (cx.pid(), garbage.clone()));
        }
    });
}

/// An exit signal `normal` to itself ends a process that does not trap exits.
#[test]
fn normal_suicide_exit() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let child = |cx: Cx<Term>| async move {
            cx.exit(cx.pid(), ExitReason::Normal);
            idle(cx).await;
        };
        let child = cx.spawn_link(options(), child).expect("room").pid();
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Normal));
    });
}

/// An exit signal of any reason to itself ends a process that does not trap exits.
#[test]
fn abnormal_suicide_exit() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let child = |cx: Cx<Term>| async move {
            cx.exit(cx.pid(), ExitReason::from_term(kb_128()));
            idle(cx).await;
        };
        let child = cx.spawn_link(options(), child).expect("room").pid();
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::from_term(kb_128())));
    });
}

/// An exit signal to itself cannot be caught: a process never runs past the place where it waits next.
#[test]
fn t_exit_2_catch() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let me = cx.addr();
        let child = move |mut cx: Cx<Term>| async move {
            cx.exit(cx.pid(), reason("die"));
            let caught = cx.recv_timeout(millis(1)).await;
            send(&cx, me, atom("catch_worked"));
            assert!(caught.is_none());
        };
        let child = cx.spawn_link(options(), child).expect("room").pid();
        assert_eq!(trapped(&mut cx).await, (child, reason("die")));
    });
}

/// A process whose time limit passes while an exit signal waits for it, ends by the signal.
#[test]
fn exit_and_timeout() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let me = cx.addr();
        let low = move |mut cx: Cx<Term>| async move {
            cx.sleep(millis(2_500)).await;
            send(&cx, me, atom("slept"));
            drop(cx.recv_timeout(millis(1_000)).await);
            send(&cx, me, atom("received"));
        };
        let low = cx.spawn_link(options(), low).expect("room").pid();
        // Both at the same time, in an order that the seed decides.
        cx.sleep(millis(2_500)).await;
        cx.exit(low, reason("you_are_dead"));
        let mut mail = cx.recv().await;
        if matches!(&mail, Mail::Message(term) if term.is_atom("slept")) {
            mail = cx.recv().await;
        }
        let Mail::Exit(trapped) = mail else { panic!("an exit: {mail:?}") };
        assert_eq!((trapped.from, trapped.reason), (low, reason("you_are_dead")));
    });
}

/// Of two exit signals the first counts.
#[test]
fn exit_twice() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for _ in 0..20 {
            let low = spawn_idle_link(&mut cx).pid();
            let high = move |cx: Cx<Term>| async move {
                cx.exit(low, reason("first"));
                cx.exit(low, reason("second"));
            };
            let high = cx.spawn_link(options(), high).expect("room").pid();
            for _ in 0..2 {
                match trapped(&mut cx).await {
                    (ended, why) if ended == low => assert_eq!(why, reason("first")),
                    ended => assert_eq!(ended, (high, ExitReason::Normal)),
                }
            }
        }
    });
}

/// A crash with much to say is a reason that says it all.
#[test]
fn trap_exit_badarg() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for _ in 0..3 {
            let garbage = "bad ".repeat(32 * 1_024);
            let message = garbage.clone();
            let bad = move |_: Cx<Term>| async move { std::panic::panic_any(message) };
            let child = cx.spawn_link(options(), bad).expect("room").pid();
            let (ended, why) = trapped(&mut cx).await;
            assert_eq!(ended, child);
            let why = why.to_term();
            let [tag, said, _place] = why.as_tuple().expect("a tuple") else { panic!("not three parts") };
            assert!(tag.is_atom("panic"));
            assert_eq!(said.as_binary(), Some(garbage.as_bytes()));
        }
    });
}

/// A process that does nothing but yield does not keep others from running, though there is one worker.
#[test]
fn r#yield() {
    on_threads(1, |mut cx| async move {
        let me = cx.addr();
        let yields = |_: Cx<Term>| async {
            loop {
                yield_now().await;
            }
        };
        let yields = cx.spawn::<Term, _, _>(yields).expect("room").pid();
        for round in 0..100_u64 {
            cx.spawn::<Term, _, _>(move |cx: Cx<Term>| async move { send(&cx, me, Term::from(round)) })
                .expect("room");
            assert_eq!(crate::stage::message(&mut cx).await, Term::from(round));
        }
        assert!(cx.processes().is_alive(yields));
    });
}

/// Each yield ends one time slice, and the next begins at once; the slices are counted.
#[test]
fn yield2() {
    for seed in 0..8 {
        for yields in [0_u64, 1, 4, 100] {
            let scheduler = Scheduler::seeded(seed);
            let Scheduler::Seeded(seeded) = &scheduler else { panic!("not seeded") };
            let processes = node(&scheduler, 10);
            let code = move |cx: Cx<Term>| async move {
                let slices = || cx.processes().info(cx.pid()).expect("alive").reductions;
                let before = slices();
                for number in 1..=yields {
                    yield_now().await;
                    assert_eq!(slices() - before, number);
                }
            };
            processes.spawn(options(), code).expect("room");
            for _ in 0..=yields {
                assert_eq!(processes.count(), 1);
                assert_eq!(seeded.step(), Step::Ran);
            }
            assert_eq!(processes.count(), 0);
            assert_eq!(seeded.step(), Step::Idle);
            assert_eq!(processes.counters().read().crashed, 0);
        }
    }
}
