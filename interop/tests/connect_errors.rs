//! What is told of nodes that cannot be reached, with live Erlang nodes on the other side: cause, side, what to do.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::net::{CloseReason, ConnectError, Flags, HandshakeError, HandshakeStep, NodeConfig, Step};
use engset::{Node, NodeName};
use engset_testkit::{Beam, EpmdProcess, free_port, require_erl};
use stage::{COOKIE, start_beam, start_canned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where a peer that says little listens.
const PEER_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 62);
const PEER: &str = "peer@127.0.9.62";

fn failed(from: &Node, peer: &str) -> engset::net::DialError {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).unwrap();
    from.node().connect(peer, move |result| sender.send(result).unwrap());
    receiver.recv().unwrap().unwrap_err()
}

fn dial(from: &Node, peer: &str) -> HandshakeError {
    let error = failed(from, peer);
    match error.downcast_ref::<CloseReason>() {
        Some(CloseReason::Handshake(error)) => error.clone(),
        _ => panic!("no error of the handshake: {error}"),
    }
}

/// A node with a short name that is dialled by a long one: it is there, but under another name.
#[test]
fn short_and_long_names_that_are_mixed_are_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let node = start_canned("rust@127.0.0.1", epmd.port(), false);
    let beam = Beam::builder().sname("beam").cookie(COOKIE).epmd_port(epmd.port()).start().unwrap();
    let error = dial(&node, "beam@127.0.0.1");
    let is_expected = matches!(&error, HandshakeError::NameMismatch { got, .. } if *got == beam.node_name());
    assert!(is_expected, "{error}");
    let told = error.to_string();
    assert!(told.contains("short name") && told.contains(beam.node_name()), "{told}");
}

/// An EPMD that sends to another node than the one that was dialled.
#[test]
fn another_node_in_the_place_of_the_dialled_one_is_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let node = start_canned("rust@127.0.0.1", epmd.port(), false);
    let _beam = Beam::builder().name("beam").cookie(COOKIE).epmd_port(epmd.port()).start().unwrap();
    // `localhost` has the same EPMD.
    let told = dial(&node, "beam@localhost").to_string();
    assert!(told.contains("calls itself beam@127.0.0.1"), "{told}");
}

/// What a peer says that speaks the handshake as far as it goes.
enum Said {
    Nothing,
    Status(&'static str),
    Challenge(Flags),
}

impl Said {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Status(status) => message(format!("s{status}").as_bytes()),
            Self::Challenge(flags) => {
                let mut challenge = vec![b'N'];
                challenge.extend(flags.0.to_be_bytes());
                challenge.extend(7_u32.to_be_bytes());
                challenge.extend(9_u32.to_be_bytes());
                challenge.extend(u16::try_from(PEER.len()).unwrap().to_be_bytes());
                challenge.extend(PEER.as_bytes());
                [Self::Status("ok").bytes(), message(&challenge)].concat()
            }
        }
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// Takes one connection, says this, and then nothing until the other side gives up.
fn peer_that_says(said: &Said) -> (JoinHandle<()>, u16) {
    let bytes = said.bytes();
    let listener = TcpListener::bind((PEER_HOST, 0)).unwrap();
    let tcp_port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&bytes).unwrap();
        // The other side closes, or breaks off.
        drop(stream.read_to_end(&mut Vec::new()));
    };
    (thread::Builder::new().name(PEER.to_owned()).spawn(serve).unwrap(), tcp_port)
}

/// A node that reaches all nodes at this port, and waits for half a second at each handshake.
fn impatient(tcp_port: u16) -> Node {
    let builder = Node::builder().name("rust@127.0.9.61").cookie(COOKIE).no_epmd(tcp_port).workers(1);
    builder.adjust(|config| config.handshake_timeout = Duration::from_millis(500)).start().unwrap()
}

