//! What a peer sends is no other peer's business.

use super::{Channel, Phase};
use crate::NodeConfig;
use crate::node::{Dial, Network, Node};
use crate::peers::Link;
use engset_dist::Flags;
use engset_dist::connection::Received;
use engset_dist::control::Control;
use engset_dist::handshake::{Cookie, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_process::Scheduler;
use engset_term::{Instant, NodeName, Pid};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::time::Duration;

/// Dials nobody.
struct Nowhere;

impl Network for Nowhere {
    fn dial(&self, _: Arc<Node>, _: Dial) {}
}

fn cookie() -> Cookie {
    Cookie::new("a cookie of tests").unwrap()
}

/// A peer of this name that has proven who it is.
fn connected(node: &Arc<Node>, name: &str) -> (Channel, Arc<Link>) {
    let mut channel = Channel::accepted(Arc::clone(node), Instant::ZERO, 3, Framing::Two).unwrap();
    let local =
        LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 9, cookie: cookie(), visible: true };
    let mut peer = Initiator::new(Instant::ZERO, local, "near@h", 1, Framing::Two).unwrap();
    loop {
        let mut said = Vec::new();
        peer.poll_transmit(&mut said);
        channel.handle_bytes(Instant::ZERO, &said).unwrap();
        let mut answer = Vec::new();
        channel.poll_transmit(&mut answer, Waker::noop()).unwrap();
        peer.handle_bytes(Instant::ZERO, &answer.concat()).unwrap();
        if let Some(InitiatorEvent::Established(_)) = peer.poll_event()
            && let Phase::Up(up) = &channel.phase
        {
            let link = Arc::clone(&up.link);
            return (channel, link);
        }
    }
}

/// A link or a monitor of who has ended is answered by way of the connection that it came over. With many peers, looking at
/// all of them for each would hold up everybody.
#[test]
fn what_is_asked_of_an_ended_process_touches_one_connection() {
    let config = NodeConfig::new(NodeName::new("near@h").unwrap(), 7, cookie(), 0);
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nowhere));
    let (_asking, asks) = connected(&node, "one@h");
    let (_other, other) = connected(&node, "two@h");
    let from = Pid::new(asks.peer, 9, 1, 0);
    let ended = Pid::new(node.name(), 7, 1_000, 0);
    let (done, is_done) = mpsc::channel();
    let busy = other.state.lock();
    let asking = {
        let (node, asks) = (Arc::clone(&node), Arc::clone(&asks));
        std::thread::spawn(move || {
            let received = Received { control: Control::Link { from, to: ended }, payload: None };
            node.deliver(&asks, received).unwrap();
            done.send(()).unwrap();
        })
    };
    let waited = is_done.recv_timeout(Duration::from_secs(5));
    drop(busy);
    asking.join().unwrap();
    assert_eq!(waited, Ok(()), "it waits for another connection");
    assert_eq!(node.concerned(), 0);
}
