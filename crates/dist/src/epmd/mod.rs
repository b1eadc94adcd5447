//! EPMD, the name service of Erlang nodes: node name → TCP port, both sides of the conversation.
//!
//! A request is a 16-bit length and a body, a response has no length. There is one request per connection, except
//! that a registration (ALIVE2) lasts as long as its connection and ends with the first further byte on it.
//! EPMD knows no authentication: answers are hints, the handshake proves who is there.

pub mod client;
pub mod messages;
pub mod server;

pub use client::{EpmdError, Lookup, Names, Register};
pub use messages::{NodeEntry, NodeType, Registration, Request, RequestError};
pub use server::{CloseReason, ConnId, Server, ServerConfig};
