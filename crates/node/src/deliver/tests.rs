//! Signals that meet the loss of their connection.

use crate::NodeConfig;
use crate::node::{Dial, Network, Node};
use crate::peers::{AttemptId, Concerned, Link};
use crate::watchers::NodedownReason;
use engset_dist::Flags;
use engset_dist::connection::{OutgoingConfig, OutgoingStreams};
use engset_dist::handshake::Cookie;
use engset_process::{ControlSignal, Cx, Epoch, Scheduler, SpawnOptions};
use engset_term::{NodeName, Pid, Reference, Term};
use std::sync::Arc;

/// Dials nobody.
struct Nowhere;

impl Network for Nowhere {
    fn dial(&self, _: Arc<Node>, _: Dial) {}
}

/// Another thread tells of the loss after the process has been noted and before it has got the signal.
#[test]
fn a_link_that_comes_while_its_connection_is_lost_is_not_left_over() {
    let scheduler = Scheduler::seeded(1);
    let Scheduler::Seeded(seeded) = &scheduler else { panic!("a seeded scheduler") };
    let cookie = Cookie::new("a cookie of tests").unwrap();
    let config = NodeConfig::new(NodeName::new("near@h").unwrap(), 7, cookie, 0);
    let node = Node::new(config, scheduler.clone(), Arc::new(Nowhere));
    let body = |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        std::future::pending::<()>().await;
    };
    let pid = node.processes().spawn(SpawnOptions::default(), body).unwrap().pid();
    let far = NodeName::new("far@h").unwrap();
    let from = Pid::new(far, 9, 1, 0);
    let reference = Reference::from_words(far, 9, [1, 2, 3]);
    for is_lost in [false, true] {
        for signal in
            [ControlSignal::Link { from }, ControlSignal::Monitor { watcher: from, reference, name: None }]
        {
            let outgoing = OutgoingStreams::new(Flags::OURS, OutgoingConfig::default(), 0);
            let made = (Epoch(1), AttemptId(1));
            let link = Link::new(made, far, (Flags::OURS, true), None, outgoing, Concerned::default());
            assert!(link.concern(pid));
            if is_lost {
                node.link_lost(&link, NodedownReason::Disconnect);
            }
            node.act_over(&link, from, pid, signal);
            seeded.run_until(seeded.now());
            let info = node.processes().info(pid).unwrap();
            assert_eq!(info.links.len() + info.monitored_by.len(), usize::from(!is_lost));
            node.link_lost(&link, NodedownReason::Disconnect);
            seeded.run_until(seeded.now());
            let info = node.processes().info(pid).unwrap();
            assert_eq!((info.links, info.monitored_by), (vec![], vec![]));
        }
    }
}
