//! What each fuzz target does with its bytes, as plain functions: the fuzzer and the smoke run call the same.
//!
//! A target panics when something that must always hold does not. Bytes that are refused are no finding.

pub mod connection;
pub mod control;
pub mod epmd;
pub mod etf_decode;
pub mod etf_round_trip;
pub mod handshake;
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
pub const TARGETS: [Target; 6] = [
    Target { name: "etf_decode", run: etf_decode::run, seeds: etf_decode::seeds },
    Target { name: "etf_round_trip", run: etf_round_trip::run, seeds: etf_round_trip::seeds },
    Target { name: "handshake", run: handshake::run, seeds: handshake::seeds },
    Target { name: "control", run: control::run, seeds: control::seeds },
    Target { name: "connection", run: connection::run, seeds: connection::seeds },
    Target { name: "epmd", run: epmd::run, seeds: epmd::seeds },
];
