//! Erlang and Engset nodes on hosts of their own, whose network is cut and healed: no side is told, each finds it out.
#![cfg(target_os = "linux")]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    missing_debug_implementations,
    unreachable_pub,
    reason = "tests, and their parts that are no test functions"
)]

mod carriers;
#[path = "../../../crates/net/tests/certs/mod.rs"]
mod certs;
mod cluster;
mod groups;
mod names;
mod processes;
mod silence;
mod suite;
