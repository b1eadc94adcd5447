//! Malformed bytes, each with the exact refusal it gets, and a well-formed conversation beside it that goes on.

mod wire;

use engset_dist::Flags;
use engset_dist::connection::{
    AtomCacheFault, ConnectionError, ConnectionError as E, Incoming, IncomingConfig,
};
use engset_dist::control::{Control, ControlError};
use engset_dist::epmd::messages::RefusedCause;
use engset_dist::epmd::{CloseReason, ConnId, RequestError, Server, ServerConfig};
use engset_dist::frame::FrameTooLong;
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Framing, HandshakeError, Initiator, LocalNode, NameFault, Step,
};
use engset_etf::{DecodeError, DecodeErrorKind};
use engset_term::{Instant, Term};

const NOW: Instant = Instant::ZERO;

fn counted(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a short message").to_be_bytes();
    [&len[..], body].concat()
}

#[test]
fn malformed_epmd_requests() {
    let bad = CloseReason::BadRequest;
    let alive = |fields: &[&[u8]]| [&[b'x', 3, 0xE8, b'M', 0, 0, 6, 0, 5][..], &fields.concat()].concat();
    let mut cases: Vec<(Vec<u8>, CloseReason)> = vec![
        (vec![0, 0], bad(RequestError::Empty)),
        (vec![0, 0, b'n'], bad(RequestError::Empty)),
        (vec![8, 1], bad(RequestError::TooLong { len: 2049 })),
        (vec![255, 255], bad(RequestError::TooLong { len: 65_535 })),
        (counted(b"z"), bad(RequestError::NameEmpty)),
        (counted(b"z\0abc"), bad(RequestError::NameEmpty)),
        (counted(b"s"), bad(RequestError::NameEmpty)),
        (counted(b"za\x07b"), bad(RequestError::NameControl)),
        (counted(b"za\nb"), bad(RequestError::NameControl)),
        (counted(b"z\xFF"), bad(RequestError::NameNotUtf8)),
        (counted(b"z\xC3"), bad(RequestError::NameNotUtf8)),
        (counted(b"s\xFF"), bad(RequestError::NameNotUtf8)),
        (counted(&[&b"z"[..], &[b'a'; 256]].concat()), bad(RequestError::NameTooLong)),
        (counted(&[&b"z"[..], &[b'a'; 1021]].concat()), bad(RequestError::NameTooLong)),
        (counted(&[&b"z"[..], "\u{F6}".repeat(256).as_bytes()].concat()), bad(RequestError::NameTooLong)),
        (counted(&alive(&[b"\0\0", b"\0\0"])), bad(RequestError::NameEmpty)),
        (counted(&alive(&[b"\0\x03a\0b", b"\0\0"])), bad(RequestError::NameControl)),
        (counted(&alive(&[b"\0\x02a\0", b"\0\0"])), bad(RequestError::NameControl)),
        (counted(&alive(&[b"\0\x01\0", b"\0\0"])), bad(RequestError::NameControl)),
        (counted(&alive(&[b"\xFF\xFFabc", b"\0\0"])), bad(RequestError::Truncated)),
        (counted(&alive(&[b"\0\x03abc", b"\xFF\xFFabc"])), bad(RequestError::Truncated)),
        (counted(&alive(&[b"\0\x03abc", b"\0\x04abc"])), bad(RequestError::Truncated)),
        (counted(b"n").into_iter().chain(*b"n").collect(), CloseReason::TrailingBytes),
        (counted(b"zabc").into_iter().chain(*b"\0\x04zabc").collect(), CloseReason::TrailingBytes),
        (
            counted(&alive(&[b"\0\x03abc", b"\0\0"])).into_iter().chain([0]).collect(),
            CloseReason::TrailingBytes,
        ),
    ];
    let whole = alive(&[b"\0\x03abc", b"\0\x02ex"]);
    cases.extend((1..whole.len()).map(|len| (counted(&whole[..len]), bad(RequestError::Truncated))));
    for tag in (0..=255).filter(|tag| !b"xzndks".contains(tag)) {
        cases.push((counted(&[tag]), bad(RequestError::UnknownTag(tag))));
    }
    let mut server = Server::new(NOW, ServerConfig::default());
    for (number, (bytes, expected)) in cases.iter().enumerate() {
        let id = ConnId(u64::try_from(number).unwrap() * 2);
        server.handle_open(NOW, id, true);
        server.handle_bytes(NOW, id, bytes);
        assert_eq!(server.poll_transmit(id), None, "{}", bytes.escape_ascii());
        assert_eq!(server.poll_close(), Some((id, *expected)), "{}", bytes.escape_ascii());
        let id = ConnId(id.0 + 1);
        server.handle_open(NOW, id, false);
        server.handle_bytes(NOW, id, b"\0\x01n");
        assert_eq!(server.poll_transmit(id).unwrap(), b"\0\0\x11\x11");
        assert_eq!(server.poll_close(), Some((id, CloseReason::Answered)));
    }
    assert!(cases.len() > 40 && server.connections() == 0);
}

