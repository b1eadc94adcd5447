//! QUIC between Engset nodes: TLS 1.3 over UDP, with a stream for each group of senders.
//!
//! Both sides show a certificate, and names are bound to them as over TLS ([`super::tls`]). The dialler opens the main
//! stream, in both directions: it carries the handshake of the nodes, ticks, and signals without sender. Once the peer has
//! proven who it is, each side opens one stream in one direction for each of [`SENDER_GROUPS`] groups (`groups.rs`).
//!
//! A node with QUIC listens for TLS over TCP as well, if it listens at all, and dials by TLS where the peer has no QUIC, or
//! where UDP does not get through ([`PATIENCE`], `detours.rs`). Who comes in has to answer from its address before anything of it is kept
//! (a retry), so admission counts true addresses, and datagrams from invented ones leave nothing behind.

#[cfg(test)]
#[path = "../../../tests/certs/mod.rs"]
mod certs;
mod detours;
mod error;
mod farewell;
mod groups;
mod knock;
mod main_stream;
mod offer;
mod reset;
mod runtime;
mod settings;
mod vigil;

pub use settings::QUIC_PROTOCOL;

pub(crate) use offer::{offer, offered_udp_port};
pub(crate) use settings::UdpPort;

use super::{Carried, TlsConfig, TlsError};
use crate::carrier::tls::PeerIdentity;
use crate::connect::ConnectError;
use crate::finding::Found;
use crate::handshakes::ACCEPTS_PER_TURN;
use detours::Detours;
use engset_dist::handshake::Framing;
use engset_node::NameCheck;
use engset_process::{Scheduler, yield_now};
use engset_term::NodeName;
use error::Refused;
use farewell::{Farewell, Places};
use groups::Groups;
use knock::Knocker;
use main_stream::MainStream;
use parking_lot::Mutex;
use quinn::rustls::pki_types::CertificateDer;
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream};
use settings::Settings;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The main stream goes before the others where both have something to send.
const MAIN_PRIORITY: i32 = 1;
/// How long a peer that offers QUIC may take to be reached by it, before it is dialled by TLS over TCP.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked, while a peer is dialled, whether its machine says that nobody listens there.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long it may be reached after that all the same, since a firewall may have said so of something else.
const REFUSED_PATIENCE: Duration = Duration::from_millis(500);
/// How long the end of a node waits for the ends of its connections to be told.
const END_PATIENCE: Duration = Duration::from_millis(500);

/// A node's side of all its QUIC connections.
#[derive(Debug)]
pub(crate) struct Quic {
    tls: TlsConfig,
    settings: Settings,
    scheduler: Scheduler,
    /// None for a node that listens nowhere.
    listener: Option<Endpoint>,
    /// Sockets of their own, since that of the listener may be bound to one address: for IPv4, and for IPv6 where the
    /// machine has it.
    diallers: (Endpoint, Option<Endpoint>),
    detours: Mutex<Detours>,
    /// For connections that linger.
    places: Arc<Places>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    dialled: AtomicU64,
    accepted: AtomicU64,
    detours: AtomicU64,
    retries: AtomicU64,
}

/// What a node's QUIC did so far, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuicCounts {
    /// Connections that this node has opened over QUIC, before the handshake of the nodes.
    pub dialled: u64,
    /// Connections that peers have opened over QUIC, before the handshake of the nodes.
    pub accepted: u64,
    /// Connections to peers which offer QUIC that were made by TLS over TCP, because UDP does not get through.
    pub detours: u64,
    /// First datagrams that were answered with the request to prove the address they come from. Each honest connection
    /// has one; more are from invented addresses.
    pub retries: u64,
}

/// How a peer is to be reached.
pub(super) enum Way {
    /// Over QUIC, as it is now.
    Quic(Carried),
    /// By TLS over TCP, since it was not reached over QUIC if it was tried: why.
    Tls(Option<io::Error>),
}

