//! Millions of idle servers in one node.

use super::basics::start_and_call;
use crate::memory::resident_bytes;
use crate::output;
use crate::row::Row;
use engset::NodeBuilder;
use engset::prelude::*;

/// The node's own processes and the measuring one.
const OTHERS_MAX: usize = 1_000;

/// A node that has room for all of them.
pub(super) fn node() -> NodeBuilder {
    Node::builder().adjust(|config| config.processes_max = Row::Live.ops() as usize + OTHERS_MAX)
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
