//! Discovery against live nodes and servers: EPMD, files, DNS by dnsmasq, gossip with Elixir, Kubernetes' API.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_debug_implementations,
    reason = "tests, and their parts that are no test functions"
)]

#[path = "../stage/mod.rs"]
mod stage;

mod api;
mod dns;
mod gossip;
mod kubernetes;
mod kubernetes_watch;
mod lists;
mod peers;
