//! Strangers and bad peers over QUIC: what they send leaves nothing behind, and closes nobody's connection but theirs.

mod certs;
mod peer;

use certs::{Authority, Certificate};
use engset_dist::connection::SENDER_GROUPS;
use engset_dist::handshake::{Framing, InitiatorEvent};
use engset_net::{QUIC_PROTOCOL, RunningNode, TlsConfig};
use engset_node::{MonitorNodes, NodeInfo, NodeType};
use engset_process::{Cx, Exit, Mail, Scheduler, SpawnOptions};
use engset_term::{NodeName, Term};
use peer::{COOKIE, free_fixed_port, initiator_with};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::crypto::ring;
use quinn::rustls::pki_types::pem::PemObject;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::rustls::version::TLS13;
use quinn::rustls::{ClientConfig, RootCertStore};
use quinn::{ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const NODE: &str = "good@127.0.0.1";
const PEER: &str = "bad@127.0.0.1";
/// What has not happened by then does not.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node with QUIC at a fixed port, and what is needed to reach it.
struct Scene {
    node: RunningNode,
    authority: Authority,
    at: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

fn tls(authority: &Authority, certificate: &Certificate) -> TlsConfig {
    let (authority, chain, key) = (&authority.pem, &certificate.pem, &certificate.key);
    TlsConfig::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes()).expect("they fit each other")
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("cluster");
        let port = free_fixed_port();
        let builder = RunningNode::builder().name(NODE).cookie(COOKIE).workers(2).no_epmd(port);
        let builder = builder.adjust(|config| config.handshake_timeout = Duration::from_millis(500));
        let node = builder.quic(tls(&authority, &authority.node(NODE))).start().expect("it starts");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { node, authority, at, runtime }
    }

    fn clock(&self) -> &Scheduler {
        self.node.processes().scheduler()
    }

    #[track_caller]
    fn until(&self, is_so: impl Fn() -> bool) {
        let begun = self.clock().now();
        while !is_so() {
            assert!(self.clock().now().saturating_duration_since(begun) < PATIENCE, "it is not so in time");
            std::thread::yield_now();
        }
    }

    /// A good node is still welcome.
    fn check_alive(&self) {
        let name = "witness@127.0.0.2";
        let certificate = self.authority.node(name);
        let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(1).no_epmd(self.at.port());
        let witness = builder.quic(tls(&self.authority, &certificate)).start().expect("it starts");
        let (sender, receiver) = mpsc::channel();
        let peer = NodeName::new(NODE).expect("a name");
        witness
            .node()
            .connect(peer, move |result| drop(sender.send(result.map_err(|error| error.to_string()))));
        assert_eq!(receiver.recv_timeout(PATIENCE).expect("an attempt ends"), Ok(()));
        assert_eq!(witness.quic().expect("it has QUIC").dialled, 1);
        self.until(|| self.node.handshakes_open() == 0);
    }
}

/// How a client of our own speaks QUIC to the node.
fn client(authority: &Authority, own: &Certificate, protocol: &str) -> quinn::ClientConfig {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.pem.as_bytes()) {
        roots.add(root.expect("PEM")).expect("an authority");
    }
    let chain = CertificateDer::pem_slice_iter(own.pem.as_bytes()).map(|one| one.expect("PEM")).collect();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).expect("a version");
    let config = config.with_root_certificates(roots).with_client_auth_cert(chain, key);
    let mut config = config.expect("they fit");
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config.enable_early_data = true;
    let crypto = QuicClientConfig::try_from(config).expect("version 1.3");
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    // The node may open its streams.
    config.transport_config(Arc::new(TransportConfig::default()));
    config
}

/// A connection of our own to the node, without the handshake of the nodes.
async fn connect(at: SocketAddr, config: quinn::ClientConfig) -> Result<quinn::Connection, ConnectionError> {
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
    endpoint.connect_with(config, at, "127.0.0.1").expect("a good address").await
}

/// A peer that has proven who it is, by its main stream.
struct Peer {
    connection: quinn::Connection,
    main: (SendStream, RecvStream),
}

async fn shake_hands(connection: quinn::Connection, name: &str) -> Result<Peer, String> {
    let mut main = connection.open_bi().await.map_err(|error| error.to_string())?;
    let mut initiator = initiator_with(name, NODE, COOKIE, Framing::Four);
    let mut buffer = [0; 1024];
    loop {
        let mut out = Vec::new();
        initiator.poll_transmit(&mut out);
        main.0.write_all(&out).await.map_err(|error| error.to_string())?;
        while let Some(event) = initiator.poll_event() {
            match event {
                InitiatorEvent::AskAlive => {
                    initiator.answer_alive(true).map_err(|error| error.to_string())?;
                }
                InitiatorEvent::WaitForOther => return Err("it dials us".to_owned()),
                InitiatorEvent::Established(_) => return Ok(Peer { connection, main }),
            }
        }
        let read = main.1.read(&mut buffer).await.map_err(|error| error.to_string())?;
        let Some(read) = read else { return Err(format!("{:?}", initiator.handle_eof())) };
        initiator
            .handle_bytes(engset_term::Instant::ZERO, &buffer[..read])
            .map_err(|error| error.to_string())?;
    }
}

