//! Links and monitors as their owners and others see them (`erl_link_SUITE`).

use crate::stage::{
    atom, down, each_seed, everywhere, gone, message, millis, name, on_threads, quiet, reason, send,
    spawn_idle, spawn_idle_link, trapped, wait_until, yield_now,
};
use engset_process::{Addr, Cx, Dest, Exit, ExitReason, Mail, SpawnOptions};
use engset_term::{Pid, Term};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

/// A process that links, unlinks and ends as it is told by `{What, Pid}`, and says `done`; it tells what it traps.
fn puppet(cx: &Cx<Term>, traps: bool) -> Addr<Term> {
    let master = cx.addr();
    let code = move |mut cx: Cx<Term>| async move {
        cx.trap_exit(traps);
        loop {
            match cx.recv().await {
                Mail::Message(term) => {
                    let [what, whom] = term.as_tuple().expect("a pair") else { panic!("{term}") };
                    match (what.as_atom().expect("an order").as_str(), whom.as_pid()) {
                        ("link", Some(pid)) => cx.link(pid),
                        ("unlink", Some(pid)) => cx.unlink(pid),
                        _ => return Err::<(), _>(Exit(ExitReason::from_term(whom.clone()))),
                    }
                    send(&cx, master, atom("done"));
                }
                Mail::Exit(trapped) => send(&cx, master, trapped.reason.to_term()),
                other => panic!("{other:?}"),
            }
        }
    };
    cx.spawn(code).expect("room")
}

async fn order(cx: &mut Cx<Term>, puppet: Addr<Term>, what: &str, whom: Pid) {
    send(cx, puppet, Term::tuple([atom(what), Term::Pid(whom)]));
    assert_eq!(message(cx).await, atom("done"));
}

fn linked(cx: &Cx<Term>, pid: Pid) -> Vec<Pid> {
    cx.processes().info(pid).map(|info| info.links).unwrap_or_default()
}

/// Waits until the two are linked, or are not.
async fn check_link(cx: &Cx<Term>, one: Addr<Term>, other: Addr<Term>, is_linked: bool) {
    let (one, other) = (one.pid(), other.pid());
    wait_until(cx, || {
        linked(cx, one).contains(&other) == is_linked && linked(cx, other).contains(&one) == is_linked
    })
    .await;
}

/// Links are seen at both ends, are removed and made again, carry the end of one to the other, and go with it.
#[test]
fn links() {
    everywhere(|mut cx| async move {
        let (one, two) = (puppet(&cx, false), puppet(&cx, true));
        assert_eq!(linked(&cx, one.pid()), []);
        order(&mut cx, one, "link", two.pid()).await;
        check_link(&cx, one, two, true).await;
        order(&mut cx, two, "unlink", one.pid()).await;
        check_link(&cx, one, two, false).await;
        order(&mut cx, two, "link", one.pid()).await;
        check_link(&cx, one, two, true).await;
        send(&cx, one, Term::tuple([atom("end"), atom("died")]));
        assert_eq!(message(&mut cx).await, atom("died"));
        check_link(&cx, one, two, false).await;
        // One that does not trap exits ends with the other.
        let three = puppet(&cx, false);
        order(&mut cx, two, "link", three.pid()).await;
        check_link(&cx, two, three, true).await;
        send(&cx, two, Term::tuple([atom("end"), atom("died")]));
        wait_until(&cx, || !cx.processes().is_alive(three.pid())).await;
        // To itself there is no link.
        cx.link(cx.pid());
        assert_eq!(linked(&cx, cx.pid()), []);
        cx.unlink(cx.pid());
        quiet(&mut cx).await;
    });
}

