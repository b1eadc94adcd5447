//! What has come is read, however the connection ended meanwhile, and no more at a time than lets others have their turn.

use super::super::certs::Authority;
use super::super::settings::Settings;
use super::{Beside, Farewell, Groups};
use crate::carrier::TlsConfig;
use engset_dist::blocks::READ_BYTES;
use engset_dist::connection::{IncomingConfig, SENDER_GROUPS};
use engset_dist::handshake::{Cookie, Framing};
use engset_node::{Channel, CloseReason, Dial, Network, Node, NodeConfig};
use engset_process::Scheduler;
use engset_term::{Instant, NodeName};
use parking_lot::Mutex;
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

/// Keeps whom its node wants to dial.
#[derive(Default)]
struct Wishes(Mutex<Option<Dial>>);

impl Network for Wishes {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        *self.0.lock() = Some(dial);
    }
}

/// A node, and its end of a connection whose handshake is over.
fn connected() -> (Arc<Node>, Channel) {
    connected_with(&IncomingConfig::default())
}

fn connected_with(incoming: &IncomingConfig) -> (Arc<Node>, Channel) {
    let wishes = Arc::<Wishes>::default();
    let node = |name: &str| {
        let cookie = Cookie::new("a cookie of tests").unwrap();
        let mut config = NodeConfig::new(NodeName::new(name).unwrap(), 7, cookie, 0);
        config.incoming = incoming.clone();
        Node::new(config, Scheduler::seeded(1), Arc::clone(&wishes) as _)
    };
    let (near, far) = (node("near@h"), node("far@h"));
    near.connect(far.name(), |_| {});
    let dial = wishes.0.lock().take().unwrap();
    let dialled = Channel::dialled(Arc::clone(&near), dial, Instant::ZERO, 5, Framing::Four).unwrap();
    let mut dialled = dialled.with_groups(SENDER_GROUPS);
    let mut accepted = Channel::accepted(far, Instant::ZERO, 3, Framing::Four).unwrap();
    let mut out = Vec::new();
    while dialled.peer().is_none() {
        dialled.poll_transmit(&mut out, Waker::noop()).unwrap();
        accepted.handle_bytes(Instant::ZERO, &std::mem::take(&mut out).concat()).unwrap();
        accepted.poll_transmit(&mut out, Waker::noop()).unwrap();
        dialled.handle_bytes(Instant::ZERO, &std::mem::take(&mut out).concat()).unwrap();
    }
    (near, dialled)
}

/// The two ends of a QUIC connection of this machine with itself.
async fn quic() -> (Connection, Connection) {
    let authority = Authority::new("cluster");
    let own = authority.host("127.0.0.1");
    let (ca, chain, key) = (authority.pem.as_bytes(), own.pem.as_bytes(), own.key.as_bytes());
    let tls = TlsConfig::from_pem(ca, chain, key).unwrap();
    let settings = Settings::new(&tls, Duration::from_secs(15)).unwrap();
    let endpoint = |server| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(TokioRuntime)).unwrap()
    };
    let (far, near) = (endpoint(Some(settings.server())), endpoint(None));
    let connecting = near.connect_with(settings.client(), far.local_addr().unwrap(), "127.0.0.1").unwrap();
    let accept = async { far.accept().await.unwrap().await };
    let (near, far) = tokio::join!(connecting, accept);
    (near.unwrap(), far.unwrap())
}

/// The end of a connection is seen on streams without anything first; the others may have brought something before.
#[test]
fn what_came_on_one_stream_acts_although_others_saw_the_end_of_the_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (node, mut channel) = connected();
        let (near, far) = quic().await;
        let farewell = Farewell::new(near.clone(), Scheduler::seeded(1), Arc::default());
        let mut groups = Groups::new(near.clone(), farewell);
        let mut task = Context::from_waker(Waker::noop());
        assert!(!groups.poll(&mut channel, Instant::ZERO, &mut task).unwrap());
        let mut streams = Vec::new();
        for _ in 0..SENDER_GROUPS {
            streams.push(far.open_uni().await.unwrap());
        }
        let (before, known) = (node.bytes().0, near.stats().frame_rx.stream);
        // A tick.
        streams.last_mut().unwrap().write_all(&[0; 4]).await.unwrap();
        while near.stats().frame_rx.stream == known {
            tokio::task::yield_now().await;
        }
        far.close(0_u32.into(), b"");
        near.closed().await;
        let closed = groups.poll(&mut channel, Instant::ZERO, &mut task);
        assert!(matches!(closed, Err(CloseReason::ClosedByPeer)), "{closed:?}");
        assert_eq!(node.bytes().0, before + 4);
    });
}

