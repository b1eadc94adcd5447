//! The processes that every node has, under supervisors that do with each of them what OTP does: a restart where the
//! node can go on without what the process knew, and else the end of the node, told to peers as its loss.
//!
//! ```text
//! kernel_sup  one_for_all, no restart: the end of one is the end of the node
//! ├── init, rex, global_name_server
//! ├── net_sup ── net_kernel
//! ├── user                  temporary: without it, output is lost
//! ├── kernel_safe_sup ── pg            up to 4 restarts in an hour
//! └── logger_sup ── logger_proxy       1 restart in 5 seconds
//! ```

mod init;
mod io_format;
mod io_protocol;
mod logger_proxy;
mod net_kernel;
mod rex;
mod user;

pub(crate) use init::answer as init_answer;

use crate::node::Node;
use engset_otp::groups::{DEFAULT_SCOPE, Scope};
use engset_otp::{Child, Restart, StartError, Supervisor};
use engset_process::{Addr, Cx, Mail, SpawnOptions};
use engset_term::{Atom, Term};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The supervisor of them all.
pub(crate) const TOP: Atom = Atom::from_static("kernel_sup");

/// Starts them.
pub(crate) async fn start(node: &Arc<Node>) -> Result<(), StartError> {
    let weak = Arc::downgrade(node);
    let below = |name: &'static str, (restarts, seconds): (usize, u64), child: Child| {
        Child::supervisor(name, move || {
            let supervisor = Supervisor::one_for_one().named(Atom::from_static(name));
            supervisor.intensity(restarts, Duration::from_secs(seconds)).child(child.clone())
        })
    };
    let groups = Scope::new(DEFAULT_SCOPE).child();
    let top = Supervisor::one_for_all()
        .named(TOP)
        .intensity(0, Duration::from_secs(1))
        .child(init::child())
        .child(rex::child(&weak))
        .child(crate::global::child(node))
        .child(below("net_sup", (0, 1), net_kernel::child(&weak)))
        .child(user::child(&weak).restart(Restart::Temporary))
        .child(below("kernel_safe_sup", (4, 3_600), groups))
        .child(below("logger_sup", (1, 5), logger_proxy::child()));
    let top = top.start_on(node.processes()).await?.pid();
    let watch = move |mut cx: Cx<Term>| async move {
        cx.monitor(top);
        loop {
            if let Mail::Down(down) = cx.recv().await {
                if let Some(node) = weak.upgrade() {
                    node.kernel_ended(&down.reason);
                }
                return;
            }
        }
    };
    let watching = node.processes().spawn(SpawnOptions::default(), watch);
    watching.map(|_: Addr<Term>| ()).map_err(StartError::Spawn)
}

/// A process that runs `body`, registered and with limits as `options` say.
fn process<F>(
    options: impl Fn() -> SpawnOptions + Send + Sync + 'static,
    name: &'static str,
    body: impl Fn(Cx<Term>) -> F + Clone + Send + Sync + 'static,
) -> Child
where
    F: Future<Output = ()> + Send + 'static,
{
    Child::by(name, move |supervisor| {
        let options = SpawnOptions { name: Some(Atom::from_static(name)), ..options() };
        let spawned = supervisor.spawn_link(options, body.clone());
        Box::pin(async move { spawned.map(|addr| addr.pid()).map_err(StartError::Spawn) })
    })
}
