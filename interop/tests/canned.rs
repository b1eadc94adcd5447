//! The canned node as a program: it ends in order from the moment it is ready, and listens where it is told.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "part of tests that start programs")]

mod stage;

use engset::net::Step;
use engset::{Node, NodeName};
use engset_testkit::free_port;
use stage::COOKIE;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Starts it; what it says first, and the program.
fn start(port: u16, arguments: &[&str]) -> (String, Child) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canned"));
    command.args(["--cookie", COOKIE, "--hidden"]).args(arguments).env("ERL_EPMD_PORT", port.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (line, child)
}

/// Ends it by this signal; whether it ended in order.
fn end(mut canned: Child, signal: &str) -> bool {
    assert!(Command::new("kill").args([signal, &canned.id().to_string()]).status().unwrap().success());
    canned.wait().unwrap().success()
}

#[test]
fn it_ends_in_order_as_soon_as_it_is_ready() {
    for signal in ["-TERM", "-INT"] {
        for _ in 0..5 {
            let (said, canned) = start(free_port().unwrap(), &["--name", "brief@127.0.0.1"]);
            assert_eq!(said, "ready\n");
            assert!(end(canned, signal), "{signal}");
        }
    }
}

#[test]
fn a_name_at_another_address_needs_one_to_listen_at() {
    let port = free_port().unwrap();
    let (said, mut canned) = start(port, &["--name", "far@192.0.2.1"]);
    let mut why = String::new();
    canned.stderr.take().unwrap().read_to_string(&mut why).unwrap();
    assert_eq!((said.as_str(), canned.wait().unwrap().success()), ("", false));
    assert!(why.contains("192.0.2.1") && why.contains("loopback"), "{why}");
    let (said, canned) = start(port, &["--name", "far@192.0.2.1", "--listen", "127.0.0.1"]);
    assert_eq!(said, "ready\n");
    assert!(end(canned, "-TERM"));
}

#[test]
fn it_is_reached_where_it_listens_only() {
    let port = free_port().unwrap();
    let (said, canned) = start(port, &["--name", "near@127.0.9.1", "--listen", "127.0.9.2"]);
    assert_eq!(said, "ready\n");
    let node =
        Node::builder().name("me@127.0.0.1").cookie(COOKIE).epmd_tcp_port(port).workers(1).start().unwrap();
    let connect = |peer: &str| {
        let (sender, receiver) = mpsc::channel();
        let peer = NodeName::new(peer).unwrap();
        node.node().connect(peer, move |result| sender.send(result).unwrap());
        let error = receiver.recv().unwrap().unwrap_err();
        error.downcast_ref::<engset::net::ConnectError>().map(engset::net::ConnectError::step)
    };
    // There is no EPMD at the address of its name, and it listens at another than that of the EPMD: nobody is there, or
    // by chance another node, which has another name.
    assert_eq!(connect("near@127.0.9.1"), Some(Step::Epmd));
    assert!(matches!(connect("near@127.0.0.1"), Some(Step::Tcp) | None));
    assert_eq!(node.node().connected(), []);
    assert!(end(canned, "-TERM"));
}
