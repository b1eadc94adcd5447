//! Millions of idle servers in one node.

use super::basics::start_and_call;
use crate::memory::resident_bytes;
use crate::output;
use crate::row::Row;
use engset::NodeBuilder;
use engset::prelude::*;

/// All of them, the node's own processes and the measuring one.
const PROCESSES_MAX: usize = 10_001_000;

/// A node that has room for all of them.
pub(super) fn node() -> NodeBuilder {
    Node::builder().adjust(|config| config.processes_max = PROCESSES_MAX)
}

#[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
pub(super) async fn measure(cx: Cx<Term>) -> f64 {
    for _ in 0..Row::Live.ops() {
        start_and_call().await;
    }
    let bytes = resident_bytes();
    output::complain(&format!("{} processes live in {bytes} resident bytes", cx.processes().count()));
    bytes as f64 / Row::Live.ops() as f64
}
