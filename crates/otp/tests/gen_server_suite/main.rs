//! OTP's cases for servers by their names, and what belongs to them: crash reports, several calls, cancelled calls.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod cancel;
mod crash;
mod life;
mod log;
#[path = "../behaviours/node.rs"]
mod node;
mod several;
mod start;
mod stop;
