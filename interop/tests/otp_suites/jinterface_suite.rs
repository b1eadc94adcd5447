//! `jinterface_SUITE`: what JInterface's nodes and mailboxes do, of Engset's nodes and processes.

use super::stage::RUST;
use super::suite::{Suite, cases};
use engset::net::{MonitorNodes, NodeInfo, NodeType};
use engset::{Mail, NodeName, SpawnOptions, Term};
use std::sync::mpsc;
use std::time::Duration;

static SUITE: Suite = Suite::new("jinterface_suite");

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_secs(10);

cases!(
    SUITE:
    fn nodename();
    fn register_and_whereis();
    fn get_names();
    fn boolean_atom();
    fn maps();
    fn fun_equals();
    fn node_ping();
    fn mbox_ping();
    fn java_erlang_send_receive();
    fn java_internal_send_receive_same_node();
    fn java_internal_send_receive_different_nodes();
    fn java_internal_send_receive_self();
    fn java_link_and_exit();
    fn erl_link_and_exit();
    fn erl_link_unlink_link_and_exit();
    fn erl_link_java_unlink_link_and_exit();
    fn simultaneous_erl_link_java_link_unlink();
    fn simultaneous_erl_link_unlink_java_link();
    fn erl_link_java_exit();
    fn java_link_erl_exit();
    fn internal_link_linking_exits();
    fn internal_link_linked_exits();
    fn internal_unlink_linking_exits();
    fn internal_unlink_linked_exits();
    fn normal_exit();
    fn kill_mbox();
    fn kill_erl_proc_from_java();
    fn kill_mbox_from_erlang();
    fn erl_exit_with_reason_any_term();
    fn java_exit_with_reason_any_term();
);

/// The Engset node is told when the Erlang node comes and goes.
#[test]
fn status_handler_remote_status() {
    let Some(stage) = SUITE.stage() else { return };
    let (sender, told) = mpsc::channel();
    let node = stage.node.node().clone();
    let watcher = async move |mut cx: engset::Cx<Term>| {
        let all =
            MonitorNodes { node_type: Some(NodeType::All), info: NodeInfo::List, ..MonitorNodes::default() };
        node.monitor_nodes(cx.pid(), all).unwrap();
        sender.send("watching".to_owned()).unwrap();
        while let Mail::Message(message) = cx.recv().await {
            sender.send(message.to_string()).unwrap();
        }
    };
    let watcher = stage.node.processes().spawn(SpawnOptions::default(), watcher).unwrap();
    let next = || told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(next(), "watching");
    let eval = |expression: &str| stage.beam.eval(&expression.replace("$N", &format!("'{RUST}'"))).unwrap();
    // Another node than the one that the cases share: those may be running.
    assert_eq!(eval("rust:run(jinterface_suite, brief_node)."), "ok");
    let brief: Vec<String> =
        std::iter::from_fn(|| Some(next())).filter(|message| message.contains("brief@")).take(2).collect();
    assert_eq!(brief[0], "{nodeup,'brief@127.0.0.1',[{node_type,hidden}]}");
    assert_eq!(brief[1], "{nodedown,'brief@127.0.0.1',[{node_type,hidden}]}");
    stage.node.block_on(move |cx| async move { cx.exit(watcher.pid(), engset::ExitReason::Kill) }).unwrap();
}

/// Whoever connects is told how that went, on success and on failure.
#[test]
fn status_handler_conn_attempt() {
    let Some(stage) = SUITE.stage() else { return };
    let connect = |peer: &str| {
        let (sender, receiver) = mpsc::channel();
        let peer = NodeName::new(peer).unwrap();
        stage.node.node().connect(peer, move |result| {
            sender.send(result.map_err(|error| error.to_string())).unwrap();
        });
        receiver.recv_timeout(PATIENCE).unwrap()
    };
    assert_eq!(connect("beam@127.0.0.1"), Ok(()));
    let error = connect("nobody@127.0.0.1").unwrap_err();
    assert!(error.contains("nobody"), "{error}");
}
