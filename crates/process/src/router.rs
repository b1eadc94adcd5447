//! Where signals for other nodes go.

use crate::signal::{ControlSignal, Dest, Epoch, SpawnRequest};
use engset_etf::Body;
use engset_term::{NodeName, Pid};
use std::task::Waker;

/// The way out of a node. A node that is alone has none.
///
/// Neither method waits: what cannot be sent at once is queued up to a limit, and a connection that cannot be made
/// is told to everybody concerned as [`ControlSignal::NodeDown`].
pub trait Router: Send + Sync + 'static {
    /// Sends a message in external term format (without the leading version byte).
    fn message(&self, from: Pid, to: &Dest, body: Body);
    /// Sends a control signal; over which connection it goes, the one in the making included.
    fn signal(&self, from: Pid, to: &Dest, signal: ControlSignal) -> Epoch;
    /// Asks a node, this one too, to start a process for `from`; over which connection the request goes.
    fn request_spawn(&self, from: Pid, node: NodeName, request: SpawnRequest) -> Epoch;
    /// Whether `from` should wait before it sends more to `node`: the connection has more queued than its limit, or a large
    /// message of `from`. `sender` is woken when that may have changed.
    fn is_busy(&self, from: Pid, node: NodeName, sender: &Waker) -> bool;
    /// The process has ended: nothing needs to be told to it any more. Where `peer` is given, that was known before, and
    /// only what came from there just now may have noted it.
    fn forget(&self, pid: Pid, peer: Option<NodeName>);
    /// Sends a message over the connection that there is; false where there is none, and nothing was sent then.
    fn message_if_connected(&self, from: Pid, to: &Dest, body: Body) -> bool {
        self.message(from, to, body);
        true
    }
    /// Tells a process of this node from now on, by `{nodeup, Node}` and `{nodedown, Node}`, when other nodes come and
    /// go, hidden ones too; those that are connected now. What is told of a node comes in order with what it sends.
    fn watch_nodes(&self, pid: Pid) -> Vec<NodeName> {
        let _ = pid;
        Vec::new()
    }
}
