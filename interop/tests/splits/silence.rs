//! What is told of nodes behind a network that drops packets: at which step, on which side, what to look at.

use crate::cluster::COOKIE;
use engset::net::{ConnectError, NodeBuilder, Step};
use engset::{CallError, Dynamic, Node, NodeName, Service, Term};
use engset_testkit::{Beam, EpmdProcess, Network, require_erl, require_network};
use std::net::TcpListener;
use std::sync::mpsc::channel;

const BEAM: &str = "beam@10.83.0.2";

/// Two hosts, the first with an Engset node.
fn network(build: impl FnOnce(NodeBuilder) -> NodeBuilder + Send) -> Option<(Node, Network)> {
    require_erl()?;
    require_network()?;
    let network = Network::new(2).unwrap();
    let host = &network.hosts()[0];
    let builder = Node::builder().name("rust@10.83.0.1").cookie(COOKIE).listen(host.address().into());
    let node = host.run(|| build(builder.workers(2).epmd_tcp_port(4369)).start()).unwrap().unwrap();
    Some((node, network))
}

fn dial(node: &Node) -> ConnectError {
    let (sender, result) = channel();
    node.node().connect(NodeName::new(BEAM).unwrap(), move |result| sender.send(result).unwrap());
    let error = result.recv().unwrap().unwrap_err();
    error.downcast_ref::<ConnectError>().unwrap_or_else(|| panic!("no error of connecting: {error}")).clone()
}

#[track_caller]
fn check_silence(node: &Node, step: Step, port: u16) {
    let error = dial(node);
    let is_it = matches!(&error, ConnectError::Timeout { step: told, at: Some(at) }
        if *told == step && at.to_string() == format!("10.83.0.2:{port}"));
    assert!(is_it, "{error}");
    assert!(error.to_string().contains("a firewall between drops packets"), "{error}");
    // A call says that it certainly did not run.
    let called = node.block_on(|_| async {
        let server = Service::at(engset::Atom::from_static("server"), NodeName::new(BEAM).unwrap());
        Dynamic::call(&server, Term::Nil).no_timeout().await
    });
    assert_eq!(called.unwrap(), Err(CallError::Unreachable));
}

fn start_beam(network: &Network) -> Beam {
    let beam = Beam::builder().name(BEAM).cookie(COOKIE).host(&network.hosts()[1]);
    beam.erl_args(["-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max", "9100"])
        .start()
        .unwrap()
}

/// A host that is gone, or cut off: nobody answers where its EPMD should be.
#[test]
fn a_host_that_is_cut_off_is_a_timeout_of_epmd() {
    let Some((node, network)) = network(|builder| builder) else { return };
    let beam = start_beam(&network);
    network.cut(0, 1).unwrap();
    check_silence(&node, Step::Epmd, 4369);
    network.heal(0, 1).unwrap();
    assert_eq!(beam.eval("net_adm:ping('rust@10.83.0.1')").unwrap(), "pong");
}

/// The EPMD answers, and a firewall drops what goes to the node itself.
#[test]
fn a_firewall_before_the_node_is_a_timeout_of_tcp() {
    let Some((node, network)) = network(|builder| builder) else { return };
    let beam = start_beam(&network);
    network.drop_tcp_port(1, 9100).unwrap();
    check_silence(&node, Step::Tcp, 9100);
    // The other way is open.
    assert_eq!(beam.eval("net_adm:ping('rust@10.83.0.1')").unwrap(), "pong");
}

/// Without EPMD, the first step is the connection to the node.
#[test]
fn without_epmd_a_host_that_is_cut_off_is_a_timeout_of_tcp() {
    let Some((node, network)) = network(|builder| builder.no_epmd(9100)) else { return };
    network.cut(0, 1).unwrap();
    check_silence(&node, Step::Tcp, 9100);
}

/// A host that is up and has neither EPMD nor node says so at once, and an EPMD without the name says that.
#[test]
fn a_host_without_the_node_says_so_at_once() {
    let Some((node, network)) = network(|builder| builder) else { return };
    let host = &network.hosts()[1];
    let error = dial(&node);
    assert!(matches!(&error, ConnectError::NoEpmd { .. }), "{error}");
    let epmd = EpmdProcess::start_on(host).unwrap();
    let error = dial(&node);
    assert!(matches!(&error, ConnectError::UnknownNode { name, .. } if name == "beam"), "{error}");
    drop(epmd);
    // Something that listens there, takes the question and says nothing.
    let _silent = host.run(|| TcpListener::bind((host.address(), 4369))).unwrap().unwrap();
    check_silence(&node, Step::Epmd, 4369);
}
