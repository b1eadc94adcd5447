//! Nodes that look for each other, and waiting for what discovery says.

use crate::stage::COOKIE;
use engset::Node;
use engset::discover::{Change, Discovering, Discovery, DiscoveryConfig, KnownState, Strategy};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Seeker {
    pub(crate) node: Node,
    pub(crate) discovering: Discovering,
    changes: Receiver<Change>,
}

pub(crate) fn node(name: &str, epmd_tcp_port: u16) -> Node {
    Node::builder().name(name).cookie(COOKIE).epmd_tcp_port(epmd_tcp_port).workers(2).start().unwrap()
}

impl Seeker {
    pub(crate) fn new(name: &str, epmd_tcp_port: u16, strategy: impl Strategy) -> Self {
        Self::with(name, epmd_tcp_port, strategy, DiscoveryConfig::default())
    }

    pub(crate) fn with(
        name: &str,
        epmd_tcp_port: u16,
        strategy: impl Strategy,
        config: DiscoveryConfig,
    ) -> Self {
        let node = node(name, epmd_tcp_port);
        let (sender, changes) = channel();
        let tell = move |change: &Change| drop(sender.send(change.clone()));
        let discovering =
            Discovery::new().with(strategy).config(config).on_change(tell).start(&node).unwrap();
        Self { node, discovering, changes }
    }

    /// Waits for a change that `wanted` knows; panics with all there were before.
    #[track_caller]
    pub(crate) fn wait(&self, wanted: impl Fn(&Change) -> bool) -> Change {
        let mut seen = Vec::new();
        loop {
            match self.changes.recv_timeout(PATIENCE) {
                Ok(change) if wanted(&change) => return change,
                Ok(change) => seen.push(change),
                Err(_) => panic!("only {seen:?}\n{:?}", self.discovering.report()),
            }
        }
    }

    #[track_caller]
    pub(crate) fn connected(&self, peer: &str) {
        self.wait(|change| matches!(change, Change::Connected { name } if &**name == peer));
        let report = self.discovering.report();
        assert!(
            report.known.iter().any(|known| &*known.name == peer && known.state == KnownState::Connected)
        );
        assert!(self.node.node().connected().iter().any(|(name, _)| name.text() == peer));
    }

    #[track_caller]
    pub(crate) fn lost(&self, peer: &str) {
        self.wait(|change| matches!(change, Change::Lost { name } if &**name == peer));
    }
}

impl Seeker {
    /// Waits until every strategy has answered once.
    pub(crate) fn wait_started(&self) {
        let discovering = self.discovering.clone();
        let answered = self.node.block_on(move |cx| async move {
            for _ in 0..3_000 {
                if discovering.report().sources.iter().all(|source| source.answered) {
                    return true;
                }
                cx.sleep(Duration::from_millis(10)).await;
            }
            false
        });
        assert_eq!(answered, Ok(true));
    }
}
