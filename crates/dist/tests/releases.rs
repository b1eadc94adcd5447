//! Handshakes with the releases of OTP, as bytes: each is taken, and gets the form of signals that it reads.
//!
//! OTP 25 is tested live in `interop/`. The bytes of the releases that are not installed are put together from the
//! layout of the handshake's messages and the flag words that stand in their headers (`dist.hrl`, `dist.h`).
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod wire;

use engset_dist::Flags;
use engset_dist::connection::{Incoming, IncomingConfig, Outgoing, OutgoingConfig, SendError};
use engset_dist::control::Control;
use engset_dist::flags::RELEASES;
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Established, Framing, HandshakeError, Initiator,
    InitiatorEvent, LocalNode,
};
use engset_etf::encode_body;
use engset_term::{Instant, NodeName, Pid, Reference, Term};

const NOW: Instant = Instant::ZERO;

/// `'N'`, flags, creation 0x64A1_B2C3, length and `otp@host`: as hidden and as visible nodes of OTP 25 to 29 dial.
const NAMES: [(u8, [&[u8]; 2]); 5] = [
    (
        25,
        [
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBC\x64\xA1\xB2\xC3\0\x08otp@host",
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBD\x64\xA1\xB2\xC3\0\x08otp@host",
        ],
    ),
    (
        26,
        [
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBC\x64\xA1\xB2\xC3\0\x08otp@host",
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBD\x64\xA1\xB2\xC3\0\x08otp@host",
        ],
    ),
    (
        27,
        [
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBC\x64\xA1\xB2\xC3\0\x08otp@host",
            b"\0\x17N\0\0\0\x0D\x07\xDF\x7F\xBD\x64\xA1\xB2\xC3\0\x08otp@host",
        ],
    ),
    (
        28,
        [
            b"\0\x17N\0\0\0\x2D\x07\xDF\x7F\xBC\x64\xA1\xB2\xC3\0\x08otp@host",
            b"\0\x17N\0\0\0\x2D\x07\xDF\x7F\xBD\x64\xA1\xB2\xC3\0\x08otp@host",
        ],
    ),
    (
        29,
        [
            b"\0\x17N\0\0\0\x6D\x07\xDF\x7F\xBC\x64\xA1\xB2\xC3\0\x08otp@host",
            b"\0\x17N\0\0\0\x6D\x07\xDF\x7F\xBD\x64\xA1\xB2\xC3\0\x08otp@host",
        ],
    ),
];

/// `'N'`, flags, challenge 0x0102_0304, creation, length and `otp@host`: as hidden nodes of OTP 25 to 29 answer.
const CHALLENGES: [(u8, &[u8]); 5] = [
    (25, b"\0\x1BN\0\0\0\x0D\x07\xDF\x7F\xBC\x01\x02\x03\x04\x64\xA1\xB2\xC3\0\x08otp@host"),
    (26, b"\0\x1BN\0\0\0\x0D\x07\xDF\x7F\xBC\x01\x02\x03\x04\x64\xA1\xB2\xC3\0\x08otp@host"),
    (27, b"\0\x1BN\0\0\0\x0D\x07\xDF\x7F\xBC\x01\x02\x03\x04\x64\xA1\xB2\xC3\0\x08otp@host"),
    (28, b"\0\x1BN\0\0\0\x2D\x07\xDF\x7F\xBC\x01\x02\x03\x04\x64\xA1\xB2\xC3\0\x08otp@host"),
    (29, b"\0\x1BN\0\0\0\x6D\x07\xDF\x7F\xBC\x01\x02\x03\x04\x64\xA1\xB2\xC3\0\x08otp@host"),
];

fn local() -> LocalNode {
    let cookie = Cookie::new("c").unwrap();
    LocalNode { name: "us@host".to_owned(), flags: Flags::OURS, creation: 7, cookie, visible: true }
}

/// The peer's answer to our challenge, which is 5.
fn reply() -> Vec<u8> {
    let digest = Cookie::new("c").unwrap().digest(5);
    [&b"\0\x15r\0\0\0\x09"[..], digest.bytes()].concat()
}