impl Quic {
    /// Of the node `name`, which listens at `port` or nowhere; `tick_interval` is the time between ticks.
    pub(crate) fn new(
        (name, port): (NodeName, Option<UdpPort>),
        tls: TlsConfig,
        tick_interval: Duration,
        scheduler: &Scheduler,
    ) -> io::Result<Arc<Self>> {
        let settings = Settings::new(&tls, tick_interval)?;
        let listen = |port: UdpPort| {
            let config = reset::endpoint_config(&tls, name);
            runtime::endpoint(port.into_socket(), config, Some(settings.server()), scheduler)
        };
        let listener = port.map(listen).transpose()?;
        let dial = |socket| runtime::endpoint(socket, EndpointConfig::default(), None, scheduler);
        let v4 = dial(settings::dialling_socket(false)?)?;
        // A machine without IPv6 has no peers by it.
        let v6 = settings::dialling_socket(true).and_then(dial);
        Ok(Arc::new(Self {
            tls,
            settings,
            scheduler: scheduler.clone(),
            listener,
            diallers: (v4, v6.ok()),
            detours: Mutex::default(),
            places: Arc::default(),
            counters: Counters::default(),
        }))
    }

    /// What the node needs for TLS over TCP.
    pub(crate) fn tls(&self) -> &TlsConfig {
        &self.tls
    }

    pub(crate) fn counts(&self) -> QuicCounts {
        let Counters { dialled, accepted, detours, retries } = &self.counters;
        let [dialled, accepted, detours, retries] =
            [dialled, accepted, detours, retries].map(|count| count.load(Ordering::Relaxed));
        QuicCounts { dialled, accepted, detours, retries }
    }

    /// The next peer that has shown that its address is its own.
    pub(super) async fn accept(&self) -> Incoming {
        let mut retries = 0_usize;
        loop {
            let incoming = match &self.listener {
                Some(listener) => listener.accept().await,
                None => None,
            };
            let Some(incoming) = incoming else {
                // The node stops.
                return std::future::pending().await;
            };
            if incoming.remote_address_validated() {
                return incoming;
            }
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
            // An error says that a retry was asked for already, and then the address is validated.
            drop(incoming.retry());
            // Datagrams from invented addresses may come faster than they are answered.
            retries = retries.wrapping_add(1);
            if retries.is_multiple_of(ACCEPTS_PER_TURN) {
                yield_now().await;
            }
        }
    }

    /// Lets a peer in: TLS, and its main stream.
    pub(super) async fn welcome(&self, incoming: Incoming) -> Result<Carried, TlsError> {
        let connection = incoming.accept().map_err(error::of_connection)?.await;
        let connection = connection.map_err(error::of_connection)?;
        let identity = identity(&connection)?;
        let (sending, receiving) = connection.accept_bi().await.map_err(error::of_connection)?;
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let names = NameCheck::new(move |name| identity.check(name).map_err(|error| Arc::new(error) as _));
        Ok(self.carried(connection, (sending, receiving), Some(names)))
    }

    /// Connects to `peer` where it offers QUIC.
    pub(super) async fn dial(
        &self,
        scheduler: &Scheduler,
        found: &Found,
        peer: NodeName,
    ) -> Result<Way, ConnectError> {
        let Some(udp_port) = found.udp_port else { return Ok(Way::Tls(None)) };
        if self.detours.lock().is_on(scheduler.now(), &peer.text()) {
            return Ok(Way::Tls(None));
        }
        let mut late = std::pin::pin!(scheduler.sleep(PATIENCE));
        let mut why = None;
        for at in found.at.iter().map(|at| SocketAddr::new(at.ip(), udp_port)) {
            let connected = tokio::select! {
                connected = self.connect(at, peer) => connected,
                refused = self.refusal(at) => Err(Refused::NotReached(refused)),
                () = &mut late => {
                    why = Some(io::Error::new(io::ErrorKind::TimedOut, format!("{at} gave no answer in {PATIENCE:?}")));
                    break;
                }
            };
            match connected {
                Ok(carried) => {
                    self.counters.dialled.fetch_add(1, Ordering::Relaxed);
                    self.detours.lock().over(&peer.text());
                    return Ok(Way::Quic(carried));
                }
                Err(Refused::ByPeer(error)) => return Err(ConnectError::Quic { at, error }),
                Err(Refused::NotReached(error)) => {
                    tracing::debug!(%peer, %at, "not reached over QUIC: {error}");
                    why = Some(io::Error::new(error.kind(), format!("{at}: {error}")));
                }
            }
        }
        Ok(Way::Tls(why))
    }

