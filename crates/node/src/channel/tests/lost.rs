//! What comes over a connection, beside others and while it is lost.

use super::{Channel, Phase};
use crate::NodeConfig;
use crate::node::{Dial, Network, Node};
use crate::peers::Link;
use engset_dist::Flags;
use engset_dist::connection::Received;
use engset_dist::control::Control;
use engset_dist::handshake::{Cookie, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_process::{Cx, Mail, Scheduler, SpawnOptions};
use engset_term::{Instant, NodeName, Pid, Term};
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
    let waited = std::thread::scope(|scope| {
        scope.spawn(|| {
            let received = Received { control: Control::Link { from, to: ended }, payload: None };
            node.deliver(&asks, received).unwrap();
            done.send(()).unwrap();
        });
        let waited = is_done.recv_timeout(Duration::from_secs(5));
        drop(busy);
        waited
    });
    assert_eq!(waited, Ok(()), "it waits for another connection");
    assert_eq!(node.concerned(), 0);
}

/// A thread that disconnects while another one lets signals act: what acts just now has acted before the loss is told, and
/// a link that is just made hears of it.
#[test]
fn the_loss_is_told_when_nothing_of_the_connection_acts_any_more() {
    let scheduler = Scheduler::seeded(1);
    let Scheduler::Seeded(seeded) = &scheduler else { panic!("a seeded scheduler") };
    let config = NodeConfig::new(NodeName::new("near@h").unwrap(), 7, cookie(), 0);
    let node = Node::new(config, scheduler.clone(), Arc::new(Nowhere));
    let (says, heard) = mpsc::channel();
    let listen = |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        loop {
            let what = match cx.recv().await {
                Mail::Message(message) => message.to_string(),
                Mail::Exit(exit) => exit.reason.to_string(),
                other => format!("{other:?}"),
            };
            says.send(what).unwrap();
        }
    };
    let listener = node.processes().spawn(SpawnOptions::default(), listen).unwrap().pid();
    seeded.run_until(seeded.now());
    let (_channel, link) = connected(&node, "far@h");
    let from = Pid::new(link.peer, 9, 1, 0);
    let message = || {
        let mut body = Vec::new();
        engset_etf::encode_body(&Term::atom("hello"), &mut body);
        let control = Control::Send { from: Some(from), to: listener, token: None };
        Received { control, payload: Some(body.into()) }
    };
    std::thread::scope(|scope| {
        let acting = link.acting();
        let disconnect = scope.spawn(|| node.disconnect(link.peer));
        while !link.is_silent() {
            std::thread::yield_now();
        }
        let received = Received { control: Control::Link { from, to: listener }, payload: None };
        node.deliver(&link, received).unwrap();
        node.deliver(&link, message()).unwrap();
        assert_eq!(node.connected(), [(link.peer, true)], "the loss is told");
        drop(acting);
        assert!(disconnect.join().unwrap());
    });
    assert_eq!(node.connected(), []);
    seeded.run_until(seeded.now());
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["hello", "noconnection"]);
}

/// Where a signal that acts closes the connection that it came over, it does not wait for itself.
#[test]
fn a_signal_can_close_its_connection() {
    let config = NodeConfig::new(NodeName::new("near@h").unwrap(), 7, cookie(), 0);
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nowhere));
    let (_channel, link) = connected(&node, "far@h");
    let acting = link.acting();
    assert!(node.disconnect(link.peer));
    drop(acting);
    assert_eq!(node.connected(), []);
}
