//! QUIC between Engset nodes: who gets together and who does not, order, large messages, ends, and the way by TLS.

mod certs;
mod peer;

use certs::{Authority, Certificate};
use engset_dist::connection::{SENDER_GROUPS, group_of};
use engset_net::{
    ConnectError, NodeBuilder, QuicCounts, RunningNode, StartNodeError, Step, TlsConfig, TlsError, TlsFault,
    TlsVersion,
};
use engset_node::{CloseReason, DialError};
use engset_process::{Cx, Dest, Exit, ExitReason, Mail, SpawnOptions};
use engset_term::{Atom, NodeName, Pid, Term};
use peer::{COOKIE, free_fixed_port};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

const A: &str = "a@127.0.0.1";
const B: &str = "b@127.0.0.1";
const MIB: usize = 1024 * 1024;
/// What has not happened by then does not.
const PATIENCE: Duration = Duration::from_secs(60);

fn name(name: &str) -> NodeName {
    NodeName::new(name).expect("a name")
}

fn dial(from: &RunningNode, peer: &str) -> Result<(), DialError> {
    let (sender, receiver) = mpsc::channel();
    from.node().connect(name(peer), move |result| drop(sender.send(result)));
    receiver.recv().expect("an attempt ends")
}

fn tls(authority: &Authority, certificate: &Certificate) -> TlsConfig {
    let (authority, chain, key) = (&authority.pem, &certificate.pem, &certificate.key);
    TlsConfig::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes()).expect("they fit each other")
}

fn builder(name: &str, epmd_tcp_port: u16) -> NodeBuilder {
    RunningNode::builder().name(name).cookie(COOKIE).workers(2).epmd_tcp_port(epmd_tcp_port)
}

fn start(name: &str, epmd_tcp_port: u16, tls: TlsConfig) -> RunningNode {
    builder(name, epmd_tcp_port).quic(tls).start().expect("it starts")
}

fn counts(node: &RunningNode) -> QuicCounts {
    node.quic().expect("it has QUIC")
}

/// Two nodes of one cluster with an EPMD of their own.
fn pair() -> (RunningNode, RunningNode) {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let node = |name: &str| start(name, port, tls(&authority, &authority.node(name)));
    (node(A), node(B))
}

/// Waits until it is so.
#[track_caller]
fn until(node: &RunningNode, is_so: impl Fn() -> bool) {
    let clock = node.processes().scheduler().clone();
    let begun = clock.now();
    while !is_so() {
        assert!(clock.now().saturating_duration_since(begun) < PATIENCE, "it is not so in time");
        std::thread::yield_now();
    }
}

/// Connects anew until it is so: the peer may have come back by itself, since its processes have things to say.
#[track_caller]
fn connect_anew_until(from: &RunningNode, peer: &str, is_so: impl Fn() -> bool) {
    until(from, || {
        from.node().disconnect_all();
        dial(from, peer).is_ok() && is_so()
    });
}

/// The integer that a message is.
fn number(message: &Term) -> u64 {
    message
        .as_integer()
        .and_then(|number| number.as_i64())
        .and_then(|number| number.try_into().ok())
        .expect("a number")
}

#[test]
fn two_nodes_with_good_certificates_get_together() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let a = start(A, port, tls(&authority, &authority.node(A)));
    let b = start(B, port, tls(&authority, &authority.host("127.0.0.1")));
    dial(&a, B).expect("they are of one cluster");
    assert_eq!(counts(&a), QuicCounts { dialled: 1, ..QuicCounts::default() });
    assert_eq!(counts(&b), QuicCounts { accepted: 1, retries: 1, ..QuicCounts::default() });
    connect_anew_until(&b, A, || counts(&b).dialled > 0 && counts(&a).accepted > 0);
    // A node that stops tells its peers at once, though their patience is longer.
    drop(b);
    until(&a, || a.node().connected().is_empty());
}

