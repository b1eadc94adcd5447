//! What both sides of a QUIC connection allow: versions, streams, windows, time.

use crate::carrier::TlsConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// What the two sides of a connection call what they speak (ALPN): the streams and what goes on them.
pub const QUIC_PROTOCOL: &str = "engset-dist/1";

/// What a peer may send on one stream before it is read, in bytes.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// What a peer that has not proven who it is may send on all streams before it is read, in bytes.
const STRANGER_WINDOW_BYTES: u32 = 16 * 1024;
/// Connections that have begun and wait to be accepted, at a time; more are refused.
const WAITING_MAX: usize = 256;
/// What is kept of the datagrams of one of them, in bytes.
const WAITING_BYTES_MAX: u64 = 16 * 1024;
/// The longest datagram, in bytes, where the path takes such: it is looked for. Networks within a machine and some in
/// data centres take more than the 1,500 bytes of others, and each datagram costs.
pub(super) const DATAGRAM_BYTES_MAX: u16 = 6_500;
/// How many datagrams the operating system is given at a time. It takes 64 KiB, and would lose what is longer.
pub(super) const SEGMENTS_MAX: usize = 10;
const _: () = assert!(DATAGRAM_BYTES_MAX as usize * SEGMENTS_MAX <= 65_507);
/// The least time after which a silent connection is over, and the longest.
const IDLE_MIN: Duration = Duration::from_secs(5);
const IDLE_MAX: Duration = Duration::from_secs(3600);
/// How many signs of life fit into that time.
const KEEP_ALIVES: u32 = 4;
/// What the operating system is asked to keep of datagrams until they are read, in bytes.
const SOCKET_BYTES: usize = 2 * 1024 * 1024;

/// The streams of one direction: the main one and those for groups of senders.
const STREAMS: u32 = {
    let groups = engset_dist::connection::SENDER_GROUPS;
    assert!(groups < 1_000);
    #[expect(clippy::cast_possible_truncation, reason = "checked in the line before")]
    let groups = groups as u32;
    groups + 1
};

/// What a peer may send on all streams before it is read, in bytes: no stream can take the room of another.
pub(super) const WINDOW_BYTES: u32 = STREAMS * STREAM_WINDOW_BYTES;

/// How connections are opened and accepted.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    client: ClientConfig,
    server: ServerConfig,
}

impl Settings {
    /// A silent connection is over after `tick_interval`: a program that was killed says no farewell.
    pub(super) fn new(tls: &TlsConfig, tick_interval: Duration) -> io::Result<Self> {
        let no_tls13 =
            || io::Error::other("it needs version 1.3 of TLS, which the node may not speak; allow it");
        let (client, server) = tls.for_quic(QUIC_PROTOCOL.as_bytes()).ok_or_else(no_tls13)?;
        let client = QuicClientConfig::try_from(client).map_err(io::Error::other)?;
        let server = QuicServerConfig::try_from(server).map_err(io::Error::other)?;
        let idle = tick_interval.clamp(IDLE_MIN, IDLE_MAX);
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(Arc::new(transport(idle, 0)?));
        let mut server = ServerConfig::with_crypto(Arc::new(server));
        server
            .transport_config(Arc::new(transport(idle, 1)?))
            .migration(false)
            .max_incoming(WAITING_MAX)
            .incoming_buffer_size(WAITING_BYTES_MAX)
            .incoming_buffer_size_total(WAITING_BYTES_MAX * 256);
        Ok(Self { client, server })
    }

    pub(super) fn client(&self) -> ClientConfig {
        self.client.clone()
    }

    pub(super) fn server(&self) -> ServerConfig {
        self.server.clone()
    }
}

/// The peer may open so many streams in both directions, and none in one direction before it has proven who it is.
fn transport(idle: Duration, main_streams: u8) -> io::Result<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(DATAGRAM_BYTES_MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(main_streams.into())
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(STREAM_WINDOW_BYTES.into())
        .receive_window(STRANGER_WINDOW_BYTES.into())
        .send_window(WINDOW_BYTES.into())
        .datagram_receive_buffer_size(None)
        .mtu_discovery_config(Some(discovery))
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).map_err(io::Error::other)?))
        .keep_alive_interval(Some(idle / KEEP_ALIVES));
    Ok(transport)
}

/// A UDP port that is the node's own, before connections are accepted there.
#[derive(Debug)]
pub(crate) struct UdpPort(UdpSocket);

impl UdpPort {
    /// The port of the number of the TCP port if it is free, and else the first free one of these; 0 is any.
    pub(crate) fn bind(listen: IpAddr, tcp_port: u16, ports: RangeInclusive<u16>) -> io::Result<Self> {
        let mut first_error = None;
        for port in std::iter::once(tcp_port).chain(ports) {
            match UdpSocket::bind(SocketAddr::new(listen, port)) {
                Ok(socket) => return Ok(Self(socket)),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    pub(crate) fn number(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    pub(super) fn into_socket(self) -> UdpSocket {
        with_buffers(self.0)
    }
}

/// A socket to dial from.
pub(super) fn dialling_socket(is_ipv6: bool) -> io::Result<UdpSocket> {
    let any = if is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    UdpSocket::bind(SocketAddr::new(any, 0)).map(with_buffers)
}

/// Asks for room for datagrams; the operating system gives what it allows.
fn with_buffers(socket: UdpSocket) -> UdpSocket {
    if let Ok(state) = quinn::udp::UdpSocketState::new((&socket).into()) {
        let asked = [
            state.set_recv_buffer_size((&socket).into(), SOCKET_BYTES),
            state.set_send_buffer_size((&socket).into(), SOCKET_BYTES),
        ];
        if let [Err(error), _] | [_, Err(error)] = asked {
            tracing::debug!("the buffers of a UDP socket stay as they are: {error}");
        }
    }
    socket
}
