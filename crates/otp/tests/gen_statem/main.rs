//! State machines as their users see them. Tests that bear the name of one of OTP's own cases prove the same fact.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod abnormal;
mod crash;
mod events;
mod limits;
mod line;
#[path = "../gen_server_suite/log.rs"]
mod log;
#[expect(dead_code, reason = "shared with the tests of the other behaviours")]
#[path = "../behaviours/node.rs"]
mod node;
mod process;
mod script;
mod start;
mod stop;
mod timeouts;