#[test]
fn a_node_that_comes_back_is_connected_to_anew() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let a = start(A, port, tls(&authority, &authority.node(A)));
    for _ in 0..3 {
        let b = start(B, port, tls(&authority, &authority.node(B)));
        dial(&a, B).expect("it is there");
        assert_eq!(b.node().connected().len(), 1);
        drop(b);
        until(&a, || a.node().connected().is_empty());
        dial(&a, B).expect_err("it is not there");
    }
    assert_eq!(counts(&a), QuicCounts { dialled: 3, ..QuicCounts::default() });
}

/// Two nodes that dial each other at once get one connection.
#[test]
fn nodes_that_dial_each_other_at_once_are_connected_once() {
    let (a, b) = pair();
    for _ in 0..20 {
        let (sender, receiver) = mpsc::channel();
        for (from, to) in [(&a, B), (&b, A)] {
            let sender = sender.clone();
            from.node().connect(name(to), move |result| sender.send(result.is_ok()).expect("the test waits"));
        }
        for _ in 0..2 {
            assert!(receiver.recv_timeout(PATIENCE).expect("an attempt ends"));
        }
        assert_eq!((a.node().connected().len(), b.node().connected().len()), (1, 1));
        a.node().disconnect_all();
        b.node().disconnect_all();
    }
    assert_eq!((counts(&a).detours, counts(&b).detours), (0, 0));
    until(&a, || a.handshakes_open() + b.handshakes_open() == 0);
}

/// What is wrong when `a` with this certificate dials `b` with that one, and what it says.
fn fault(authority: &Authority, a: &Certificate, b: &Certificate) -> (TlsFault, String) {
    let port = free_fixed_port();
    let a = start(A, port, tls(authority, a));
    let b = start(B, port, tls(authority, b));
    let error = dial(&a, B).expect_err("they do not get together");
    assert!(a.node().connected().is_empty() && b.node().connected().is_empty());
    assert_eq!(counts(&a).detours, 0, "no way leads around a certificate");
    let of_stream = |reason: &CloseReason| match reason {
        CloseReason::Carrier(error) => {
            error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<TlsError>().cloned()
        }
        _ => None,
    };
    let found = match (error.downcast_ref::<ConnectError>(), error.downcast_ref::<CloseReason>()) {
        (Some(quic @ ConnectError::Quic { error, .. }), _) => {
            assert_eq!(quic.step(), Step::Quic);
            Some(error.clone())
        }
        (_, Some(reason)) => of_stream(reason),
        _ => None,
    };
    (found.unwrap_or_else(|| panic!("no error of QUIC: {error}")).fault, error.to_string())
}

