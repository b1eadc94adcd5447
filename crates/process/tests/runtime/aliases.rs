//! Aliases, tags and priorities, as OTP 24 to 28 have them.

use crate::stage::{Number, ends, everywhere, gone, identity, next, number, quiet};
use engset_etf::encode_body;
use engset_process::{
    AliasMode, AliasOptions, ControlSignal, Cx, Dest, ExitReason, Mail, Mark, MonitorOptions, Processes,
    Scheduler, SendError, SpawnOptions,
};
use engset_term::Term;
use std::time::Duration;

/// `process_SUITE`: a message by an alias arrives while it is active, and not afterwards.
#[test]
fn alias_bif() {
    everywhere(|mut cx| async move {
        let alias = cx.alias(AliasOptions::default());
        for sent in 0..2 {
            assert!(cx.send(Dest::Alias(alias), Number(sent)).is_ok());
            assert_eq!(number(&mut cx).await, sent);
        }
        assert!(cx.unalias(alias));
        assert!(!cx.unalias(alias), "once");
        let dropped = cx.processes().counters().read().dropped;
        let sent = cx.send(Dest::Alias(alias), Number(3));
        assert!(
            matches!(sent, Err(SendError::Encode(_))) || cx.processes().counters().read().dropped > dropped
        );
        quiet(&mut cx).await;
    });
}

/// As `exit/2` of OTP 28: an exit signal finds the process by its alias, which is not used up by it.
#[test]
fn an_exit_signal_by_an_alias_acts_while_that_is_active() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        let alias = cx.alias(AliasOptions { mode: AliasMode::Reply, priority: false });
        let exit = |cx: &Cx<Number>| {
            let signal = ControlSignal::Exit { from: cx.pid(), reason: ExitReason::Shutdown };
            cx.processes().signal(cx.pid(), &Dest::Alias(alias), signal);
        };
        for _ in 0..2 {
            exit(&cx);
            let mail = next(&mut cx).await;
            assert!(matches!(mail, Mail::Exit(exit) if exit.reason == ExitReason::Shutdown));
        }
        cx.unalias(alias);
        exit(&cx);
        quiet(&mut cx).await;
    });
}

#[test]
fn a_reply_alias_takes_one_message() {
    everywhere(|mut cx| async move {
        let alias = cx.alias(AliasOptions { mode: AliasMode::Reply, priority: false });
        assert!(cx.send(Dest::Alias(alias), Number(1)).is_ok());
        assert!(cx.send(Dest::Alias(alias), Number(2)).is_err());
        assert_eq!(number(&mut cx).await, 1);
        quiet(&mut cx).await;
    });
}

/// `process_SUITE`: the alias of a monitor ends with it, in each of its modes.
#[test]
fn monitor_alias() {
    everywhere(|mut cx| async move {
        for mode in [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::ReplyDemonitor] {
            let ended = cx.spawn(|_cx: Cx<Number>| ends(ExitReason::Normal)).expect("room");
            let options = MonitorOptions { alias: Some(mode), ..MonitorOptions::default() };
            let watch = cx.monitor_with(ended, options);
            assert!(matches!(next(&mut cx).await, Mail::Down(down) if down.reference == watch));
            let is_active = cx.send(Dest::Alias(watch), Number(1)).is_ok();
            assert_eq!(is_active, mode == AliasMode::ExplicitUnalias, "{mode:?}");
            if is_active {
                assert_eq!(number(&mut cx).await, 1);
                assert!(cx.unalias(watch));
            }
        }
        assert_eq!(cx.processes().aliases().of_processes(), 0);
    });
}

/// A message by the alias of a `ReplyDemonitor` monitor ends the monitor: no DOWN comes.
#[test]
fn a_reply_by_alias_takes_the_monitor_along() {
    everywhere(|mut cx| async move {
        let waits = cx.spawn(|mut cx: Cx<Number>| async move { drop(cx.recv().await) }).expect("room");
        let options = MonitorOptions { alias: Some(AliasMode::ReplyDemonitor), ..MonitorOptions::default() };
        let watch = cx.monitor_with(waits, options);
        assert!(cx.send(Dest::Alias(watch), Number(7)).is_ok());
        assert_eq!(number(&mut cx).await, 7);
        assert!(cx.processes().info(cx.pid()).unwrap().monitors.is_empty());
        cx.send(waits, Number(0)).expect("it lives");
        quiet(&mut cx).await;
    });
}

/// `monitor_SUITE`: demonitor ends the alias of the monitor, also where the monitor is gone.
#[test]
fn gh_5225_demonitor_alias() {
    everywhere(|mut cx| async move {
        let waits = cx.spawn(|mut cx: Cx<Number>| async move { drop(cx.recv().await) }).expect("room");
        let options = MonitorOptions { alias: Some(AliasMode::Demonitor), ..MonitorOptions::default() };
        let watch = cx.monitor_with(waits, options);
        assert!(cx.demonitor(watch));
        assert!(cx.send(Dest::Alias(watch), Number(1)).is_err());
        let options = MonitorOptions { alias: Some(AliasMode::ExplicitUnalias), ..MonitorOptions::default() };
        let watch = cx.monitor_with(waits, options);
        assert!(cx.demonitor(watch));
        assert!(cx.send(Dest::Alias(watch), Number(2)).is_ok(), "only its own end ends it");
        assert_eq!(number(&mut cx).await, 2);
    });
}

