//! How processes end, and who is told.

use crate::stage::{
    Number, boom, down, ends, everywhere, gone, identity, idle, number, quiet, spawn_idle, trapped,
};
use engset_process::{
    BlockOnError, ControlSignal, Cx, Dest, Exit, ExitReason, Mail, Processes, Protocol, Scheduler,
    SpawnOptions,
};
use engset_term::{Pid, Term};
use std::num::ParseIntError;

fn options() -> SpawnOptions {
    SpawnOptions::default()
}

#[test]
fn code_that_returns_ends_normal() {
    everywhere(|mut cx| async move {
        _ = cx.spawn_monitor(options(), |_: Cx<Number>| async {}).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Normal);
        _ = cx.spawn_monitor(options(), |_: Cx<Number>| ends(boom())).expect("room");
        assert_eq!(down(&mut cx).await, boom());
    });
}

#[test]
fn code_that_loops_for_ever_needs_no_result() {
    everywhere(|mut cx| async move {
        let server = |mut cx: Cx<Number>| async move {
            loop {
                drop(cx.recv().await);
            }
        };
        let (child, _) = cx.spawn_monitor(options(), server).expect("room");
        cx.exit(child.pid(), boom());
        assert_eq!(down(&mut cx).await, boom());
    });
}

#[test]
fn an_error_is_the_reason() {
    everywhere(|mut cx| async move {
        let parse = |_: Cx<Number>| async {
            let _number: u32 = "seven".parse().map_err(|error: ParseIntError| error)?;
            Ok::<(), Exit>(())
        };
        _ = cx.spawn_monitor(options(), parse).expect("room");
        let expected = Term::tuple([Term::atom("error"), Term::string("invalid digit found in string")]);
        assert_eq!(down(&mut cx).await, ExitReason::from_term(expected));
    });
}

#[test]
fn a_panic_is_a_reason_with_message_and_place() {
    everywhere(|mut cx| async move {
        let line = line!() + 1;
        _ = cx.spawn_monitor(options(), |_: Cx<Number>| async { panic!("wet {}", "paint") }).expect("room");
        let reason = down(&mut cx).await.to_term();
        let [tag, message, place] = reason.as_tuple().expect("a tuple") else { panic!("{reason}") };
        assert!(tag.is_atom("panic"));
        assert_eq!(message.as_binary(), Some(&b"wet paint"[..]));
        let place = place.to_text().expect("a text");
        assert!(place.contains(&format!("exits.rs:{line}:")), "{place}");
        let other = |_: Cx<Number>| async { std::panic::panic_any(PanicsWhenDropped) };
        _ = cx.spawn_monitor(options(), other).expect("room");
        let reason = down(&mut cx).await.to_string();
        assert!(reason.contains("a value that is not a text"), "{reason}");
    });
}

#[test]
fn a_link_carries_the_end_on() {
    everywhere(|mut cx| async move {
        let middle = |mut cx: Cx<Number>| async move {
            _ = cx.spawn_link(options(), |_: Cx<Number>| ends(boom())).expect("room");
            idle(cx).await;
        };
        _ = cx.spawn_monitor(options(), middle).expect("room");
        assert_eq!(down(&mut cx).await, boom());
    });
}

#[test]
fn a_normal_end_is_not_carried_on() {
    everywhere(|mut cx| async move {
        let middle = |mut cx: Cx<Number>| async move {
            let child = cx.spawn_link(options(), |_: Cx<Number>| async {}).expect("room");
            gone(&mut cx, child.pid()).await;
            ends(ExitReason::Shutdown).await
        };
        _ = cx.spawn_monitor(options(), middle).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Shutdown);
    });
}

#[test]
fn a_process_that_traps_exits_lives_and_reads_them() {
    everywhere(|mut cx| async move {
        assert!(!cx.trap_exit(true));
        let child = cx.spawn_link(options(), |_: Cx<Number>| ends(boom())).expect("room");
        assert_eq!(trapped(&mut cx).await, (child.pid(), boom()));
        let child = cx.spawn_link(options(), |_: Cx<Number>| async {}).expect("room");
        assert_eq!(trapped(&mut cx).await, (child.pid(), ExitReason::Normal));
        assert!(cx.trap_exit(false));
        quiet(&mut cx).await;
    });
}

#[test]
fn kill_cannot_be_trapped_and_becomes_killed() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let me = cx.pid();
        let stubborn = move |mut cx: Cx<Number>| async move {
            cx.trap_exit(true);
            drop(cx.send(me, Number(1)));
            idle(cx).await;
        };
        let child = cx.spawn_link(options(), stubborn).expect("room").pid();
        assert_eq!(number(&mut cx).await, 1);
        cx.exit(child, ExitReason::Normal);
        cx.exit(child, boom());
        cx.exit(child, ExitReason::Kill);
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Killed));
    });
}

#[test]
fn only_a_process_itself_can_send_itself_a_normal_exit() {
    everywhere(|mut cx| async move {
        let other = spawn_idle(cx.processes());
        cx.exit(other, ExitReason::Normal);
        let itself = |cx: Cx<Number>| async move {
            cx.exit(cx.pid(), ExitReason::Normal);
            idle(cx).await;
        };
        _ = cx.spawn_monitor(options(), itself).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Normal);
        assert!(cx.processes().is_alive(other));
    });
}

