//! The processes that every node has.

mod init;
mod io_format;
mod io_protocol;
mod logger_proxy;
mod net_kernel;
mod rex;
mod user;

pub(crate) use init::answer as init_answer;

use crate::node::Node;
use engset_otp::StartError;

use std::sync::Arc;

/// Starts them.
pub(crate) async fn start(node: &Arc<Node>) -> Result<(), StartError> {
    net_kernel::start(node.processes()).await?;
    user::start(node)?;
    logger_proxy::start(node)?;
    init::start(node)?;
    rex::start(node).await
}