#[test]
fn aliases_end_with_their_process() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let brief = cx.spawn(move |mut cx: Cx<Number>| async move {
            cx.alias(AliasOptions::default());
            cx.alias(AliasOptions::default());
            cx.send(me, Number(0)).expect("the test waits");
            cx.recv().await;
        });
        let brief = brief.expect("room");
        assert_eq!(number(&mut cx).await, 0);
        assert_eq!(cx.processes().aliases().of_processes(), 2);
        cx.send(brief, Number(1)).expect("it lives");
        gone(&mut cx, brief.pid()).await;
        assert_eq!(cx.processes().aliases().of_processes(), 0);
    });
}

/// `process_SUITE`: the tag of a monitor comes back in its DOWN.
#[test]
fn monitor_tag() {
    everywhere(|mut cx| async move {
        let ended = cx.spawn(|_cx: Cx<Number>| ends(ExitReason::Normal)).expect("room");
        let tag = Term::tuple([Term::atom("job"), Term::from(17)]);
        let watch =
            cx.monitor_with(ended, MonitorOptions { tag: Some(tag.clone()), ..MonitorOptions::default() });
        match next(&mut cx).await {
            Mail::Down(down) => assert_eq!((down.reference, down.tag.as_deref()), (watch, Some(&tag))),
            other => panic!("{other:?}"),
        }
    });
}

/// EEP 76: what comes by a priority alias, sent with priority, goes before what waits, in order among itself.
#[test]
fn priority_messages_overtake_ordinary_ones_only() {
    everywhere(|mut cx| async move {
        let alias = cx.alias(AliasOptions { priority: true, ..AliasOptions::default() });
        let plain = cx.alias(AliasOptions::default());
        for ordinary in 0..3 {
            cx.send(cx.pid(), Number(ordinary)).expect("it lives");
        }
        cx.send_priority(alias, Number(100)).expect("active");
        cx.send_priority(alias, Number(101)).expect("active");
        cx.send(Dest::Alias(alias), Number(3)).expect("active");
        cx.send_priority(plain, Number(4)).expect("active");
        let mut order = Vec::new();
        for _ in 0..7 {
            order.push(number(&mut cx).await);
        }
        assert_eq!(order, [100, 101, 0, 1, 2, 3, 4]);
    });
}

/// What comes from another node with priority: the same, and only by an alias that was made for it.
#[test]
fn priority_messages_of_other_nodes_overtake_ordinary_ones_only() {
    let arrives = |cx: &Cx<Term>, to: &Dest, number: i64| {
        let mut body = Vec::new();
        encode_body(&Term::from(number), &mut body);
        let mark = Mark { priority: true, ..Mark::default() };
        cx.processes().deliver_with(None, to, body.into(), mark);
    };
    let processes = Processes::new(identity(10), Scheduler::seeded(1));
    let body = move |mut cx: Cx<Term>| async move {
        let alias = cx.alias(AliasOptions { priority: true, ..AliasOptions::default() });
        let plain = cx.alias(AliasOptions::default());
        cx.send(cx.pid(), Term::from(0)).expect("it lives");
        arrives(&cx, &Dest::Pid(cx.pid()), 1);
        arrives(&cx, &Dest::Alias(plain), 2);
        arrives(&cx, &Dest::Alias(alias), 100);
        arrives(&cx, &Dest::Alias(alias), 101);
        for expected in [100, 101, 0, 1, 2] {
            let Mail::Message(number) = cx.recv().await else { panic!("no message") };
            assert_eq!(number, Term::from(expected));
        }
        cx.unalias(alias);
        arrives(&cx, &Dest::Alias(alias), 102);
        assert_eq!(cx.processes().counters().read().dropped, 1);
    };
    processes.block_on(body).expect("it ends well");
}

#[test]
fn a_selective_receive_sees_a_priority_message_that_comes_while_it_waits() {
    everywhere(|mut cx| async move {
        let alias = cx.alias(AliasOptions { priority: true, ..AliasOptions::default() });
        for ordinary in 0..5 {
            cx.send(cx.pid(), Number(ordinary)).expect("it lives");
        }
        let send = move |cx: Cx<Number>| async move {
            cx.sleep(Duration::from_millis(2)).await;
            cx.send_priority(alias, Number(100)).expect("active");
        };
        cx.processes().spawn(SpawnOptions::default(), send).expect("room");
        let big = |mail| match mail {
            Mail::Message(Number(number)) if number >= 100 => Ok(number),
            mail => Err(mail),
        };
        assert_eq!(cx.receive(big).await, 100);
        for ordinary in 0..5 {
            assert_eq!(number(&mut cx).await, ordinary);
        }
    });
}
