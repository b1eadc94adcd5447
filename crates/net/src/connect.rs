//! Connecting to a peer, step by step, with an error that says which step failed and what to do.

use crate::driver::drive;
use crate::{epmd, random};
use engset_dist::epmd::NodeEntry;
use engset_dist::handshake::Framing;
use engset_node::{Channel, CloseReason, Dial, Node};
use engset_process::Scheduler;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long each of the steps before the handshake may take; the step to EPMD so long at each address.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// So many of a host's addresses are tried.
const ADDRESSES_MAX: usize = 4;

/// The steps to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the host part of the name to an address.
    Resolve,
    /// Asking the host's EPMD where the node listens.
    Epmd,
    /// The TCP connection to the node.
    Tcp,
    /// The handshake.
    Handshake,
}

/// A peer could not be reached; says at which step, on which side, and what to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host part of the node's name does not resolve.
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        error: Arc<io::Error>,
    },
    /// No EPMD answers on the host.
    NoEpmd {
        /// Where it was looked for.
        at: SocketAddr,
        /// What happened.
        error: Arc<io::Error>,
    },
    /// EPMD answered something else than the protocol has.
    Epmd {
        /// Where.
        at: SocketAddr,
        /// What was wrong.
        error: engset_dist::epmd::EpmdError,
    },
    /// EPMD does not know the name: no such node runs there.
    UnknownNode {
        /// The part before the `@`.
        name: String,
        /// Which EPMD.
        at: SocketAddr,
    },
    /// The node does not accept connections where EPMD says it listens.
    Tcp {
        /// Where.
        at: SocketAddr,
        /// What happened.
        error: Arc<io::Error>,
    },
    /// A step took too long.
    Timeout {
        /// Which.
        step: Step,
        /// Where.
        at: Option<SocketAddr>,
    },
    /// The connection was made and then closed.
    Closed {
        /// Where.
        at: SocketAddr,
        /// Why.
        reason: CloseReason,
    },
    /// The operating system gave no random numbers.
    Random(Arc<io::Error>),
}

impl ConnectError {
    /// At which step it failed.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Resolve { .. } => Step::Resolve,
            Self::NoEpmd { .. } | Self::Epmd { .. } | Self::UnknownNode { .. } => Step::Epmd,
            Self::Tcp { .. } => Step::Tcp,
            Self::Timeout { step, .. } => *step,
            Self::Closed { .. } | Self::Random(_) => Step::Handshake,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Epmd => "epmd",
            Self::Tcp => "tcp",
            Self::Handshake => "handshake",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, error } => {
                write!(
                    f,
                    "the host {host} does not resolve: {error}; check the part after the @ and your DNS or /etc/hosts"
                )
            }
            Self::NoEpmd { at, error } => {
                write!(
                    f,
                    "no EPMD answers at {at}: {error}; is a node running there, and is ERL_EPMD_PORT the same on both sides?"
                )
            }
            Self::Epmd { at, error } => write!(f, "the EPMD at {at} answered wrongly: {error}"),
            Self::UnknownNode { name, at } => {
                write!(f, "the EPMD at {at} knows no node {name}; `engset names` lists those it knows")
            }
            Self::Tcp { at, error } => {
                write!(
                    f,
                    "the node does not accept connections at {at}, where its EPMD says it listens: {error}; it may just have ended, or a firewall is between"
                )
            }
            Self::Timeout { step, at: Some(at) } => write!(f, "no answer from {at} in time (step {step})"),
            Self::Timeout { step, at: None } => write!(f, "no answer in time (step {step})"),
            Self::Closed { reason, .. } => fmt::Display::fmt(reason, f),
            Self::Random(error) => write!(f, "this machine gives no random numbers: {error}"),
        }
    }
}

impl Error for ConnectError {}

/// Makes one attempt and, when it succeeds, drives the connection to its end.
pub(crate) async fn dial(node: Arc<Node>, dial: Dial, epmd_tcp_port: u16) {
    let peer = dial.peer;
    match reach(&node, dial, epmd_tcp_port).await {
        Ok((channel, stream)) => {
            let scheduler = node.processes().scheduler().clone();
            // The node hears of the end by the channel itself.
            let reason = drive(channel, stream, scheduler, None).await;
            tracing::debug!(%peer, "connection ended: {reason}");
        }
        Err(error) => node.dial_failed(peer, dial.attempt, Arc::new(error)),
    }
}

async fn reach(
    node: &Arc<Node>,
    dial: Dial,
    epmd_tcp_port: u16,
) -> Result<(Channel, TcpStream), ConnectError> {
    let scheduler = node.processes().scheduler().clone();
    let host = dial.peer.host_part();
    let name = dial.peer.name_part();
    let addresses = addresses(&scheduler, &host).await?;
    let (at, entry) = ask_each(&scheduler, &addresses, epmd_tcp_port, &name).await?;
    let entry = entry.ok_or_else(|| ConnectError::UnknownNode { name: name.to_string(), at })?;
    let at = SocketAddr::new(at.ip(), entry.tcp_port);
    let stream = within(&scheduler, Step::Tcp, Some(at), TcpStream::connect(at)).await?;
    let stream = stream.map_err(|error| ConnectError::Tcp { at, error: Arc::new(error) })?;
    // Small signals must not wait for each other's acknowledgements.
    stream.set_nodelay(true).map_err(|error| ConnectError::Tcp { at, error: Arc::new(error) })?;
    let challenge = random::challenge().map_err(|error| ConnectError::Random(Arc::new(error)))?;
    let channel = Channel::dialled(Arc::clone(node), dial, scheduler.now(), challenge, Framing::Two)
        .map_err(|error| ConnectError::Closed { at, reason: CloseReason::Handshake(error) })?;
    Ok((channel, stream))
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

/// Waits for `work`, for [`STEP_TIMEOUT`] at most.
pub(crate) async fn within<T>(
    scheduler: &Scheduler,
    step: Step,
    at: Option<SocketAddr>,
    work: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    tokio::select! {
        result = work => Ok(result),
        () = scheduler.sleep(STEP_TIMEOUT) => Err(ConnectError::Timeout { step, at }),
    }
}

#[cfg(test)]
mod tests;