#[test]
fn each_fault_of_a_certificate_is_named_with_its_side_and_what_to_do() {
    let authority = Authority::new("cluster");
    let stranger = Authority::new("another cluster");
    let good = || authority.host("127.0.0.1");
    for (ours, theirs, expected, says) in [
        (
            good(),
            stranger.node(B),
            TlsFault::PeerCertificateFromOtherAuthority,
            "the CA of the peer's certificate",
        ),
        (good(), authority.expired("127.0.0.1"), TlsFault::PeerCertificateExpired, "a new certificate"),
        (
            good(),
            authority.not_yet_valid("127.0.0.1"),
            TlsFault::PeerCertificateNotYetValid,
            "set the clocks",
        ),
        (stranger.node(A), good(), TlsFault::OurCertificateFromOtherAuthority, "from the cluster's CA"),
        (
            authority.expired("127.0.0.1"),
            good(),
            TlsFault::OurCertificateExpired,
            "give this node a new certificate",
        ),
    ] {
        let (found, told) = fault(&authority, &ours, &theirs);
        assert_eq!(found, expected, "{told}");
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn a_certificate_that_is_not_for_the_node_is_told_of_at_the_start() {
    let authority = Authority::new("cluster");
    let wrong = tls(&authority, &authority.node("c@127.0.0.1"));
    let error = builder(A, free_fixed_port()).quic(wrong).start().expect_err("no peer would take it");
    assert!(matches!(&error, StartNodeError::Certificate(_)), "{error}");
}

#[test]
fn quic_needs_the_newest_tls_and_that_is_said() {
    let authority = Authority::new("cluster");
    let own = authority.node(A);
    let (authority, chain, key) = (authority.pem.as_bytes(), own.pem.as_bytes(), own.key.as_bytes());
    let old =
        TlsConfig::from_pem_with_versions(authority, chain, key, &[TlsVersion::Tls12]).expect("they fit");
    let error = builder(A, free_fixed_port()).quic(old).start().expect_err("QUIC has no older one");
    assert!(matches!(&error, StartNodeError::Quic(_)) && error.to_string().contains("1.3"), "{error}");
}

/// The handshake of the nodes is the same as over any carrier, and so is what it says.
#[test]
fn another_cookie_is_refused_and_named() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let b = start(B, port, tls(&authority, &authority.node(B)));
    let a = builder(A, port).cookie("another").quic(tls(&authority, &authority.node(A)));
    let a = a.start().expect("it starts");
    let error = dial(&a, B).expect_err("the cookies differ").to_string();
    assert!(error.contains("cookie"), "{error}");
    assert_eq!(counts(&a).dialled, 1);
    until(&b, || b.admission().guessed == 1);
    assert_eq!(b.handshakes_open(), 0);
}

/// Nodes with TLS only, Erlang's among them, are reached by TLS at once, and reach this node so.
#[test]
fn a_node_that_does_not_offer_quic_is_reached_by_tls() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let a = start(A, port, tls(&authority, &authority.node(A)));
    let b = builder(B, port).tls(tls(&authority, &authority.node(B))).start().expect("it starts");
    dial(&a, B).expect("by TLS");
    assert_eq!(counts(&a), QuicCounts::default());
    assert!(b.quic().is_none());
    b.node().disconnect_all();
    dial(&b, A).expect("by TLS");
    assert_eq!(counts(&a), QuicCounts::default());
}

/// Where UDP does not get through the connection is made by TLS after a while, and the next one without waiting.
#[test]
fn where_udp_does_not_get_through_the_way_is_by_tls() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let (a, b) = ("a@127.0.9.51", "b@127.0.9.52");
    let fixed = |name: &str| builder(name, 1).no_epmd(port);
    let quic = fixed(a).quic(tls(&authority, &authority.node(a))).start().expect("it starts");
    let other = fixed(b).tls(tls(&authority, &authority.node(b))).start().expect("it starts");
    // A socket that takes every datagram and answers none, as behind a firewall.
    let _silent = UdpSocket::bind(("127.0.9.52", port)).expect("its UDP port is free");
    let clock = quic.processes().scheduler().clone();
    let begun = clock.now();
    dial(&quic, b).expect("by TLS");
    let first = clock.now().saturating_duration_since(begun);
    assert!(first >= Duration::from_secs(3), "{first:?}");
    assert_eq!(counts(&quic), QuicCounts { detours: 1, ..QuicCounts::default() });
    let begun = clock.now();
    connect_anew_until(&quic, b, || counts(&quic).detours == 2);
    let second = clock.now().saturating_duration_since(begun);
    assert!(second < Duration::from_secs(3), "it is not tried again by UDP: {second:?}");
    assert_eq!(counts(&quic), QuicCounts { detours: 2, ..QuicCounts::default() });
    drop(other);
}

