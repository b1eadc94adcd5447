//! `pg`: the default scope of process groups, which all nodes of a cluster have.

use engset_otp::StartError;
use engset_otp::groups::{DEFAULT_SCOPE, Scope};
use engset_process::Processes;
use std::sync::Arc;

pub(super) async fn start(processes: &Arc<Processes>) -> Result<(), StartError> {
    Scope::new(DEFAULT_SCOPE).start_on(processes).await
}
