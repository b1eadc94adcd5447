//! A connection that this node closes is closed although the peer does not read.

mod peer;

use engset_process::Dest;
use engset_term::{Atom, NodeName, Term};
use peer::{Peer, Stage, wire};
use std::io::Write;
use std::time::Duration;

const PEER: &str = "deaf@127.0.0.1";
/// More than the sockets of both sides take.
const FLOOD_BYTES: usize = 32 << 20;
/// Looks of the node at a connection, after which it has written what the sockets take.
const LOOKS: usize = 50;
/// A node that has not looked by then does not.
const LOOK_WITHIN: Duration = Duration::from_secs(30);
/// A node that has not closed by then does not.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// Sends a binary of so many bytes to the peer.
fn flood(stage: &Stage, bytes: usize) {
    let sent = stage.node.block_on(move |cx| async move {
        let to = Dest::RemoteName(Atom::from_static("nobody"), NodeName::new(PEER).expect("a name"));
        cx.send(to, Term::binary(vec![7; bytes])).is_ok()
    });
    assert_eq!(sent.ok(), Some(true));
}

/// A peer that does not read, and for which more is to be written than the sockets take.
fn flooded(stage: &Stage) -> Peer {
    let mut peer = stage.connected(PEER);
    flood(stage, FLOOD_BYTES);
    for look in 1..=LOOKS {
        // That the node has counted a term that is none shows that it has looked at the connection once more.
        peer.write(&wire::normal(&peer.to_net_kernel(), &[255]));
        let begun = stage.now();
        while stage.rejected() < look as u64 {
            let took = stage.now().saturating_duration_since(begun);
            assert!(took < LOOK_WITHIN, "the term is not counted after {took:?}");
            std::thread::yield_now();
        }
    }
    peer
}

/// Asserts that the node closes the socket, without reading from it.
fn check_closed(stage: &Stage, peer: &mut Peer) {
    let begun = stage.now();
    // Ticks; once the node has closed, they are refused.
    while peer.stream.write_all(&[0; 4]).is_ok() {
        let took = stage.now().saturating_duration_since(begun);
        assert!(took < CLOSE_WITHIN, "still open after {took:?}");
        std::thread::yield_now();
    }
    assert!(stage.node.node().connected().is_empty());
}

#[test]
fn disconnecting_from_a_peer_that_does_not_read_closes_the_socket() {
    let stage = Stage::new("curt@127.0.0.1", |builder| builder);
    let mut peer = flooded(&stage);
    assert!(stage.node.node().disconnect(NodeName::new(PEER).expect("a name")));
    check_closed(&stage, &mut peer);
    stage.check_alive();
}

#[test]
fn a_full_queue_closes_the_socket_of_a_peer_that_does_not_read() {
    let stage = Stage::new("brimful@127.0.0.1", |builder| {
        builder.adjust(|config| config.outgoing.large_bytes_max = FLOOD_BYTES)
    });
    let mut peer = flooded(&stage);
    flood(&stage, FLOOD_BYTES);
    check_closed(&stage, &mut peer);
    stage.check_alive();
}
