//! A visible node that takes no part in global names is told of in the log.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::Flags;
use engset_dist::handshake::{Cookie, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_node::{Channel, Dial, Network, Node, NodeConfig};
use engset_process::{Cx, Scheduler};
use engset_term::{NodeName, Term};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use warnings::Warnings;

mod warnings;

struct Nobody;

impl Network for Nobody {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        panic!("nobody is to be dialled, not {}", dial.peer);
    }
}

fn cookie() -> Cookie {
    Cookie::new("secret").unwrap()
}

/// A visible peer of this name that has proven who it is, and says nothing more.
fn connected(node: &Arc<Node>, name: &str) -> Channel {
    let now = node.processes().scheduler().now();
    let mut channel = Channel::accepted(Arc::clone(node), now, 3, Framing::Two).unwrap();
    let local =
        LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 9, cookie: cookie(), visible: true };
    let mut peer = Initiator::new(now, local, "near@h", 1, Framing::Two).unwrap();
    loop {
        let mut said = Vec::new();
        peer.poll_transmit(&mut said);
        channel.handle_bytes(now, &said).unwrap();
        let mut answer = Vec::new();
        channel.poll_transmit(&mut answer, Waker::noop()).unwrap();
        peer.handle_bytes(now, &answer.concat()).unwrap();
        if let Some(InitiatorEvent::Established(_)) = peer.poll_event() {
            return channel;
        }
    }
}

#[test]
fn a_node_that_does_not_agree_on_names_for_a_minute_is_told_of_once() {
    let mut config = NodeConfig::new(NodeName::new("near@h").unwrap(), 1, cookie(), 1);
    config.visible = true;
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nobody));
    let warnings = Warnings::default();
    let (far, told) = (Arc::clone(&node), warnings.clone());
    let ran = tracing::subscriber::with_default(warnings.clone(), || {
        node.processes().block_on(|cx: Cx<Term>| async move {
            far.start_kernel().await.unwrap();
            let lost = connected(&far, "lost@h");
            cx.sleep(Duration::from_secs(59)).await;
            drop(lost);
            let _silent = connected(&far, "silent@h");
            cx.sleep(Duration::from_secs(59)).await;
            assert_eq!(told.told(), Vec::<String>::new());
            cx.sleep(Duration::from_secs(120)).await;
        })
    });
    ran.unwrap();
    let told = warnings.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("connected for a minute, and not agreed on global names"), "{told:?}");
}