/// Where nobody listens, as at a node with TLS only and no EPMD that could tell, the way is by TLS without waiting long.
#[test]
fn where_nobody_listens_the_way_is_by_tls_soon() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let (a, b) = ("a@127.0.9.53", "b@127.0.9.54");
    let fixed = |name: &str| builder(name, 1).no_epmd(port);
    let quic = fixed(a).quic(tls(&authority, &authority.node(a))).start().expect("it starts");
    let _other = fixed(b).tls(tls(&authority, &authority.node(b))).start().expect("it starts");
    let clock = quic.processes().scheduler().clone();
    let begun = clock.now();
    dial(&quic, b).expect("by TLS");
    let took = clock.now().saturating_duration_since(begun);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(counts(&quic), QuicCounts { detours: 1, ..QuicCounts::default() });
}

#[test]
fn a_udp_port_in_use_is_told_of_at_the_start() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let name = "a@127.0.9.55";
    let _taken = UdpSocket::bind(("127.0.9.55", port)).expect("it is free");
    let started = builder(name, 1).no_epmd(port).quic(tls(&authority, &authority.node(name))).start();
    let told = started.expect_err("its port is taken").to_string();
    assert!(told.contains(&format!("UDP port {port} at 127.0.9.55")), "{told}");
}

/// Sends its own pid to `name` at `node`, and waits for the message that comes back to it.
fn echoed(from: &RunningNode, name: &'static str, node: &'static str) -> Term {
    let asked = from.block_on(move |mut cx| async move {
        cx.send(to(name, node), Term::from(cx.pid())).expect("a term");
        message(&mut cx).await
    });
    asked.expect("it runs")
}

/// Sends to each pid that comes what it is, and its own.
fn serve_echo(node: &RunningNode) {
    serve(node, "echo", |mut cx| async move {
        loop {
            let from = message(&mut cx).await;
            let to = from.as_pid().expect("a pid");
            cx.send(to, Term::tuple([from, Term::from(cx.pid())])).expect("a term");
        }
    });
}

#[test]
fn a_node_that_listens_nowhere_dials_over_quic() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let b = start(B, port, tls(&authority, &authority.node(B)));
    serve_echo(&b);
    let a = builder(A, port).connect_only().quic(tls(&authority, &authority.node(A)));
    let a = a.start().expect("it starts");
    dial(&a, B).expect("it is there");
    assert_eq!((counts(&a).dialled, counts(&b).accepted), (1, 1));
    assert_eq!(echoed(&a, "echo", B).as_tuple().map(<[Term]>::len), Some(2));
    // It tells its peer of its end, as any.
    drop(a);
    until(&b, || b.node().connected().is_empty());
}

/// Its name is another inside and outside: so on all streams, also those of groups.
#[test]
fn a_node_that_is_named_by_its_peer_dials_over_quic() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let b = start(B, port, tls(&authority, &authority.node(B)));
    serve_echo(&b);
    let a = builder(A, port).name_from_peer("127.0.0.1");
    let a = a.quic(tls(&authority, &authority.host("127.0.0.1"))).start().expect("it starts");
    dial(&a, B).expect("it is there");
    assert_eq!((counts(&a).dialled, counts(&b).accepted), (1, 1));
    for _ in 0..2 * SENDER_GROUPS {
        let echoed = echoed(&a, "echo", B);
        let parts = echoed.as_tuple().expect("a tuple");
        assert_eq!(parts[0].as_pid().map(Pid::node), Some(NodeName::NONODE), "it is ours: {echoed}");
        assert_eq!(parts[1].as_pid().map(Pid::node), Some(name(B)), "{echoed}");
    }
    let known = b.node().nodes(engset_node::NodeList::Connected);
    assert_eq!(known, [a.node().name()]);
}

#[test]
fn another_udp_port_is_taken_where_that_of_the_tcp_port_is_in_use() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let first = free_fixed_port();
    let ports = first..=first + 1;
    let _taken = UdpSocket::bind(("127.0.0.1", *ports.start())).expect("it is free");
    let a = builder(A, port).tcp_ports(ports).quic(tls(&authority, &authority.node(A)));
    let _a = a.start().expect("it takes the next");
    let b = start(B, port, tls(&authority, &authority.node(B)));
    dial(&b, A).expect("it is found there");
    assert_eq!(counts(&b).dialled, 1);
}

