//! EPMD in the life of nodes: ours in the place of the stock one, one that dies, and none at all.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::net::epmd::{self, EpmdServer};
use engset::{Atom, Dynamic, Instant, Node, NodeName, Service, Term};
use engset_testkit::{Beam, Elixir, EpmdProcess, free_port, require_elixir, require_erl};
use stage::{COOKIE, start_beam, start_canned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// How long an EPMD may take to come back: registrations are tried again every two seconds.
const BACK_WITHIN: Duration = Duration::from_secs(30);

fn serve(node: &Node, tcp_port: u16) -> EpmdServer {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, tcp_port));
    node.block_on(async move |cx| epmd::serve(at, cx.processes().scheduler()).await).unwrap().unwrap()
}

/// The names that an EPMD knows; none when nobody answers.
fn names(node: &Node, tcp_port: u16) -> Vec<String> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, tcp_port));
    let list = node.block_on(move |_cx| epmd::names(at)).unwrap();
    let mut names: Vec<_> =
        list.map(|list| list.names.into_iter().map(|(name, _)| name).collect()).unwrap_or_default();
    names.sort();
    names
}

/// Waits until the EPMD knows these and no others.
fn until_names(node: &Node, tcp_port: u16, expected: &[&str]) {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, tcp_port));
    let expected_names: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let seen = node
        .block_on(async move |cx| {
            let deadline = cx.processes().scheduler().now().saturating_add(BACK_WITHIN);
            while cx.processes().scheduler().now() < deadline {
                if let Ok(list) = epmd::names(at).await {
                    let mut names: Vec<_> = list.names.into_iter().map(|(name, _)| name).collect();
                    names.sort();
                    if names == expected_names {
                        return true;
                    }
                }
                cx.sleep(Duration::from_millis(20)).await;
            }
            false
        })
        .unwrap();
    assert!(seen, "{:?} instead of {expected:?}", names(node, tcp_port));
}

fn ping(node: &Node, peer: &str) -> bool {
    let peer = NodeName::new(peer).unwrap();
    let pong = node.block_on(move |cx| async move {
        let net_kernel = Service::at(Atom::from_static("net_kernel"), peer);
        let me = Term::Atom(Atom::new(&cx.node().text()).unwrap());
        Dynamic::call(&net_kernel, Term::tuple([Term::atom("is_auth"), me])).await
    });
    pong.unwrap() == Ok(Term::atom("yes"))
}

#[test]
fn erlang_and_elixir_nodes_use_ours_as_the_stock_one() {
    if require_erl().is_none() || require_elixir().is_none() {
        return;
    }
    let host = Node::builder().workers(1).start().unwrap();
    let port = free_port().unwrap();
    let _epmd = serve(&host, port);
    let a = start_beam("a", port);
    let b = Elixir::builder().name("b").cookie(COOKIE).epmd_port(port).start().unwrap();
    assert_eq!(a.eval("net_adm:ping('b@127.0.0.1').").unwrap(), "pong");
    let named = "{ok, L} = erl_epmd:names({127,0,0,1}), lists:sort([N || {N, _} <- L]).";
    assert_eq!(a.eval(named).unwrap(), r#"["a","b"]"#);
    let named = "{ok, M} = net_adm:names('127.0.0.1'), lists:sort([N || {N, _} <- M]).";
    assert_eq!(a.eval(named).unwrap(), r#"["a","b"]"#);
    let port_please = "element(1, erl_epmd:port_please(\"b\", {127,0,0,1})).";
    assert_eq!(a.eval(port_please).unwrap(), "port");
    assert_eq!(a.eval("erl_epmd:port_please(\"c\", {127,0,0,1}).").unwrap(), "noport");
    b.kill();
    until_names(&host, port, &["a"]);
    // A second node of the same name is refused, as by the stock one.
    assert!(Beam::builder().name("a").cookie(COOKIE).epmd_port(port).start().is_err());
}

/// The EPMD dies: Erlang nodes and ours register again with the one that comes after it.
#[test]
fn epmd_reconnect() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let port = epmd.port();
    let node = start_canned("rust@127.0.0.1", port, false);
    let beam = start_beam("beam", port);
    assert_eq!(names(&node, port), ["beam", "rust"]);
    drop(epmd);
    // Our node is the EPMD from now on, until it ends.
    until_names(&node, port, &["beam", "rust"]);
    assert_eq!(beam.eval("net_adm:ping('rust@127.0.0.1').").unwrap(), "pong");
    let other = start_canned("other@127.0.0.1", port, false);
    until_names(&other, port, &["beam", "other", "rust"]);
    drop(node);
    // The other node is it now.
    until_names(&other, port, &["beam", "other"]);
    assert!(ping(&other, "beam@127.0.0.1"));
    assert_eq!(beam.eval("net_adm:ping('other@127.0.0.1').").unwrap(), "pong");
}

/// An EPMD that drops a registration and refuses the next: the node tries again after two seconds, not before.
#[test]
fn a_lost_registration_is_tried_again_after_two_seconds() {
    let epmd = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = epmd.local_addr().unwrap().port();
    let watcher = Node::builder().workers(1).start().unwrap();
    let scheduler = watcher.processes().scheduler().clone();
    let (sender, outcome) = mpsc::channel();
    std::thread::scope(|scope| {
        let epmd = scope.spawn(move || {
            let taken = answer_registration(&epmd, true);
            sender.send(scheduler.now()).unwrap();
            // The node hears of the loss at once, and is refused at once.
            drop(taken);
            drop(answer_registration(&epmd, false));
            sender.send(scheduler.now()).unwrap();
            let taken = answer_registration(&epmd, true);
            sender.send(scheduler.now()).unwrap();
            taken
        });
        let node = start_canned("rust@127.0.0.1", port, false);
        let [lost, refused, again] = [(); 3].map(|()| outcome.recv().unwrap());
        let took = |from: Instant, to: Instant| to.saturating_duration_since(from);
        assert!(took(lost, refused) < Duration::from_secs(1), "{:?}", took(lost, refused));
        let waited = took(refused, again);
        assert!(waited > Duration::from_millis(1_900) && waited < Duration::from_secs(4), "{waited:?}");
        drop((node, epmd.join().unwrap()));
    });
}

/// Plays an EPMD for one registration; the connection that keeps it.
fn answer_registration(epmd: &TcpListener, is_taken: bool) -> TcpStream {
    let (mut stream, _from) = epmd.accept().unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut request = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut request).unwrap();
    assert_eq!(request[0], b'x');
    stream.write_all(&[b'v', u8::from(!is_taken), 0, 0, 0, 9]).unwrap();
    stream
}

