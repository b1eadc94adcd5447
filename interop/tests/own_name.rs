//! A node without a name gets one from the first peer it connects to, as `erl -name undefined` does.

mod stage;

use engset::net::{DialError, MonitorNodes, NodeType};
use engset::{Atom, Dynamic, Node, NodeList, NodeName, Service, Term};
use stage::{COOKIE, start_beam, start_canned};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn nameless(epmd_tcp_port: u16) -> Node {
    let builder = Node::builder().name_from_peer("127.0.0.1").cookie(COOKIE).epmd_tcp_port(epmd_tcp_port);
    let node = builder.workers(2).start().expect("it starts");
    interop::canned::allow(node.functions());
    let started = node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) });
    started.expect("it runs").expect("they start");
    node
}

fn connect(node: &Node, peer: NodeName) -> Result<(), DialError> {
    let core = node.node().clone();
    node.block_on(move |_cx| async move { core.connect_and_wait(peer).await }).expect("it runs")
}

/// Waits until the node has lost all connections, and its name, of which it is told as of others.
fn disconnected(node: &Node) {
    let core = node.node().clone();
    let gone = node.block_on(|mut cx| async move {
        let all = MonitorNodes { node_type: Some(NodeType::All), ..MonitorNodes::default() };
        core.monitor_nodes(cx.pid(), all).expect("there is room");
        while !core.connected().is_empty() || core.name() != NodeName::NONODE {
            if cx.recv_timeout(PATIENCE).await.is_none() {
                return false;
            }
        }
        true
    });
    assert_eq!(gone, Ok(true), "still connected");
}

#[test]
fn a_whole_node_is_named_by_a_beam() {
    if engset_testkit::require_erl().is_none() {
        return;
    }
    let port = engset_testkit::free_port().unwrap();
    // The EPMD of the machine is the Engset node's; the nameless one has none.
    let _epmd = start_canned("other@127.0.0.1", port, false);
    let beam = start_beam("beam", port);
    let peer = NodeName::new("beam@127.0.0.1").unwrap();
    let node = nameless(port);
    assert_eq!(node.node().name(), NodeName::NONODE);
    let check = |expression: &str, expected: &str| {
        let expression = expression.replace("$N", &format!("'{}'", node.node().name()));
        assert_eq!(beam.eval(&expression).unwrap(), expected, "{expression}");
    };
    connect(&node, peer).unwrap();
    let name = node.node().name();
    assert_eq!(
        (name.host_part().as_str(), node.node().nodes(NodeList::Connected)),
        ("127.0.0.1", vec![peer])
    );
    check("nodes(hidden) =:= [$N].", "true");
    check("nodes().", "[]");
    check("net_adm:ping($N).", "pong");
    check("rpc:call($N, erlang, node, []) =:= $N.", "true");
    check("gen_server:call({counter, $N}, {add, 4}).", "4");
    check(
        "{echo, $N} ! {self(), {hi, self(), nonode@nohost}}, receive {echo, {hi, P, A}} -> {P =:= self(), A} end.",
        "{true,nonode@nohost}",
    );
    // What the node says of itself, in messages and in signals, is by its name.
    check("Pid = rpc:call($N, erlang, whereis, [echo]), node(Pid) =:= $N.", "true");
    check("Pid ! {self(), 1}, receive {echo, 1} -> ok end.", "ok");
    check("rpc:call($N, canned, echo, [Pid]) =:= Pid.", "true");
    check("rpc:call($N, erlang, is_process_alive, [Pid]).", "true");
    check(
        "M = monitor(process, {counter, $N}), gen_server:cast({counter, $N}, {crash, now}), receive {'DOWN', M, process, W, _} -> W =:= {counter, $N} end.",
        "true",
    );
    check(
        "S = erpc:send_request($N, canned, leader, []), erpc:receive_response(S) =:= group_leader().",
        "true",
    );
    check(
        "{W2, M2} = spawn_monitor($N, canned, wait, []), W2 ! done, receive {'DOWN', M2, process, W2, R2} -> {node(W2) =:= $N, R2} end.",
        "{true,normal}",
    );
    check("put(old, Pid), ok.", "ok");

    // The name goes with its connection, and the processes stay.
    check("erlang:disconnect_node($N).", "true");
    disconnected(&node);
    connect(&node, peer).unwrap();
    check("rpc:call($N, erlang, whereis, [echo]) =/= Pid.", "true");
    check("{counter, $N} ! anything, gen_server:call({counter, $N}, get).", "0");
    // A pid of the earlier incarnation is nobody, and costs no connection.
    check(
        "Pid ! {self(), 2}, New = rpc:call($N, erlang, whereis, [echo]), New ! {self(), 3}, receive {echo, E} -> E end.",
        "3",
    );
    check("monitor(process, Pid), receive {'DOWN', _, process, Pid, R3} -> R3 end.", "noproc");
    check("nodes(hidden) =:= [$N].", "true");
}

#[test]
fn the_name_holds_for_other_peers_and_goes_with_who_gave_it() {
    if engset_testkit::require_erl().is_none() {
        return;
    }
    let port = engset_testkit::free_port().unwrap();
    let giver = start_canned("giver@127.0.0.1", port, true);
    let beam = start_beam("beam", port);
    let (first, second) = (giver.node().name(), NodeName::new("beam@127.0.0.1").unwrap());
    let node = nameless(port);
    connect(&node, first).unwrap();
    let name = node.node().name();
    assert_eq!(giver.node().nodes(NodeList::Hidden), [name]);
    connect(&node, second).unwrap();
    assert_eq!(node.node().name(), name);
    assert_eq!(beam.eval(&format!("gen_server:call({{counter, '{name}'}}, get).")).unwrap(), "0");
    // Between two Engset nodes: a call there, and one back.
    let counter = |at: NodeName| Service::<Dynamic>::at(Atom::from_static("counter"), at);
    let call = |node: &Node, at: NodeName| {
        node.block_on(move |_cx| async move { Dynamic::call(&counter(at), Term::atom("get")).await }).unwrap()
    };
    assert_eq!(call(&node, first), Ok(Term::from(0)));
    assert_eq!(call(&giver, name), Ok(Term::from(0)));

    // The second is lost, and the name stays.
    node.node().disconnect(second);
    assert_eq!((node.node().name(), node.node().nodes(NodeList::Connected)), (name, vec![first]));
    connect(&node, second).unwrap();
    // The first is lost, and everything with it.
    giver.node().disconnect(name);
    disconnected(&node);
    // Nothing makes a connection but the wish for one.
    assert!(call(&node, second).is_err());
    assert_eq!(node.node().name(), NodeName::NONODE);
    connect(&node, second).unwrap();
    assert_ne!(node.node().name(), name);
    assert!(call(&node, second).is_err(), "there is no counter there");
    assert_eq!(node.node().nodes(NodeList::Connected), [second]);
}
