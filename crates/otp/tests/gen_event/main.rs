//! Event managers as their users see them. Tests that bear the name of one of OTP's own cases prove the same fact.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod cases;
mod dummy;
mod failures;
#[path = "../gen_server_suite/log.rs"]
mod log;
mod manager;
#[expect(dead_code, reason = "shared with the tests of the other behaviours")]
#[path = "../behaviours/node.rs"]
mod node;
mod reports;
mod supervised;
