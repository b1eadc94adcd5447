//! What becomes of a connection whose program was killed when another is there in its place.

use super::super::certs::Authority;
use super::super::settings::Settings;
use super::endpoint_config;
use crate::carrier::TlsConfig;
use engset_term::NodeName;
use quinn::{ConnectionError, Endpoint, EndpointConfig, TokioRuntime};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How a connection to a program of `near@127.0.0.1` ends when one of `next` is there in its place, and hears of it.
fn end(next: &str) -> Option<ConnectionError> {
    let authority = Authority::new("cluster");
    let own = authority.host("127.0.0.1");
    let (ca, chain, key) = (authority.pem.as_bytes(), own.pem.as_bytes(), own.key.as_bytes());
    let tls = TlsConfig::from_pem(ca, chain, key).unwrap();
    let settings = Settings::new(&tls, Duration::from_secs(5)).unwrap();
    let listen = |name: &str, at: SocketAddr| {
        let config = endpoint_config(&tls, NodeName::new(name).unwrap());
        let socket = UdpSocket::bind(at).unwrap();
        Endpoint::new(config, Some(settings.server()), socket, Arc::new(TokioRuntime)).unwrap()
    };
    let (first, second, ours) = (runtime(), runtime(), runtime());
    let listener = first.block_on(async { listen("near@127.0.0.1", (Ipv4Addr::LOCALHOST, 0).into()) });
    let at = listener.local_addr().unwrap();
    let connection = std::thread::scope(|scope| {
        let theirs =
            scope.spawn(|| first.block_on(async { listener.accept().await.unwrap().await.unwrap() }));
        let connection = ours.block_on(async {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime));
            endpoint.unwrap().connect_with(settings.client(), at, "127.0.0.1").unwrap().await.unwrap()
        });
        (theirs.join().unwrap(), connection)
    });
    // Killed: nothing of it runs any more, and its port is free.
    drop(first);
    drop((listener, connection.0));
    let _next = second.block_on(async { listen(next, at) });
    let connection = connection.1;
    // The signs of life that QUIC gives by itself are heard by the next program.
    std::thread::scope(|scope| {
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        scope.spawn(|| second.block_on(is_done).ok());
        let ended = ours.block_on(async { tokio::time::timeout(PATIENCE, connection.closed()).await.ok() });
        drop(done);
        ended
    })
}

#[test]
fn the_next_program_of_a_node_says_that_it_does_not_know_the_connection() {
    let ended = end("near@127.0.0.1");
    assert!(matches!(ended, Some(ConnectionError::Reset)), "{ended:?}");
}

/// Another node with the same certificate cannot end it, so it ends by silence.
#[test]
fn another_node_at_the_same_port_cannot_say_so() {
    let ended = end("other@127.0.0.1");
    assert!(matches!(ended, Some(ConnectionError::TimedOut)), "{ended:?}");
}
