//! The strategies and what runs them: the part of discovery that has sockets and reads files.

mod discovery;
#[cfg(feature = "dns")]
mod dns;
mod epmd;
#[cfg(feature = "gossip")]
mod gossip;
mod hosts_file;
#[cfg(feature = "kubernetes")]
mod https;
mod interval;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod static_list;

pub use discovery::{Discovering, Discovery, StartDiscoveryError};
#[cfg(feature = "dns")]
pub use dns::{Dns, DnsRecords};
pub use epmd::Epmd;
#[cfg(feature = "gossip")]
pub use gossip::Gossip;
pub use hosts_file::HostsFile;
#[cfg(feature = "kubernetes")]
pub use kubernetes::Kubernetes;
pub use static_list::StaticList;

/// The domain of a cluster of Kubernetes, as libcluster takes it from the environment.
#[cfg(any(feature = "dns", feature = "kubernetes"))]
fn cluster_domain() -> String {
    std::env::var("CLUSTER_DOMAIN").unwrap_or_else(|_| "cluster.local".to_owned())
}