#[test]
fn refused_registrations_say_why() {
    use engset_dist::epmd::Request;
    let alive = |name: &[u8], extra: &[u8]| {
        let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [b"x\x03\xE8M\0\0\x06\0\x05", &len(name)[..], name, &len(extra), extra].concat()
    };
    for (body, cause) in [
        (alive(&[b'a'; 256], b""), RefusedCause::NameTooLong),
        (alive(&[b'a'; 1500], b""), RefusedCause::NameTooLong),
        (alive(b"\xFF", b""), RefusedCause::NameNotUtf8),
        (alive(b"a\nb", b""), RefusedCause::NameControl),
        (alive(b"a", &[0; 1021]), RefusedCause::ExtraTooLong),
    ] {
        let expected = RequestError::Refused { highest_version: 6, cause };
        assert_eq!(Request::parse(&body), Err(expected));
    }
}

fn local(name: &str) -> LocalNode {
    let cookie = Cookie::new("cookie").expect("a valid cookie");
    LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 4, cookie, visible: false }
}

fn name_message(flags: Flags, name: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).expect("short").to_be_bytes();
    [&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9], &len, name].concat()
}

#[test]
fn malformed_names() {
    let malformed = HandshakeError::Malformed { step: Step::Name };
    let bad = HandshakeError::BadPeerName;
    let ours = |name: &[u8]| name_message(Flags::OURS, name);
    let old =
        |version: u8, flags: u32, name: &[u8]| [&[b'n', 0, version][..], &flags.to_be_bytes(), name].concat();
    let mut cases = vec![
        (vec![], malformed.clone()),
        (b"X".to_vec(), malformed.clone()),
        (b"sok".to_vec(), malformed.clone()),
        (b"HTTP/1.1".to_vec(), malformed.clone()),
        (b"\x16\x03\x01\x02\x00".to_vec(), malformed.clone()),
        ([ours(b"a@host"), vec![]].concat()[..20].to_vec(), malformed.clone()),
        (ours(b""), bad(NameFault::Empty)),
        (ours(b"a"), bad(NameFault::NotNameAtHost)),
        (ours(b"@host"), bad(NameFault::NotNameAtHost)),
        (ours(b"a@"), bad(NameFault::NotNameAtHost)),
        (ours(b"@"), bad(NameFault::NotNameAtHost)),
        (ours(b"a@b@c"), bad(NameFault::NotNameAtHost)),
        (ours(b"a@@c"), bad(NameFault::NotNameAtHost)),
        (ours(b"a\0@host"), bad(NameFault::Control)),
        (ours(b"a@ho\nst"), bad(NameFault::Control)),
        (ours(b"a@host\x7F"), bad(NameFault::Control)),
        (ours(b"a@host\x85"), bad(NameFault::Control)),
        (ours(&[b'@'; 256]), bad(NameFault::TooLong)),
        (ours(&[b'a'; 2000]), bad(NameFault::TooLong)),
        (name_message(Flags::OURS | Flags::NAME_ME, b"a@host"), bad(NameFault::NotNameAtHost)),
        (name_message(Flags::OURS | Flags::NAME_ME, b""), bad(NameFault::Empty)),
        (name_message(Flags::NONE, b"a@host"), HandshakeError::MissingFlags(Flags::MANDATORY)),
        (
            name_message(Flags::MANDATORY.without(Flags::MAP_TAG), b"a@host"),
            HandshakeError::MissingFlags(Flags::MAP_TAG),
        ),
        (
            name_message(Flags::MANDATORY_25_DIGEST, b"a@host"),
            HandshakeError::MissingFlags(Flags::UNLINK_ID | Flags::V4_NC),
        ),
        (old(5, 0, b"a@host"), HandshakeError::OldHandshake { version: 5 }),
        (old(6, u32::MAX, b"a@host"), HandshakeError::OldHandshake { version: 6 }),
        (old(5, u32::MAX, b"a"), bad(NameFault::NotNameAtHost)),
        (old(5, u32::MAX, b""), bad(NameFault::Empty)),
        (b"n\0".to_vec(), malformed.clone()),
        (b"n\0\x05\0\0".to_vec(), malformed.clone()),
        (
            old(5, 0x0100_0000, b"a@host"),
            HandshakeError::MissingFlags(Flags(0x0307_0F94).without(Flags::HANDSHAKE_23)),
        ),
    ];
    let whole = ours(b"a@host");
    cases.extend((0..whole.len()).map(|len| (whole[..len].to_vec(), malformed.clone())));
    for (message, expected) in cases {
        let mut acceptor = Acceptor::new(NOW, local("b@host"), 1, Framing::Two).unwrap();
        assert_eq!(
            acceptor.handle_bytes(NOW, &counted(&message)),
            Err(expected),
            "{}",
            message.escape_ascii()
        );
        assert_eq!((acceptor.poll_event(), acceptor.poll_timeout()), (None, None));
    }
    let mut acceptor = Acceptor::new(NOW, local("b@host"), 1, Framing::Two).unwrap();
    acceptor.handle_bytes(NOW, &counted(&whole)).unwrap();
    assert!(matches!(acceptor.poll_event(), Some(AcceptorEvent::Name { .. })));
}

