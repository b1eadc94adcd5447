//! The canned node's registered processes. Messages are terms; whatever a process does not understand it ignores.

mod counter;
mod echo;
mod functions;
mod puppet;
mod sink;
mod source;
mod spawner;
mod watcher;

use engset::net::NodeCore;
use engset::{Child, Processes, SpawnError, SpawnOptions, StartError, Supervisor, SupervisorRef};
use std::sync::Arc;
use std::time::Duration;

pub use counter::{Counter, CounterMsg, CounterRef};
pub use functions::allow;

/// Starts the canned processes on a node.
///
/// # Errors
/// When one of the names is taken.
pub async fn start(processes: &Arc<Processes>) -> Result<SupervisorRef, StartError> {
    Supervisor::one_for_one()
        .intensity(1_000, Duration::from_secs(1))
        .child(Child::named_process(name("echo"), || echo::run))
        .child(Child::named_server(name("counter"), Counter::default))
        .child(Child::named_process(name("sink"), || sink::run))
        .child(Child::named_process(name("source"), || source::run))
        .child(Child::named_process(name("spawner"), || spawner::run))
        .start_on(processes)
        .await
}

/// Starts `watcher` on a node.
///
/// # Errors
/// When there are too many processes, or the name is taken.
pub fn watch(node: &Arc<NodeCore>) -> Result<(), SpawnError> {
    let core = node.clone();
    let options = SpawnOptions { name: Some(name("watcher")), ..SpawnOptions::default() };
    node.processes().spawn(options, move |cx| watcher::run(cx, core)).map(drop)
}

const fn name(name: &'static str) -> engset::Atom {
    engset::Atom::from_static(name)
}
