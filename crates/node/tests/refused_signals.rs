//! Signals of a node without a name for other nodes go nowhere; the log tells of many as it tells of few.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::handshake::Cookie;
use engset_node::{Dial, Network, Node, NodeConfig, REFUSALS_TOLD_EVERY};
use engset_process::{Cx, Dest, Scheduler};
use engset_term::{Atom, NodeName, Term};
use std::sync::Arc;
use warnings::Warnings;

mod warnings;

struct Nobody;

impl Network for Nobody {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        panic!("nobody is to be dialled, not {}", dial.peer);
    }
}

#[test]
fn a_flood_of_signals_is_one_line_a_second_and_a_count() {
    let mut config = NodeConfig::new(NodeName::NONODE, 1, Cookie::new("secret").unwrap(), 1);
    config.asks_for_name_at = Some("127.0.0.1".to_owned());
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nobody));
    let warnings = Warnings::default();
    let ran = tracing::subscriber::with_default(warnings.clone(), || {
        node.processes().block_on(|cx: Cx<Term>| async move {
            let peer = NodeName::new("shop@127.0.0.1").unwrap();
            let to = || Dest::RemoteName(Atom::from_static("till"), peer);
            for _ in 0..1_000 {
                drop(cx.send(to(), Term::Nil));
            }
            cx.sleep(REFUSALS_TOLD_EVERY * 3).await;
            drop(cx.send(to(), Term::Nil));
        })
    });
    ran.unwrap();
    let why = "this node gets its name from a peer, and connects only when it is told to";
    let told = warnings.told();
    let expected = [
        format!("a signal goes nowhere: {why}"),
        format!("999 more signals went nowhere, the first of them to shop@127.0.0.1: {why}"),
        format!("a signal goes nowhere: {why}"),
    ];
    assert_eq!(told, expected);
}
