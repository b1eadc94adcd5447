//! What the program that holds a node wants to do itself: writing what `user` is told to, and stopping.

use crate::node::Node;
use engset_process::ExitReason;
use parking_lot::RwLock;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type OnOutput = Arc<dyn Fn(&str) + Send + Sync>;
type OnStop = Arc<dyn Fn(StopWish) + Send + Sync>;

/// How a peer wants a node to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopWish {
    /// `init:stop/0`, `erlang:halt/0`.
    Stop,
    /// `init:restart/0`, `init:reboot/0`: it is to be there again.
    Restart,
    /// Nobody's wish: a process without which the node cannot be, such as `rex`, has ended. The node has left the
    /// cluster, its processes are killed, and the program should end or start another.
    Failed,
}

#[derive(Default)]
pub(crate) struct Hooks {
    output: RwLock<Option<OnOutput>>,
    stop: RwLock<Option<OnStop>>,
}

impl Node {
    /// Gives `write` what is written to the node's `user`: text of any length, with its line ends, in order. Without, it
    /// is told to `tracing`, at level info and target `user`.
    ///
    /// `write` runs in the process `user` and must not block for long.
    pub fn on_user_output(&self, write: impl Fn(&str) + Send + Sync + 'static) {
        *self.hooks().output.write() = Some(Arc::new(write));
    }

    /// Calls `stop` when the node's own processes have failed ([`StopWish::Failed`]), and when a peer tells the node to
    /// stop, by `init:stop/0` and its like, and [`Functions::allow_changes`](crate::Functions::allow_changes) lets it.
    /// Without, peers are told `notsup`.
    ///
    /// `stop` must not block for long. Where it panics, the log says so, and what was to happen besides happens: a peer
    /// is told that the call failed, a node whose own processes have failed leaves the cluster and kills the others.
    pub fn on_stop(&self, stop: impl Fn(StopWish) + Send + Sync + 'static) {
        *self.hooks().stop.write() = Some(Arc::new(stop));
    }

    /// The node's own processes have ended for good: peers see the node go, as they see one of Erlang's.
    pub(crate) fn kernel_ended(&self, reason: &ExitReason) {
        if self.processes().is_halting() {
            return;
        }
        tracing::error!(%reason, "a process without which the node cannot be has ended: the node ends");
        self.close();
        let told = catch_unwind(AssertUnwindSafe(|| self.wish_stop(StopWish::Failed)));
        self.processes().kill_all();
        if told.is_err() {
            tracing::error!(
                "what `on_stop` was given panicked: the program has not been told that its node has ended"
            );
        }
    }

    pub(crate) fn user_output(&self, text: &str) {
        let write = self.hooks().output.read().clone();
        match write {
            Some(write) => write(text),
            None => text.lines().for_each(|line| tracing::info!(target: "user", "{line}")),
        }
    }

    /// Passes a wish on; false where nobody takes it.
    pub(crate) fn wish_stop(&self, wish: StopWish) -> bool {
        let stop = self.hooks().stop.read().clone();
        stop.map(|stop| stop(wish)).is_some()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (output, stop) = (self.output.read().is_some(), self.stop.read().is_some());
        f.debug_struct("Hooks").field("output", &output).field("stop", &stop).finish()
    }
}