#[test]
fn malformed_messages_to_the_acceptor_after_the_name() {
    let reply = [&b"r\0\0\0\x07"[..], &[0; 16]].concat();
    let in_reply = HandshakeError::Malformed { step: Step::Reply };
    let mut cases: Vec<(Vec<u8>, HandshakeError)> = vec![
        (reply.clone(), HandshakeError::CookieMismatch { peer: "a@host".to_owned() }),
        ([reply.clone(), vec![0]].concat(), in_reply.clone()),
        (b"a0123456789abcdef".to_vec(), in_reply.clone()),
        (b"strue".to_vec(), in_reply.clone()),
        (b"c\0\0\0\x04\0\0\0\x01".to_vec(), in_reply.clone()),
        (name_message(Flags::OURS, b"a@host"), in_reply.clone()),
        // Signals before the proof: there is no way in for them.
        (wire::normal(&wire::tuple(&[wire::int(5)]), &[])[4..].to_vec(), in_reply.clone()),
        (wire::pass_through(&wire::tuple(&[wire::int(5)]), None)[4..].to_vec(), in_reply.clone()),
    ];
    cases.extend((0..reply.len()).map(|len| (reply[..len].to_vec(), in_reply.clone())));
    for (message, expected) in cases {
        let mut acceptor = Acceptor::new(NOW, local("b@host"), 1, Framing::Two).unwrap();
        acceptor.handle_bytes(NOW, &counted(&name_message(Flags::OURS, b"a@host"))).unwrap();
        acceptor.decide(Decision::Ok).unwrap();
        assert_eq!(
            acceptor.handle_bytes(NOW, &counted(&message)),
            Err(expected),
            "{}",
            message.escape_ascii()
        );
    }
    for message in [&b"s"[..], b"", b"sTRUE", b"strue ", b"sok", b"true", b"sfalse\0", b"N"] {
        let mut acceptor = Acceptor::new(NOW, local("b@host"), 1, Framing::Two).unwrap();
        acceptor.handle_bytes(NOW, &counted(&name_message(Flags::OURS, b"a@host"))).unwrap();
        acceptor.decide(Decision::Alive).unwrap();
        let expected = HandshakeError::Malformed { step: Step::AliveAnswer };
        assert_eq!(acceptor.handle_bytes(NOW, &counted(message)), Err(expected));
    }
    for message in [&b"c"[..], b"c\0\0\0\x04\0\0\0", b"c\0\0\0\x04\0\0\0\x01\0", b"r\0\0\0\x04\0\0\0\x01"] {
        let mut acceptor = Acceptor::new(NOW, local("b@host"), 1, Framing::Two).unwrap();
        acceptor.handle_bytes(NOW, &counted(b"n\0\x05\x03\x07\x0F\x94a@host")).unwrap();
        acceptor.decide(Decision::Ok).unwrap();
        let expected = HandshakeError::Malformed { step: Step::Complement };
        assert_eq!(acceptor.handle_bytes(NOW, &counted(message)), Err(expected));
    }
}

