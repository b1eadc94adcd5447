//! What goes wrong between nodes is told, and told once.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::net::{CloseReason, ConnectError, Step};
use engset::{Atom, CallError, Dest, Dynamic, ExitReason, Mail, Node, NodeName, Service, Term};
use engset_testkit::{Beam, free_port, require_erl};
use stage::{COOKIE, RUST, Stage, start_beam, start_canned};
use std::sync::mpsc;

/// Connects and waits for the outcome.
fn connect(node: &Node, peer: &str) -> Result<(), ConnectError> {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).unwrap();
    node.node().connect(peer, move |result| sender.send(result).unwrap());
    receiver.recv().unwrap().map_err(|error| connect_error(&*error))
}

fn connect_error(error: &(dyn std::error::Error + Send + Sync + 'static)) -> ConnectError {
    match error.downcast_ref::<ConnectError>() {
        Some(error) => error.clone(),
        None => panic!("not a connect error: {error}"),
    }
}

fn handshake_error(node: &Node, peer: &str) -> String {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).unwrap();
    node.node().connect(peer, move |result| sender.send(result).unwrap());
    let error = receiver.recv().unwrap().unwrap_err();
    match error.downcast_ref::<CloseReason>() {
        Some(CloseReason::Handshake(error)) => error.to_string(),
        _ => panic!("not a handshake error: {error}"),
    }
}

#[test]
fn a_wrong_cookie_is_named_by_rust_and_refused_by_rust() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let node = start_canned(RUST, port, false);
    let beam = Beam::builder().name("beam").cookie("another").epmd_port(port).start().unwrap();
    assert_eq!(beam.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pang");
    let error = handshake_error(&node, "beam@127.0.0.1");
    assert!(error.contains("cookie"), "{error}");
    assert_eq!(node.node().connected(), []);
    // The node lives and takes others.
    let friend = start_beam("friend", port);
    assert_eq!(friend.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
}

#[test]
fn an_unknown_node_is_named() {
    let Some(stage) = Stage::new() else { return };
    let error = connect(&stage.node, "nobody@127.0.0.1").unwrap_err();
    assert!(matches!(&error, ConnectError::UnknownNode { name, .. } if name == "nobody"), "{error}");
    assert_eq!(error.step(), Step::Epmd);
    stage.check("net_adm:ping('nobody@127.0.0.1').", "pang");
}

#[test]
fn a_wrong_host_is_named() {
    let Some(stage) = Stage::new() else { return };
    let error = connect(&stage.node, "beam@no.such.host.invalid").unwrap_err();
    assert_eq!(error.step(), Step::Resolve, "{error}");
}

#[test]
fn a_node_that_ended_is_named() {
    let Some(stage) = Stage::new() else { return };
    let Stage { beam, node, .. } = stage;
    beam.kill();
    let error = connect(&node, "beam@127.0.0.1").unwrap_err();
    assert!(matches!(error.step(), Step::Epmd | Step::Tcp), "{error}");
}

/// A process may end with any term; one that is over a limit of ours is no reason to close the connection.
#[test]
fn an_exit_reason_over_a_limit_is_told_and_the_connection_stays() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("register(big, spawn(fun() -> receive go -> exit({big, 1 bsl 70000}) end end)).");
    let Stage { beam: _beam, node, .. } = stage;
    let told = node.block_on(|mut cx| async move {
        let big = Dest::RemoteName(Atom::from_static("big"), NodeName::new("beam@127.0.0.1").unwrap());
        let reference = cx.monitor(big.clone());
        cx.send(big, Term::atom("go")).unwrap();
        loop {
            if let Mail::Down(down) = cx.recv_timeout(std::time::Duration::from_secs(10)).await.unwrap() {
                assert_eq!(down.reference, reference);
                return down.reason.to_term().to_string();
            }
        }
    });
    let told = told.unwrap();
    assert!(told.starts_with("{unread_reason,<<\"integer is too large"), "{told}");
    assert_eq!(node.node().connected().len(), 1);
}