/// Starts a process under a name.
fn serve<F: Future<Output = Result<(), Exit>> + Send + 'static>(
    node: &RunningNode,
    name: &'static str,
    body: impl FnOnce(Cx<Term>) -> F + Send + 'static,
) -> Pid {
    let options = SpawnOptions { name: Some(Atom::from_static(name)), ..SpawnOptions::default() };
    node.processes().spawn(options, body).expect("there is room").pid()
}

async fn message(cx: &mut Cx<Term>) -> Term {
    match cx.recv_timeout(PATIENCE).await {
        Some(Mail::Message(message)) => message,
        other => panic!("no message: {other:?}"),
    }
}

fn to(name: &'static str, node: &str) -> Dest {
    Dest::RemoteName(Atom::from_static(name), NodeName::new(node).expect("a name"))
}

/// Each of many processes sends small and large messages, then ends: what it sent comes in order, and its end last.
#[test]
fn the_signals_of_each_of_many_senders_come_in_order_and_the_end_last() {
    let (a, b) = pair();
    check_order(&a, &b, B, 200, 50);
    assert_eq!(counts(&a).dialled, 1);
}

/// Passes datagrams on between whoever sends to the first address and the second one.
struct Path {
    is_over: Arc<AtomicBool>,
    ways: Vec<JoinHandle<()>>,
}

/// What a path does to what passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Of twenty datagrams it loses one and delays another.
    Lossy,
    /// It says that nobody listens there to whoever was not the first to come, as some firewalls do.
    Guarded,
}

impl Path {
    fn new(front: SocketAddr, back: SocketAddr, manner: Manner) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let front = Arc::new(UdpSocket::bind(front).expect("it is free"));
        let out = Arc::new(UdpSocket::bind((back.ip(), 0)).expect("it is free"));
        out.connect(back).expect("a good address");
        let guest = Arc::new(Mutex::new(None::<SocketAddr>));
        let mut ways = Vec::new();
        for is_in in [true, false] {
            let (front, out, guest, is_over) =
                (Arc::clone(&front), Arc::clone(&out), Arc::clone(&guest), Arc::clone(&is_over));
            let from = if is_in { &front } else { &out };
            from.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket has a time limit");
            let way = move || {
                let from = if is_in { &front } else { &out };
                let mut buffer = [0; 2048];
                let mut delayed: Option<Vec<u8>> = None;
                let pass = |datagram: &[u8]| match (is_in, *guest.lock().expect("nobody panics")) {
                    (true, _) => drop(out.send(datagram)),
                    (false, Some(guest)) => drop(front.send_to(datagram, guest)),
                    (false, None) => {}
                };
                for number in 0_u64.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok((len, sender)) = from.recv_from(&mut buffer) else { continue };
                    if len == 1 {
                        // A knock, of another socket.
                        continue;
                    }
                    if is_in && guest.lock().expect("nobody panics").replace(sender).is_none() {
                        match manner {
                            Manner::Lossy => {}
                            // Who is not that one finds no socket there from now on.
                            Manner::Guarded => front.connect(sender).expect("a good address"),
                        }
                    }
                    match number % 20 {
                        7 if manner == Manner::Lossy => {}
                        13 if manner == Manner::Lossy => delayed = Some(buffer[..len].to_vec()),
                        _ => {
                            pass(&buffer[..len]);
                            delayed.take().into_iter().for_each(|late| pass(&late));
                        }
                    }
                }
            };
            ways.push(std::thread::Builder::new().spawn(way).expect("a thread"));
        }
        Self { is_over, ways }
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.ways.drain(..).for_each(|way| way.join().expect("it ends"));
    }
}

