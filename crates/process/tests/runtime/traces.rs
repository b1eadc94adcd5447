//! Trace tokens go along with what processes of one node do with each other.

use crate::stage::{Number, ends, everywhere, next, number};
use engset_process::{Cx, ExitReason, Mail, SpawnOptions, TraceToken};
use engset_term::{Atom, NodeName, Pid, Term};
use std::time::Duration;

/// A process that is asked for with the number 7.
fn traced() -> SpawnOptions {
    let sender = Pid::new(NodeName::NONODE, 1, 99, 0);
    let token = TraceToken { flags: 1, label: Term::from(17), serial: 7, sender, last: 0 };
    SpawnOptions { trace_token: Some(Box::new(token)), ..SpawnOptions::default() }
}

/// The label, the clock, and what was received last.
fn token(cx: &Cx<Number>, pid: Pid) -> Option<(Term, u64, u64)> {
    let token = cx.processes().has_trace_token(pid)?;
    assert_eq!(token.sender, pid);
    Some((token.label, token.serial, token.last))
}

#[test]
fn a_token_goes_along_with_typed_messages_until_one_comes_without() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let pass_on = move |mut cx: Cx<Number>| async move {
            assert_eq!(token(&cx, cx.pid()), None);
            let sent = number(&mut cx).await;
            assert!(cx.send(me, Number(sent + 1)).is_ok());
        };
        let middle = cx.spawn(pass_on).expect("room");
        let first = move |cx: Cx<Number>| async move { drop(cx.send(middle, Number(1))) };
        cx.processes().spawn(traced(), first).expect("room");
        assert_eq!(number(&mut cx).await, 2);
        // 7 asked for the first, which sent 8; the one in the middle sent 9.
        assert_eq!(token(&cx, me), Some((Term::from(17), 9, 9)));
        drop(cx.send_after(Duration::from_millis(1), me, Number(5)));
        assert_eq!(number(&mut cx).await, 5);
        assert_eq!(token(&cx, me), None);
    });
}

#[test]
fn a_token_goes_along_to_a_mailbox_with_limits_which_hold() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let limits = engset_process::MailboxLimits::messages(1);
        let options = SpawnOptions { mailbox: Some(limits), ..SpawnOptions::default() };
        let full = move |mut cx: Cx<Number>| async move {
            // It looks only when both were sent.
            cx.sleep(Duration::from_millis(20)).await;
            let sent = number(&mut cx).await;
            assert!(cx.send(me, Number(sent)).is_ok());
            assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
        };
        let full = cx.processes().spawn(options, full).expect("room");
        let first = move |cx: Cx<Number>| async move {
            let sent = [cx.send(full, Number(1)).is_ok(), cx.send(full, Number(2)).is_ok()];
            assert_eq!(sent, [true, false]);
        };
        cx.processes().spawn(traced(), first).expect("room");
        assert_eq!(number(&mut cx).await, 1);
        assert!(token(&cx, me).is_some());
    });
}

/// `seq_trace_SUITE` `inherit_on_spawn`: a process has the token of the one that starts it.
#[test]
fn inherit_on_spawn() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let grandchild = move |cx: Cx<Number>| async move {
            // 7 asked for its parent, which asked for it with 8.
            assert_eq!(token(&cx, cx.pid()), Some((Term::from(17), 8, 8)));
            assert!(cx.send(me, Number(1)).is_ok());
        };
        let child = move |cx: Cx<Number>| async move { drop(cx.spawn(grandchild)) };
        cx.processes().spawn(traced(), child).expect("room");
        assert_eq!(number(&mut cx).await, 1);
        assert_eq!(token(&cx, me), Some((Term::from(17), 9, 9)));
    });
}

/// `seq_trace_SUITE` `trace_exit`: the end of a linked process brings its token, that of a monitored one none.
#[test]
fn trace_exit() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        cx.trap_exit(true);
        let reason = || ExitReason::from(Atom::from_static("bye"));
        let linked = cx.spawn_link(traced(), move |_: Cx<Number>| ends(reason())).expect("room");
        let came = next(&mut cx).await;
        assert!(matches!(came, Mail::Exit(exit) if exit.from == linked.pid() && exit.reason == reason()));
        assert_eq!(token(&cx, me), Some((Term::from(17), 8, 8)));
        let monitored = cx.spawn(move |_: Cx<Number>| ends(reason())).expect("room");
        cx.monitor(monitored);
        assert!(matches!(next(&mut cx).await, Mail::Down(_)));
        assert_eq!(token(&cx, me), Some((Term::from(17), 9, 8)));
        // An exit signal that nobody's end sends has none, and is a message.
        cx.exit(me, reason());
        assert!(matches!(next(&mut cx).await, Mail::Exit(_)));
        assert_eq!(token(&cx, me), None);
    });
}
