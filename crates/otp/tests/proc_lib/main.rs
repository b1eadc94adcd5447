//! Processes that say themselves when they are ready. Tests that bear the name of one of OTP's own cases prove the same
//! fact.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod cases;
#[expect(dead_code, reason = "shared with the tests of the other behaviours")]
#[path = "../behaviours/node.rs"]
mod node;