#[test]
fn malformed_messages_to_the_initiator() {
    let status = |message: &[u8], expected: HandshakeError| (counted(message), expected);
    let in_status = HandshakeError::Malformed { step: Step::Status };
    let in_challenge = HandshakeError::Malformed { step: Step::Challenge };
    let challenge = |flags: Flags, name: &[u8]| {
        let len = u16::try_from(name.len()).unwrap().to_be_bytes();
        let body = [&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9], &[0, 0, 0, 4], &len, name].concat();
        [counted(b"sok"), counted(&body)].concat()
    };
    let after_ok =
        |message: &[u8], expected: HandshakeError| ([counted(b"sok"), counted(message)].concat(), expected);
    let mut cases = vec![
        status(b"", in_status.clone()),
        status(b"s", in_status.clone()),
        status(b"sOK", in_status.clone()),
        status(b"sok ", in_status.clone()),
        status(b"sok\0", in_status.clone()),
        status(b"ok", in_status.clone()),
        status(b"snot_allowe", in_status.clone()),
        status(b"snamed:", in_status.clone()),
        status(b"snamed:\0\x05ab", in_status.clone()),
        status(b"snamed:\0\x03a@h\0\0\0", in_status.clone()),
        status(b"snamed:\0\x03a@h\0\0\0\x01", HandshakeError::NamingMismatch),
        status(b"snamed:\0\x01\xFF\0\0\0\x01", HandshakeError::BadPeerName(NameFault::NotUtf8)),
        status(b"snot_allowed", HandshakeError::NotAllowed),
        status(b"strue", in_status.clone()),
        status(b"a0123456789abcdef", in_status),
        after_ok(b"", in_challenge.clone()),
        after_ok(b"n", in_challenge.clone()),
        after_ok(b"n\0\x05", HandshakeError::OldHandshake { version: 5 }),
        after_ok(b"n\0\x05\0\0\0\0\0\0\0\0b@host", HandshakeError::OldHandshake { version: 5 }),
        after_ok(b"sok", in_challenge.clone()),
        after_ok(b"a0123456789abcdef", in_challenge.clone()),
        (challenge(Flags::OURS, b""), HandshakeError::BadPeerName(NameFault::Empty)),
        (challenge(Flags::OURS, b"b"), HandshakeError::BadPeerName(NameFault::NotNameAtHost)),
        (challenge(Flags::OURS, b"b\n@host"), HandshakeError::BadPeerName(NameFault::Control)),
        (challenge(Flags::OURS, &[b'b'; 256]), HandshakeError::BadPeerName(NameFault::TooLong)),
        (
            challenge(Flags::OURS, b"c@host"),
            HandshakeError::NameMismatch { expected: "b@host".to_owned(), got: "c@host".to_owned() },
        ),
        (challenge(Flags::NONE, b"b@host"), HandshakeError::MissingFlags(Flags::MANDATORY)),
        (
            [challenge(Flags::OURS, b"b@host"), counted(b"a")].concat(),
            HandshakeError::Malformed { step: Step::Ack },
        ),
        (
            [challenge(Flags::OURS, b"b@host"), counted(b"r\0\0\0\x010123456789abcdef")].concat(),
            HandshakeError::Malformed { step: Step::Ack },
        ),
        (
            [challenge(Flags::OURS, b"b@host"), counted(b"a0123456789abcdef")].concat(),
            HandshakeError::CookieMismatch { peer: "b@host".to_owned() },
        ),
        (vec![8, 1], HandshakeError::MessageTooLong { step: Step::Status, len: 2049 }),
        (
            [counted(b"sok"), vec![255, 255]].concat(),
            HandshakeError::MessageTooLong { step: Step::Challenge, len: 65_535 },
        ),
        (
            [challenge(Flags::OURS, b"b@host"), vec![255, 255]].concat(),
            HandshakeError::MessageTooLong { step: Step::Ack, len: 65_535 },
        ),
    ];
    let whole = challenge(Flags::OURS, b"b@host")[7..].to_vec();
    cases.extend((1..whole.len()).map(|len| after_ok(&whole[..len], in_challenge.clone())));
    for (bytes, expected) in cases {
        let mut initiator = Initiator::new(NOW, local("a@host"), "b@host", 5, Framing::Two).unwrap();
        assert_eq!(initiator.handle_bytes(NOW, &bytes), Err(expected), "{}", bytes.escape_ascii());
        assert_eq!((initiator.poll_event(), initiator.poll_timeout()), (None, None));
    }
}

/// The control message `{5}`, which needs nothing else.
fn node_link() -> Vec<u8> {
    wire::tuple(&[wire::int(5)])
}

fn a_pid() -> Vec<u8> {
    wire::pid("a@h", 1, 0, 7)
}

fn a_send() -> Vec<u8> {
    wire::tuple(&[wire::int(22), a_pid(), a_pid()])
}

const FRAGMENTS: Flags = Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE);
const PLAIN: Flags = FRAGMENTS.without(Flags::FRAGMENTS);
const CACHE: Flags = PLAIN.with(Flags::DIST_HDR_ATOM_CACHE);

