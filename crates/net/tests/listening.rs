//! Where a node listens: on the loopback address that its name stands for, or where it is told to.

mod peer;

use engset_net::{ConnectError, NodeBuilder, RunningNode, StartNodeError};
use engset_term::NodeName;
use peer::{COOKIE, free_fixed_port};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc;

fn builder(name: &str, epmd_tcp_port: u16) -> NodeBuilder {
    RunningNode::builder().name(name).cookie(COOKIE).workers(1).epmd_tcp_port(epmd_tcp_port)
}

/// Asserts that a node of another name reaches `name` by it.
fn check_reached(name: &str, epmd_tcp_port: u16) {
    let other = builder("other@127.0.0.1", epmd_tcp_port).start().expect("the other node starts");
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(name).expect("a name");
    other.node().connect(peer, move |result| drop(sender.send(result.map_err(|error| error.to_string()))));
    assert_eq!(receiver.recv(), Ok(Ok(())), "{name}");
}

#[test]
fn nodes_at_any_loopback_address_are_reached_by_their_names() {
    for name in ["x@127.0.0.1", "x@localhost", "x@127.0.9.1"] {
        let port = free_fixed_port();
        let _node = builder(name, port).start().expect("the node starts");
        check_reached(name, port);
    }
}

#[test]
fn a_name_at_another_address_is_refused_unless_the_address_is_given() {
    let address = IpAddr::from([192, 0, 2, 1]);
    let port = free_fixed_port();
    let error = builder("x@192.0.2.1", port).start().expect_err("the name is not on the loopback");
    let told = error.to_string();
    assert!(
        matches!(&error, StartNodeError::NotLoopback { host, address: found } if host == "192.0.2.1" && *found == address),
        "{told}"
    );
    assert!(told.contains("listens on the loopback only"), "{told}");
    for listen in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        let node = builder("x@192.0.2.1", port).listen(listen.into()).start();
        drop(node.expect("it was told where to listen"));
    }
}

#[test]
fn a_name_whose_host_is_unknown_is_refused_unless_an_address_is_given() {
    let port = free_fixed_port();
    let error = builder("x@no.such.host.invalid", port).start().expect_err("nobody knows the host");
    assert!(matches!(&error, StartNodeError::Host(ConnectError::Resolve { .. })), "{error}");
    let node = builder("x@no.such.host.invalid", port).listen(Ipv4Addr::LOCALHOST.into()).start();
    drop(node.expect("it was told where to listen"));
}

#[test]
fn a_node_that_listens_everywhere_is_reached_at_each_address() {
    let port = free_fixed_port();
    let _node = builder("x@127.0.9.2", port).listen(Ipv4Addr::UNSPECIFIED.into()).start().expect("it starts");
    check_reached("x@127.0.9.2", port);
}
