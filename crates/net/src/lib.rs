//! How it travels: the only crate that opens sockets. It drives a node and an EPMD.

mod clock;
mod connect;
mod driver;
pub mod epmd;
mod random;
mod registration;
mod start;

pub use connect::{ConnectError, Step};
pub use start::{HANDSHAKES_MAX, NodeBuilder, RunningNode, StartNodeError};
