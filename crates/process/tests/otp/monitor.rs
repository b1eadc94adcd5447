//! Monitors (`monitor_SUITE`).

use crate::stage::{
    atom, down, everywhere, gone, idle, kb_128, message, millis, name, quiet, reason, send, spawn_idle,
    trapped, wait_until,
};
use engset_process::{
    Addr, ControlSignal, Cx, Dest, Epoch, Exit, ExitReason, Mail, Router, SpawnOptions, SpawnRequest,
};
use engset_term::{NodeName, Pid, Term};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

fn options() -> SpawnOptions {
    SpawnOptions::default()
}

/// Ends `parent` with `foo` once it is told to, then itself.
async fn ends_parent(mut cx: Cx<Term>, parent: Pid) {
    drop(cx.recv().await);
    cx.exit(parent, reason("foo"));
}

/// A watches B, and B ends A and then itself.
#[test]
fn case_1() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let a = |mut cx: Cx<Term>| async move {
            let me = cx.pid();
            let b = cx.spawn(move |cx| ends_parent(cx, me)).expect("room");
            cx.monitor(b);
            send(&cx, b, atom("ok"));
            cx.receive::<(), _>(Err).await;
        };
        let a = cx.spawn_link(options(), a).expect("room").pid();
        assert_eq!(trapped(&mut cx).await, (a, reason("foo")));
    });
}

/// The same where B is watched from its first moment.
#[test]
fn case_1a() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let a = |mut cx: Cx<Term>| async move {
            let me = cx.pid();
            let (b, _) = cx.spawn_monitor(options(), move |cx| ends_parent(cx, me)).expect("room");
            send(&cx, b, atom("ok"));
            cx.receive::<(), _>(Err).await;
        };
        let a = cx.spawn_link(options(), a).expect("room").pid();
        assert_eq!(trapped(&mut cx).await, (a, reason("foo")));
    });
}

/// Takes a reference and tries to remove that monitor, which is not its own.
async fn demonitors(mut cx: Cx<Term>, parent: Addr<Term>) {
    let term = message(&mut cx).await;
    assert!(!cx.demonitor(term.as_ref_id().expect("a reference")));
    send(&cx, parent, atom("tried"));
}

/// A watches B, and B tries to remove that monitor: it stays A's.
#[test]
fn case_2() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        let b = cx.spawn(move |cx| demonitors(cx, me)).expect("room");
        let reference = cx.monitor(b);
        send(&cx, b, Term::from(reference));
        assert_eq!(message(&mut cx).await, atom("tried"));
        assert_eq!(down(&mut cx).await, (reference, ExitReason::Normal));
    });
}

/// The same where B is watched from its first moment.
#[test]
fn case_2a() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        let (b, reference) = cx.spawn_monitor(options(), move |cx| demonitors(cx, me)).expect("room");
        send(&cx, b, Term::from(reference));
        assert_eq!(message(&mut cx).await, atom("tried"));
        assert_eq!(down(&mut cx).await, (reference, ExitReason::Normal));
    });
}

/// What is no process and no name of one cannot be watched: the monitor fires at once.
#[test]
fn mon_e_1() {
    everywhere(|mut cx| async move {
        let alias = cx.processes().new_reference();
        for nobody in
            [Dest::Alias(alias), Dest::Name(name("bingo")), Dest::RemoteName(name("rex"), cx.node())]
        {
            let reference = cx.monitor(nobody.clone());
            let Mail::Down(down) = cx.recv().await else { panic!("a down message") };
            assert_eq!((down.reference, down.process, down.reason), (reference, nobody, ExitReason::NoProc));
        }
        quiet(&mut cx).await;
    });
}

/// Nobody but its owner removes a monitor, not even the process that is watched.
#[test]
fn demon_e_1() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        let watched = move |mut cx: Cx<Term>| async move {
            let reference = message(&mut cx).await.as_ref_id().expect("a reference");
            assert!(!cx.demonitor(reference));
            send(&cx, me, atom("tried"));
            message(&mut cx).await;
            Err::<(), _>(Exit(reason("over")))
        };
        let watched = cx.spawn::<Term, _, _>(watched).expect("room");
        let watcher = move |mut cx: Cx<Term>| async move {
            let reference = cx.monitor(watched);
            send(&cx, watched, Term::from(reference));
            let (fired, why) = down(&mut cx).await;
            assert_eq!(fired, reference);
            send(&cx, me, why.to_term());
        };
        cx.spawn::<Term, _, _>(watcher).expect("room");
        assert_eq!(message(&mut cx).await, atom("tried"));
        send(&cx, watched, atom("stop"));
        assert_eq!(message(&mut cx).await, atom("over"));
    });
}

/// Removing a monitor that there is not does nothing.
#[test]
fn demon_1() {
    everywhere(|mut cx| async move {
        let reference = cx.processes().new_reference();
        assert!(!cx.demonitor(reference));
        quiet(&mut cx).await;
    });
}

