//! Monitors: one down message each, by pid and by name.

use crate::stage::{Number, boom, down, ends, everywhere, gone, idle, next, number, quiet, spawn_idle};
use engset_process::{Cx, Dest, ExitReason, Mail, SpawnOptions};
use engset_term::Atom;

const NAME: Atom = Atom::from_static("watched");

fn named() -> SpawnOptions {
    SpawnOptions { name: Some(NAME), ..SpawnOptions::default() }
}

#[test]
fn the_end_is_told_once_for_each_monitor() {
    everywhere(|mut cx| async move {
        let (child, first) = cx.spawn_monitor(SpawnOptions::default(), idle).expect("room");
        let second = cx.monitor(child.pid());
        cx.exit(child.pid(), boom());
        let mut fired = Vec::new();
        for _ in 0..2 {
            match next(&mut cx).await {
                Mail::Down(down) => {
                    assert_eq!((down.reason, down.process), (boom(), Dest::Pid(child.pid())));
                    fired.push(down.reference);
                }
                other => panic!("{other:?}"),
            }
        }
        fired.sort();
        let mut expected = [first, second];
        expected.sort();
        assert_eq!(fired, expected);
        quiet(&mut cx).await;
    });
}

#[test]
fn nobody_is_noproc() {
    everywhere(|mut cx| async move {
        let dead = spawn_idle(cx.processes());
        cx.exit(dead, ExitReason::Kill);
        gone(&mut cx, dead).await;
        _ = cx.monitor(dead);
        assert_eq!(down(&mut cx).await, ExitReason::NoProc);
        let reference = cx.monitor(Dest::Name(NAME));
        match next(&mut cx).await {
            Mail::Down(down) => {
                assert_eq!(down.reference, reference);
                assert_eq!((down.process, down.reason), (Dest::Name(NAME), ExitReason::NoProc));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_monitor_by_name_stays_with_the_process_that_had_the_name() {
    everywhere(|mut cx| async move {
        let holder = cx.processes().spawn(named(), idle).expect("room").pid();
        _ = cx.monitor(Dest::Name(NAME));
        assert!(cx.processes().unregister(&NAME));
        let next_holder = cx.processes().spawn(named(), idle).expect("room").pid();
        cx.exit(next_holder, boom());
        gone(&mut cx, next_holder).await;
        quiet(&mut cx).await;
        cx.exit(holder, boom());
        match next(&mut cx).await {
            Mail::Down(down) => assert_eq!((down.process, down.reason), (Dest::Name(NAME), boom())),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn demonitor_takes_a_down_message_out_of_the_mailbox_too() {
    everywhere(|mut cx| async move {
        let (child, reference) =
            cx.spawn_monitor(SpawnOptions::default(), |_: Cx<Number>| ends(boom())).expect("room");
        // The end has been told before this second monitor fires.
        gone(&mut cx, child.pid()).await;
        cx.demonitor(reference);
        quiet(&mut cx).await;
        let (child, reference) = cx.spawn_monitor(SpawnOptions::default(), idle).expect("room");
        cx.demonitor(reference);
        cx.demonitor(reference);
        cx.exit(child.pid(), boom());
        gone(&mut cx, child.pid()).await;
        quiet(&mut cx).await;
    });
}

#[test]
fn names_are_free_before_the_end_is_told() {
    everywhere(|mut cx| async move {
        for _ in 0..20 {
            let (_, _) = cx.spawn_monitor(named(), |_: Cx<Number>| ends(boom())).expect("the name is free");
            assert_eq!(down(&mut cx).await, boom());
            assert_eq!(cx.processes().whereis(&NAME), None);
        }
    });
}

#[test]
fn the_end_comes_after_the_messages_sent_before_it() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let child = move |cx: Cx<Number>| async move {
            for number in 0..50 {
                drop(cx.send(me, Number(number)));
            }
        };
        _ = cx.spawn_monitor(SpawnOptions::default(), child).expect("room");
        for expected in 0..50 {
            assert_eq!(number(&mut cx).await, expected);
        }
        assert_eq!(down(&mut cx).await, ExitReason::Normal);
    });
}