/// A stream that waits for another to get complete waits no longer when that cannot be.
#[test]
fn what_came_on_a_stream_that_was_not_to_be_read_acts_before_the_end_of_the_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (node, mut channel) =
            connected_with(&IncomingConfig { fragments_bytes_max: 2_000, ..IncomingConfig::default() });
        let (near, far) = quic().await;
        let farewell = Farewell::new(near.clone(), Scheduler::seeded(1), Arc::default());
        let mut groups = Groups::new(near.clone(), farewell);
        let mut task = Context::from_waker(Waker::noop());
        assert!(!groups.poll(&mut channel, Instant::ZERO, &mut task).unwrap());
        let (mut waits, mut fills) = (far.open_uni().await.unwrap(), far.open_uni().await.unwrap());
        let before = node.bytes().0;
        // A tick, so that the peer knows of both, and the beginning of a frame that is more than may be held.
        waits.write_all(&[0; 4]).await.unwrap();
        fills.write_all(&[&[0, 0, 16, 0][..], &[7; 1_500]].concat()).await.unwrap();
        while node.bytes().0 < before + 1_508 {
            assert!(!groups.poll(&mut channel, Instant::ZERO, &mut task).unwrap());
            tokio::task::yield_now().await;
        }
        let known = near.stats().frame_rx.stream;
        waits.write_all(&[0; 4]).await.unwrap();
        while near.stats().frame_rx.stream == known {
            tokio::task::yield_now().await;
        }
        assert!(!groups.poll(&mut channel, Instant::ZERO, &mut task).unwrap());
        assert_eq!(node.bytes().0, before + 1_508, "it waits");
        far.close(0_u32.into(), b"");
        near.closed().await;
        let closed = groups.poll(&mut channel, Instant::ZERO, &mut task);
        assert!(matches!(closed, Err(CloseReason::ClosedByPeer)), "{closed:?}");
        assert_eq!(node.bytes().0, before + 1_512);
    });
}

/// A peer that sends more than is taken in at a time does not keep the connection from writing, nor others from their turn.
/// All of it is taken in, also where the connection has ended.
#[test]
fn streams_that_are_full_are_read_in_turns() {
    [false, true].into_iter().for_each(full_streams_are_read_in_turns);
}

fn full_streams_are_read_in_turns(is_closed: bool) {
    const BYTES: usize = 5 * READ_BYTES;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (node, mut channel) = connected();
        let (near, far) = quic().await;
        let farewell = Farewell::new(near.clone(), Scheduler::seeded(1), Arc::default());
        let mut groups = Groups::new(near.clone(), farewell);
        let mut task = Context::from_waker(Waker::noop());
        assert!(!groups.poll(&mut channel, Instant::ZERO, &mut task).unwrap());
        let before = node.bytes().0;
        for _ in 0..SENDER_GROUPS {
            let mut stream = far.open_uni().await.unwrap();
            // Ticks.
            stream.write_all(&vec![0; BYTES]).await.unwrap();
            stream.finish().unwrap();
            // All of it is there.
            stream.stopped().await.unwrap();
        }
        if is_closed {
            far.close(0_u32.into(), b"");
            near.closed().await;
        }
        let (mut known, mut turns) = (before, 0);
        let end = loop {
            let more = groups.poll(&mut channel, Instant::ZERO, &mut task);
            let read = node.bytes().0 - known;
            assert!(read <= (SENDER_GROUPS * READ_BYTES) as u64, "{read} bytes in one turn");
            (known, turns) = (known + read, turns + 1);
            if !matches!(more, Ok(true)) {
                break more;
            }
        };
        assert_eq!(node.bytes().0 - before, (SENDER_GROUPS * BYTES) as u64);
        assert_eq!(end.is_err(), is_closed, "{end:?}");
        assert!(turns > 5, "{turns} turns");
    });
}
