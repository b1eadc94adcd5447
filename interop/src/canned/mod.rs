//! The canned node's registered processes. Messages are terms; whatever a process does not understand it ignores.

mod counter;
mod echo;
mod puppet;
mod sink;
mod source;
mod spawner;
mod watcher;

use engset::net::NodeCore;
use engset::{Child, StartError, Supervisor, SupervisorRef};
use std::sync::Arc;
use std::time::Duration;

pub use counter::{Counter, CounterMsg, CounterRef};

/// Starts the canned processes on a node.
///
/// # Errors
/// When one of the names is taken.
pub async fn start(node: &Arc<NodeCore>) -> Result<SupervisorRef, StartError> {
    let for_watcher = node.clone();
    Supervisor::one_for_one()
        .intensity(1_000, Duration::from_secs(1))
        .child(Child::named_process(name("echo"), || echo::run))
        .child(Child::named_server(name("counter"), Counter::default))
        .child(Child::named_process(name("sink"), || sink::run))
        .child(Child::named_process(name("source"), || source::run))
        .child(Child::named_process(name("spawner"), || spawner::run))
        .child(Child::named_process(name("watcher"), move || {
            let node = for_watcher.clone();
            move |cx| watcher::run(cx, node)
        }))
        .start_on(node.processes())
        .await
}

const fn name(name: &'static str) -> engset::Atom {
    engset::Atom::from_static(name)
}