/// Monitors are seen at both ends, by pid and by name; only their owner removes them; each fires once.
#[test]
fn process_monitors() {
    everywhere(|mut cx| async move {
        for by_name in [false, true] {
            let watched = spawn_idle(&cx);
            let to = if by_name {
                cx.processes().register(&name("watched"), watched.pid()).expect("free");
                Dest::Name(name("watched"))
            } else {
                watched.into()
            };
            let counts = |cx: &Cx<Term>| {
                let own = cx.processes().info(cx.pid()).expect("alive").monitors.len();
                let held = cx.processes().info(watched.pid()).map_or(0, |info| info.monitored_by.len());
                (own, held)
            };
            let first = cx.monitor(to.clone());
            wait_until(&cx, || counts(&cx) == (1, 1)).await;
            // Another process cannot remove it.
            let stranger = move |mut cx: Cx<Term>| async move { assert!(!cx.demonitor(first)) };
            let stranger = cx.spawn::<Term, _, _>(stranger).expect("room").pid();
            wait_until(&cx, || !cx.processes().is_alive(stranger)).await;
            assert_eq!(counts(&cx), (1, 1));
            cx.demonitor(first);
            wait_until(&cx, || counts(&cx) == (0, 0)).await;
            let second = cx.monitor(to.clone());
            cx.exit(watched.pid(), reason("bye"));
            assert_eq!(down(&mut cx).await, (second, reason("bye")));
            assert_eq!(counts(&cx), (0, 0));
            let third = cx.monitor(to);
            assert_eq!(down(&mut cx).await, (third, ExitReason::NoProc));
        }
        // A monitor of itself does nothing, and can be removed.
        let itself = cx.monitor(cx.pid());
        quiet(&mut cx).await;
        cx.demonitor(itself);
        quiet(&mut cx).await;
    });
}

/// After an unlink no exit signal of that link comes, though the other process is ending.
#[test]
fn otp_5772_link() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for round in 0..50 {
            let child = spawn_idle_link(&mut cx).pid();
            cx.exit(child, reason("bang"));
            let has_looked = round % 2 == 0;
            if has_looked {
                yield_now().await;
            }
            cx.unlink(child);
            if has_looked {
                // What came before the unlink may be in the mailbox.
                drop(cx.recv_timeout(Duration::ZERO).await);
            }
            cx.sleep(millis(1)).await;
            quiet_now(&mut cx).await;
        }
    });
}

/// An exit signal that has arrived but not acted when its link is removed is ignored: the unlink comes first for whoever
/// removes it.
#[test]
fn an_exit_signal_that_crosses_an_unlink_is_ignored() {
    on_threads(2, |mut cx| async move {
        cx.trap_exit(true);
        let mut crossed = 0;
        while crossed < 20 {
            let (runs_on, go): (Arc<Mutex<Option<ThreadId>>>, Arc<AtomicBool>) = Default::default();
            let (place, order) = (Arc::clone(&runs_on), Arc::clone(&go));
            let child = move |_: Cx<Term>| async move {
                while !order.load(Ordering::Acquire) {
                    *place.lock() = Some(std::thread::current().id());
                    yield_now().await;
                }
                reason("bang")
            };
            let child = cx.spawn_link::<Term, _, _>(SpawnOptions::default(), child).expect("room").pid();
            while runs_on.lock().is_none_or(|thread| thread == std::thread::current().id()) {
                yield_now().await;
            }
            // It runs on the other worker, and ends while this process keeps its own.
            go.store(true, Ordering::Release);
            for _ in 0..1_000_000 {
                if !cx.processes().is_alive(child) {
                    crossed += 1;
                    break;
                }
                std::hint::spin_loop();
            }
            cx.unlink(child);
            quiet_now(&mut cx).await;
            cx.sleep(millis(1)).await;
            quiet_now(&mut cx).await;
        }
    });
}

/// Nothing is in the mailbox.
async fn quiet_now(cx: &mut Cx<Term>) {
    let mail = cx.recv_timeout(Duration::ZERO).await;
    assert!(mail.is_none(), "{mail:?}");
}

/// After a demonitor no down message of that monitor comes, though the other process is ending.
#[test]
fn otp_5772_monitor() {
    everywhere(|mut cx| async move {
        for round in 0..50 {
            let child = spawn_idle(&cx);
            let reference = cx.monitor(child);
            cx.exit(child.pid(), reason("bang"));
            if round % 2 == 0 {
                yield_now().await;
            }
            cx.demonitor(reference);
            cx.sleep(millis(1)).await;
            quiet_now(&mut cx).await;
        }
    });
}

