//! The typed client of a Rust server talks to a server written in Erlang, and to a Rust server on another node.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::{Addr, Atom, CallError, Dest, ExitReason, Integer, Mail, NodeName, Term};
use interop::canned::{CounterMsg, CounterRef};
use stage::{Stage, start_canned};
use std::time::Duration;

/// A `gen_server`-shaped process on the Erlang node that understands what the Rust counter understands.
const COUNTER: &str = "C = spawn(fun() -> register(counter, self()), \
    (fun L(V) -> receive \
      {'$gen_call', F, {add, N}} when is_integer(N) -> gen_server:reply(F, V + N), L(V + N); \
      {'$gen_call', F, get} -> gen_server:reply(F, V), L(V); \
      {'$gen_call', _, {sleep, 1}} -> exit(fell_asleep); \
      {'$gen_call', F, {sleep, Ms}} -> timer:sleep(Ms), gen_server:reply(F, ok), L(V); \
      {'$gen_cast', reset} -> L(0) end end)(0) end), is_pid(C).";

fn beam() -> NodeName {
    NodeName::new("beam@127.0.0.1").unwrap()
}

fn counter_name() -> Atom {
    Atom::from_static("counter")
}

#[test]
fn the_same_typed_client_calls_an_erlang_server() {
    let Some(stage) = Stage::new() else { return };
    stage.check(COUNTER, "true");
    let values = stage.node.block_on(|_cx| async {
        let counter = CounterRef::at(counter_name(), beam());
        let mut values = vec![counter.add(Integer::from(5)).await?];
        values.push(counter.add(Integer::from(1_u128 << 100)).await?);
        counter.reset().unwrap();
        values.push(counter.get().await?);
        counter.sleep(5).await?;
        Ok::<_, CallError>(values)
    });
    let big = Integer::from((1_u128 << 100) + 5);
    assert_eq!(values.unwrap(), Ok(vec![Integer::from(5), big, Integer::from(0)]));
}

#[test]
fn a_call_to_an_erlang_server_that_dies_tells_its_reason() {
    let Some(stage) = Stage::new() else { return };
    stage.check(COUNTER, "true");
    let error = stage.node.block_on(|_cx| async { CounterRef::at(counter_name(), beam()).sleep(1).await });
    let error = error.unwrap().unwrap_err();
    assert_eq!(
        error,
        CallError::Down { reason: ExitReason::from_term(Term::atom("fell_asleep")), begun: true }
    );
    assert!(error.maybe_executed());
}

#[test]
fn a_call_to_an_unknown_name_on_the_erlang_node_did_not_run() {
    let Some(stage) = Stage::new() else { return };
    let error = stage.node.block_on(|_cx| async { CounterRef::at(counter_name(), beam()).get().await });
    let error = error.unwrap().unwrap_err();
    assert_eq!(error, CallError::NoProcess);
    assert!(!error.maybe_executed());
}

#[test]
fn a_late_reply_from_erlang_reaches_no_mailbox() {
    let Some(stage) = Stage::new() else { return };
    stage.check(COUNTER, "true");
    let outcome = stage.node.block_on(|mut cx| async move {
        let counter = CounterRef::at(counter_name(), beam());
        let late = counter.sleep(100).timeout(Duration::from_millis(20)).await;
        // Answered after the late reply has come back.
        let value = counter.get().await;
        let mail = cx.recv_timeout(Duration::ZERO).await.is_some();
        (late, value, mail, cx.processes().aliases().len())
    });
    let (late, value, mail, aliases) = outcome.unwrap();
    assert_eq!(late, Err(CallError::Timeout { begun: true }));
    assert_eq!(value, Ok(Integer::from(0)));
    assert!(!mail, "the late reply is in the mailbox");
    assert_eq!(aliases, 0);
}

#[test]
fn a_call_to_an_unreachable_node_did_not_run() {
    let Some(stage) = Stage::new() else { return };
    let nowhere = NodeName::new("nowhere@127.0.0.1").unwrap();
    let error =
        stage.node.block_on(move |_cx| async move { CounterRef::at(counter_name(), nowhere).get().await });
    let error = error.unwrap().unwrap_err();
    assert_eq!(error, CallError::Unreachable);
    assert!(!error.maybe_executed());
}

#[test]
fn two_rust_nodes_call_link_and_monitor_each_other() {
    let port = engset_testkit::free_port().unwrap();
    let here = start_canned("here@127.0.0.1", port, false);
    let there = start_canned("there@127.0.0.1", port, false);
    let counter = there.processes().whereis(&counter_name()).unwrap();
    let outcome = here.block_on(move |mut cx| async move {
        cx.trap_exit(true);
        let there = NodeName::new("there@127.0.0.1").unwrap();
        let by_name = CounterRef::at(counter_name(), there);
        let by_pid = CounterRef::new(Addr::<CounterMsg>::new(counter));
        let value = by_name.add(Integer::from(2)).await?;
        let same = by_pid.get().await?;
        let reference = cx.monitor(Dest::Pid(counter));
        cx.link(counter);
        by_pid.crash(Term::atom("bang")).unwrap();
        let mut reasons = Vec::new();
        while reasons.len() < 2 {
            match cx.recv().await {
                Mail::Down(down) if down.reference == reference => reasons.push(down.reason),
                Mail::Exit(trapped) if trapped.from == counter => reasons.push(trapped.reason),
                _ => {}
            }
        }
        let gone = by_pid.get().await;
        Ok::<_, CallError>((value, same, reasons, gone))
    });
    let (value, same, reasons, gone) = outcome.unwrap().unwrap();
    assert_eq!((value, same), (Integer::from(2), Integer::from(2)));
    assert_eq!(reasons[0], reasons[1]);
    assert!(reasons[0].to_string().contains("told to crash: bang"), "{}", reasons[0]);
    assert_eq!(gone, Err(CallError::NoProcess));
}

#[test]
fn a_call_that_a_rust_server_does_not_understand_did_not_run() {
    let port = engset_testkit::free_port().unwrap();
    let here = start_canned("here@127.0.0.1", port, false);
    let _there = start_canned("there@127.0.0.1", port, false);
    let error = here.block_on(|_cx| async {
        let there = NodeName::new("there@127.0.0.1").unwrap();
        engset::Dynamic::call(&engset::Service::at(counter_name(), there), Term::atom("nonsense")).await
    });
    let error = error.unwrap().unwrap_err();
    assert!(matches!(error, CallError::NotUnderstood(_)), "{error}");
    assert!(!error.maybe_executed());
}
