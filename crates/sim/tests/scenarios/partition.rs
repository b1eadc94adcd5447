//! A lost connection is told once to everybody concerned, whether it breaks or just falls silent.

use crate::stage::{SECOND, Seen, Stage, line, observer};
use engset_otp::CallError;
use engset_process::{Cx, Dest, ExitReason, Mail, SpawnOptions};
use engset_sim::check::nothing_leaks;
use engset_term::Term;

/// Links, monitors by pid and by name, and a pending call over a connection that `lose` takes away.
fn loses(seed: u64, lose: impl Fn(&Stage)) {
    let stage = Stage::new(seed);
    let echo = stage.start_echo();
    let partner = observer(&stage.b, None, &Seen::default(), |_| {});
    let (links, pids, names) = (Seen::default(), Seen::default(), Seen::default());
    observer(&stage.a, None, &links, move |cx| cx.link(partner));
    observer(&stage.a, None, &pids, move |cx| _ = cx.monitor(echo));
    let by_name = Dest::RemoteName(crate::stage::name("echo"), stage.b.name());
    observer(&stage.a, None, &names, move |cx| _ = cx.monitor(by_name));
    let back = Seen::default();
    let mine = observer(&stage.a, Some("mine"), &Seen::default(), |_| {});
    observer(&stage.b, None, &back, move |cx| {
        cx.link(mine);
        _ = cx.monitor(mine);
    });
    stage.world.run_for(SECOND);
    assert_eq!(stage.world.connections(&stage.a, &stage.b), 1);
    lose(&stage);
    // The call is under way, or is made, while nothing gets through.
    assert_eq!(stage.call(Term::atom("wait"), None), Err(CallError::NodeDown), "seed {seed}");
    stage.world.run_for(200 * SECOND);
    assert_eq!(links.take(), ["exit noconnection"], "seed {seed}");
    assert_eq!(pids.take(), ["down noconnection"], "seed {seed}");
    assert_eq!(names.take(), ["down noconnection"], "seed {seed}");
    assert_eq!(back.take(), ["down noconnection", "exit noconnection"], "seed {seed}");
    stage.world.heal(&stage.a, &stage.b);
    let hello = Term::atom("hello");
    assert_eq!(stage.call(hello.clone(), None), Ok(hello), "seed {seed}: healed");
    assert_eq!(stage.world.connections(&stage.a, &stage.b), 1);
    for node in [&stage.a, &stage.b] {
        node.processes().kill_all();
    }
    stage.world.run_for(SECOND);
    nothing_leaks(&stage.world, 0).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
}

#[test]
fn a_partition_is_noticed_by_ticks_and_told_once() {
    for seed in 0..20 {
        loses(seed, |stage| stage.world.partition(&stage.a, &stage.b));
    }
}

#[test]
fn a_silent_peer_is_given_up_after_the_tick_time_and_not_before() {
    let stage = Stage::new(1);
    let echo = stage.start_echo();
    let seen = Seen::default();
    observer(&stage.a, None, &seen, move |cx| cx.link(echo));
    stage.world.run_for(SECOND);
    stage.world.partition(&stage.a, &stage.b);
    stage.world.run_for(44 * SECOND);
    assert_eq!(seen.take(), Vec::<String>::new());
    stage.world.run_for(35 * SECOND);
    assert_eq!(seen.take(), ["exit noconnection"]);
}

#[test]
fn a_short_partition_loses_nothing() {
    for seed in 0..20 {
        let stage = Stage::new(seed);
        let seen = Seen::default();
        let receiver = observer(&stage.b, None, &seen, |_| {});
        observer(&stage.a, None, &Seen::default(), move |cx| {
            cx.link(receiver);
            drop(cx.send(receiver, Term::int(1)));
        });
        stage.world.run_for(SECOND);
        stage.world.partition(&stage.a, &stage.b);
        observer(&stage.a, None, &Seen::default(), move |cx| drop(cx.send(receiver, Term::int(2))));
        stage.world.run_for(30 * SECOND);
        assert_eq!(seen.take(), ["message 1"], "seed {seed}");
        stage.world.heal(&stage.a, &stage.b);
        stage.world.run_for(SECOND);
        assert_eq!(seen.take(), ["message 2"], "seed {seed}");
    }
}

#[test]
fn a_broken_stream_is_told_once() {
    for seed in 0..20 {
        let stage = Stage::new(seed);
        stage.start_echo();
        let partner = observer(&stage.b, None, &Seen::default(), |_| {});
        let seen = Seen::default();
        observer(&stage.a, None, &seen, move |cx| {
            cx.link(partner);
            _ = cx.monitor(partner);
        });
        stage.world.run_for(SECOND);
        stage.world.cut(&stage.a, &stage.b);
        stage.world.run_for(100 * SECOND);
        let mut got = seen.take();
        got.sort();
        assert_eq!(got, ["down noconnection", "exit noconnection"], "seed {seed}");
        assert_eq!(stage.world.connections(&stage.a, &stage.b), 0);
        let hello = Term::atom("hello");
        assert_eq!(stage.call(hello.clone(), None), Ok(hello), "seed {seed}: connects again on demand");
    }
}

#[test]
fn a_call_that_times_out_leaves_nothing_behind() {
    let stage = Stage::new(3);
    stage.start_echo();
    let got = stage.call(Term::atom("wait"), Some(2 * SECOND));
    assert_eq!(got, Err(CallError::Timeout { begun: true }));
    stage.world.run_for(SECOND);
    assert!(stage.a.processes().aliases().is_empty());
    assert_eq!(stage.a.concerned(), 0);
}

#[test]
fn what_no_connection_can_be_made_for_is_told_too() {
    for seed in 0..10 {
        let stage = Stage::new(seed);
        let echo = stage.start_echo();
        stage.world.partition(&stage.a, &stage.b);
        let seen = Seen::default();
        observer(&stage.a, None, &seen, move |cx| {
            cx.link(echo);
            _ = cx.monitor(echo);
        });
        assert_eq!(stage.call(Term::atom("wait"), None), Err(CallError::Unreachable));
        stage.world.run_for(SECOND);
        let mut got = seen.take();
        got.sort();
        assert_eq!(got, ["down noconnection", "exit noconnection"], "seed {seed}");
    }
}

#[test]
fn a_process_that_does_not_trap_exits_ends_with_the_connection() {
    let stage = Stage::new(5);
    let echo = stage.start_echo();
    let seen = Seen::default();
    let watch = seen.clone();
    let parent = move |mut cx: Cx<Term>| async move {
        let child = cx.spawn_monitor(SpawnOptions::default(), move |mut cx| async move {
            cx.link(echo);
            let mail = cx.recv().await;
            watch.note(line(&mail));
        });
        _ = child.expect("there is room");
        cx.recv().await
    };
    stage.world.partition(&stage.a, &stage.b);
    match stage.world.run(&stage.a, parent) {
        Ok(Mail::Down(down)) => assert_eq!(down.reason, ExitReason::NoConnection),
        other => panic!("{other:?}"),
    }
    assert_eq!(seen.take(), Vec::<String>::new());
}
