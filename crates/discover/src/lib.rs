//! Finding the peers of a node, and staying connected to them.
//!
//! A [`Strategy`] says which nodes may be there: a list, a file, EPMD, DNS, Kubernetes, gossip, or one of your own.
//! [`Discovery`] asks several at a time, joins what they say, connects, and connects again what was lost.
//!
//! ```no_run
//! use engset_discover::{Discovery, StaticList};
//! use engset_net::RunningNode;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = RunningNode::builder().name("shop@127.0.0.1").cookie("a secret").start()?;
//! let discovering = Discovery::new().with(StaticList::new(["stock@127.0.0.1"])).start(&node)?;
//! for known in discovering.report().known {
//!     println!("{} is {:?}", known.name, known.state);
//! }
//! # Ok(()) }
//! ```
//!
//! The modules outside `io` have no sockets, files or clocks: `core` decides whom to dial and when, and each format
//! has a module that reads and writes it. `io` has the strategies and the process that runs them.
//!
//! Cargo features: `dns`, `gossip` and `kubernetes` each bring a strategy and what it needs.

mod backoff;
mod candidate;
mod core;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "gossip")]
mod gossip;
mod hosts;
mod io;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod settled;
mod strategy;

pub use self::core::{
    Action, CANDIDATES_MAX, Change, Core, DIALS_MAX, DiscoveryConfig, Known, KnownState, REFUSED_MAX,
    Refused, Report, SOURCES_MAX, SourceReport, TooManySources,
};
pub use backoff::Backoff;
pub use candidate::{
    Candidate, LeftOut, NAME_CHARACTERS_MAX, NameProblem, Snapshot, StrategyError, TEXT_BYTES_MAX, check_name,
};
pub use hosts::{HOSTS_BYTES_MAX, HostsError, HostsLine, parse_hosts};
#[cfg(feature = "gossip")]
pub use io::Gossip;
#[cfg(feature = "kubernetes")]
pub use io::Kubernetes;
pub use io::{Discovering, Discovery, Epmd, HostsFile, StartDiscoveryError, StaticList};
#[cfg(feature = "dns")]
pub use io::{Dns, DnsRecords};
#[cfg(feature = "kubernetes")]
pub use kubernetes::{KubernetesMode, KubernetesObjects};
pub use strategy::{Next, Strategy};
