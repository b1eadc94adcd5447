//! Many hidden nodes connect to one: bare handshakes from this program, some of them at a time.

use super::pair::Pair;
use super::programs::{COOKIE, Server, Surroundings};
use super::row::{CONNECTIONS, Row};
use crate::stopwatch::Stopwatch;
use engset::net::epmd;
use engset_dist::Flags;
use engset_dist::handshake::{Cookie, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_term::Instant;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

/// So many handshakes are under way at a time.
const AT_A_TIME: usize = 64;
/// Connections that are made before it counts.
const WARM_UP: u64 = 100;

/// Nanoseconds for all connections, or bytes for each.
#[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
pub(crate) fn measure(row: Row, pair: Pair, around: &Surroundings) -> f64 {
    let server = Server::start(pair.server(), pair.carrier(), around);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, around.epmd_tcp_port));
        let entry = epmd::lookup(at, "server").await.expect("EPMD answers").expect("the server is there");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, entry.tcp_port));
        let early = connect_all(at, 0..WARM_UP).await;
        let before = server.resident_bytes();
        let watch = Stopwatch::start();
        let connections = connect_all(at, WARM_UP..WARM_UP + CONNECTIONS).await;
        let elapsed = watch.ns_per_op(1);
        let more = server.resident_bytes().saturating_sub(before);
        assert_eq!((early.len() + connections.len()) as u64, WARM_UP + CONNECTIONS);
        if row == Row::Accept { elapsed } else { more as f64 / CONNECTIONS as f64 }
    })
}

async fn connect_all(at: SocketAddr, numbers: std::ops::Range<u64>) -> Vec<TcpStream> {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let begun: Vec<_> = numbers
        .map(|number| {
            let places = Arc::clone(&places);
            tokio::spawn(async move {
                let _place = places.acquire().await.expect("never closed");
                connect(at, number).await.expect("the handshake succeeds")
            })
        })
        .collect();
    let mut streams = Vec::new();
    for connection in begun {
        streams.push(connection.await.expect("no panic"));
    }
    streams
}

async fn connect(at: SocketAddr, number: u64) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let local = LocalNode {
        name: format!("n{number}@127.0.0.1"),
        flags: Flags::OURS,
        creation: 7,
        cookie: Cookie::new(COOKIE).map_err(io::Error::other)?,
        visible: false,
    };
    let mut handshake = Initiator::new(Instant::ZERO, local, "server@127.0.0.1", 1, Framing::Two)
        .map_err(io::Error::other)?;
    let mut buffer = [0; 1024];
    loop {
        let mut out = Vec::new();
        handshake.poll_transmit(&mut out);
        stream.write_all(&out).await?;
        match handshake.poll_event() {
            Some(InitiatorEvent::Established(_)) => return Ok(stream),
            Some(other) => return Err(io::Error::other(format!("{other:?}"))),
            None => {}
        }
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        handshake.handle_bytes(Instant::ZERO, &buffer[..read]).map_err(io::Error::other)?;
    }
}
