//! The conversation of two Erlang nodes as pure state machines; sockets, clocks and randomness stay outside.
//!
//! The parts, in the order in which a connection meets them:
//!
//! * [`epmd`]: the name service, both sides: where does a node listen?
//! * [`handshake`]: who are you, and do we share a cookie?
//! * [`flags`]: what both sides can do.
//! * [`frame`]: packets on a stream, and [`blocks`]: the memory that they are read into.
//! * [`control`]: the signals that cross the wire.
//! * [`connection`]: an established connection, sending and receiving side.
//!
//! Everything here takes bytes and the time as arguments (`handle_*`) and gives bytes, events and deadlines back
//! (`poll_*`). Bytes from a peer never panic, never allocate by claim, and before the cookie is verified they
//! never become atoms.
//!
//! The layouts are described in `docs/protocol/dist.md`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type,
    clippy::panic,
    clippy::wildcard_enum_match_arm
)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod blocks;
pub mod connection;
pub mod control;
mod cursor;
pub mod epmd;
pub mod flags;
pub mod frame;
pub mod handshake;

pub use flags::Flags;
