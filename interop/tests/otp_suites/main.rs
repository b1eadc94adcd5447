//! Cases of OTP's own suites, driven by a live Erlang node against Engset nodes.
//!
//! Each case has its name from OTP; what it does on the Erlang side is the function of that name in `erl/SUITE.erl`,
//! which reports `ok` or crashes. `erl/rust.erl` starts and stops further Engset nodes for them.
#![expect(clippy::unwrap_used, reason = "part of tests")]

#[path = "../stage/mod.rs"]
mod stage;
mod suite;

mod behaviour_suites;
mod distribution_suite;
mod ei_suites;
mod erl_distribution_suite;
mod jinterface_suite;
mod nc_suite;
mod signal_suites;