/// A peer that goes silent at each step of the handshake.
#[test]
fn each_step_of_a_handshake_has_its_time_limit_and_names_itself() {
    for (said, awaited) in [
        (Said::Nothing, HandshakeStep::Status),
        (Said::Status("ok"), HandshakeStep::Challenge),
        (Said::Challenge(Flags::OURS), HandshakeStep::Ack),
    ] {
        let (peer, tcp_port) = peer_that_says(&said);
        let error = dial(&impatient(tcp_port), PEER);
        assert_eq!(error, HandshakeError::Timeout { step: awaited });
        let told = error.to_string();
        assert!(told.contains(&awaited.to_string()) && told.contains("look at that node"), "{told}");
        peer.join().unwrap();
    }
}

/// A peer that lacks what every node must have is refused by us, and the flag is named.
#[test]
fn a_peer_without_a_mandatory_flag_is_told_of() {
    for flag in [Flags::MAP_TAG, Flags::UNLINK_ID, Flags::V4_NC] {
        let (peer, tcp_port) = peer_that_says(&Said::Challenge(Flags::MANDATORY.without(flag)));
        let error = dial(&impatient(tcp_port), PEER);
        assert_eq!(error, HandshakeError::MissingFlags(flag));
        assert!(error.to_string().contains("OTP 25"), "{error}");
        peer.join().unwrap();
    }
}

/// An Erlang node that refuses us: since we lack a flag, and since it does not allow our name.
#[test]
fn an_erlang_node_that_refuses_us_is_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let beam = start_beam("beam", epmd.port());
    let lacking: fn(&mut NodeConfig) = |config| {
        // Said one by one, instead of all that OTP 25 made mandatory by one flag.
        let flags = config.flags.without(Flags::MANDATORY_25_DIGEST).with(Flags::MANDATORY_25);
        config.flags = flags.without(Flags::MAP_TAG);
    };
    let builder = Node::builder().name("lacking@127.0.0.1").cookie(COOKIE).epmd_tcp_port(epmd.port());
    let lacking = builder.adjust(lacking).start().unwrap();
    let stranger = start_canned("stranger@127.0.0.1", epmd.port(), false);
    assert_eq!(beam.eval("net_kernel:allow(['friend@127.0.0.1', 'lacking@127.0.0.1'])").unwrap(), "ok");
    for node in [&lacking, &stranger] {
        let error = dial(node, "beam@127.0.0.1");
        assert_eq!(error, HandshakeError::NotAllowed);
        let told = error.to_string();
        assert!(told.contains("a missing flag or its allow list"), "{told}");
    }
    assert_eq!(beam.eval("nodes(connected)").unwrap(), "[]");
}

/// A machine whose EPMD takes the question and says nothing.
#[test]
fn an_epmd_of_the_peer_that_is_silent_is_told_of() {
    let silent = TcpListener::bind((PEER_HOST, free_port().unwrap())).unwrap();
    let at = silent.local_addr().unwrap();
    // On this machine the node is the EPMD itself, at the same port of another address.
    let node = start_canned("rust@127.0.0.1", at.port(), false);
    let error = failed(&node, PEER);
    let error = error.downcast_ref::<ConnectError>().unwrap();
    assert!(
        matches!(error, ConnectError::Timeout { step: Step::Epmd, at: Some(asked) } if *asked == at),
        "{error}"
    );
    assert!(error.to_string().contains("step epmd") && error.to_string().contains("look at"), "{error}");
}

/// An Erlang node that hangs: its machine takes connections for it, and nobody answers.
#[test]
fn an_erlang_node_that_hangs_is_told_of() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let builder = Node::builder().name("rust@127.0.0.1").cookie(COOKIE).epmd_tcp_port(epmd.port());
    let builder = builder.adjust(|config| config.handshake_timeout = Duration::from_secs(1));
    let node = builder.start().unwrap();
    let beam = start_beam("beam", epmd.port());
    beam.suspend().unwrap();
    let error = dial(&node, "beam@127.0.0.1");
    beam.resume().unwrap();
    assert_eq!(error, HandshakeError::Timeout { step: HandshakeStep::Status });
    assert_eq!(beam.eval("net_adm:ping('rust@127.0.0.1')").unwrap(), "pong");
}
