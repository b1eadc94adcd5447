//! A node that comes back under its old name is another node: its old pids are dead, its names work.

use crate::stage::{Echo, SECOND, Seen, Stage, name, observer};
use engset_otp::{CallError, CallTarget, Dynamic, start_on};
use engset_process::{Addr, Cx};
use engset_term::Term;
use std::sync::Arc;

fn restart(stage: &mut Stage) {
    let b = Arc::clone(&stage.b);
    stage.world.crash(&b);
    stage.world.run_for(SECOND);
    stage.b = stage.world.start("b@sim");
}

#[test]
fn old_pids_are_dead_and_new_ones_work() {
    for seed in 0..20 {
        let mut stage = Stage::new(seed);
        let old = stage.start_echo();
        let before = Seen::default();
        observer(&stage.a, None, &before, move |cx| {
            cx.link(old);
            _ = cx.monitor(old);
        });
        stage.world.run_for(SECOND);
        restart(&mut stage);
        stage.world.run_for(SECOND);
        let mut got = before.take();
        got.sort();
        assert_eq!(got, ["down noconnection", "exit noconnection"], "seed {seed}");

        let new = stage.start_echo();
        assert_ne!(old, new);
        assert_eq!(old.node(), new.node());
        let after = Seen::default();
        observer(&stage.a, None, &after, move |cx| {
            cx.link(old);
            _ = cx.monitor(old);
        });
        let call = move |_: Cx<Term>| async move {
            let to = Addr::<Dynamic>::new(old);
            to.call(|reply| Dynamic::Call(Term::atom("hello"), reply)).await
        };
        assert_eq!(stage.world.run(&stage.a, call), Ok(Err(CallError::NoProcess)), "seed {seed}");
        stage.world.run_for(SECOND);
        let mut got = after.take();
        got.sort();
        assert_eq!(got, ["down noproc", "exit noproc"], "seed {seed}");
        let hello = Term::atom("hello");
        assert_eq!(stage.call(hello.clone(), None), Ok(hello), "seed {seed}: by name");
    }
}

#[test]
fn a_message_to_an_old_pid_reaches_nobody() {
    for seed in 0..10 {
        let mut stage = Stage::new(seed);
        let seen = Seen::default();
        let old = observer(&stage.b, None, &seen, |_| {});
        restart(&mut stage);
        // The same slot as the old one.
        let new = observer(&stage.b, None, &seen, |_| {});
        assert_eq!((old.id(), old.serial()), (new.id(), new.serial()));
        observer(&stage.a, None, &Seen::default(), move |cx| {
            drop(cx.send(old, Term::atom("old")));
            drop(cx.send(new, Term::atom("new")));
        });
        stage.world.run_for(SECOND);
        assert_eq!(seen.take(), ["message new"], "seed {seed}");
    }
}

#[test]
fn a_node_that_restarts_unseen_takes_over_its_old_connection() {
    for seed in 0..20 {
        let mut stage = Stage::new(seed);
        let old = stage.start_echo();
        let seen = Seen::default();
        observer(&stage.a, None, &seen, move |cx| _ = cx.monitor(old));
        stage.world.run_for(SECOND);
        // `a` does not see the end of the old stream, only the dial of the new node.
        stage.world.partition(&stage.a, &stage.b);
        restart(&mut stage);
        let a = stage.a.name();
        stage.world.heal(&stage.a, &stage.b);
        let start = Arc::clone(stage.b.processes());
        let begin = move |cx: Cx<Term>| async move {
            let echo = start_on(&start, Some(name("echo")), Echo::default()).await.expect("it starts");
            drop(cx.send(engset_process::Dest::RemoteName(name("nobody"), a), Term::atom("hello")));
            echo.pid()
        };
        stage.world.run(&stage.b, begin).expect("it ran");
        stage.world.run_for(SECOND);
        assert_eq!(seen.take(), ["down noconnection"], "seed {seed}");
        let hello = Term::atom("hello");
        assert_eq!(stage.call(hello.clone(), None), Ok(hello), "seed {seed}");
        assert_eq!(stage.world.connections(&stage.a, &stage.b), 1, "seed {seed}");
    }
}
