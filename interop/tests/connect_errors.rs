//! What is told of nodes that cannot be reached, with live Erlang nodes on the other side: cause, side, what to do.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::net::{CloseReason, HandshakeError};
use engset::{Node, NodeName};
use engset_testkit::{Beam, EpmdProcess, require_erl};
use stage::{COOKIE, start_canned};
use std::sync::mpsc;

fn dial(from: &Node, peer: &str) -> HandshakeError {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).unwrap();
    from.node().connect(peer, move |result| sender.send(result).unwrap());
    let error = receiver.recv().unwrap().unwrap_err();
    match error.downcast_ref::<CloseReason>() {
        Some(CloseReason::Handshake(error)) => error.clone(),
        _ => panic!("no error of the handshake: {error}"),
    }
}

/// A node with a short name that is dialled by a long one: it is there, but under another name.
#[test]
fn short_and_long_names_that_are_mixed_are_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let node = start_canned("rust@127.0.0.1", epmd.port(), false);
    let beam = Beam::builder().sname("beam").cookie(COOKIE).epmd_port(epmd.port()).start().unwrap();
    let error = dial(&node, "beam@127.0.0.1");
    let is_expected = matches!(&error, HandshakeError::NameMismatch { got, .. } if *got == beam.node_name());
    assert!(is_expected, "{error}");
    let told = error.to_string();
    assert!(told.contains("short name") && told.contains(beam.node_name()), "{told}");
}

/// An EPMD that sends to another node than the one that was dialled.
#[test]
fn another_node_in_the_place_of_the_dialled_one_is_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let node = start_canned("rust@127.0.0.1", epmd.port(), false);
    let _beam = Beam::builder().name("beam").cookie(COOKIE).epmd_port(epmd.port()).start().unwrap();
    // `localhost` has the same EPMD.
    let told = dial(&node, "beam@localhost").to_string();
    assert!(told.contains("calls itself beam@127.0.0.1"), "{told}");
}
