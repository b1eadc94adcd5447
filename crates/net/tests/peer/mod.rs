//! A peer made of a plain socket: what it writes is the test's business, and it reads until the node closes.

#![allow(dead_code, reason = "each test program uses its own part")]

#[path = "../../../dist/tests/wire/mod.rs"]
pub(crate) mod wire;

use engset_dist::Flags;
use engset_dist::connection::{Incoming, IncomingConfig};
use engset_dist::epmd::Lookup;
use engset_dist::handshake::{Cookie, Framing, HandshakeError, Initiator, InitiatorEvent, LocalNode};
use engset_net::{NodeBuilder, RunningNode};
use engset_term::Instant;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

pub(crate) const COOKIE: &str = "a cookie of tests";
/// The incarnation of every peer.
pub(crate) const CREATION: u32 = 9;
/// A node that says nothing for so long does not close either.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running node and where it and its EPMD listen.
pub(crate) struct Stage {
    pub(crate) node: RunningNode,
    pub(crate) name: &'static str,
    pub(crate) creation: u32,
    pub(crate) epmd: SocketAddr,
    pub(crate) at: SocketAddr,
}

impl Stage {
    /// Starts the node with an EPMD of its own.
    pub(crate) fn new(name: &'static str, build: impl Fn(NodeBuilder) -> NodeBuilder) -> Self {
        let epmd_tcp_port = free_tcp_port();
        let builder =
            RunningNode::builder().name(name).cookie(COOKIE).workers(2).epmd_tcp_port(epmd_tcp_port);
        let node = build(builder).start().expect("the node starts");
        let epmd = SocketAddr::from((Ipv4Addr::LOCALHOST, epmd_tcp_port));
        let creation = node.node().config().creation;
        let at = lookup(epmd, name.split('@').next().unwrap_or_default());
        Self { node, name, creation, epmd, at }
    }

    /// How many messages the node's processes did not understand so far.
    pub(crate) fn rejected(&self) -> u64 {
        self.node.processes().counters().read().rejected
    }

    pub(crate) fn now(&self) -> Instant {
        self.node.processes().scheduler().now()
    }

    /// A peer that has proven who it is.
    pub(crate) fn connected(&self, name: &str) -> Peer {
        self.shake_hands(name, COOKIE).expect("the node takes an honest peer")
    }

    /// Shakes hands under this name with this cookie.
    pub(crate) fn shake_hands(&self, name: &str, cookie: &str) -> Result<Peer, HandshakeError> {
        let mut stream = connect(self.at);
        let mut initiator = initiator(name, self.name, cookie);
        let mut buffer = [0; 4096];
        loop {
            let mut out = Vec::new();
            initiator.poll_transmit(&mut out);
            // A node that has closed says so when it is read from.
            drop(stream.write_all(&out));
            while let Some(event) = initiator.poll_event() {
                match event {
                    InitiatorEvent::AskAlive => initiator.answer_alive(true)?,
                    InitiatorEvent::WaitForOther => return Err(HandshakeError::NotAllowed),
                    InitiatorEvent::Established(established) => {
                        let mut incoming =
                            Incoming::new(Instant::ZERO, established.flags, &IncomingConfig::default());
                        incoming
                            .handle_bytes(Instant::ZERO, &established.leftover)
                            .expect("frames of the node");
                        return Ok(Peer { stream, incoming, name: name.to_owned() });
                    }
                }
            }
            let mut out = Vec::new();
            initiator.poll_transmit(&mut out);
            drop(stream.write_all(&out));
            match stream.read(&mut buffer).or_else(reset_is_end).expect("the node answers in time") {
                0 => return Err(initiator.handle_eof().unwrap_or(HandshakeError::NotAllowed)),
                read => initiator.handle_bytes(Instant::ZERO, &buffer[..read])?,
            }
        }
    }

    /// Shows by a fresh handshake and a call that the node is well.
    pub(crate) fn check_alive(&self) {
        let mut peer = self.connected("honest@127.0.0.1");
        peer.ping(self);
    }
}

