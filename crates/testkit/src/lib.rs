//! Starts real Erlang and Elixir nodes for tests and evaluates expressions on them.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use engset_testkit::{Beam, EpmdProcess, require_erl};
//!
//! if require_erl().is_none() {
//!     return Ok(()); // the reason has been printed
//! }
//! let epmd = EpmdProcess::start()?;
//! let a = Beam::builder().name("a").epmd_port(epmd.port()).start()?;
//! let _b = Beam::builder().name("b").epmd_port(epmd.port()).start()?;
//! assert_eq!(a.eval("net_adm:ping('b@127.0.0.1').")?, "pong");
//! # Ok(()) }
//! ```
//!
//! Nothing here waits by sleeping: a node is ready when it has said so, and every wait has a limit
//! after which the node is killed and its output is part of the error.
//! A node ends with the value that owns it, and also by itself when the test program dies, because
//! its standard input closes then.

mod beam;
mod builder;
mod channel;
#[cfg(target_os = "linux")]
mod display;
mod epmd;
mod error;
mod launcher;
#[cfg(target_os = "linux")]
mod network;
mod output_log;
mod require;
mod tcp_port;

pub use beam::Beam;
pub use builder::{BeamBuilder, Elixir};
#[cfg(target_os = "linux")]
pub use display::Display;
pub use epmd::EpmdProcess;
pub use error::{BeamError, EpmdError};
#[cfg(target_os = "linux")]
pub use network::{HOSTS_MAX, Host, Network, NetworkError};
pub use output_log::OUTPUT_BYTES_MAX;
#[cfg(target_os = "linux")]
pub use require::{require_display, require_network};
pub use require::{require_elixir, require_erl, require_module};
pub use tcp_port::free_port;
