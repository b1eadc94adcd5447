//! One node: its processes, its peers, the way between them. No sockets, no clock of its own.
//!
//! A [`Network`] carries the connections; each of them is a [`Channel`], driven by whoever owns the bytes.

mod access;
mod admission;
mod attempts;
mod channel;
mod config;
mod deliver;
mod derived;
mod dynamic_names;
mod functions;
mod global;
mod held;
mod hooks;
mod kernel;
mod node;
mod nodes;
mod outbound;
mod own_name;
mod peers;
mod refusals;
mod remote_log;
mod router;
mod spawning;
mod watchers;

pub use access::{ALLOWED_MAX, NameForgotten, NotAllowed, PEER_COOKIES_MAX, PeerCookieError, TooManyEntries};
pub use admission::{
    ADDRESSES_MAX, Admission, AdmissionConfig, AdmissionCounts, End, Entry, GuestId, HANDSHAKES_MAX, Refusal,
};
pub use channel::{Channel, CloseReason, NameCheck};
pub use config::{CONNECTIONS_MAX, NodeConfig, PENDING_BYTES_MAX};
pub use deliver::BadSignal;
pub use dynamic_names::POOLED_NAMES_MAX;
pub use functions::{
    FUNCTION_ARGS_BYTES_MAX, FUNCTIONS_AT_ONCE_MAX, FUNCTIONS_MAX, FUNCTIONS_PER_PEER_MAX, FunctionCounts,
    FunctionFuture, FunctionLimits, Functions, Raise, RemoteCall, UNDEFINED_TOLD_MAX,
};
pub use global::{
    GLOBAL_LOCK_HOLDERS_MAX, GLOBAL_LOCKS_MAX, GLOBAL_NAMES_MAX, GLOBAL_NODES_MAX, GLOBAL_SYNCS_MAX, Global,
    GlobalError, GlobalLimits, GlobalName, LockId, Resolve, Retries,
};
pub use held::{HELD_BYTES_MAX, HoldsTooMuch};
pub use hooks::StopWish;
pub use node::{Dial, Network, Node};
pub use nodes::NodeList;
pub use own_name::NameAwaited;
pub use peers::{Abandoned, AttemptId, DialError, TooManyConnections};
pub use refusals::REFUSALS_TOLD_EVERY;
pub use remote_log::REMOTE_LOG_BYTES_MAX;
pub use watchers::{MonitorNodes, NodeInfo, NodeType, TooManyWatchers, WATCHERS_MAX};
