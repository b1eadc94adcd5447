//! A peer that gives a name for which its carrier does not vouch is refused before the cookie is looked at.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::Flags;
use engset_dist::handshake::{Cookie, Framing, HandshakeError, Initiator, LocalNode};
use engset_node::{Channel, CloseReason, Dial, NameCheck, Network, Node, NodeConfig};
use engset_process::Scheduler;
use engset_term::{Instant, NodeName};
use std::io;
use std::sync::Arc;
use std::task::Waker;

struct Nowhere;

impl Network for Nowhere {
    fn dial(&self, _: Arc<Node>, _: Dial) {}
}

fn cookie() -> Cookie {
    Cookie::new("a cookie of tests").unwrap()
}

/// What becomes of a peer of this name with a carrier that vouches for `known@h` only.
fn outcome(name: &str) -> (Result<(), CloseReason>, Result<(), HandshakeError>) {
    let config = NodeConfig::new(NodeName::new("node@h").unwrap(), 7, cookie(), 0);
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nowhere));
    let names = NameCheck::new(|name| match name {
        "known@h" => Ok(()),
        other => Err(Arc::new(io::Error::other(format!("the certificate is not for {other}")))),
    });
    let channel = Channel::accepted(node, Instant::ZERO, 3, Framing::Two).unwrap();
    let mut channel = channel.check_name(names);
    let local = LocalNode {
        name: name.to_owned(),
        flags: Flags::OURS,
        creation: 9,
        cookie: cookie(),
        visible: false,
    };
    let mut peer = Initiator::new(Instant::ZERO, local, "node@h", 1, Framing::Two).unwrap();
    let mut said = Vec::new();
    peer.poll_transmit(&mut said);
    let read = channel.handle_bytes(Instant::ZERO, &said);
    let mut answer = Vec::new();
    drop(channel.poll_transmit(&mut answer, Waker::noop()));
    let heard = answer.iter().try_for_each(|piece| peer.handle_bytes(Instant::ZERO, piece));
    (read, heard)
}

#[test]
fn a_name_that_the_carrier_vouches_for_goes_on() {
    let (read, heard) = outcome("known@h");
    assert!(read.is_ok(), "{read:?}");
    assert_eq!(heard, Ok(()));
}

#[test]
fn another_name_is_refused_and_told_so() {
    let (read, heard) = outcome("other@h");
    let reason = read.expect_err("it is refused");
    assert!(matches!(&reason, CloseReason::Impostor(_)), "{reason}");
    assert!(reason.to_string().contains("not for other@h"), "{reason}");
    assert_eq!(heard, Err(HandshakeError::NotAllowed));
    // The table of names knows nobody who has proven nothing.
    assert_eq!(NodeName::find("other@h"), None);
}
