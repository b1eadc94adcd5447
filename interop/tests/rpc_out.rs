//! Functions of a live Erlang node, called and started from an Engset node (`erpc_SUITE`, from the other side).
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::rpc::{self, RpcError, SpawnOn};
use engset::{Atom, Cx, ExitReason, Mail, NodeName, Term};
use stage::Stage;
use std::time::Duration;

fn term(text: &str) -> Term {
    Term::parse(&format!("{text}.")).unwrap()
}

fn beam(stage: &Stage) -> NodeName {
    NodeName::new(stage.beam.node_name()).unwrap()
}

#[test]
fn values_and_exceptions_come_back() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let run = |module: &'static str, function: &'static str, args: &str| {
        let args = term(args).as_proper_list().unwrap().to_vec();
        stage.node.block_on(move |_| async move { rpc::call(beam, module, function, args).await }).unwrap()
    };
    assert_eq!(run("lists", "sort", "[[3,1,2]]"), Ok(term("[1,2,3]")));
    assert_eq!(run("erlang", "throw", "[ball]"), Err(RpcError::Throw(term("ball"))));
    assert_eq!(run("erlang", "exit", "[gone]"), Err(RpcError::Exit(term("gone"))));
    let error = run("erlang", "error", "[bad]").unwrap_err();
    assert!(matches!(&error, RpcError::Error { reason, .. } if reason.is_atom("bad")), "{error}");
    assert!(error.maybe_executed());
    let undefined = run("no_such_module", "f", "[]").unwrap_err();
    assert!(undefined.is_undefined() && !undefined.maybe_executed(), "{undefined}");
    let leader = run("erlang", "group_leader", "[]").unwrap().as_pid().unwrap();
    assert_eq!(leader.node(), NodeName::new(stage::RUST).unwrap());
    assert!(stage.node.processes().aliases().is_empty());
}

#[test]
fn a_call_is_given_up_in_time() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let slow = stage.node.block_on(move |_| async move {
        rpc::call(beam, "timer", "sleep", [Term::from(2_000)]).timeout(Duration::from_millis(30)).await
    });
    assert_eq!(slow.unwrap(), Err(RpcError::Timeout));
    assert!(stage.node.processes().aliases().is_empty());
    let killed = stage.node.block_on(move |_| async move {
        let me = rpc::call(beam, "erlang", "exit", [Term::atom("kill")]).await;
        let args = term("[#{}]");
        let by_self = rpc::call(beam, "erlang", "apply", [term("erlang"), term("hd"), args]).await;
        (me, by_self)
    });
    let (exit, failed) = killed.unwrap();
    assert_eq!(exit, Err(RpcError::Exit(term("kill"))));
    assert!(matches!(failed, Err(RpcError::Error { reason, .. }) if reason.is_atom("badarg")));
}

#[test]
fn the_loss_of_a_node_is_told() {
    let Some(Stage { beam: erl, node, .. }) = Stage::new() else { return };
    let name = NodeName::new(erl.node_name()).unwrap();
    let nowhere = NodeName::new("nowhere@127.0.0.1").unwrap();
    let gone = node.block_on(move |_| async move {
        let halting = rpc::call(name, "erlang", "halt", []).await;
        let unreachable = rpc::call(nowhere, "erlang", "node", []).await;
        (halting, unreachable)
    });
    assert_eq!(gone.unwrap(), (Err(RpcError::NodeDown), Err(RpcError::Unreachable)));
}

#[test]
fn many_nodes_at_once() {
    let Some(stage) = Stage::new() else { return };
    let (beam, here) = (beam(&stage), NodeName::new(stage::RUST).unwrap());
    let nowhere = NodeName::new("nowhere@127.0.0.1").unwrap();
    let answers = stage
        .node
        .block_on(move |_| async move { rpc::multicall([beam, here, nowhere], "erlang", "node", []).await });
    let name = |name: NodeName| Ok(Term::Atom(Atom::from(name)));
    let expected = vec![(beam, name(beam)), (here, name(here)), (nowhere, Err(RpcError::Unreachable))];
    assert_eq!(answers.unwrap(), expected);
}

