//! EPMD over TCP: asking one, registering with one, being one.

mod client;
mod server;

pub use client::{Registration, lookup, names, register};
pub(crate) use server::serve_at_each;
pub use server::{EpmdServer, serve};

/// The port that EPMD is looked for and served on: `ERL_EPMD_PORT`, or 4369.
#[must_use]
pub fn tcp_port() -> u16 {
    std::env::var("ERL_EPMD_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(engset_dist::epmd::messages::EPMD_TCP_PORT)
}
