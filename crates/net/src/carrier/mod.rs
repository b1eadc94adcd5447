//! Carriers: what a node's connections run over. Each listens, accepts and dials, and gives a stream of bytes and the
//! framing of the handshake on it to [`crate::driver::drive`].
//!
//! A carrier that knows who is at the other end (TLS, by its certificate) gives a check of the name as well: the name
//! that the peer gives in the handshake has to pass it.

#[cfg(feature = "quic")]
mod quic;
mod tcp;
mod tls;
mod unix;

#[cfg(feature = "quic")]
use quic::Way;
#[cfg(feature = "quic")]
pub use quic::{QUIC_PROTOCOL, QuicCounts};
#[cfg(feature = "quic")]
pub(crate) use quic::{Quic, UdpPort, offer, offered_udp_port};
pub use tls::{
    NODE_URI_SCHEME, PEM_FILE_BYTES_MAX, TlsConfig, TlsConfigError, TlsError, TlsFault, TlsVersion,
};
pub use unix::SocketDirError;

use crate::connect::{ConnectError, Step, within};
#[cfg(feature = "quic")]
use crate::dial_steps::note;
use crate::driver::Beside;
use crate::finding::{Finding, find};
use crate::listening;
use engset_dist::handshake::Framing;
use engset_node::NameCheck;
use engset_process::Scheduler;
use engset_term::NodeName;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What a node's connections run over.
#[derive(Debug, Clone)]
pub(crate) enum Carrier {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls(TlsConfig),
    /// One socket file for each node in this directory.
    Unix(PathBuf),
    /// QUIC where the peer has it, and TLS over TCP.
    #[cfg(feature = "quic")]
    Quic(std::sync::Arc<Quic>),
}

/// A stream of bytes between two nodes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// A stream that is ready for the handshake.
pub(crate) struct Carried {
    pub(crate) stream: Pin<Box<dyn Stream>>,
    pub(crate) framing: Framing,
    /// Which names the carrier vouches for; without, any.
    pub(crate) names: Option<NameCheck>,
    /// The streams beside that one, for groups of senders.
    pub(crate) beside: Option<Box<dyn Beside>>,
}

/// Where peers come in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(unix::SocketFile),
    #[cfg(feature = "quic")]
    Quic(std::sync::Arc<Quic>),
}

/// A peer that has come in, before the carrier has said anything.
#[derive(Debug)]
pub(crate) enum Guest {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "quic")]
    Quic(Box<quinn::Incoming>),
}

/// From where a guest comes, as it is logged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Tcp(SocketAddr),
    Unix,
    #[cfg(feature = "quic")]
    Quic(SocketAddr),
}

impl Carrier {
    /// Listens for peers of the node `name`, at `listen` and the first of these ports that is free where the carrier has
    /// addresses; a TCP port of 0 takes any.
    pub(crate) fn listen(
        &self,
        name: NodeName,
        listen: IpAddr,
        tcp_ports: RangeInclusive<u16>,
    ) -> io::Result<Listener> {
        match self {
            Self::Tcp | Self::Tls(_) => {
                let mut last_error = io::Error::new(io::ErrorKind::InvalidInput, "no TCP port may be used");
                for tcp_port in tcp_ports {
                    match listening::listen(SocketAddr::new(listen, tcp_port)) {
                        Ok(listener) => return Ok(Listener::Tcp(listener)),
                        Err(error) => last_error = error,
                    }
                }
                Err(last_error)
            }
            Self::Unix(dir) => Ok(Listener::Unix(unix::SocketFile::listen(dir, name)?)),
            #[cfg(feature = "quic")]
            Self::Quic(quic) => Ok(Listener::Quic(std::sync::Arc::clone(quic))),
        }
    }

