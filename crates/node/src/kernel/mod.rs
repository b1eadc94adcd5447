//! The processes that every node has.

mod net_kernel;
mod rex;

use crate::node::Node;
use engset_otp::StartError;

use std::sync::Arc;

/// Starts them.
pub(crate) async fn start(node: &Arc<Node>) -> Result<(), StartError> {
    net_kernel::start(node.processes()).await?;
    rex::start(node).await
}