/// Each case on a connection of its own, with a neighbour that goes on.
fn check_frames(cases: Vec<(Flags, Vec<u8>, ConnectionError)>) {
    let mut neighbour = Incoming::new(NOW, Flags::OURS, &IncomingConfig::default());
    for (flags, bytes, expected) in cases {
        let mut incoming = Incoming::new(NOW, flags, &IncomingConfig::default());
        assert_eq!(incoming.handle_bytes(NOW, &bytes), Err(expected.clone()), "{}", bytes.escape_ascii());
        assert_eq!(incoming.poll_event(), None);
        let after = incoming.handle_bytes(NOW, &wire::normal(&node_link(), &[]));
        assert_eq!(after, Err(expected), "nothing is taken after a fault");
        assert_eq!(neighbour.handle_bytes(NOW, &wire::normal(&node_link(), &[])), Ok(()));
        assert_eq!(neighbour.poll_event().map(|event| event.control), Some(Control::NodeLink));
    }
}

#[test]
fn frames_of_no_known_form() {
    let unknown = |first, second| E::UnknownFrame { first, second };
    let (send, f) = (a_send(), wire::frame);
    check_frames(vec![
        (FRAGMENTS, f(&[0]), unknown(0, None)),
        (FRAGMENTS, f(&[131]), unknown(131, None)),
        (FRAGMENTS, f(&[131, 67]), unknown(131, Some(67))),
        (FRAGMENTS, f(&[131, 71]), unknown(131, Some(71))),
        (FRAGMENTS, f(&[131, 104, 0]), unknown(131, Some(104))),
        (FRAGMENTS, f(&[130, 68]), unknown(130, Some(68))),
        (FRAGMENTS, f(b"GET / HTTP/1.1"), unknown(b'G', Some(b'E'))),
        (PLAIN, f(&[112]), unknown(112, None)),
        (PLAIN, f(&[112, 130]), unknown(112, Some(130))),
        (PLAIN, f(&[131]), unknown(131, None)),
        (PLAIN, f(&[0, 0]), unknown(0, Some(0))),
        (PLAIN, wire::normal(&node_link(), &[]), E::HeaderNotNegotiated { tag: 68 }),
        (PLAIN, wire::first(1, 1, &send, b"x"), E::HeaderNotNegotiated { tag: 69 }),
        (PLAIN, wire::next(1, 1, b"x"), E::HeaderNotNegotiated { tag: 70 }),
        (FRAGMENTS, wire::pass_through(&node_link(), None), E::PassThroughAfterHeader),
        (CACHE, wire::pass_through(&node_link(), None), E::PassThroughAfterHeader),
        (FRAGMENTS, f(&[112]), E::PassThroughAfterHeader),
    ]);
}

#[test]
fn malformed_headers() {
    let cache_used = |references| E::AtomCacheNotNegotiated { references };
    let cut = || E::AtomCache(AtomCacheFault::Truncated);
    let f = wire::frame;
    let mut long = vec![131, 68, 1, 0x18, 3, 1, 0];
    long.extend([b'a'; 256]);
    check_frames(vec![
        (FRAGMENTS, f(&[131, 68]), E::BadHeader { tag: 68 }),
        (FRAGMENTS, f(&[131, 69]), E::BadHeader { tag: 69 }),
        (FRAGMENTS, f(&[131, 69, 0, 0, 0, 0, 0, 0, 0, 1]), E::BadHeader { tag: 69 }),
        (FRAGMENTS, f(&[&[131, 69][..], &[1; 16]].concat()), E::BadHeader { tag: 69 }),
        (FRAGMENTS, f(&[131, 70]), E::BadHeader { tag: 70 }),
        (FRAGMENTS, f(&[&[131, 70][..], &[1; 15]].concat()), E::BadHeader { tag: 70 }),
        (CACHE, f(&[131, 68]), cut()),
        (CACHE, f(&[131, 68, 1]), cut()),
        (CACHE, f(&[131, 68, 1, 0]), cut()),
        (CACHE, f(&[131, 68, 255, 0, 0]), cut()),
        (CACHE, f(&[131, 68, 1, 8, 3]), cut()),
        (CACHE, f(&[131, 68, 1, 8, 3, 5, b'a']), cut()),
        (CACHE, f(&[131, 68, 1, 0x18, 3, 0, 5, b'a']), cut()),
        (CACHE, f(&[131, 68, 1, 8, 3, 1, 0xFF]), E::AtomCache(AtomCacheFault::NotUtf8)),
        (CACHE, f(&long), E::AtomCache(AtomCacheFault::TooLong)),
        (CACHE, f(&[131, 68, 1, 0, 3, 104, 1, 97, 5]), E::AtomCache(AtomCacheFault::EmptySlot { slot: 3 })),
        (
            CACHE,
            f(&[131, 68, 2, 0x80, 0, 1, 2, 1, b'b', 104, 1, 97, 5]),
            E::AtomCache(AtomCacheFault::EmptySlot { slot: 1 }),
        ),
        (FRAGMENTS, f(&[131, 68, 1, 0, 3, 104, 1, 97, 5]), cache_used(1)),
        (FRAGMENTS, f(&[131, 68, 1, 0x0A, 3, 1, b'a', 104, 1, 97, 5]), cache_used(1)),
        (FRAGMENTS, f(&[131, 68, 255]), cache_used(255)),
    ]);
}

