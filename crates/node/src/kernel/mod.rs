//! The processes that every node has.

mod net_kernel;
mod pg;

use engset_otp::StartError;
use engset_process::Processes;
use std::sync::Arc;

/// Starts them.
pub(crate) async fn start(processes: &Arc<Processes>) -> Result<(), StartError> {
    net_kernel::start(processes).await?;
    pg::start(processes).await
}