/// A peer after its handshake.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    incoming: Incoming,
    name: String,
}

impl Peer {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // A node that has closed already says so when it is read from.
        drop(self.stream.write_all(bytes));
    }

    /// Calls `net_kernel` with `is_auth`, as `net_adm:ping/1` does, and awaits its `yes`.
    pub(crate) fn ping(&mut self, stage: &Stage) {
        let reference = wire::reference(&self.name, CREATION, [1, 2, 3]);
        let tag = wire::tuple(&[self.pid(), reference.clone()]);
        let request = wire::tuple(&[wire::atom("is_auth"), wire::atom(&self.name)]);
        let call = wire::tuple(&[wire::atom("$gen_call"), tag, request]);
        self.write(&wire::normal(&self.to_net_kernel(), &call));
        let answer = wire::tuple(&[reference, wire::atom("yes")]);
        let mut buffer = [0; 4096];
        loop {
            while let Some(received) = self.incoming.poll_event() {
                if received.payload.is_some_and(|payload| payload.bytes()[..] == answer) {
                    return;
                }
            }
            let read = self.stream.read(&mut buffer).expect("the node answers in time");
            assert!(read > 0, "{} closed on a peer that pings", stage.name);
            self.incoming.handle_bytes(Instant::ZERO, &buffer[..read]).expect("frames of the node");
        }
    }

    /// The control message of a send to `net_kernel`.
    pub(crate) fn to_net_kernel(&self) -> Vec<u8> {
        wire::tuple(&[wire::int(6), self.pid(), wire::atom(""), wire::atom("net_kernel")])
    }

    pub(crate) fn pid(&self) -> Vec<u8> {
        wire::pid(&self.name, 1, 0, CREATION)
    }
}

pub(crate) fn initiator(name: &str, peer: &str, cookie: &str) -> Initiator {
    initiator_with(name, peer, cookie, Framing::Two)
}

pub(crate) fn initiator_with(name: &str, peer: &str, cookie: &str, framing: Framing) -> Initiator {
    let cookie = Cookie::new(cookie).expect("a valid cookie");
    let local =
        LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: CREATION, cookie, visible: false };
    Initiator::new(Instant::ZERO, local, peer, 0x1357_9BDF, framing).expect("valid names")
}

pub(crate) fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a time limit");
    stream.set_nodelay(true).expect("a socket need not wait");
    stream
}

/// Writes what a node may have closed on already.
pub(crate) fn write(stream: &mut TcpStream, bytes: &[u8]) {
    drop(stream.write_all(bytes));
}

/// Reads until the node closes; what it said until then. `None` when it does not close in time.
pub(crate) fn until_closed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).or_else(reset_is_end).ok()? {
            0 => return Some(said),
            read => said.extend_from_slice(&buffer[..read]),
        }
    }
}

pub(crate) fn say_no_more(stream: &TcpStream) {
    // A node that has closed already cannot be told.
    drop(stream.shutdown(Shutdown::Write));
}

/// A node that closes without having read everything resets the connection.
fn reset_is_end(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ok(0),
        _ => Err(error),
    }
}

fn lookup(epmd: SocketAddr, name: &str) -> SocketAddr {
    let mut lookup = Lookup::new(name);
    let mut stream = connect(epmd);
    write(&mut stream, &lookup.request().expect("a short name"));
    let answer = until_closed(&mut stream).expect("EPMD answers");
    let entry = lookup.handle_bytes(&answer).expect("an answer of EPMD").flatten();
    SocketAddr::from((Ipv4Addr::LOCALHOST, entry.expect("the node is registered").tcp_port))
}

pub(crate) fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback takes listeners");
    listener.local_addr().expect("a listener has an address").port()
}

/// A port that is free for TCP and UDP, and that the system gives to nobody who does not ask for it.
pub(crate) fn free_fixed_port() -> u16 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    loop {
        let random = RandomState::new().build_hasher().finish() % 20_000;
        let at = (Ipv4Addr::UNSPECIFIED, u16::try_from(random).expect("a small number") + 10_000);
        if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
            return at.1;
        }
    }
}