#[test]
fn a_cast_runs() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let got = stage.node.block_on(move |mut cx: Cx<Term>| async move {
        rpc::cast(beam, "erlang", "send", [Term::Pid(cx.pid()), term("hello")])?;
        rpc::cast(beam, "no_such_module", "f", [])?;
        Ok::<_, RpcError>(matches!(cx.recv().await, Mail::Message(message) if message.is_atom("hello")))
    });
    assert_eq!(got.unwrap(), Ok(true));
}

#[test]
fn spawned_processes_are_linked_and_monitored() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let told = stage.node.block_on(move |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        let options = SpawnOn { link: true, monitor: true, ..SpawnOn::default() };
        let spawned = rpc::spawn_on(beam, "timer", "sleep", [Term::atom("infinity")], options).await.unwrap();
        cx.exit(spawned.pid, ExitReason::from(Atom::new("bye").unwrap()));
        let mut told = Vec::new();
        for _ in 0..2 {
            match cx.recv().await {
                Mail::Exit(exit) => told.push((exit.from == spawned.pid, exit.reason.to_string())),
                Mail::Down(down) => {
                    told.push((Some(down.reference) == spawned.monitor, down.reason.to_string()));
                }
                Mail::Message(_) | Mail::Other(_) => {}
            }
        }
        // One that ends at once: its end comes after it is known.
        let monitor = SpawnOn { monitor: true, ..SpawnOn::default() };
        let short = rpc::spawn_on(beam, "erlang", "exit", [term("short")], monitor.clone()).await.unwrap();
        match cx.recv().await {
            Mail::Down(down) => told.push((Some(down.reference) == short.monitor, down.reason.to_string())),
            other => panic!("{other:?}"),
        }
        let bad = SpawnOn { options: vec![term("no_option")], ..monitor };
        (told, rpc::spawn_on(beam, "erlang", "node", [], bad).await)
    });
    let (told, refused) = told.unwrap();
    let bye = (true, "bye".to_owned());
    assert_eq!(told, [bye.clone(), bye, (true, "short".to_owned())]);
    assert_eq!(refused, Err(RpcError::Refused(Atom::new("badopt").unwrap())));
}

/// `signal_SUITE` `busy_dist_spawn_reply_signal`, from the side of who asks: many requests at once, and each is answered.
#[test]
fn busy_dist_spawn_reply_signal() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let all = stage.node.block_on(move |_: Cx<Term>| async move {
        let options = || SpawnOn { monitor: true, ..SpawnOn::default() };
        let many: Vec<_> = (0..500)
            .map(|_| rpc::spawn_on(beam, "erlang", "node", [Term::binary(vec![0; 4_000])], options()))
            .collect();
        let mut pids = std::collections::BTreeSet::new();
        for spawning in many {
            pids.insert(spawning.await.unwrap().pid);
        }
        pids.len()
    });
    assert_eq!(all.unwrap(), 500);
}

/// A link that the caller does not wait for any more ends what it made.
#[test]
fn a_spawn_that_is_given_up_leaves_nothing() {
    let Some(stage) = Stage::new() else { return };
    let beam = beam(&stage);
    let outcome = stage.node.block_on(move |mut cx: Cx<Term>| async move {
        let link = SpawnOn { link: true, ..SpawnOn::default() };
        drop(rpc::spawn_on(beam, "timer", "sleep", [Term::atom("infinity")], link));
        // Behind the request on the same connection.
        let info = rpc::call(beam, "erlang", "node", []).await.is_ok();
        (info, cx.recv_timeout(Duration::from_millis(50)).await.is_none())
    });
    assert_eq!(outcome.unwrap(), (true, true));
    assert!(stage.node.processes().aliases().is_empty());
}