/// A down message comes with the reason, or `noproc`, for a process that is named by pid, name, or name and node.
#[test]
fn mon_1() {
    everywhere(|mut cx| async move {
        let short = |cx: Cx<Term>| async move { cx.sleep(millis(1)).await };
        let (_, reference) = cx.spawn_monitor(options(), short).expect("room");
        assert_eq!(down(&mut cx).await, (reference, ExitReason::Normal));
        let other = spawn_idle(&cx);
        let reference = cx.monitor(other);
        cx.exit(other.pid(), reason("frop"));
        assert_eq!(down(&mut cx).await, (reference, reason("frop")));
        let reference = cx.monitor(other);
        assert_eq!(down(&mut cx).await, (reference, ExitReason::NoProc));
        let jeeves = name("jeeves");
        for to in [Dest::Name(jeeves.clone()), Dest::RemoteName(jeeves.clone(), cx.node())] {
            let butler = spawn_idle(&cx);
            cx.processes().register(&jeeves, butler.pid()).expect("free");
            cx.monitor(to.clone());
            cx.exit(butler.pid(), reason("frop"));
            let Mail::Down(down) = cx.recv().await else { panic!("a down message") };
            assert_eq!((down.process, down.reason), (to.clone(), reason("frop")));
            cx.monitor(to.clone());
            let Mail::Down(down) = cx.recv().await else { panic!("a down message") };
            assert_eq!((down.process, down.reason), (to, ExitReason::NoProc));
        }
    });
}

/// A connection to another node that a test can lose.
struct Line;

impl Router for Line {
    fn message(&self, _: Pid, _: &Dest, _: engset_etf::Body) {}

    fn signal(&self, _: Pid, _: &Dest, _: ControlSignal) -> Epoch {
        Epoch(1)
    }

    fn request_spawn(&self, _: Pid, _: NodeName, _: SpawnRequest) -> Epoch {
        Epoch(1)
    }

    fn is_busy(&self, _: Pid, _: NodeName, _: &Waker) -> bool {
        false
    }

    fn forget(&self, _: Pid, _: Option<NodeName>) {}
}

/// The loss of a node fires the monitors of its processes, but not those that were removed before.
#[test]
fn demon_3() {
    everywhere(|mut cx| async move {
        let line: Arc<dyn Router> = Arc::new(Line);
        cx.processes().set_router(Arc::downgrade(&line));
        let node = "n@b".parse().expect("a node name");
        let there = |id| Pid::new(node, 1, id, 0);
        let first = cx.monitor(there(1));
        let removed = cx.monitor(there(2));
        assert!(cx.demonitor(removed));
        cx.processes().node_down(cx.pid(), node, Epoch(1));
        assert_eq!(down(&mut cx).await, (first, ExitReason::NoConnection));
        let removed_when_told = cx.monitor(there(3));
        cx.processes().node_down(cx.pid(), node, Epoch(1));
        cx.sleep(millis(1)).await;
        assert!(!cx.demonitor(removed_when_told), "it had fired");
        quiet(&mut cx).await;
    });
}

/// A removed monitor leaves no down message, neither one that has come nor one on its way; the others fire.
#[test]
fn demonitor_flush() {
    everywhere(|mut cx| async move {
        let process = spawn_idle(&cx);
        let [first, second, third, fourth] = [(); 4].map(|()| cx.monitor(process));
        assert!(cx.demonitor(first));
        assert!(!cx.demonitor(first));
        cx.exit(process.pid(), reason("bang"));
        let told = cx.receive(move |mail| match mail {
            Mail::Down(down) if down.reference == second => Ok(down.reason),
            other => Err(other),
        });
        assert_eq!(told.await, reason("bang"));
        cx.sleep(millis(1)).await;
        assert!(!cx.demonitor(third), "it had fired");
        assert_eq!(down(&mut cx).await, (fourth, reason("bang")));
        quiet(&mut cx).await;
    });
}

/// Monitors of many processes that are just ending: once removed none fires.
#[test]
fn local_remove_monitor() {
    const GROUPS: usize = 20;
    const EACH: usize = 100;
    everywhere(|mut cx| async move {
        let me = cx.addr();
        for _ in 0..GROUPS {
            let group = move |mut cx: Cx<Term>| async move {
                let mut references = Vec::new();
                for _ in 0..EACH {
                    let short = cx.spawn::<Term, _, _>(|_: Cx<Term>| async {}).expect("room");
                    references.push(cx.monitor(short));
                }
                crate::stage::yield_now().await;
                for reference in references {
                    cx.demonitor(reference);
                    let fired = cx.receive_timeout(Duration::ZERO, move |mail| match mail {
                        Mail::Down(down) if down.reference == reference => Ok(()),
                        other => Err(other),
                    });
                    assert!(fired.await.is_none());
                }
                cx.sleep(millis(5)).await;
                assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
                send(&cx, me, atom("done"));
            };
            cx.spawn::<Term, _, _>(group).expect("room");
        }
        for _ in 0..GROUPS {
            assert_eq!(message(&mut cx).await, atom("done"));
        }
    });
}

