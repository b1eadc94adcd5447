//! Discovery against live nodes and servers: EPMD, files, DNS by dnsmasq, gossip with Elixir, Kubernetes' API.

#[path = "../stage/mod.rs"]
mod stage;

mod dns;
mod gossip;
mod kubernetes;
mod lists;
mod peers;