#[test]
fn an_exit_signal_of_another_that_finds_the_code_at_its_end_changes_nothing() {
    everywhere(|mut cx| async move {
        let other = cx.pid();
        // Both signals arrive in the last time slice.
        let last = move |from: Option<Pid>| {
            move |cx: Cx<Number>| async move {
                let (me, from) = (cx.pid(), from.unwrap_or_else(|| cx.pid()));
                let kill = ControlSignal::Exit { from, reason: ExitReason::Kill };
                cx.processes().signal(from, &Dest::Pid(me), kill);
            }
        };
        _ = cx.spawn_monitor(options(), last(Some(other))).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Normal);
        _ = cx.spawn_monitor(options(), last(None)).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Killed, "what it sends to itself acts at once");
    });
}

#[test]
fn a_link_to_nobody_is_an_exit_noproc() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let dead = spawn_idle(cx.processes());
        cx.exit(dead, ExitReason::Kill);
        gone(&mut cx, dead).await;
        cx.link(dead);
        assert_eq!(trapped(&mut cx).await, (dead, ExitReason::NoProc));
        let before = Pid::new(cx.node(), 99, dead.id(), dead.serial());
        cx.link(before);
        assert_eq!(trapped(&mut cx).await, (before, ExitReason::NoProc));
        cx.link(cx.pid());
        quiet(&mut cx).await;
    });
}

#[test]
fn nothing_comes_over_a_link_that_was_removed() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let child = cx.spawn_link(options(), idle).expect("room").pid();
        cx.unlink(child);
        cx.exit(child, boom());
        gone(&mut cx, child).await;
        quiet(&mut cx).await;
        let child = cx.spawn_link(options(), idle).expect("room").pid();
        cx.unlink(child);
        cx.link(child);
        cx.exit(child, boom());
        assert_eq!(trapped(&mut cx).await, (child, boom()));
        quiet(&mut cx).await;
    });
}

#[test]
fn messages_sent_before_the_end_arrive_before_the_exit() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let parent = cx.addr();
        let child = move |cx: Cx<Number>| async move {
            for number in 0..100 {
                drop(cx.send(parent.pid(), Number(number)));
            }
            ends(boom()).await
        };
        let child = cx.spawn_link(options(), child).expect("room").pid();
        for expected in 0..100 {
            assert_eq!(number(&mut cx).await, expected);
        }
        assert_eq!(trapped(&mut cx).await, (child, boom()));
    });
}

struct PanicsWhenDropped;

impl Protocol for PanicsWhenDropped {}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn destructors_that_panic_do_not_keep_the_end_from_being_told() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let me = cx.pid();
        let holds = move |mut cx: Cx<PanicsWhenDropped>| async move {
            let _held = PanicsWhenDropped;
            drop(cx.send(me, Number(1)));
            // Looks once, so that what has arrived waits in the mailbox.
            cx.receive(|mail| match mail {
                Mail::Down(_) => Ok(()),
                other => Err(other),
            })
            .await;
        };
        let options =
            SpawnOptions { name: Some(engset_term::Atom::from_static("holder")), ..SpawnOptions::default() };
        let child = cx.spawn_link(options, holds).expect("room").pid();
        _ = cx.monitor(child);
        assert_eq!(number(&mut cx).await, 1);
        for _ in 0..3 {
            assert!(cx.send(child, PanicsWhenDropped).is_ok());
        }
        cx.sleep(std::time::Duration::from_millis(1)).await;
        cx.exit(child, boom());
        for _ in 0..3 {
            // Refused ones come back and are dropped here, which must not hurt.
            if let Err(refused) = cx.send(child, PanicsWhenDropped) {
                let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(refused)));
                assert!(dropped.is_err());
            }
        }
        let mut told =
            [crate::stage::next(&mut cx).await, crate::stage::next(&mut cx).await].map(|mail| match mail {
                Mail::Down(down) => format!("down {}", down.reason),
                Mail::Exit(exit) => format!("exit {}", exit.reason),
                other => panic!("{other:?}"),
            });
        told.sort();
        assert_eq!(told, ["down boom", "exit boom"]);
        assert_eq!(cx.processes().whereis(&engset_term::Atom::from_static("holder")), None);
    });
}

#[test]
fn an_exit_signal_to_oneself_acts_before_the_end() {
    everywhere(|mut cx| async move {
        let ends = cx.spawn_monitor(options(), |cx: Cx<Number>| async move { cx.exit(cx.pid(), boom()) });
        ends.expect("room");
        assert_eq!(down(&mut cx).await, boom());
    });
}

#[test]
fn processes_that_the_end_of_the_node_kills_did_not_crash() {
    let scheduler = Scheduler::seeded(1);
    let processes = Processes::new(identity(10), scheduler.clone());
    let child = spawn_idle(&processes);
    let watch = move |mut cx: Cx<Number>| async move {
        _ = cx.monitor(child);
        cx.processes().kill_all();
        quiet(&mut cx).await;
    };
    assert_eq!(processes.block_on(watch), Err(BlockOnError::Exit(ExitReason::Killed)));
    let Scheduler::Seeded(seeded) = scheduler else { panic!("not seeded") };
    seeded.run_until(seeded.now());
    assert_eq!((processes.count(), processes.counters().read().crashed), (0, 0));
}
