//! Connecting to a peer, step by step, with an error that says which step failed and what to do.

use crate::carrier::{Carrier, TlsError};
use crate::dial_steps::{DialSteps, note};
use crate::driver::drive;
use crate::finding::Finding;
use crate::random;
use engset_dist::epmd::EpmdError;
use engset_node::{Channel, CloseReason, Dial, Network, Node};
use engset_process::Scheduler;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long each of the steps before the handshake may take; the steps to EPMD and TCP so long at each address.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The steps to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the host part of the name to an address.
    Resolve,
    /// Asking the host's EPMD where the node listens.
    Epmd,
    /// The TCP connection to the node.
    Tcp,
    /// The socket file of the node, where nodes are reached by such.
    Unix,
    /// TLS, before the handshake of the nodes.
    Tls,
    /// QUIC, before the handshake of the nodes.
    Quic,
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
        error: EpmdError,
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
    /// The node's socket file cannot be used.
    Unix {
        /// The socket file.
        path: PathBuf,
        /// What happened.
        error: Arc<io::Error>,
    },
    /// No TLS connection came about.
    Tls {
        /// Where.
        at: SocketAddr,
        /// What is wrong, on which side.
        error: TlsError,
    },
    /// No QUIC connection came about, for a reason for which none over TCP would either.
    Quic {
        /// Where.
        at: SocketAddr,
        /// What is wrong, on which side.
        error: TlsError,
    },
    /// A step took too long.
    Timeout {
        /// Which.
        step: Step,
        /// Where.
        at: Option<SocketAddr>,
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
            Self::Unix { .. } => Step::Unix,
            Self::Tls { .. } => Step::Tls,
            Self::Quic { .. } => Step::Quic,
            Self::Timeout { step, .. } => *step,
            Self::Random(_) => Step::Handshake,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Epmd => "epmd",
            Self::Tcp => "tcp",
            Self::Unix => "unix",
            Self::Tls => "tls",
            Self::Quic => "quic",
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
            Self::Epmd { at, error: error @ EpmdError::NameTaken } => write!(
                f,
                "the EPMD at {at} refuses it: {error}; stop that node, or choose another name (`engset names` lists those it knows)"
            ),
            Self::Epmd { at, error } => write!(
                f,
                "the EPMD at {at} answered wrongly: {error}; if something else listens there, set ERL_EPMD_PORT on both sides"
            ),
            Self::UnknownNode { name, at } => {
                write!(f, "the EPMD at {at} knows no node {name}; `engset names` lists those it knows")
            }
            Self::Tcp { at, error } => {
                write!(
                    f,
                    "the node does not accept connections at {at}, where its EPMD says it listens: {error}; it may just have ended, or a firewall is between"
                )
            }
            Self::Unix { path, error } => write!(
                f,
                "the node does not accept connections at {}: {error}; is it running, and does it use the same directory?",
                path.display()
            ),
            Self::Tls { at, error } => write!(f, "no TLS with the node at {at}: {error}"),
            Self::Quic { at, error } => write!(f, "no QUIC with the node at {at} (UDP): {error}"),
            Self::Timeout { step: Step::Tls, at: Some(at) } => write!(
                f,
                "the node at {at} began no TLS in time; it hangs, or it is a node without TLS: all nodes of a cluster use the same carrier"
            ),
            Self::Timeout { step, at: Some(at) } => write!(
                f,
                "no answer from {at} in time (step {step}): look at whether that machine is up, whether a firewall between drops packets, and whether what listens there hangs"
            ),
            Self::Timeout { step: Step::Resolve, at: None } => write!(
                f,
                "no answer in time (step {}): look at this machine's DNS, which is asked for the part after the @",
                Step::Resolve
            ),
            Self::Timeout { step, at: None } => {
                write!(f, "no answer in time (step {step}): look at whether the peer hangs")
            }
            Self::Random(error) => write!(f, "this machine gives no random numbers: {error}"),
        }
    }
}

impl Error for ConnectError {}

