//! Two nodes find and greet each other.

mod stage;

use engset::{Atom, Dynamic, NodeName, Service, Term};
use stage::{RUST, Stage, start_beam, start_canned};
use std::sync::mpsc;

#[test]
fn erlang_pings_a_hidden_rust_node() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    stage.check("nodes().", "[]");
    stage.check("nodes(hidden) =:= [$N].", "true");
}

#[test]
fn erlang_lists_a_visible_rust_node() {
    let Some(stage) = Stage::with(true) else { return };
    stage.check("net_adm:ping($N).", "pong");
    stage.check("nodes() =:= [$N].", "true");
}

#[test]
fn rust_pings_erlang() {
    let Some(stage) = Stage::new() else { return };
    let pong = stage.node.block_on(|cx| async move {
        let peer = NodeName::new("beam@127.0.0.1").unwrap();
        let net_kernel = Service::at(Atom::from_static("net_kernel"), peer);
        let me = Term::Atom(Atom::new(&cx.node().text()).unwrap());
        Dynamic::call(&net_kernel, Term::tuple([Term::atom("is_auth"), me])).await
    });
    assert_eq!(pong.unwrap(), Ok(Term::atom("yes")));
    stage.check("nodes(hidden) =:= [$N].", "true");
}

#[test]
fn our_epmd_lists_both_nodes() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "{ok, Names} = erl_epmd:names({127,0,0,1}), lists:sort([N || {N, _} <- Names]).",
        r#"["beam","rust"]"#,
    );
}

#[test]
fn a_node_disconnects_and_comes_back() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    stage.check("erlang:disconnect_node($N).", "true");
    stage.check("nodes(hidden).", "[]");
    stage.check("gen_server:call({counter, $N}, get).", "0");
}

/// Both nodes dial each other at the same time, again and again: each time one connection comes of it, and both sides
/// think it works. The greater name wins, so both orders are tried.
#[test]
fn simultaneous_connects_end_in_one_connection() {
    if engset_testkit::require_erl().is_none() {
        return;
    }
    for name in ["aaa@127.0.0.1", "zzz@127.0.0.1"] {
        let port = engset_testkit::free_port().unwrap();
        let node = start_canned(name, port, false);
        let beam = start_beam("mmm", port);
        let peer = NodeName::new("mmm@127.0.0.1").unwrap();
        for round in 0..30 {
            let (sender, receiver) = mpsc::channel();
            node.node().connect(peer, move |result| sender.send(result.is_ok()).unwrap());
            let pong = beam.eval(&format!("net_adm:ping('{name}').")).unwrap();
            assert_eq!((round, receiver.recv().unwrap(), &*pong), (round, true, "pong"), "{name}");
            assert_eq!(node.node().connected(), [(peer, true)], "{name}");
            assert_eq!(beam.eval(&format!("nodes(hidden) =:= ['{name}'].")).unwrap(), "true");
            assert_eq!(beam.eval(&format!("gen_server:call({{counter, '{name}'}}, get).")).unwrap(), "0");
            beam.eval(&format!("erlang:disconnect_node('{name}').")).unwrap();
            wait_until_disconnected(&node);
        }
    }
}

/// A node that connects again although its peer still holds the old connection replaces it (`alive`).
#[test]
fn a_peer_that_lost_the_connection_unnoticed_replaces_it() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    // The Engset node drops its side; whether the Erlang node has noticed by the next call or not, the call works.
    for _ in 0..20 {
        stage.node.node().disconnect(NodeName::new("beam@127.0.0.1").unwrap());
        let called = stage.node.block_on(|_cx| async {
            let net_kernel =
                Service::at(Atom::from_static("net_kernel"), NodeName::new("beam@127.0.0.1").unwrap());
            Dynamic::call(&net_kernel, Term::tuple([Term::atom("is_auth"), Term::atom("me")])).await
        });
        assert_eq!(called.unwrap(), Ok(Term::atom("yes")));
    }
    stage.check(&format!("nodes(hidden) =:= ['{RUST}']."), "true");
}

fn wait_until_disconnected(node: &engset::Node) {
    let core = node.node().clone();
    let gone = node.block_on(|cx| async move {
        for _ in 0..1_000 {
            if core.connected().is_empty() {
                return true;
            }
            cx.sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    });
    assert_eq!(gone, Ok(true));
}
