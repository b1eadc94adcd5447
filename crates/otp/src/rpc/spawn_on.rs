//! Starting processes on other nodes.

use super::RpcError;
use super::request::{Function, Outcome, Waiting};
use crate::call::CALL_TIMEOUT;
use engset_process::ExitReason;
use engset_term::{NodeName, Pid, Reference, Term};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How a process of another node is started.
#[derive(Debug, Clone)]
pub struct SpawnOn {
    /// Links it to the calling process from its first moment.
    pub link: bool,
    /// Lets the calling process monitor it from its first moment.
    pub monitor: bool,
    /// Further options of `erlang:spawn_opt/5`, such as `{priority, high}`.
    pub options: Vec<Term>,
    /// How long to wait for word that it is there; without, as long as it takes.
    pub timeout: Option<Duration>,
}

impl Default for SpawnOn {
    fn default() -> Self {
        Self { link: false, monitor: false, options: Vec::new(), timeout: Some(CALL_TIMEOUT) }
    }
}

/// A process that was started on another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spawned {
    /// The process.
    pub pid: Pid,
    /// The monitor of the calling process, where one was asked for.
    pub monitor: Option<Reference>,
}

/// A process that is being started on another node. Dropping it while it waits gives it up: it ends then if a link was
/// asked for, and runs on otherwise.
#[must_use = "a process is known to be there only when this was awaited"]
pub struct Spawning {
    state: Result<Option<(Waiting, bool)>, RpcError>,
}

impl Spawning {
    pub(super) fn new(node: NodeName, function: Result<Function, RpcError>, how: SpawnOn) -> Self {
        let SpawnOn { link, monitor, mut options, timeout } = how;
        options.extend(link.then_some(Term::atom("link")));
        options.extend(monitor.then_some(Term::atom("monitor")));
        let waiting = function.and_then(|function| function.spawn(node, options, timeout));
        Self { state: waiting.map(|waiting| Some((waiting, monitor))) }
    }
}

impl fmt::Debug for Spawning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawning").field("sent", &self.state.is_ok()).finish()
    }
}

impl Future for Spawning {
    type Output = Result<Spawned, RpcError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let (waiting, monitor) = match &mut self.state {
            Ok(Some((waiting, monitor))) => (waiting, *monitor),
            // Polled again after its end, which no `await` does.
            Ok(None) => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        let monitor = monitor.then_some(waiting.reference);
        let Poll::Ready(outcome) = waiting.poll(task) else { return Poll::Pending };
        self.state = Ok(None);
        Poll::Ready(match outcome {
            Outcome::Spawned(pid) => Ok(Spawned { pid, monitor }),
            Outcome::Refused(why) => Err(RpcError::Refused(why)),
            Outcome::Unreachable => Err(RpcError::Unreachable),
            Outcome::Timeout => Err(RpcError::Timeout),
            Outcome::Down(ExitReason::NoConnection) => Err(RpcError::NodeDown),
            Outcome::Down(reason) => Err(RpcError::Ended(reason)),
        })
    }
}