/// How a node's connections are made.
#[derive(Debug)]
pub(crate) struct Dialler {
    pub(crate) carrier: Carrier,
    pub(crate) finding: Finding,
    /// At which step each attempt is.
    pub(crate) steps: Arc<DialSteps>,
}

impl Network for Dialler {
    fn dial(&self, node: Arc<Node>, wish: Dial) {
        let scheduler = node.processes().scheduler().clone();
        let (carrier, steps) = (self.carrier.clone(), Arc::clone(&self.steps));
        scheduler.spawn_task(dial(node, wish, carrier, self.finding, steps));
    }
}

/// Makes one attempt and, when it succeeds, drives the connection to its end.
async fn dial(node: Arc<Node>, wish: Dial, carrier: Carrier, finding: Finding, steps: Arc<DialSteps>) {
    let (peer, attempt) = (wish.peer, wish.attempt);
    let scheduler = node.processes().scheduler().clone();
    let carried = match steps.watch(peer, carrier.dial(&scheduler, finding, peer)).await {
        Ok(carried) => carried,
        Err(error) => return node.dial_failed(peer, attempt, Arc::new(error)),
    };
    if !node.goes_on(wish) {
        // The peer was quicker, or the node was told to disconnect.
        return;
    }
    let challenge = match random::challenge() {
        Ok(challenge) => challenge,
        Err(error) => {
            let error = ConnectError::Random(Arc::new(error));
            return node.dial_failed(peer, attempt, Arc::new(error));
        }
    };
    let groups = carried.groups();
    match Channel::dialled(Arc::clone(&node), wish, scheduler.now(), challenge, carried.framing) {
        Ok(channel) => {
            // The node hears of the end by the channel itself.
            let channel = channel.with_groups(groups);
            let reason = drive(channel, carried.stream, carried.beside, scheduler, None).await;
            tracing::debug!(%peer, "connection ended: {reason}");
        }
        Err(error) => node.dial_failed(peer, attempt, Arc::new(CloseReason::Handshake(error))),
    }
}

/// Waits for `work`, for [`STEP_TIMEOUT`] at most.
pub(crate) async fn within<T>(
    scheduler: &Scheduler,
    step: Step,
    at: Option<SocketAddr>,
    work: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    note(step);
    tokio::select! {
        result = work => Ok(result),
        () = scheduler.sleep(STEP_TIMEOUT) => Err(ConnectError::Timeout { step, at }),
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectError, STEP_TIMEOUT, Step, within};
    use engset_process::Scheduler;
    use engset_term::Instant;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    const STEPS: [Step; 6] = [Step::Resolve, Step::Epmd, Step::Tcp, Step::Unix, Step::Tls, Step::Quic];

    #[test]
    fn each_step_before_the_handshake_has_its_time_and_no_more() {
        for step in STEPS {
            let scheduler = Scheduler::seeded(1);
            let Scheduler::Seeded(seeded) = &scheduler else { unreachable!("just made") };
            let at = "10.0.0.9:4369".parse().unwrap();
            let ended = Arc::new(Mutex::new(None));
            let (note, clock) = (Arc::clone(&ended), scheduler.clone());
            scheduler.spawn_task(async move {
                let waited = within(&clock, step, Some(at), std::future::pending::<()>()).await;
                *note.lock().unwrap() = Some(waited);
            });
            seeded.run_until(Instant::ZERO.saturating_add(STEP_TIMEOUT - Duration::from_millis(1)));
            assert!(ended.lock().unwrap().is_none(), "{step}: given up too early");
            seeded.run_until(Instant::ZERO.saturating_add(STEP_TIMEOUT));
            let error = ended.lock().unwrap().take().expect("given up in time").unwrap_err();
            assert_eq!(error.step(), step);
            assert!(matches!(&error, ConnectError::Timeout { at: Some(told), .. } if *told == at), "{error}");
            let told = error.to_string();
            let names_the_step = told.contains(&format!("step {step}")) || told.contains("TLS");
            assert!(told.contains("10.0.0.9:4369") && names_the_step, "{told}");
        }
    }
}
