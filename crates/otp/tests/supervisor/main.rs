//! The supervisor against the named cases of OTP's own tests, and what it has beyond OTP.
//!
//! A test whose name is a case of OTP's `supervisor_SUITE` proves the fact that the case proves there.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod back_off;
mod counting;
mod elsewhere;
mod limits;
mod log;
mod order;
mod partitions;
mod reports;
mod requests;
mod restart_loops;
mod restart_types;
mod scale;
mod significant;
mod significant_upgrades;
mod specs;
mod stage;
mod start;
mod stop;
mod strategies;
mod tree;
mod upgrades;