#[test]
fn references_that_the_header_does_not_name() {
    // {6, Pid, '', Name}, where the name is the second of one.
    let mut bytes = vec![131, 68, 1, 8, 3, 1, b'a'];
    bytes.extend([104, 4, 97, 6]);
    bytes.extend(a_pid());
    bytes.extend([82, 0, 82, 1, 106]);
    let error = DecodeError { offset: 2 + a_pid().len() + 2, kind: DecodeErrorKind::BadAtomCacheIndex };
    let fault = E::Control(ControlError::Term { element: 4, error });
    check_frames(vec![(CACHE, wire::frame(&bytes), fault)]);
    // A payload is not looked into here: its receiver refuses it.
    bytes.truncate(bytes.len() - 2);
    bytes.extend([0, 82, 1]);
    let mut incoming = Incoming::new(NOW, CACHE, &IncomingConfig::default());
    incoming.handle_bytes(NOW, &wire::frame(&bytes)).unwrap();
    let payload = incoming.poll_event().unwrap().payload.unwrap();
    assert_eq!(payload.atoms().len(), 1);
    assert_eq!(payload.term().unwrap_err().kind, DecodeErrorKind::BadAtomCacheIndex);
}

#[test]
fn fragments_out_of_place() {
    let send = a_send();
    let out_of_order = |expected, got| E::FragmentOutOfOrder { sequence: 9, expected, got };
    check_frames(vec![
        (CACHE, wire::first(1, 1, &send, b"x"), E::FragmentsNotNegotiated),
        (CACHE, wire::next(1, 1, b"x"), E::FragmentsNotNegotiated),
        (FRAGMENTS, wire::first(9, 0, &send, b"x"), E::FragmentZero { sequence: 9 }),
        (FRAGMENTS, wire::first(9, 2, &node_link(), b""), E::UnexpectedPayload { op: 5, len: 0 }),
        (FRAGMENTS, wire::first(9, 1, &node_link(), b"x"), E::UnexpectedPayload { op: 5, len: 1 }),
        (FRAGMENTS, wire::first(9, 1, &send, b""), E::MissingPayload { op: 22 }),
        (
            FRAGMENTS,
            [wire::first(9, 2, &send, b""), wire::next(9, 1, b"")].concat(),
            E::MissingPayload { op: 22 },
        ),
        (FRAGMENTS, wire::next(9, 1, b"x"), E::UnknownSequence { sequence: 9, fragment: 1 }),
        (
            FRAGMENTS,
            [wire::first(9, 2, &send, b"a"), wire::next(8, 1, b"x")].concat(),
            E::UnknownSequence { sequence: 8, fragment: 1 },
        ),
        (
            FRAGMENTS,
            [wire::first(9, 2, &send, b"a"), wire::first(9, 2, &send, b"a")].concat(),
            E::SequenceReopened { sequence: 9 },
        ),
        (FRAGMENTS, [wire::first(9, 3, &send, b"a"), wire::next(9, 1, b"b")].concat(), out_of_order(2, 1)),
        (FRAGMENTS, [wire::first(9, 3, &send, b"a"), wire::next(9, 3, b"b")].concat(), out_of_order(2, 3)),
        (FRAGMENTS, [wire::first(9, 3, &send, b"a"), wire::next(9, 4, b"b")].concat(), out_of_order(2, 4)),
        (FRAGMENTS, [wire::first(9, 2, &send, b"a"), wire::next(9, 0, b"b")].concat(), out_of_order(1, 0)),
        (
            FRAGMENTS,
            [wire::first(9, 2, &send, b"a"), wire::next(9, u64::MAX, b"b")].concat(),
            out_of_order(1, u64::MAX),
        ),
    ]);
}