#[test]
fn links_monitors_and_calls_fire_once_when_the_erlang_node_is_killed() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("S = spawn(fun() -> register(silent, self()), receive never -> ok end end).");
    let Stage { beam, node, .. } = stage;
    let (ready, is_ready) = mpsc::channel();
    let (done, outcome) = mpsc::channel();
    let processes = node.processes().clone();
    let watcher = processes
        .spawn::<Term, _, _>(engset::SpawnOptions::default(), move |mut cx| async move {
            let peer = NodeName::new("beam@127.0.0.1").unwrap();
            let silent = Atom::from_static("silent");
            cx.trap_exit(true);
            let reference = cx.monitor(Dest::RemoteName(silent.clone(), peer));
            let caller = cx.pid();
            cx.spawn::<Term, _, _>(move |cx| async move {
                let call = Dynamic::call(&Service::at(silent, peer), Term::atom("hello")).no_timeout().await;
                cx.send(caller, Term::string(&format!("{call:?}"))).unwrap();
            })
            .unwrap();
            ready.send(()).unwrap();
            let mut downs = 0;
            let mut calls = Vec::new();
            loop {
                match cx.recv_timeout(std::time::Duration::from_millis(500)).await {
                    Some(Mail::Down(down)) if down.reference == reference => {
                        assert_eq!(down.reason, ExitReason::NoConnection);
                        downs += 1;
                    }
                    Some(Mail::Message(term)) => calls.push(term.to_text().unwrap()),
                    Some(_) => {}
                    None if downs > 0 && !calls.is_empty() => break,
                    None => {}
                }
            }
            done.send((downs, calls)).unwrap();
        })
        .unwrap();
    is_ready.recv().unwrap();
    // A ping through the same pair makes sure that monitor and call have arrived before the kill.
    let pinged = node.block_on(|_cx| async {
        let net_kernel =
            Service::at(Atom::from_static("net_kernel"), NodeName::new("beam@127.0.0.1").unwrap());
        Dynamic::call(&net_kernel, Term::tuple([Term::atom("is_auth"), Term::atom("me")])).await
    });
    assert_eq!(pinged.unwrap(), Ok(Term::atom("yes")));
    assert!(processes.is_alive(watcher.pid()));
    beam.kill();
    let (downs, calls) = outcome.recv().unwrap();
    assert_eq!(downs, 1);
    assert_eq!(calls, [format!("{:?}", Err::<Term, CallError>(CallError::NodeDown))]);
}

#[test]
fn erlang_sees_noconnection_when_the_rust_node_is_killed() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let (_keeper, beam) = start_beam_with_epmd(port);
    let mut canned = start_canned_program("killed@127.0.0.1", port);
    let value = |expression: &str| beam.eval(expression).unwrap();
    value(
        "process_flag(trap_exit, true), N = 'killed@127.0.0.1', {spawner, N} ! {spawn, self()}, P = receive {spawned, Q} -> Q after 5000 -> none end, is_pid(P) orelse exit(no_puppet), link(P), M = monitor(process, P), monitor_node(N, true).",
    );
    canned.kill().unwrap();
    canned.wait().unwrap();
    assert_eq!(value("receive {'EXIT', P, R} -> R after 5000 -> none end."), "noconnection");
    assert_eq!(value("receive {'DOWN', M, process, P, R2} -> R2 after 5000 -> none end."), "noconnection");
    assert_eq!(value("receive {nodedown, N} -> down after 5000 -> none end."), "down");
    assert_eq!(value("receive X -> X after 200 -> nothing_more end."), "nothing_more");

    // A node of the same name that is started anew is another incarnation: the old pid is dead.
    let mut again = start_canned_program("killed@127.0.0.1", port);
    assert_eq!(value("gen_server:call({counter, N}, get)."), "0");
    assert_eq!(
        value("M3 = monitor(process, P), receive {'DOWN', M3, process, P, R3} -> R3 after 5000 -> none end."),
        "noproc"
    );
    assert_eq!(value("P ! {send, self(), hello}, gen_server:call({counter, N}, {add, 1})."), "1");
    assert_eq!(value("receive hello -> alive after 100 -> dead end."), "dead");
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn an_erlang_node_restarted_under_its_name_is_another_incarnation() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("register(old, spawn(fun L() -> receive {From, hello} -> From ! hello, L() end end)).");
    stage.spawn_puppet("P");
    stage
        .check("P ! {register, keeper, self()}, receive R -> R after 5000 -> none end.", "{registered,true}");
    stage.check(
        "{keeper, $N} ! {trap, true, self()}, receive T -> T after 5000 -> none end.",
        "{trapping,true}",
    );
    let Stage { beam, node, epmd_tcp_port } = stage;
    let old = node.block_on(|mut cx| async move {
        // Learn the old process's pid by a monitor-free exchange: it answers to whoever says hello.
        let peer = NodeName::new("beam@127.0.0.1").unwrap();
        let me = Term::from(cx.pid());
        cx.send(Dest::RemoteName(Atom::from_static("old"), peer), Term::tuple([me, Term::atom("hello")]))
            .unwrap();
        matches!(cx.recv().await, Mail::Message(message) if message.is_atom("hello"))
    });
    assert_eq!(old, Ok(true));
    beam.kill();
    drop(beam);
    let beam = start_beam("beam", epmd_tcp_port);
    assert_eq!(beam.eval(&format!("gen_server:call({{counter, '{RUST}'}}, get).")).unwrap(), "0");
    let gone = node.block_on(|_cx| async {
        let old = Service::at(Atom::from_static("old"), NodeName::new("beam@127.0.0.1").unwrap());
        Dynamic::call(&old, Term::atom("hello")).await
    });
    assert_eq!(gone.unwrap(), Err(CallError::NoProcess));
}

/// An Erlang node, and an Engset node that is the EPMD: it stays when another node is killed.
fn start_beam_with_epmd(port: u16) -> (Node, Beam) {
    (start_canned("keeper@127.0.0.1", port, false), start_beam("beam", port))
}

#[expect(clippy::disallowed_methods, reason = "the canned node as a program of its own")]
fn start_canned_program(name: &str, port: u16) -> std::process::Child {
    use std::io::{BufRead, BufReader};
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_canned"))
        .args(["--name", name, "--cookie", COOKIE, "--hidden"])
        .env("ERL_EPMD_PORT", port.to_string())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}