    /// Does what the carrier wants done before the handshake, within `limit`.
    pub(crate) async fn welcome(
        &self,
        guest: Guest,
        scheduler: &Scheduler,
        limit: Duration,
    ) -> io::Result<Carried> {
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "the peer began no TLS in time"));
        match (self, guest) {
            #[cfg(feature = "quic")]
            (Self::Quic(quic), Guest::Quic(incoming)) => tokio::select! {
                carried = quic.welcome(*incoming) => carried.map_err(io::Error::other),
                () = scheduler.sleep(limit) => late(),
            },
            #[cfg(feature = "quic")]
            (Self::Quic(quic), Guest::Tcp(stream)) => tokio::select! {
                carried = tls::accept(quic.tls(), stream) => carried.map_err(io::Error::other),
                () = scheduler.sleep(limit) => late(),
            },
            #[cfg(feature = "quic")]
            (_, Guest::Quic(incoming)) => {
                incoming.refuse();
                Err(io::ErrorKind::Unsupported.into())
            }
            (Self::Tls(config), Guest::Tcp(stream)) => tokio::select! {
                carried = tls::accept(config, stream) => carried.map_err(io::Error::other),
                () = scheduler.sleep(limit) => late(),
            },
            (_, Guest::Tcp(stream)) => tcp::carried(stream),
            (_, Guest::Unix(stream)) => Ok(Carried::new(stream, Framing::Two, None)),
        }
    }

    /// Connects to `peer`, step by step.
    pub(crate) async fn dial(
        &self,
        scheduler: &Scheduler,
        finding: Finding,
        peer: NodeName,
    ) -> Result<Carried, ConnectError> {
        match self {
            Self::Tcp => {
                let found = find(scheduler, finding, peer).await?;
                let (at, stream) = tcp::dial(scheduler, &found.at).await?;
                tcp::carried(stream)
                    .map_err(|error| ConnectError::Tcp { at, error: std::sync::Arc::new(error) })
            }
            Self::Tls(config) => {
                let found = find(scheduler, finding, peer).await?;
                dial_tls(scheduler, config, &found.at, peer).await
            }
            #[cfg(feature = "quic")]
            Self::Quic(quic) => {
                let found = find(scheduler, finding, peer).await?;
                note(Step::Quic);
                let why = match quic.dial(scheduler, &found, peer).await? {
                    Way::Quic(carried) => return Ok(carried),
                    Way::Tls(why) => why,
                };
                let carried = dial_tls(scheduler, quic.tls(), &found.at, peer).await?;
                quic.went_by_tls(scheduler, &found, peer, why.as_ref());
                Ok(carried)
            }
            Self::Unix(dir) => unix::dial(scheduler, dir, peer).await,
        }
    }
}

impl Carried {
    /// For how many groups of senders there are streams.
    pub(crate) fn groups(&self) -> usize {
        self.beside.as_ref().map_or(0, |beside| beside.groups())
    }

    fn new(stream: impl Stream + 'static, framing: Framing, names: Option<NameCheck>) -> Self {
        Self { stream: Box::pin(stream), framing, names, beside: None }
    }
}

/// Connects to a peer by TLS over TCP.
async fn dial_tls(
    scheduler: &Scheduler,
    config: &TlsConfig,
    addresses: &[SocketAddr],
    peer: NodeName,
) -> Result<Carried, ConnectError> {
    let (at, stream) = tcp::dial(scheduler, addresses).await?;
    let secured = tls::connect(config, stream, peer);
    let secured = within(scheduler, Step::Tls, Some(at), secured).await?;
    secured.map_err(|error| ConnectError::Tls { at, error })
}

impl Listener {
    /// The next peer.
    pub(crate) async fn accept(&self) -> io::Result<(Guest, From)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((Guest::Tcp(stream), From::Tcp(from)))
            }
            Self::Unix(file) => Ok((Guest::Unix(file.accept().await?), From::Unix)),
            #[cfg(feature = "quic")]
            Self::Quic(quic) => {
                let incoming = quic.accept().await;
                let from = From::Quic(incoming.remote_address());
                Ok((Guest::Quic(Box::new(incoming)), from))
            }
        }
    }

    /// The TCP port that peers come in by, if they do by one.
    pub(crate) fn tcp_port(&self) -> io::Result<Option<u16>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|at| Some(at.port())),
            Self::Unix(_) => Ok(None),
            #[cfg(feature = "quic")]
            Self::Quic(_) => Ok(None),
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => fmt::Display::fmt(at, f),
            Self::Unix => f.write_str("this machine"),
            #[cfg(feature = "quic")]
            Self::Quic(at) => write!(f, "{at} (UDP)"),
        }
    }
}