    /// Completes some time after the machine at this address has said that nobody listens there.
    async fn refusal(&self, at: SocketAddr) -> io::Error {
        let Ok(mut knocker) = Knocker::new(at, None) else { return std::future::pending().await };
        knocker.knock();
        while !knocker.is_refused() {
            self.scheduler.sleep(LOOK_INTERVAL).await;
        }
        self.scheduler.sleep(REFUSED_PATIENCE).await;
        io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there, or a firewall says so")
    }

    /// The peer was reached by TLS over TCP; where it offers QUIC, it is not tried by that for a while. `why` it was not
    /// reached by it, if that has been tried now.
    pub(super) fn went_by_tls(
        &self,
        scheduler: &Scheduler,
        found: &Found,
        peer: NodeName,
        why: Option<&io::Error>,
    ) {
        if found.udp_port.is_none() {
            return;
        }
        self.counters.detours.fetch_add(1, Ordering::Relaxed);
        if self.detours.lock().note(scheduler.now(), &peer.text())
            && let Some(why) = why
        {
            tracing::warn!(
                %peer,
                "the peer was not reached over QUIC (UDP {why}), the connection is made by TLS over TCP; if it has QUIC, open that port in the firewalls between"
            );
        }
    }

    async fn connect(&self, at: SocketAddr, peer: NodeName) -> Result<Carried, Refused> {
        let dialler = if at.is_ipv6() { self.diallers.1.as_ref() } else { Some(&self.diallers.0) };
        let no_ipv6 = || Refused::NotReached(io::Error::other("this machine has no IPv6"));
        let dialler = dialler.ok_or_else(no_ipv6)?;
        let connecting = dialler.connect_with(self.settings.client(), at, &peer.host_part());
        let connection = connecting.map_err(error::of_dialling)?.await.map_err(Refused::from)?;
        let checked = identity(&connection).and_then(|identity| identity.check_nodes(&peer.text()));
        checked.map_err(Refused::ByPeer)?;
        let (sending, receiving) = connection.open_bi().await.map_err(Refused::from)?;
        // Whoever answers must be the node that was dialled, which the handshake looks at.
        Ok(self.carried(connection, (sending, receiving), None))
    }

    /// The connection with its main stream, for the driver.
    fn carried(
        &self,
        connection: Connection,
        main: (SendStream, RecvStream),
        names: Option<NameCheck>,
    ) -> Carried {
        // It can fail only for a stream that has ended.
        drop(main.0.set_priority(MAIN_PRIORITY));
        let places = Arc::clone(&self.places);
        let farewell = Farewell::new(connection.clone(), self.scheduler.clone(), places);
        let groups = Groups::new(connection, Arc::clone(&farewell));
        let mut carried = Carried::new(MainStream::new(main, farewell), Framing::Four, names);
        carried.beside = Some(Box::new(groups));
        carried
    }

    /// Tells all peers that their connections end, as far as that goes in [`END_PATIENCE`].
    pub(crate) async fn end(&self) {
        let endpoints = || [self.listener.as_ref(), Some(&self.diallers.0), self.diallers.1.as_ref()];
        let idle = || async {
            let all = async {
                for endpoint in endpoints().into_iter().flatten() {
                    endpoint.wait_idle().await;
                }
            };
            tokio::select! {
                () = all => {}
                () = self.scheduler.sleep(END_PATIENCE) => {}
            }
        };
        idle().await;
        endpoints().into_iter().flatten().for_each(|endpoint| endpoint.close(farewell::DONE, b""));
        idle().await;
    }
}

/// Who the other side is by its certificate.
fn identity(connection: &Connection) -> Result<PeerIdentity, TlsError> {
    let chain =
        connection.peer_identity().and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
    PeerIdentity::of(chain.as_deref().map(Vec::as_slice))
}