/// On a path that loses and reorders datagrams all is as it should be, only later.
#[test]
fn order_and_messages_survive_a_path_that_loses_datagrams() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    // The name of the second leads to the path, which leads to where it listens.
    let (near, far) = ("near@127.0.9.61", "far@127.0.9.62");
    let node = |name: &str, listen: [u8; 4]| {
        let builder = builder(name, 1).no_epmd(port).listen(listen.into());
        builder.quic(tls(&authority, &authority.node(name))).start().expect("it starts")
    };
    let (a, b) = (node(near, [127, 0, 9, 61]), node(far, [127, 0, 9, 63]));
    let (front, back) = (([127, 0, 9, 62], port).into(), ([127, 0, 9, 63], port).into());
    let _path = Path::new(front, back, Manner::Lossy);
    dial(&a, far).expect("by the path");
    check_order(&a, &b, far, 40, 30);
    assert_eq!(counts(&a), QuicCounts { dialled: 1, ..QuicCounts::default() });
}

/// A word that nobody listens there is not believed of a peer that is there, on either side.
#[test]
fn a_path_that_says_that_nobody_listens_ends_no_connection() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let (near, far) = ("near@127.0.9.64", "far@127.0.9.65");
    let node = |name: &str, listen: [u8; 4]| {
        let builder = builder(name, 1).no_epmd(port).listen(listen.into());
        builder.quic(tls(&authority, &authority.node(name))).start().expect("it starts")
    };
    let (a, b) = (node(near, [127, 0, 9, 64]), node(far, [127, 0, 9, 66]));
    let (front, back) = (([127, 0, 9, 65], port).into(), ([127, 0, 9, 66], port).into());
    let _path = Path::new(front, back, Manner::Guarded);
    serve_echo(&b);
    dial(&a, far).expect("by the path");
    // Both are told so within a tenth of a second, and would believe it after another one.
    let silence = a.block_on(|mut cx| async move { cx.recv_timeout(Duration::from_secs(4)).await.is_none() });
    assert_eq!(silence, Ok(true));
    let connected = |node: &RunningNode| node.node().connected().len();
    assert_eq!((connected(&a), connected(&b)), (1, 1));
    assert!(echoed(&a, "echo", far).as_tuple().is_some());
    assert_eq!(counts(&a), QuicCounts { dialled: 1, ..QuicCounts::default() });
}

