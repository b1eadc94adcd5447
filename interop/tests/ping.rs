//! Two nodes find and greet each other.

mod stage;

use engset::{Atom, Dynamic, NodeName, Service, Term};
use stage::Stage;

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