/// A large reason arrives whole.
#[test]
fn large_exit() {
    everywhere(|mut cx| async move {
        for _ in 0..20 {
            let ends = |mut cx: Cx<Term>| async move {
                drop(cx.recv().await);
                Err::<(), _>(Exit(ExitReason::from_term(kb_128())))
            };
            let process = cx.spawn::<Term, _, _>(ends).expect("room");
            let reference = cx.monitor(process);
            send(&cx, process, atom("hej"));
            assert_eq!(down(&mut cx).await, (reference, ExitReason::from_term(kb_128())));
        }
    });
}

fn monitors(cx: &Cx<Term>, pid: Pid) -> (usize, usize) {
    cx.processes().info(pid).map_or((0, 0), |info| (info.monitors.len(), info.monitored_by.len()))
}

/// Both ends forget a monitor that is removed, that has fired, or whose owner has ended.
#[test]
fn list_cleanup() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let first = spawn_idle(&cx);
        let reference = cx.monitor(first);
        wait_until(&cx, || (monitors(&cx, me), monitors(&cx, first.pid())) == ((1, 0), (0, 1))).await;
        cx.demonitor(reference);
        wait_until(&cx, || (monitors(&cx, me), monitors(&cx, first.pid())) == ((0, 0), (0, 0))).await;
        let reference = cx.monitor(first);
        cx.exit(first.pid(), reason("over"));
        assert_eq!(down(&mut cx).await, (reference, reason("over")));
        assert_eq!(monitors(&cx, me), (0, 0));
        let watcher = move |mut cx: Cx<Term>| async move {
            cx.monitor(me);
            idle(cx).await;
        };
        let watcher = cx.spawn::<Term, _, _>(watcher).expect("room");
        wait_until(&cx, || (monitors(&cx, me), monitors(&cx, watcher.pid())) == ((0, 1), (1, 0))).await;
        cx.exit(watcher.pid(), reason("frop"));
        wait_until(&cx, || monitors(&cx, me) == (0, 0)).await;
        quiet(&mut cx).await;
    });
}

/// Processes that watch each other: removing the monitors of one side leaves those of the other.
#[test]
fn mixer() {
    const OTHERS: usize = 10;
    everywhere(|mut cx| async move {
        let me = cx.pid();
        for their_own_first in [true, false] {
            let watcher = move |mut cx: Cx<Term>| async move {
                let reference = cx.monitor(me);
                message(&mut cx).await;
                cx.demonitor(reference);
                idle(cx).await;
            };
            let others: Vec<Addr<Term>> =
                (0..OTHERS).map(|_| cx.spawn::<Term, _, _>(watcher).expect("room")).collect();
            wait_until(&cx, || monitors(&cx, me) == (0, OTHERS)).await;
            let own: Vec<_> = others.iter().map(|other| cx.monitor(*other)).collect();
            wait_until(&cx, || monitors(&cx, me) == (OTHERS, OTHERS)).await;
            if their_own_first {
                others.iter().for_each(|other| send(&cx, *other, atom("demonitor")));
                wait_until(&cx, || monitors(&cx, me) == (OTHERS, 0)).await;
                for other in &others {
                    wait_until(&cx, || monitors(&cx, other.pid()) == (0, 1)).await;
                    cx.exit(other.pid(), reason("flaff"));
                    assert_eq!(down(&mut cx).await.1, reason("flaff"));
                }
            } else {
                assert!(own.iter().all(|reference| cx.demonitor(*reference)));
                assert_eq!(monitors(&cx, me), (0, OTHERS));
                others.iter().for_each(|other| cx.exit(other.pid(), reason("flaff")));
            }
            wait_until(&cx, || monitors(&cx, me) == (0, 0)).await;
            quiet(&mut cx).await;
        }
    });
}

/// The end of a named process is told when its name is free.
#[test]
fn named_down() {
    everywhere(|mut cx| async move {
        let name = name("named_down");
        for _ in 0..50 {
            let named = spawn_idle(&cx);
            cx.processes().register(&name, named.pid()).expect("free");
            cx.exit(named.pid(), reason("bang"));
            cx.monitor(Dest::Name(name.clone()));
            assert!(
                matches!(down(&mut cx).await.1, why if why == reason("bang") || why == ExitReason::NoProc)
            );
            assert_eq!(cx.register(&name), Ok(()));
            assert!(cx.processes().unregister(&name));
        }
    });
}

/// A pid of an earlier incarnation of the node is nobody's, at once.
#[test]
fn otp_5827() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let before = Pid::new(cx.node(), me.creation() + 1, me.id(), me.serial());
        let reference = cx.monitor(before);
        assert_eq!(down(&mut cx).await, (reference, ExitReason::NoProc));
        assert!(!cx.processes().is_alive(before));
        gone(&mut cx, before).await;
    });
}