#[test]
fn frames_with_wrong_contents() {
    let (send, f) = (a_send(), wire::frame);
    check_frames(vec![
        (FRAGMENTS, wire::normal(&send, &[]), E::MissingPayload { op: 22 }),
        (PLAIN, wire::pass_through(&send, None), E::MissingPayload { op: 22 }),
        (PLAIN, wire::pass_through(&send, Some(b"")), E::MissingPayload { op: 22 }),
        (FRAGMENTS, wire::normal(&node_link(), b"x"), E::UnexpectedPayload { op: 5, len: 1 }),
        (PLAIN, wire::pass_through(&node_link(), Some(b"x")), E::UnexpectedPayload { op: 5, len: 2 }),
        (PLAIN, f(&[&[112, 131][..], &send, &[104, 0]].concat()), E::BadPayloadVersion { got: 104 }),
        (
            FRAGMENTS,
            vec![255; 4],
            E::FrameTooLong(FrameTooLong { len: 0xFFFF_FFFF, limit: 64 * 1024 * 1024 }),
        ),
        (
            PLAIN,
            vec![4, 0, 0, 1],
            E::FrameTooLong(FrameTooLong { len: 64 * 1024 * 1024 + 1, limit: 64 * 1024 * 1024 }),
        ),
        (FRAGMENTS, f(&[131, 68, 0]), E::Control(ControlError::NotATuple(None))),
        (FRAGMENTS, f(&[131, 68, 0, 106]), E::Control(ControlError::NotATuple(Some(106)))),
        (FRAGMENTS, f(&[131, 68, 0, 131, 104, 1, 97, 5]), E::Control(ControlError::NotATuple(Some(131)))),
        (PLAIN, f(&[112, 131]), E::Control(ControlError::NotATuple(None))),
        (PLAIN, f(&[112, 131, 104]), E::Control(ControlError::Truncated)),
        (FRAGMENTS, f(&[131, 68, 0, 104, 1, 97, 9]), E::Control(ControlError::UnknownOp(Term::int(9)))),
        (FRAGMENTS, f(&[131, 68, 0, 104, 1, 97, 38]), E::Control(ControlError::UnknownOp(Term::int(38)))),
        (FRAGMENTS, f(&[131, 68, 0, 104, 1, 97, 0]), E::Control(ControlError::UnknownOp(Term::int(0)))),
    ]);
}

/// What may stand in an element of a control message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Pid,
    Atom,
    Process,
    Ref,
    Any,
    Mfa,
    List,
    Id,
    SpawnFlags,
}

/// The operations and the kinds of their elements after the first, in the order of the specification.
const OPERATIONS: [(u8, &[Kind]); 30] = {
    use Kind::{Any, Atom, Id, List, Mfa, Pid, Process, Ref, SpawnFlags};
    [
        (1, &[Pid, Pid]),
        (2, &[Atom, Pid]),
        (3, &[Pid, Pid, Any]),
        (4, &[Pid, Pid]),
        (5, &[]),
        (6, &[Pid, Atom, Atom]),
        (7, &[Pid, Pid]),
        (8, &[Pid, Pid, Any]),
        (12, &[Atom, Pid, Any]),
        (13, &[Pid, Pid, Any, Any]),
        (16, &[Pid, Atom, Atom, Any]),
        (18, &[Pid, Pid, Any, Any]),
        (19, &[Pid, Process, Ref]),
        (20, &[Pid, Process, Ref]),
        (21, &[Process, Pid, Ref, Any]),
        (22, &[Pid, Pid]),
        (23, &[Pid, Pid, Any]),
        (24, &[Pid, Pid]),
        (25, &[Pid, Pid, Any]),
        (26, &[Pid, Pid]),
        (27, &[Pid, Pid, Any]),
        (28, &[Process, Pid, Ref]),
        (29, &[Ref, Pid, Pid, Mfa, List]),
        (30, &[Ref, Pid, Pid, Mfa, List, Any]),
        (31, &[Ref, Pid, SpawnFlags, Process]),
        (32, &[Ref, Pid, SpawnFlags, Process, Any]),
        (33, &[Pid, Ref]),
        (34, &[Pid, Ref, Any]),
        (35, &[Id, Pid, Pid]),
        (36, &[Id, Pid, Pid]),
    ]
};

impl Kind {
    fn valid(self) -> Vec<u8> {
        match self {
            Self::Pid | Self::Process | Self::Any => a_pid(),
            Self::Atom => wire::atom("name"),
            Self::Ref => wire::reference("a@h", 7, [1, 2, 3]),
            Self::Mfa => wire::tuple(&[wire::atom("m"), wire::atom("f"), wire::int(255)]),
            Self::List => wire::list(&[wire::atom("link")]),
            Self::Id | Self::SpawnFlags => wire::int(3),
        }
    }