impl Scene {
    fn connect(&self) -> quinn::Connection {
        let config = client(&self.authority, &self.authority.node(PEER), QUIC_PROTOCOL);
        self.runtime.block_on(connect(self.at, config)).expect("good certificates")
    }

    fn peer(&self) -> Peer {
        let peer = self.runtime.block_on(shake_hands(self.connect(), PEER)).expect("the right cookie");
        self.until(|| self.node.node().connected().len() == 1);
        peer
    }

    /// Waits until the node closes the connection.
    fn until_closed(&self, connection: &quinn::Connection) -> ConnectionError {
        let closed = async { tokio::time::timeout(PATIENCE, connection.closed()).await };
        self.runtime.block_on(closed).expect("the node closes in time")
    }
}

/// Datagrams from nowhere, garbage and beginnings alike, leave no connection and no place taken.
#[test]
fn a_flood_of_datagrams_leaves_nothing_behind() {
    let scene = Scene::new();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let mut seed = 7_u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    for round in 0..20_000_usize {
        let mut datagram: Vec<u8> = (0..1 + round % 1_400).map(|_| random()).collect();
        if round % 2 == 0 {
            // The head of a first datagram of version 1, with connection ids of 8 bytes.
            datagram.resize(1_200, 0);
            datagram[..6].copy_from_slice(&[0xC0, 0, 0, 0, 1, 8]);
            datagram[14] = 8;
        }
        // The node's buffer may be full.
        drop(socket.send_to(&datagram, scene.at));
    }
    scene.check_alive();
    let counts = scene.node.quic().expect("it has QUIC");
    assert_eq!((counts.accepted, scene.node.handshakes_open(), scene.node.node().attempts()), (1, 0, 0));
}

/// Whoever has no certificate of the cluster gets no further than TLS; the protocol's name has to fit, too.
#[test]
fn strangers_get_no_further_than_tls() {
    let scene = Scene::new();
    let stranger = Authority::new("another cluster");
    for (own, protocol) in [
        (stranger.node(PEER), QUIC_PROTOCOL),
        (scene.authority.expired("127.0.0.1"), QUIC_PROTOCOL),
        (scene.authority.node(PEER), "h3"),
        (scene.authority.node(PEER), "engset-dist/2"),
    ] {
        let config = client(&scene.authority, &own, protocol);
        let error = match scene.runtime.block_on(connect(scene.at, config)) {
            // Its own side of TLS may be done before the node has looked.
            Ok(connection) => scene.until_closed(&connection),
            Err(error) => error,
        };
        assert!(matches!(error, ConnectionError::ConnectionClosed(_)), "{error}");
    }
    scene.until(|| scene.node.admission().failed >= 4);
    assert_eq!(scene.node.quic().expect("it has QUIC").accepted, 0);
    scene.check_alive();
}

/// A certificate is for a name: another one is refused before the cookie is looked at.
#[test]
fn a_name_of_another_is_refused_before_the_cookie_is_looked_at() {
    let scene = Scene::new();
    for name in ["someone@127.0.0.1", "bad@127.0.0.9", NODE] {
        let refused = scene.runtime.block_on(shake_hands(scene.connect(), name)).err().expect("not its name");
        assert!(refused.contains("does not allow this node"), "{name}: {refused}");
    }
    assert_eq!(scene.node.admission().guessed, 0);
    drop(scene.peer());
    scene.check_alive();
}

/// A peer that comes back has nothing to resume, so nothing of it acts before its certificate was looked at anew, and
/// nothing can be replayed.
#[test]
fn there_is_no_early_data() {
    let scene = Scene::new();
    let config = client(&scene.authority, &scene.authority.node(PEER), QUIC_PROTOCOL);
    for _ in 0..2 {
        let connection = scene.runtime.block_on(async {
            let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
            let connecting =
                endpoint.connect_with(config.clone(), scene.at, "127.0.0.1").expect("a good address");
            match connecting.into_0rtt() {
                Ok(_) => panic!("early data"),
                Err(connecting) => connecting.await.expect("good certificates"),
            }
        });
        let peer = scene.runtime.block_on(shake_hands(connection, PEER)).expect("the right cookie");
        peer.connection.close(0_u32.into(), b"");
        scene.until(|| scene.node.node().connected().is_empty());
    }
    scene.check_alive();
}

/// Before its proof a peer may open no streams but one, and say little on it.
#[test]
fn a_silent_peer_is_closed_in_the_time_of_a_handshake() {
    let scene = Scene::new();
    let silent = scene.connect();
    let late = scene.runtime.block_on(async {
        let mut main = silent.open_bi().await.expect("one is allowed");
        main.0.write_all(&[0; 3]).await.expect("the beginning of a length");
        let further = silent.open_uni();
        tokio::select! {
            opened = further => assert!(opened.is_err(), "no further stream before the proof"),
            _ = silent.closed() => {}
        }
        main
    });
    scene.until_closed(&silent);
    drop(late);
    let no_stream = scene.connect();
    scene.until_closed(&no_stream);
    scene.check_alive();
}

