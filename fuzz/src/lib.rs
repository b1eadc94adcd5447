//! What each fuzz target does with its bytes, as plain functions: the fuzzer and the smoke run call the same.
//!
//! A target panics when something that must always hold does not. Bytes that are refused are no finding.

pub mod blocks;
pub mod connection;
pub mod control;
pub mod epmd;
pub mod epmd_client;
pub mod etf_decode;
pub mod etf_erlang;
pub mod etf_round_trip;
pub mod fragments;
pub mod handshake;
pub mod handshake_client;
pub mod handshake_server;
pub mod header;
mod shape;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As in `fuzz/Cargo.toml`.
    pub name: &'static str,
    /// Does with the bytes what the target does; panics on a finding.
    pub run: fn(&[u8]),
    /// Inputs from which mutation gets far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 13] = [
    Target { name: "etf_decode", run: etf_decode::run, seeds: etf_decode::seeds },
    Target { name: "etf_round_trip", run: etf_round_trip::run, seeds: etf_round_trip::seeds },
    Target { name: "handshake", run: handshake::run, seeds: handshake::seeds },
    Target { name: "control", run: control::run, seeds: control::seeds },
    Target { name: "connection", run: connection::run, seeds: connection::seeds },
    Target { name: "epmd", run: epmd::run, seeds: epmd::seeds },
    Target { name: "etf_erlang", run: etf_erlang::run, seeds: etf_erlang::seeds },
    Target { name: "header", run: header::run, seeds: header::seeds },
    Target { name: "fragments", run: fragments::run, seeds: fragments::seeds },
    Target { name: "blocks", run: blocks::run, seeds: blocks::seeds },
    Target { name: "handshake_server", run: handshake_server::run, seeds: handshake_server::seeds },
    Target { name: "handshake_client", run: handshake_client::run, seeds: handshake_client::seeds },
    Target { name: "epmd_client", run: epmd_client::run, seeds: epmd_client::seeds },
];