    /// Terms that are well-formed but must not stand there.
    fn wrong(self) -> Vec<Vec<u8>> {
        let terms = [
            (Self::Pid, a_pid()),
            (Self::Atom, wire::atom("name")),
            (Self::Ref, wire::reference("a@h", 7, [1, 2, 3])),
            (Self::Mfa, Self::Mfa.valid()),
            (Self::List, wire::list(&[wire::atom("link")])),
            (Self::List, wire::list(&[])),
            (Self::Id, wire::int(3)),
            (Self::Any, vec![109, 0, 0, 0, 1, b'x']),
            (Self::Any, wire::tuple(&[])),
            (Self::Any, vec![116, 0, 0, 0, 0]),
        ];
        let fits = |kind: Self| match self {
            Self::Any => true,
            Self::Process => matches!(kind, Self::Pid | Self::Atom),
            Self::SpawnFlags => kind == Self::Id,
            _ => kind == self,
        };
        let mut wrong: Vec<_> =
            terms.into_iter().filter(|(kind, _)| !fits(*kind)).map(|(_, term)| term).collect();
        match self {
            // 0, -1, 2^64.
            Self::Id => wrong.extend([
                wire::int(0),
                vec![98, 255, 255, 255, 255],
                vec![110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            ]),
            Self::SpawnFlags => wrong.extend([wire::int(4), vec![98, 255, 255, 255, 255]]),
            Self::Mfa => wrong.extend([
                wire::tuple(&[wire::atom("m"), wire::atom("f")]),
                wire::tuple(&[wire::atom("m"), wire::atom("f"), vec![98, 0, 0, 1, 0]]),
                wire::tuple(&[wire::atom("m"), wire::int(1), wire::int(1)]),
                wire::tuple(&[a_pid(), wire::atom("f"), wire::int(1)]),
            ]),
            // An improper list.
            Self::List => wrong.push(vec![108, 0, 0, 0, 1, 97, 1, 97, 2]),
            _ => {}
        }
        wrong
    }
}

#[test]
fn control_messages_of_wrong_arity_or_type() {
    let mut cases = 0;
    for (op, kinds) in OPERATIONS {
        let valid: Vec<_> =
            core::iter::once(wire::int(op)).chain(kinds.iter().map(|kind| kind.valid())).collect();
        let (control, used) = Control::decode(&wire::tuple(&valid)).unwrap();
        assert_eq!((control.op(), used), (op, wire::tuple(&valid).len()));

        let arity = |elements: usize| ControlError::Arity { op, elements: u8::try_from(elements).unwrap() };
        for elements in (1..=7).filter(|elements| *elements != valid.len()) {
            let mut tuple = valid.clone();
            tuple.resize(elements, a_pid());
            assert_eq!(Control::decode(&wire::tuple(&tuple)), Err(arity(elements)));
            cases += 1;
        }
        for (at, kind) in kinds.iter().enumerate() {
            for wrong in kind.wrong() {
                let mut tuple = valid.clone();
                tuple[at + 1] = wrong;
                let element = u8::try_from(at + 2).unwrap();
                let result = Control::decode(&wire::tuple(&tuple));
                assert_eq!(result, Err(ControlError::Element { op, element }), "{tuple:?}");
                cases += 1;
            }
            // A term that is none at all.
            let mut tuple = valid.clone();
            tuple[at + 1] = vec![255];
            let result = Control::decode(&wire::tuple(&tuple));
            assert!(
                matches!(result, Err(ControlError::Term { element, .. }) if usize::from(element) == at + 2)
            );
            cases += 1;
        }
    }
    assert!(cases > 600, "{cases}");
}

#[test]
fn control_messages_with_alternative_actions_of_wrong_shape() {
    let (pid, alias, name) = (a_pid(), wire::reference("a@h", 7, [1, 2, 3]), wire::atom("name"));
    let control = |flags: u8, rest: &[&Vec<u8>]| {
        let rest = rest.iter().map(|term| (*term).clone());
        let elements: Vec<_> =
            [wire::int(37), wire::int(flags), pid.clone()].into_iter().chain(rest).collect();
        Control::decode(&wire::tuple(&elements)).map(|(control, _)| control.op())
    };
    let element = |element| Err(ControlError::Element { op: 37, element });
    let arity = |elements| Err(ControlError::Arity { op: 37, elements });
    for (flags, rest, expected) in [
        (0, vec![&pid], Ok(37)),
        (1 | 16, vec![&pid], Ok(37)),
        (2 | 4, vec![&alias, &pid], Ok(37)),
        (8, vec![&name], Ok(37)),
        (32, vec![&pid], element(2)),
        (4 | 8, vec![&alias], element(2)),
        (0, vec![&alias], element(4)),
        (0, vec![&name], element(4)),
        (4, vec![&pid], element(4)),
        (8, vec![&pid], element(4)),
        (2, vec![&pid], arity(4)),
        (0, vec![&pid, &pid], arity(5)),
        (0, vec![], arity(3)),
        (2, vec![&pid, &pid, &pid], arity(6)),
    ] {
        assert_eq!(control(flags, &rest), expected, "{flags}");
    }
}