#[test]
fn a_peer_that_resets_a_stream_is_disconnected() {
    let scene = Scene::new();
    let peer = scene.peer();
    scene.runtime.block_on(async {
        let mut group = peer.connection.open_uni().await.expect("after the proof");
        group.write_all(&[0, 0, 1, 0, 131]).await.expect("the beginning of a frame");
        group.reset(7_u32.into()).expect("an open stream");
    });
    scene.until_closed(&peer.connection);
    scene.until(|| scene.node.node().connected().is_empty());
    scene.check_alive();
}

/// As many streams as there are groups can be opened, and no more, ended ones included.
#[test]
fn a_peer_that_opens_surplus_streams_is_disconnected() {
    let scene = Scene::new();
    let peer = scene.peer();
    let (mut groups, is_full) = scene.runtime.block_on(async {
        let mut groups = Vec::new();
        for _ in 0..SENDER_GROUPS {
            let mut group = peer.connection.open_uni().await.expect("after the proof");
            // A tick, which is good on any stream.
            group.write_all(&[0; 4]).await.expect("an open stream");
            groups.push(group);
        }
        let one_more = tokio::time::timeout(Duration::from_millis(50), peer.connection.open_uni());
        (groups, one_more.await.is_err())
    });
    assert!(is_full, "one more has to wait");
    assert_eq!(scene.node.node().connected().len(), 1);
    scene.runtime.block_on(async {
        // Of those that have ended QUIC lets it open others, some at a time.
        for group in &mut groups {
            group.finish().expect("an open stream");
        }
        let mut surplus = peer.connection.open_uni().await.expect("others have ended");
        drop(surplus.write_all(&[0; 4]).await);
        // The stream is kept until the node has seen it.
        tokio::time::timeout(PATIENCE, peer.connection.closed()).await.expect("the node closes in time");
    });
    scene.until(|| scene.node.node().connected().is_empty());
    drop(peer.main);
    scene.check_alive();
}

/// Garbage on a stream of a group closes the connection as it does on the main one, whichever stream it is.
#[test]
fn a_peer_that_breaks_the_protocol_on_any_stream_is_disconnected() {
    let scene = Scene::new();
    for stream in 0..=SENDER_GROUPS {
        let mut peer = scene.peer();
        scene.runtime.block_on(async {
            let mut groups = Vec::new();
            for _ in 0..stream {
                groups.push(peer.connection.open_uni().await.expect("after the proof"));
            }
            let bad = groups.last_mut().unwrap_or(&mut peer.main.0);
            bad.write_all(&[0, 0, 0, 2, 1, 2]).await.expect("an open stream");
            // Streams that are dropped are ended.
            tokio::time::timeout(PATIENCE, peer.connection.closed()).await.expect("the node closes in time");
        });
        scene.until(|| scene.node.node().connected().is_empty());
    }
    scene.check_alive();
}

/// A program that is killed says nothing; but its machine says that nobody listens at its port any more.
#[test]
fn a_peer_whose_port_is_closed_without_a_word_is_noticed_soon() {
    let scene = Scene::new();
    let theirs = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = client(&scene.authority, &scene.authority.node(PEER), QUIC_PROTOCOL);
    let connection = theirs.block_on(connect(scene.at, config)).expect("good certificates");
    let peer = theirs.block_on(shake_hands(connection, PEER)).expect("the right cookie");
    scene.until(|| scene.node.node().connected().len() == 1);
    let begun = scene.clock().now();
    // Its tasks do not run any more, so nothing is said; and its socket goes.
    drop(theirs);
    drop(peer);
    scene.until(|| scene.node.node().connected().is_empty());
    let took = scene.clock().now().saturating_duration_since(begun);
    assert!(took < Duration::from_secs(5), "{took:?}");
    scene.check_alive();
}

/// One that hangs has a port, so the system says nothing, and it has its time: until its silence is a tick interval long.
#[test]
fn a_peer_that_is_gone_without_a_word_is_noticed() {
    let scene = Scene::new();
    let (told, heard) = mpsc::channel();
    let node = Arc::clone(scene.node.node());
    let all = MonitorNodes {
        node_type: Some(NodeType::All),
        nodedown_reason: true,
        info: NodeInfo::List,
        ..MonitorNodes::default()
    };
    let watch = move |mut cx: Cx<Term>| async move {
        node.monitor_nodes(cx.pid(), all).expect("room");
        while let Mail::Message(message) = cx.recv().await {
            told.send(message.to_string()).expect("the test waits");
        }
        Ok::<_, Exit>(())
    };
    scene.node.processes().spawn(SpawnOptions::default(), watch).expect("there is room");
    let peer = scene.peer();
    // Nothing of it runs any more, as nothing does in a program that is stopped.
    let begun = scene.clock().now();
    scene.until(|| scene.node.node().connected().is_empty());
    let took = scene.clock().now().saturating_duration_since(begun);
    assert!((14..19).contains(&took.as_secs()), "{took:?}");
    let down = heard.iter().find(|message| message.contains("nodedown")).expect("it is told");
    assert!(down.contains("net_tick_timeout"), "as of any silent peer: {down}");
    drop(peer);
}
