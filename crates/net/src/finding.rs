//! Where a peer listens: its host's addresses, and what the EPMD there says, or a TCP port that all nodes share.

use crate::connect::{ConnectError, Step, within};
use crate::epmd;
use engset_dist::epmd::NodeEntry;
use engset_process::Scheduler;
use engset_term::NodeName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// So many of a host's addresses are tried.
pub(crate) const ADDRESSES_MAX: usize = 4;

/// How the TCP port of a peer is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finding {
    /// By the EPMD of its host, which listens at this port.
    Epmd(u16),
    /// It is this one for every node.
    Fixed(u16),
}

/// Where a peer can be reached.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where to try to connect over TCP, the best first.
    pub(crate) at: Vec<SocketAddr>,
    /// The UDP port at the same addresses by which it may be reached over QUIC.
    #[cfg(feature = "quic")]
    pub(crate) udp_port: Option<u16>,
}

/// Where to try to connect to `peer`.
pub(crate) async fn find(
    scheduler: &Scheduler,
    finding: Finding,
    peer: NodeName,
) -> Result<Found, ConnectError> {
    let addresses = addresses(scheduler, &peer.host_part()).await?;
    let name = peer.name_part();
    match finding {
        Finding::Fixed(tcp_port) => {
            let at = |address: &IpAddr| SocketAddr::new(*address, tcp_port);
            Ok(Found {
                at: addresses.iter().take(ADDRESSES_MAX).map(at).collect(),
                #[cfg(feature = "quic")]
                udp_port: Some(tcp_port),
            })
        }
        Finding::Epmd(epmd_tcp_port) => {
            let (at, entry) = ask_each(scheduler, &addresses, epmd_tcp_port, &name).await?;
            let entry = entry.ok_or_else(|| ConnectError::UnknownNode { name: name.to_string(), at })?;
            Ok(Found {
                at: vec![SocketAddr::new(at.ip(), entry.tcp_port)],
                #[cfg(feature = "quic")]
                udp_port: crate::carrier::offered_udp_port(&entry.extra),
            })
        }
    }
}

/// The addresses of a host, at least one; IPv4 before IPv6, since nodes listen on IPv4 unless told otherwise.
pub(crate) async fn addresses(scheduler: &Scheduler, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
    let unresolved = |error| ConnectError::Resolve { host: host.to_owned(), error: Arc::new(error) };
    let found = within(scheduler, Step::Resolve, None, tokio::net::lookup_host((host, 0))).await?;
    let mut found: Vec<IpAddr> = found.map_err(unresolved)?.map(|at| at.ip()).collect();
    if found.is_empty() {
        return Err(unresolved(io::Error::new(io::ErrorKind::NotFound, "no address")));
    }
    found.sort_by_key(IpAddr::is_ipv6);
    Ok(found)
}

/// Asks the EPMD at each address where the node listens, until one answers: where that was, and what it said. When
/// none answers, what happened at the first.
async fn ask_each(
    scheduler: &Scheduler,
    addresses: &[IpAddr],
    epmd_tcp_port: u16,
    name: &str,
) -> Result<(SocketAddr, Option<NodeEntry>), ConnectError> {
    let mut first_error = None;
    for address in addresses.iter().take(ADDRESSES_MAX) {
        let at = SocketAddr::new(*address, epmd_tcp_port);
        let asked = within(scheduler, Step::Epmd, Some(at), epmd::lookup(at, name)).await;
        match asked.flatten() {
            Ok(entry) => return Ok((at, entry)),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    Err(first_error.unwrap_or(ConnectError::Timeout { step: Step::Epmd, at: None }))
}

#[cfg(test)]
mod tests;
