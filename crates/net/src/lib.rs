//! How it travels: the only crate that opens sockets. It drives a node and an EPMD.
//!
//! ```no_run
//! use engset_net::RunningNode;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = RunningNode::builder().name("shop@127.0.0.1").cookie("a secret").start()?;
//! let pid = node.block_on(|cx| async move { cx.pid() })?;
//! println!("{pid} lives on {}, and any Erlang node with the cookie can reach it", node.node().name());
//! # Ok(()) }
//! ```

mod carrier;
mod clock;
mod connect;
mod dial_steps;
mod driver;
pub mod epmd;
mod finding;
mod handshakes;
mod listening;
mod random;
mod registration;
mod start;

pub use carrier::{
    NODE_URI_SCHEME, PEM_FILE_BYTES_MAX, SocketDirError, TlsConfig, TlsConfigError, TlsError, TlsFault,
    TlsVersion,
};
#[cfg(feature = "quic")]
pub use carrier::{QUIC_PROTOCOL, QuicCounts};
pub use connect::{ConnectError, Step};
pub use engset_node::HANDSHAKES_MAX;
pub use start::{NodeBuilder, RunningNode, SetCookieError, StartNodeError};
