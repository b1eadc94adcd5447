//! All settings of a node, validated where they are made.

use crate::admission::AdmissionConfig;
use crate::functions::FunctionLimits;
use crate::global::GlobalLimits;
use crate::held::HELD_BYTES_MAX;
use engset_dist::Flags;
use engset_dist::connection::{IncomingConfig, OutgoingConfig, TickConfig};
use engset_dist::handshake::{Cookie, LocalNode, TIMEOUT_DEFAULT};
use engset_process::PROCESSES_MAX;
use engset_term::NodeName;
use std::fmt;
use std::time::Duration;

/// What a peer may have queued for it while the connection to it is being made, in bytes.
pub const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Connections to peers, those in the making included.
pub const CONNECTIONS_MAX: usize = 4_096;

/// The settings of a node. The secrets among them do not print.
#[derive(Clone)]
pub struct NodeConfig {
    /// `name@host`.
    pub name: NodeName,
    /// The incarnation; not 0, and different at each start.
    pub creation: u32,
    /// The secret shared with all peers.
    pub cookie: Cookie,
    /// Whether peers list the node in `nodes()` and treat it as a member of the mesh.
    pub visible: bool,
    /// What the node offers.
    pub flags: Flags,
    /// The absolute time limit of a handshake.
    pub handshake_timeout: Duration,
    /// What strangers may begin.
    pub admission: AdmissionConfig,
    /// How often to tick, and when to give up on a silent peer.
    pub tick: TickConfig,
    /// Limits of what is received.
    pub incoming: IncomingConfig,
    /// What incomplete frames and signals of all peers may hold together, in bytes.
    pub held_bytes_max: usize,
    /// Limits of what is queued for sending.
    pub outgoing: OutgoingConfig,
    /// What may be queued while a connection is being made, in bytes.
    pub pending_bytes_max: usize,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How many processes there may be.
    pub processes_max: usize,
    /// Limits of global names, and how parts of a cluster that overlap are dealt with.
    pub global: GlobalLimits,
    /// The host, for a node that has no name and asks the first peer it connects to for one (`erl -name undefined`);
    /// its `name` is [`NodeName::NONODE`] then, and it is hidden.
    pub asks_for_name_at: Option<String>,
    /// How much peers may let the node do at once.
    pub functions: FunctionLimits,
    /// Random bits that make references hard to guess.
    pub salt: u64,
}

impl NodeConfig {
    /// A hidden node with default limits.
    #[must_use]
    pub fn new(name: NodeName, creation: u32, cookie: Cookie, salt: u64) -> Self {
        Self {
            name,
            creation,
            cookie,
            visible: false,
            flags: Flags::OURS,
            handshake_timeout: TIMEOUT_DEFAULT,
            admission: AdmissionConfig::default(),
            tick: TickConfig::default(),
            incoming: IncomingConfig::default(),
            held_bytes_max: HELD_BYTES_MAX,
            outgoing: OutgoingConfig::default(),
            pending_bytes_max: PENDING_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            processes_max: PROCESSES_MAX,
            global: GlobalLimits::default(),
            asks_for_name_at: None,
            functions: FunctionLimits::default(),
            salt,
        }
    }

    /// The node as it presents itself in a handshake.
    #[must_use]
    pub fn local_node(&self) -> LocalNode {
        LocalNode {
            name: self.name.text().to_string(),
            flags: self.flags,
            creation: self.creation,
            cookie: self.cookie.clone(),
            visible: self.visible,
        }
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, creation, visible, flags, handshake_timeout, admission, tick, .. } = self;
        let Self { incoming, held_bytes_max, outgoing, pending_bytes_max, connections_max, .. } = self;
        // Who knows the salt can tell references; the cookie hides itself, and does not need a line.
        let Self { processes_max, global, asks_for_name_at, functions, cookie: _, salt: _, .. } = self;
        f.debug_struct("NodeConfig")
            .field("name", name)
            .field("creation", creation)
            .field("visible", visible)
            .field("flags", flags)
            .field("handshake_timeout", handshake_timeout)
            .field("admission", admission)
            .field("tick", tick)
            .field("incoming", incoming)
            .field("held_bytes_max", held_bytes_max)
            .field("outgoing", outgoing)
            .field("pending_bytes_max", pending_bytes_max)
            .field("connections_max", connections_max)
            .field("processes_max", processes_max)
            .field("global", global)
            .field("asks_for_name_at", asks_for_name_at)
            .field("functions", functions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::NodeConfig;
    use engset_dist::handshake::Cookie;
    use engset_term::NodeName;

    #[test]
    fn secrets_do_not_print() {
        let name = NodeName::new("a@h").expect("a name");
        let cookie = Cookie::new("this-is-secret").expect("a cookie");
        let shown = format!("{:?}", NodeConfig::new(name, 7, cookie, 0x1234_5678_9abc));
        assert!(shown.contains("creation: 7"), "{shown}");
        assert!(!shown.contains("salt") && !shown.contains("20015998343868"), "{shown}");
        assert!(!shown.contains("this-is-secret"), "{shown}");
    }
}
