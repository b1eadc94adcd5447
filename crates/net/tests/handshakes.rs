//! What a node does with connections that have not proven who they are: time, number and names are limited.

mod peer;

use engset_dist::handshake::{HandshakeError, Step};
use engset_net::HANDSHAKES_MAX;
use engset_node::NodeConfig;
use engset_term::{Instant, NodeName};
use peer::{COOKIE, Stage, connect, initiator, until_closed, wire, write};
use std::io::Read;
use std::time::Duration;

/// The handshake's time limit where a test waits for it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(200);
/// How late a loaded machine may be.
const SLACK: Duration = Duration::from_secs(5);

fn impatient(name: &'static str) -> Stage {
    Stage::new(name, |builder| builder.adjust(|config| config.handshake_timeout = HANDSHAKE_TIMEOUT))
}

/// Asserts that the node cut the handshake when its time was over, not before.
fn check_cut_in_time(stage: &Stage, begun: Instant) {
    let took = stage.now().saturating_duration_since(begun);
    assert!(took >= HANDSHAKE_TIMEOUT - Duration::from_millis(20), "cut after {took:?} already");
    assert!(took < HANDSHAKE_TIMEOUT + SLACK, "cut after {took:?} only");
}

fn name_message(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    initiator(name, "node@127.0.0.1", COOKIE).poll_transmit(&mut out);
    out
}

#[test]
fn a_silent_handshake_is_cut_in_time() {
    let stage = impatient("silent@127.0.0.1");
    let name = name_message("mute@127.0.0.1");
    // Nothing, half a length, half a message, and a whole message without the next.
    for said in [&[][..], &name[..1], &name[..20], &name] {
        let begun = stage.now();
        let mut stream = connect(stage.at);
        write(&mut stream, said);
        assert!(until_closed(&mut stream).is_some(), "silence is not waited for");
        check_cut_in_time(&stage, begun);
    }
    stage.check_alive();
}

#[test]
fn a_handshake_byte_by_byte_gains_no_time() {
    let stage = impatient("drip@127.0.0.1");
    let begun = stage.now();
    let mut stream = connect(stage.at);
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    // A message of 2 KiB that would take twenty seconds.
    for byte in [8, 0].into_iter().chain(std::iter::repeat_n(b'N', 2048)) {
        write(&mut stream, &[byte]);
        let read = stream.read(&mut [0; 16]);
        let is_still_open =
            matches!(&read, Err(error) if !matches!(error.kind(), std::io::ErrorKind::ConnectionReset));
        if !is_still_open {
            break;
        }
    }
    check_cut_in_time(&stage, begun);
}

#[test]
fn idle_connections_keep_nobody_out() {
    // However long it takes them to come, none of them counts as slow.
    let patient = |config: &mut NodeConfig| config.admission.slow_after = Duration::from_secs(60);
    let stage = Stage::new("crowded@127.0.0.1", |builder| builder.adjust(patient));
    let mut idle: Vec<_> = (0..300).map(|_| connect(stage.at)).collect();
    const { assert!(HANDSHAKES_MAX < 300) };
    let mut honest = stage.connected("patient@127.0.0.1");
    honest.ping(&stage);
    // The oldest have given way, one for each that came too many.
    let evicted = 300 + 1 - HANDSHAKES_MAX;
    for stream in &mut idle[..evicted] {
        assert!(until_closed(stream).is_some(), "the oldest idle connection is closed");
    }
    assert_eq!(stage.node.handshakes_evicted(), u64::try_from(evicted).unwrap());
    // The youngest have not.
    let mut young = idle.pop().expect("300 are there");
    young.set_nonblocking(true).unwrap();
    let read = young.read(&mut [0; 16]);
    assert!(matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{read:?}");
}

#[test]
fn established_connections_take_no_place_among_the_handshakes() {
    let stage = Stage::new("popular@127.0.0.1", |builder| builder);
    let mut peers: Vec<_> =
        (0..=HANDSHAKES_MAX).map(|number| stage.connected(&format!("peer{number}@127.0.0.1"))).collect();
    assert_eq!(stage.node.node().connected().len(), HANDSHAKES_MAX + 1);
    peers.last_mut().unwrap().ping(&stage);
    peers.first_mut().unwrap().ping(&stage);
}

#[test]
fn who_has_proven_nothing_leaves_no_name_behind() {
    let stage = Stage::new("forgetful@127.0.0.1", |builder| builder);
    let wrong = stage.shake_hands("guesser@secret.example", "another cookie").map(drop);
    assert_eq!(wrong, Err(HandshakeError::ClosedByPeer { step: Step::Ack }));
    assert_eq!(NodeName::find("guesser@secret.example"), None);
    // Half a handshake, and frames right after the name as if the handshake were over.
    for (name, rest) in [
        ("leaver@secret.example", vec![]),
        (
            "jumper@secret.example",
            wire::normal(&wire::tuple(&[wire::int(1), wire::pid("pid@secret.example", 1, 0, 1)]), &[]),
        ),
    ] {
        let mut stream = connect(stage.at);
        write(&mut stream, &[name_message(name), rest].concat());
        peer::say_no_more(&stream);
        assert!(until_closed(&mut stream).is_some(), "what is over is closed");
        assert_eq!(NodeName::find(name), None);
    }
    assert_eq!(NodeName::find("pid@secret.example"), None);
    assert!(stage.node.node().connected().is_empty());
    // One that proves itself is known.
    let mut peer = stage.connected("prover@secret.example");
    peer.ping(&stage);
    assert!(NodeName::find("prover@secret.example").is_some());
}