/// Nodes that all listen at one port of their addresses, as `-start_epmd false -erl_epmd_port N` wants it.
#[test]
fn no_epmd() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let start = |name: &str| {
        let node = Node::builder().name(name).cookie(COOKIE).no_epmd(port).workers(1).start().unwrap();
        node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })
            .unwrap()
            .unwrap();
        node
    };
    let node = start("rust@127.0.9.31");
    let other = start("other@127.0.9.32");
    let port_text = port.to_string();
    let arguments = ["-erl_epmd_port", &port_text, "-kernel", "inet_dist_use_interface", "{127,0,9,33}"];
    // Nobody is at the EPMD's port.
    let beam = Beam::builder().name("beam@127.0.9.33").cookie(COOKIE).epmd_port(free_port().unwrap());
    let beam = beam.erl_args(arguments).start().unwrap();
    assert_eq!(beam.eval("net_adm:ping('rust@127.0.9.31').").unwrap(), "pong");
    assert_eq!(beam.eval("gen_server:call({counter, 'other@127.0.9.32'}, {add, 2}).").unwrap(), "2");
    assert!(ping(&node, "beam@127.0.9.33"));
    assert!(ping(&node, "other@127.0.9.32"));
    assert!(ping(&other, "rust@127.0.9.31"));
    beam.eval("erlang:disconnect_node('rust@127.0.9.31').").unwrap();
    // What goes over the old connection would be lost with it.
    let clock = node.processes().scheduler().clone();
    let due = clock.now().saturating_add(Duration::from_secs(30));
    while node.node().connected().iter().any(|(peer, _)| peer.text() == "beam@127.0.9.33") {
        assert!(clock.now() < due, "the connection is still there");
        std::thread::yield_now();
    }
    assert!(ping(&node, "beam@127.0.9.33"));
    assert_ne!(node.node().config().creation, other.node().config().creation);
}

/// An Erlang node that starts no EPMD finds the one that an Engset node is.
#[test]
fn start_epmd_false() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let _node = start_canned("rust@127.0.0.1", port, false);
    // The test kit starts all nodes with `-start_epmd false`.
    let beam = start_beam("beam", port);
    assert_eq!(beam.eval("init:get_argument(start_epmd).").unwrap(), r#"{ok,[["false"]]}"#);
    assert_eq!(beam.eval("net_adm:ping('rust@127.0.0.1').").unwrap(), "pong");
}

/// A node that lets its handshake hang is given up on after its time, and not before.
#[test]
fn net_setuptime() {
    let silent = TcpListener::bind((Ipv4Addr::new(127, 0, 9, 34), 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let builder = Node::builder().name("rust@127.0.9.35").cookie(COOKIE).no_epmd(port).workers(1);
    let builder = builder.adjust(|config| config.handshake_timeout = Duration::from_millis(300));
    let node = builder.start().unwrap();
    let scheduler = node.processes().scheduler().clone();
    let begun = scheduler.now();
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new("silent@127.0.9.34").unwrap();
    node.node().connect(peer, move |result| sender.send(result).unwrap());
    let error = receiver.recv().unwrap().unwrap_err().to_string();
    let took = scheduler.now().saturating_duration_since(begun);
    assert!(error.contains("timed out"), "{error}");
    assert!(took >= Duration::from_millis(280) && took < Duration::from_secs(5), "{took:?}");
}