/// Lets so many processes of `a` send so many messages each to one of `b`.
fn check_order(a: &RunningNode, b: &RunningNode, b_name: &'static str, senders: u64, rounds: u64) {
    let (told, heard) = mpsc::channel();
    let sink = serve(b, "sink", move |mut cx| async move {
        let mut next = std::collections::BTreeMap::<Pid, u64>::new();
        let mut ended = 0;
        while ended < senders {
            match cx.recv_timeout(PATIENCE).await {
                Some(Mail::Message(message)) => {
                    let parts = message.as_tuple().expect("a tuple");
                    let sender = parts[0].as_pid().expect("a pid");
                    if number(&parts[1]) == 0 {
                        cx.monitor(sender);
                        cx.send(sender, Term::atom("go")).expect("a term");
                    }
                    let due = next.entry(sender).or_insert(0);
                    assert_eq!(number(&parts[1]), *due, "{sender}");
                    *due += 1;
                }
                Some(Mail::Down(down)) => {
                    assert_eq!(down.reason, ExitReason::Normal, "{down:?}");
                    ended += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        told.send(next.into_values().collect::<Vec<_>>()).expect("the test waits");
        Ok(())
    });
    for sender in 0..senders {
        let body = move |mut cx: Cx<Term>| async move {
            for round in 0..rounds {
                let len = if (round + sender) % 10 == 9 { 200_000 } else { 10 };
                let parts = [Term::from(cx.pid()), Term::from(round), Term::binary(vec![0; len])];
                // By name first, then by pid: it is one process.
                let to = if round == 0 { to("sink", b_name) } else { Dest::Pid(sink) };
                cx.ready(to.clone()).await;
                cx.send(to, Term::tuple(parts)).expect("a term");
                if round == 0 {
                    message(&mut cx).await;
                }
            }
            Ok::<_, Exit>(())
        };
        a.processes().spawn(SpawnOptions::default(), body).expect("there is room");
    }
    let counts = heard.recv_timeout(PATIENCE).expect("all come");
    assert_eq!(counts, vec![rounds; usize::try_from(senders).expect("a small number")]);
}

/// While a message of 64 MiB is under way, processes of other groups talk on.
#[test]
fn a_large_message_holds_up_its_own_group_only() {
    let (a, b) = pair();
    let (told, heard) = mpsc::channel();
    let has_come = Arc::new(AtomicBool::new(false));
    let arrival = Arc::clone(&has_come);
    serve(&b, "sink", move |mut cx| async move {
        let large = message(&mut cx).await;
        arrival.store(true, Ordering::SeqCst);
        let is_whole = large.as_binary().is_some_and(|bytes| bytes.len() == 64 * MIB && bytes[7 * MIB] == 5);
        told.send(is_whole).expect("the test waits");
        Ok(())
    });
    serve(&b, "echo", move |mut cx| async move {
        loop {
            let from = message(&mut cx).await;
            cx.send(from.as_pid().expect("a pid"), Term::Nil).expect("a term");
        }
    });
    // Connected before, so that nothing waits for that.
    dial(&a, B).expect("it is there");
    let large = a.block_on(|cx| async move {
        cx.send(to("sink", B), Term::binary(vec![5; 64 * MIB])).expect("a term");
        cx.pid()
    });
    let large = group_of(large.expect("it runs"), SENDER_GROUPS);
    let talks: Vec<_> = (0..2 * SENDER_GROUPS)
        .map(|_| {
            let (count, counted) = mpsc::channel();
            let has_come = Arc::clone(&has_come);
            let talk = move |mut cx: Cx<Term>| async move {
                let mut talks = 0_u32;
                while group_of(cx.pid(), SENDER_GROUPS) != large && !has_come.load(Ordering::SeqCst) {
                    cx.send(to("echo", B), Term::from(cx.pid())).expect("a term");
                    message(&mut cx).await;
                    talks += 1;
                }
                count.send(talks).expect("the test waits");
                Ok::<_, Exit>(())
            };
            a.processes().spawn(SpawnOptions::default(), talk).expect("there is room");
            counted
        })
        .collect();
    assert!(heard.recv_timeout(PATIENCE).expect("it comes"));
    let talks: Vec<_> = talks.iter().map(|talks| talks.recv_timeout(PATIENCE).expect("it ends")).collect();
    assert!(talks.iter().filter(|talks| **talks > 5).count() > SENDER_GROUPS, "{talks:?}");
}

/// Several large messages at once, more than incomplete signals may hold, come one after the other.
#[test]
fn large_messages_of_all_groups_at_once_arrive() {
    let (a, b) = pair();
    let (told, heard) = mpsc::channel();
    serve(&b, "sink", move |mut cx| async move {
        for _ in 0..SENDER_GROUPS {
            let large = message(&mut cx).await;
            told.send(large.as_binary().map(<[u8]>::len)).expect("the test waits");
        }
        Ok(())
    });
    dial(&a, B).expect("it is there");
    for _ in 0..SENDER_GROUPS {
        let send = |cx: Cx<Term>| async move {
            cx.send(to("sink", B), Term::binary(vec![0; 20 * MIB])).expect("a term");
            Ok::<_, Exit>(())
        };
        a.processes().spawn(SpawnOptions::default(), send).expect("there is room");
    }
    for _ in 0..SENDER_GROUPS {
        assert_eq!(heard.recv_timeout(PATIENCE).expect("all come"), Some(20 * MIB));
    }
    assert_eq!(a.node().connected().len(), 1);
}