/// Links and unlinks of two processes that cross each other end with both of one mind; a last link works.
#[test]
fn otp_17127_local_link_with_simultaneous_link_unlink() {
    async fn cross(mut cx: Cx<Term>, rounds: u32) {
        cx.trap_exit(true);
        for _ in 0..rounds {
            let other = |mut cx: Cx<Term>| async move {
                let Mail::Message(term) = cx.recv().await else { panic!("a message") };
                let pid = term.as_pid().expect("a pid");
                cx.link(pid);
                yield_now().await;
                cx.unlink(pid);
                cx.unlink(pid);
                cx.link(pid);
                yield_now().await;
                cx.unlink(pid);
                send(&cx, Addr::<Term>::new(pid), atom("done"));
                crate::stage::idle(cx).await;
            };
            let other = cx.spawn::<Term, _, _>(other).expect("room");
            send(&cx, other, Term::Pid(cx.pid()));
            cx.link(other.pid());
            yield_now().await;
            cx.unlink(other.pid());
            cx.link(other.pid());
            crate::stage::await_message(&mut cx, atom("done")).await;
            agree(&cx, other.pid()).await;
            cx.unlink(other.pid());
            cx.link(other.pid());
            cx.exit(other.pid(), reason("bye"));
            assert_eq!(trapped(&mut cx).await, (other.pid(), reason("bye")));
            assert_eq!(linked(&cx, cx.pid()), []);
        }
        quiet(&mut cx).await;
    }
    each_seed(|cx| cross(cx, 20));
    on_threads(2, |cx| cross(cx, 500));
}

/// Waits until the two ends say the same of their link.
async fn agree(cx: &Cx<Term>, other: Pid) {
    let me = cx.pid();
    wait_until(cx, || linked(cx, me).contains(&other) == linked(cx, other).contains(&me)).await;
}

/// Two processes that link and unlink each other at random end of one mind, and the end of one is told the other exactly
/// if they are linked.
#[test]
fn otp_17127_local_random() {
    async fn random(mut cx: Cx<Term>, seed: u64, rounds: u32) {
        let mut draw = fastrand::Rng::with_seed(seed);
        cx.trap_exit(true);
        for _ in 0..rounds {
            let seed = draw.u64(..);
            let other = move |mut cx: Cx<Term>| async move {
                let Mail::Message(term) = cx.recv().await else { panic!("a message") };
                let pid = term.as_pid().expect("a pid");
                link_at_random(&mut cx, pid, seed).await;
                send(&cx, Addr::<Term>::new(pid), atom("done"));
                crate::stage::idle(cx).await;
            };
            let other = cx.spawn::<Term, _, _>(other).expect("room");
            send(&cx, other, Term::Pid(cx.pid()));
            let seed = draw.u64(..);
            link_at_random(&mut cx, other.pid(), seed).await;
            crate::stage::await_message(&mut cx, atom("done")).await;
            // All signals have acted, and both say the same.
            cx.sleep(millis(1)).await;
            agree(&cx, other.pid()).await;
            let is_linked = linked(&cx, cx.pid()).contains(&other.pid());
            cx.exit(other.pid(), reason("bye"));
            // A monitor that is set after the exit signal finds nobody.
            assert_eq!(gone(&mut cx, other.pid()).await, ExitReason::NoProc);
            let told = cx.recv_timeout(millis(1)).await;
            match told {
                Some(Mail::Exit(trapped)) => assert!(is_linked && trapped.from == other.pid()),
                None => assert!(!is_linked),
                other => panic!("{other:?}"),
            }
        }
    }
    for seed in 0..24 {
        crate::stage::with_seed(seed, move |cx| random(cx, seed, 20));
    }
    on_threads(2, |cx| random(cx, 99, 200));
}

async fn link_at_random(cx: &mut Cx<Term>, pid: Pid, seed: u64) {
    let mut draw = fastrand::Rng::with_seed(seed);
    for _ in 0..draw.u32(1..30) {
        match draw.u8(0..3) {
            0 => cx.link(pid),
            1 => cx.unlink(pid),
            _ => yield_now().await,
        }
    }
}

/// A process started with a link has it from its first moment, seen from outside too.
#[test]
fn a_link_is_there_from_the_first_moment() {
    everywhere(|mut cx| async move {
        let child = cx.spawn_link(SpawnOptions::default(), crate::stage::idle).expect("room");
        assert_eq!(linked(&cx, child.pid()), [cx.pid()]);
        assert_eq!(linked(&cx, cx.pid()), [child.pid()]);
    });
}
