//! The limits of a node on what strangers and slow peers can make it hold, at both sides of each.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::handshake::Cookie;
use engset_node::{Abandoned, Dial, DialError, Network, Node, NodeConfig, TooManyConnections};
use engset_process::{Cx, Dest, ExitReason, Mail, Scheduler};
use engset_term::{Atom, NodeName, Term};
use std::sync::{Arc, Mutex};

/// A network on which nobody ever answers.
#[derive(Default)]
struct Silence {
    dials: Mutex<Vec<Dial>>,
}

impl Network for Silence {
    fn dial(&self, _node: Arc<Node>, dial: Dial) {
        self.dials.lock().unwrap().push(dial);
    }
}

fn node(adjust: impl FnOnce(&mut NodeConfig)) -> (Arc<Node>, Arc<Silence>) {
    let name = NodeName::new("limits@127.0.0.1").unwrap();
    let mut config = NodeConfig::new(name, 7, Cookie::new("secret").unwrap(), 1);
    adjust(&mut config);
    let network = Arc::new(Silence::default());
    (Node::new(config, Scheduler::seeded(1), Arc::clone(&network) as Arc<dyn Network>), network)
}

fn peer(number: usize) -> NodeName {
    NodeName::new(&format!("peer{number}@127.0.0.1")).unwrap()
}

/// What is known of an attempt: nothing yet, or how it ended.
type Outcome = Arc<Mutex<Option<Result<(), DialError>>>>;

fn connect(node: &Arc<Node>, to: NodeName) -> Outcome {
    let outcome = Outcome::default();
    let told = Arc::clone(&outcome);
    node.connect(to, move |result| *told.lock().unwrap() = Some(result));
    outcome
}

#[test]
fn as_many_connections_as_allowed_and_not_one_more() {
    let (node, network) = node(|config| config.connections_max = 3);
    let begun: Vec<Outcome> = (0..3).map(|number| connect(&node, peer(number))).collect();
    assert!(begun.iter().all(|outcome| outcome.lock().unwrap().is_none()));
    let refused = connect(&node, peer(3)).lock().unwrap().take().unwrap().unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&TooManyConnections { limit: 3 }));
    assert_eq!(network.dials.lock().unwrap().len(), 3);
    // One that is given up makes room.
    assert!(node.disconnect(peer(0)));
    assert!(connect(&node, peer(3)).lock().unwrap().is_none());
}

#[test]
fn a_signal_for_one_peer_too_many_tells_noconnection_at_once() {
    let (node, _network) = node(|config| config.connections_max = 0);
    let reason = node.processes().block_on(|mut cx: Cx<Term>| async move {
        let reference = cx.monitor(Dest::RemoteName(Atom::from_static("anybody"), peer(0)));
        match cx.recv().await {
            Mail::Down(down) if down.reference == reference => Some(down.reason),
            _ => None,
        }
    });
    assert_eq!(reason, Ok(Some(ExitReason::NoConnection)));
}

#[test]
fn what_waits_for_a_connection_is_bounded_in_bytes() {
    // A message of 10,000 bytes weighs a little more with its control message.
    let (node, network) = node(|config| config.pending_bytes_max = 3 * 10_000 + 1_000);
    let send = |count: usize| {
        let sent = node.processes().block_on(move |cx: Cx<Term>| async move {
            for _ in 0..count {
                let to = Dest::RemoteName(Atom::from_static("sink"), peer(0));
                cx.send(to, Term::binary(vec![1; 10_000])).unwrap();
            }
        });
        assert_eq!(sent, Ok(()));
    };
    let outcome = connect(&node, peer(0));
    send(3);
    assert!(outcome.lock().unwrap().is_none(), "three messages may wait");
    send(1);
    let error = outcome.lock().unwrap().take().unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Abandoned::PendingQueueFull));
    assert_eq!(node.processes().counters().read().dropped, 4, "each is counted");
    assert_eq!(network.dials.lock().unwrap().len(), 1);
}

#[test]
fn a_sender_waits_while_too_much_is_queued_and_goes_on_when_the_attempt_is_over() {
    let (node, _network) = node(|config| config.outgoing.busy_bytes = 1_000);
    let core = Arc::clone(&node);
    let order = node.processes().block_on(move |cx: Cx<Term>| async move {
        let to = Dest::RemoteName(Atom::from_static("sink"), peer(0));
        cx.ready(to.clone()).await;
        cx.send(to.clone(), Term::binary(vec![1; 10_000])).unwrap();
        let timer = cx.processes().scheduler().clone();
        let due = timer.now().saturating_add(std::time::Duration::from_secs(9));
        timer.run_at(due, move || {
            core.disconnect(peer(0));
        });
        cx.ready(to).await;
        cx.processes().scheduler().now() >= due
    });
    assert_eq!(order, Ok(true));
}