fn accept(name: &[u8]) -> Established {
    let mut acceptor = Acceptor::new(NOW, local(), 5, Framing::Two).unwrap();
    acceptor.handle_bytes(NOW, name).unwrap();
    assert!(matches!(acceptor.poll_event(), Some(AcceptorEvent::Name { wants_name: false, .. })));
    acceptor.decide(Decision::Ok).unwrap();
    acceptor.handle_bytes(NOW, &reply()).unwrap();
    match acceptor.poll_event() {
        Some(AcceptorEvent::Established(established)) => established,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_release_is_accepted() {
    for ((otp, [hidden, visible]), release) in NAMES.into_iter().zip(RELEASES) {
        assert_eq!(otp, release.otp);
        for (bytes, offered) in [(hidden, release.hidden), (visible, release.visible())] {
            let established = accept(bytes);
            assert_eq!((established.peer.as_str(), established.peer_creation), ("otp@host", 0x64A1_B2C3));
            assert_eq!(established.peer_flags, offered, "OTP {otp}");
            assert_eq!(established.flags, release.hidden, "OTP {otp}");
        }
    }
}

#[test]
fn each_release_is_dialled() {
    for ((otp, challenge), release) in CHALLENGES.into_iter().zip(RELEASES) {
        assert_eq!(otp, release.otp);
        let mut initiator = Initiator::new(NOW, local(), "otp@host", 9, Framing::Two).unwrap();
        let ack = [&b"\0\x11a"[..], Cookie::new("c").unwrap().digest(9).bytes()].concat();
        initiator.handle_bytes(NOW, &[b"\0\x03sok", challenge, &ack].concat()).unwrap();
        let Some(InitiatorEvent::Established(established)) = initiator.poll_event() else {
            panic!("OTP {otp}")
        };
        assert_eq!(established.flags, release.hidden, "OTP {otp}");
        assert!(!established.peer_flags.contains(Flags::PUBLISHED));
    }
}

/// erl_distribution_wb_SUITE
#[test]
fn missing_compulsory_dflags() {
    for flags in (0..64).map(|bit| Flags(1 << bit)).filter(|flag| Flags::MANDATORY.contains(*flag)) {
        let less = Flags(0x0D_07DF_7FBD).without(flags).without(Flags::MANDATORY_25_DIGEST);
        let name = [&b"\0\x17N"[..], &less.0.to_be_bytes(), b"\x64\xA1\xB2\xC3\0\x08otp@host"].concat();
        let mut acceptor = Acceptor::new(NOW, local(), 5, Framing::Two).unwrap();
        let error = acceptor.handle_bytes(NOW, &name).unwrap_err();
        assert_eq!(error, HandshakeError::MissingFlags(flags));
        let mut answer = Vec::new();
        acceptor.poll_transmit(&mut answer);
        assert_eq!(answer, b"\0\x0Csnot_allowed");
    }
}

/// erl_distribution_wb_SUITE: the digest flag stands for all that OTP 25 made mandatory, and says no more.
#[test]
fn dflag_mandatory_25() {
    let short = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
    let named =
        |flags: Flags| [&b"\0\x17N"[..], &flags.0.to_be_bytes(), b"\0\0\0\x09\0\x08otp@host"].concat();
    assert!(accept(&named(short)).flags.contains(Flags::MANDATORY));
    let mut acceptor = Acceptor::new(NOW, local(), 5, Framing::Two).unwrap();
    let error = acceptor.handle_bytes(NOW, &named(Flags::MANDATORY_25_DIGEST)).unwrap_err();
    assert_eq!(error, HandshakeError::MissingFlags(Flags::UNLINK_ID | Flags::V4_NC));
    // Bit 36, which some documents give for it, says nothing.
    let mut acceptor = Acceptor::new(NOW, local(), 5, Framing::Two).unwrap();
    assert!(acceptor.handle_bytes(NOW, &named(Flags(1 << 36) | Flags::UNLINK_ID | Flags::V4_NC)).is_err());
}

fn sent(flags: Flags, control: &Control, payload: &[u8]) -> Result<Vec<u8>, SendError> {
    let mut outgoing = Outgoing::new(flags.without(Flags::DIST_HDR_ATOM_CACHE), OutgoingConfig::default());
    outgoing.send(control, Some(payload.to_vec().into()))?;
    let mut bytes = Vec::new();
    outgoing.poll_transmit(&mut bytes);
    Ok(bytes)
}

#[test]
fn messages_to_aliases_have_the_operation_of_the_release() {
    let node = NodeName::new("a@h").unwrap();
    let (from, alias) = (Pid::new(node, 7, 1, 0), Reference::from_words(node, 7, [1, 2, 3]));
    for release in RELEASES {
        for token in [None, Some(Box::new(Term::Pid(from)))] {
            let control = Control::AliasSend { from, to: alias, token: token.clone() };
            let bytes = sent(release.hidden, &control, &[106]).unwrap();
            let op = match (release.otp >= 28, &token) {
                (true, _) => 37,
                (false, None) => 33,
                (false, Some(_)) => 34,
            };
            assert_eq!(bytes[7 + 3], op, "OTP {}", release.otp);
            let mut incoming = Incoming::new(NOW, release.hidden, &IncomingConfig::default());
            incoming.handle_bytes(NOW, &bytes).unwrap();
            assert_eq!(incoming.poll_event().unwrap().control.op(), op);
        }
    }
    let neither = RELEASES[0].hidden.without(Flags::ALIAS);
    let control = Control::AliasSend { from, to: alias, token: None };
    assert_eq!(sent(neither, &control, &[106]), Err(SendError::NotSupported(Flags::ALIAS)));
}

#[test]
fn records_go_to_peers_that_have_them() {
    let node = NodeName::new("a@h").unwrap();
    let from = Pid::new(node, 7, 1, 0);
    let control = Control::Send { from: Some(from), to: from, token: None };
    let record: &[u8] = b"C\0\0\0\x01\x01w\x01mw\x01rw\x01fa\x09";
    let within = [&[104, 1][..], record].concat();
    let mut text = Vec::new();
    encode_body(&Term::binary(record.to_vec()), &mut text);
    for release in RELEASES {
        for payload in [record, &within] {
            let result = sent(release.hidden, &control, payload);
            if release.otp >= 29 {
                assert!(result.is_ok_and(|bytes| bytes.ends_with(payload)));
            } else {
                assert_eq!(result, Err(SendError::NotSupported(Flags::NATIVE_RECORDS)));
            }
        }
        assert!(sent(release.hidden, &control, &text).is_ok(), "bytes that look like a record are none");
    }
}
