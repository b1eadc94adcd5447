//! An initiator against an acceptor: every way a handshake can go, byte by byte.

use core::time::Duration;
use engset_dist::Flags;
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Established, Framing, HANDSHAKE_BYTES_MAX, HandshakeError,
    Initiator, InitiatorEvent, LocalNode, MESSAGE_BYTES_MAX, NameFault, Step, TIMEOUT_DEFAULT,
};
use engset_term::Instant;

const NOW: Instant = Instant::ZERO;

fn local(name: &str, cookie: &str) -> LocalNode {
    let cookie = Cookie::new(cookie).expect("a valid cookie");
    LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 77, cookie, visible: false }
}

fn initiator(local: LocalNode) -> Initiator {
    Initiator::new(NOW, local, "b@host", 1111, Framing::Two).expect("valid names")
}

fn acceptor(local: LocalNode) -> Acceptor {
    Acceptor::new(NOW, local, 2222, Framing::Two).expect("a valid name")
}

/// What became of a handshake.
#[derive(Debug, Default)]
struct Outcome {
    initiator: Option<Result<Established, HandshakeError>>,
    acceptor: Option<Result<Established, HandshakeError>>,
    waits_for_other: bool,
    claimed: Option<String>,
}

/// Carries bytes in pieces of `step` until nothing moves; the owners answer `decision` and `replace`.
fn run(a: &mut Initiator, b: &mut Acceptor, step: usize, decision: &Decision, replace: bool) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        let mut moved = false;
        let mut bytes = Vec::new();
        a.poll_transmit(&mut bytes);
        for piece in bytes.chunks(step) {
            moved = true;
            if let Err(error) = b.handle_bytes(NOW, piece) {
                outcome.acceptor.get_or_insert(Err(error));
            }
        }
        while let Some(event) = b.poll_event() {
            match event {
                AcceptorEvent::Name { peer, .. } => {
                    outcome.claimed = Some(peer);
                    if let Err(error) = b.decide(decision.clone()) {
                        outcome.acceptor = Some(Err(error));
                    }
                }
                AcceptorEvent::Established(established) => outcome.acceptor = Some(Ok(established)),
            }
        }
        let mut bytes = Vec::new();
        b.poll_transmit(&mut bytes);
        for piece in bytes.chunks(step) {
            moved = true;
            if let Err(error) = a.handle_bytes(NOW, piece) {
                outcome.initiator.get_or_insert(Err(error));
            }
        }
        while let Some(event) = a.poll_event() {
            match event {
                InitiatorEvent::Established(established) => outcome.initiator = Some(Ok(established)),
                InitiatorEvent::WaitForOther => outcome.waits_for_other = true,
                InitiatorEvent::AskAlive => a.answer_alive(replace).expect("the answer is awaited"),
            }
        }
        if !moved {
            return outcome;
        }
    }
}

#[test]
fn both_sides_agree_however_the_bytes_are_cut() {
    for framing in [Framing::Two, Framing::Four] {
        for step in 1..64 {
            let mut a = Initiator::new(NOW, local("a@host", "c"), "b@host", 1, framing).unwrap();
            let mut b =
                Acceptor::new(NOW, LocalNode { visible: true, ..local("b@host", "c") }, 2, framing).unwrap();
            let outcome = run(&mut a, &mut b, step, &Decision::Ok, false);
            assert_eq!(outcome.claimed.as_deref(), Some("a@host"));
            let at_a = outcome.initiator.unwrap().unwrap();
            let at_b = outcome.acceptor.unwrap().unwrap();
            assert_eq!((at_a.peer.as_str(), at_b.peer.as_str()), ("b@host", "a@host"));
            assert_eq!((at_a.peer_creation, at_b.peer_creation), (77, 77));
            assert_eq!((at_a.flags, at_b.flags), (Flags::OURS, Flags::OURS));
            assert!(at_a.peer_flags.contains(Flags::PUBLISHED));
            assert!(!at_b.peer_flags.contains(Flags::PUBLISHED));
            assert!(at_a.leftover.is_empty() && at_b.leftover.is_empty());
            assert_eq!((a.poll_timeout(), b.poll_timeout()), (None, None));
        }
    }
}

#[test]
fn different_cookies_are_found_by_the_acceptor_and_guessed_by_the_initiator() {
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "d")));
    let outcome = run(&mut a, &mut b, 100, &Decision::Ok, false);
    assert_eq!(outcome.acceptor, Some(Err(HandshakeError::CookieMismatch { peer: "a@host".to_owned() })));
    assert_eq!(outcome.initiator, None);
    let error = a.handle_eof().unwrap();
    assert_eq!(error, HandshakeError::ClosedByPeer { step: Step::Ack });
    assert!(error.to_string().contains("cookies differ"));
    assert_eq!(a.handle_eof(), None);
}

#[test]
fn an_acceptor_that_cannot_prove_the_cookie_is_refused() {
    let mut a = initiator(local("a@host", "c"));
    let (mut b, mut out) = (acceptor(local("b@host", "c")), Vec::new());
    a.poll_transmit(&mut out);
    b.handle_bytes(NOW, &out).unwrap();
    b.decide(Decision::Ok).unwrap();
    out.clear();
    b.poll_transmit(&mut out);
    a.handle_bytes(NOW, &out).unwrap();
    let ack = [&[0, 17, b'a'][..], &[0; 16]].concat();
    let error = a.handle_bytes(NOW, &ack).unwrap_err();
    assert_eq!(error, HandshakeError::CookieMismatch { peer: "b@host".to_owned() });
    assert_eq!(a.poll_event(), None);
}

#[test]
fn a_lost_message_ends_in_a_timeout_on_both_sides() {
    // Each number says after how many carried messages the line goes dead.
    let deadline = NOW.saturating_add(TIMEOUT_DEFAULT);
    let just_before = deadline.saturating_sub(Duration::from_nanos(1));
    for carried in 0..5 {
        let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
        let mut left = carried;
        loop {
            let before = left;
            for from_a in [true, false] {
                let mut bytes = Vec::new();
                if from_a {
                    a.poll_transmit(&mut bytes);
                } else {
                    b.poll_transmit(&mut bytes);
                }
                while left > 0 && !bytes.is_empty() {
                    let len = 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                    let message: Vec<u8> = bytes.drain(..len).collect();
                    if from_a { b.handle_bytes(NOW, &message) } else { a.handle_bytes(NOW, &message) }
                        .unwrap();
                    left -= 1;
                }
                if let Some(AcceptorEvent::Name { .. }) = b.poll_event() {
                    b.decide(Decision::Ok).unwrap();
                }
            }
            if left == 0 || left == before {
                break;
            }
        }
        assert_eq!(a.poll_timeout(), Some(deadline), "{carried}");
        a.handle_timeout(just_before).unwrap();
        let (at_a, at_b) = match carried {
            0 => (Step::Status, Some(Step::Name)),
            1 => (Step::Status, Some(Step::Reply)),
            2 => (Step::Challenge, Some(Step::Reply)),
            3 => (Step::Ack, Some(Step::Reply)),
            _ => (Step::Ack, None),
        };
        assert_eq!(a.handle_timeout(deadline), Err(HandshakeError::Timeout { step: at_a }), "{carried}");
        let expected = at_b.map_or(Ok(()), |step| Err(HandshakeError::Timeout { step }));
        assert_eq!(b.handle_timeout(deadline), expected, "{carried}");
        assert_eq!((a.poll_timeout(), b.poll_timeout()), (None, None));
    }
}

#[test]
fn the_deadline_is_absolute_and_configurable() {
    let timeout = Duration::from_secs(8);
    let mut b = acceptor(local("b@host", "c")).with_timeout(timeout);
    let mut out = Vec::new();
    initiator(local("a@host", "c")).poll_transmit(&mut out);
    // A byte each second does not prolong it.
    for (second, byte) in (1..8).zip(&out) {
        b.handle_bytes(Instant::from_millis(second * 1000), &[*byte]).unwrap();
    }
    let error = b.handle_bytes(Instant::from_millis(8000), &[0]).unwrap_err();
    assert_eq!(error, HandshakeError::Timeout { step: Step::Name });
}

#[test]
fn missing_flags_are_named_on_both_sides() {
    for (lost, name) in [(Flags::UNLINK_ID, "UNLINK_ID"), (Flags::V4_NC, "V4_NC")] {
        let poor = LocalNode { flags: Flags::OURS.without(lost), ..local("a@host", "c") };
        let (mut a, mut b) = (initiator(poor), acceptor(local("b@host", "c")));
        let outcome = run(&mut a, &mut b, 7, &Decision::Ok, false);
        assert_eq!(outcome.acceptor, Some(Err(HandshakeError::MissingFlags(lost))));
        assert!(outcome.acceptor.unwrap().unwrap_err().to_string().contains(name));
        assert_eq!(outcome.initiator, Some(Err(HandshakeError::NotAllowed)));
        assert_eq!(outcome.claimed, None);

        let poor = LocalNode { flags: Flags::OURS.without(lost), ..local("b@host", "c") };
        let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(poor));
        let outcome = run(&mut a, &mut b, 7, &Decision::Ok, false);
        assert_eq!(outcome.initiator, Some(Err(HandshakeError::MissingFlags(lost))));
    }
}

#[test]
fn simultaneous_attempts_end_in_one_connection() {
    // We are greater than the peer: our own dial goes on, theirs is told to wait.
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 3, &Decision::Nok, false);
    assert!(outcome.waits_for_other && outcome.initiator.is_none() && outcome.acceptor.is_none());
    assert_eq!((a.handle_eof(), b.handle_eof()), (None, None));

    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 3, &Decision::OkSimultaneous, false);
    assert!(outcome.initiator.unwrap().is_ok() && outcome.acceptor.unwrap().is_ok());
}

#[test]
fn an_old_connection_is_replaced_only_if_the_dialler_says_so() {
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 1, &Decision::Alive, true);
    assert!(outcome.initiator.unwrap().is_ok() && outcome.acceptor.unwrap().is_ok());

    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 1, &Decision::Alive, false);
    assert_eq!((outcome.initiator, outcome.acceptor), (None, Some(Err(HandshakeError::Duplicate))));
    assert_eq!(a.poll_timeout(), None);
}

#[test]
fn a_peer_that_is_not_allowed_is_told_so() {
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 9, &Decision::NotAllowed, false);
    assert_eq!((outcome.initiator, outcome.acceptor), (Some(Err(HandshakeError::NotAllowed)), None));
}

#[test]
fn the_acknowledgement_waits_until_the_owner_has_heard() {
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let mut out = Vec::new();
    a.poll_transmit(&mut out);
    b.handle_bytes(NOW, &out).unwrap();
    assert!(matches!(b.poll_event(), Some(AcceptorEvent::Name { .. })));
    assert_eq!(b.open_challenge(), None);
    b.decide(Decision::Ok).unwrap();
    assert_eq!(b.open_challenge(), Some(2222));
    out.clear();
    b.poll_transmit(&mut out);
    a.handle_bytes(NOW, &out).unwrap();
    out.clear();
    a.poll_transmit(&mut out);
    // Frames may follow the digest in one read.
    out.extend_from_slice(&[0, 0, 0, 0]);
    b.handle_bytes(NOW, &out).unwrap();
    let Some(AcceptorEvent::Established(established)) = b.poll_event() else { panic!("established") };
    assert_eq!(established.leftover, [0, 0, 0, 0]);
    out.clear();
    b.poll_transmit(&mut out);
    assert_eq!((out.len(), out[2]), (19, b'a'));
    out.extend_from_slice(b"frames");
    a.handle_bytes(NOW, &out).unwrap();
    let Some(InitiatorEvent::Established(established)) = a.poll_event() else { panic!("established") };
    assert_eq!(established.leftover, b"frames");
}

#[test]
fn a_dynamic_name_is_given_and_taken() {
    let nameless = LocalNode { flags: Flags::OURS | Flags::NAME_ME, creation: 0, ..local("host", "c") };
    let named = Decision::Named { name: "X7@host".to_owned(), creation: 5 };
    let (mut a, mut b) = (initiator(nameless.clone()), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 2, &named, false);
    let at_a = outcome.initiator.unwrap().unwrap();
    assert_eq!((at_a.local.as_str(), at_a.local_creation), ("X7@host", 5));
    let at_b = outcome.acceptor.unwrap().unwrap();
    assert_eq!((at_b.peer.as_str(), at_b.peer_creation), ("X7@host", 5));
    assert!(!at_b.flags.intersects(Flags::NAME_ME));

    for wrong in [Decision::Ok, Decision::Named { name: "X7@else".to_owned(), creation: 5 }] {
        let (mut a, mut b) = (initiator(nameless.clone()), acceptor(local("b@host", "c")));
        let outcome = run(&mut a, &mut b, 2, &wrong, false);
        assert_eq!(outcome.acceptor, Some(Err(HandshakeError::NamingMismatch)));
        assert_eq!(outcome.initiator, Some(Err(HandshakeError::NotAllowed)));
    }
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("b@host", "c")));
    let outcome = run(&mut a, &mut b, 2, &named, false);
    assert_eq!(outcome.acceptor, Some(Err(HandshakeError::NamingMismatch)));
}

#[test]
fn another_node_at_the_address_is_refused() {
    let (mut a, mut b) = (initiator(local("a@host", "c")), acceptor(local("other@host", "c")));
    let outcome = run(&mut a, &mut b, 50, &Decision::Ok, false);
    let expected =
        HandshakeError::NameMismatch { expected: "b@host".to_owned(), got: "other@host".to_owned() };
    assert_eq!(outcome.initiator, Some(Err(expected)));
}

#[test]
fn reflected_challenges_are_refused() {
    // The acceptor's challenge sent back to it.
    let (mut a, mut b) = (
        Initiator::new(NOW, local("a@host", "c"), "b@host", 2222, Framing::Two).unwrap(),
        acceptor(local("b@host", "c")),
    );
    let outcome = run(&mut a, &mut b, 50, &Decision::Ok, false);
    assert_eq!(outcome.initiator, Some(Err(HandshakeError::Reflected)));

    // The challenge of one of our own acceptors, carried over by a peer that cannot answer it.
    let mut a = initiator(local("a@host", "c"));
    a.forbid_challenges(vec![5, 2222]);
    let outcome = run(&mut a, &mut acceptor(local("b@host", "c")), 50, &Decision::Ok, false);
    assert_eq!(outcome.initiator, Some(Err(HandshakeError::Reflected)));

    let mut b = acceptor(local("b@host", "c"));
    let mut name = Vec::new();
    initiator(local("a@host", "c")).poll_transmit(&mut name);
    b.handle_bytes(NOW, &name).unwrap();
    b.decide(Decision::Ok).unwrap();
    let digest = Cookie::new("c").unwrap().digest(2222);
    let reply = [&[0, 21, b'r'][..], &2222_u32.to_be_bytes(), digest.bytes()].concat();
    assert_eq!(b.handle_bytes(NOW, &reply), Err(HandshakeError::Reflected));
}

#[test]
fn an_old_name_message_is_completed_by_the_complement() {
    let old_name = |flags: u32| {
        let body = [&b"n\x00\x05"[..], &flags.to_be_bytes(), b"a@host"].concat();
        [&[0, u8::try_from(body.len()).unwrap()][..], &body].concat()
    };
    let digest = Cookie::new("c").unwrap().digest(2222);
    let reply = [&[0, 21, b'r'][..], &1_u32.to_be_bytes(), digest.bytes()].concat();
    for (high, expected) in [(4_u32, None), (0, Some(HandshakeError::MissingFlags(Flags::V4_NC)))] {
        let mut b = acceptor(local("b@host", "c"));
        b.handle_bytes(NOW, &old_name(0x0307_0F94)).unwrap();
        b.decide(Decision::Ok).unwrap();
        assert_eq!(b.step(), Step::Complement);
        let complement = [&[0, 9, b'c'][..], &high.to_be_bytes(), &33_u32.to_be_bytes()].concat();
        let result = b.handle_bytes(NOW, &complement).and_then(|()| b.handle_bytes(NOW, &reply));
        assert_eq!(result.err(), expected);
        if expected.is_none() {
            assert!(matches!(b.poll_event(), Some(AcceptorEvent::Name { creation: 0, .. })));
            let Some(AcceptorEvent::Established(established)) = b.poll_event() else { panic!("established") };
            assert_eq!(
                (established.peer_creation, established.flags),
                (33, Flags(0x4_0307_0F94) & Flags::OURS)
            );
        }
    }
    let mut b = acceptor(local("b@host", "c"));
    let error = b.handle_bytes(NOW, &old_name(0x0207_0F94)).unwrap_err();
    assert_eq!(error, HandshakeError::OldHandshake { version: 5 });
}

#[test]
fn own_names_are_checked_before_anything_is_sent() {
    for (name, fault) in
        [("a", NameFault::NotNameAtHost), ("\u{2603}@h", NameFault::NotLatin1), ("a\0@h", NameFault::Control)]
    {
        let expected = HandshakeError::BadLocalName(fault);
        let made = Initiator::new(NOW, local(name, "c"), "b@h", 1, Framing::Two);
        assert_eq!(made.err(), Some(expected.clone()));
        assert_eq!(Acceptor::new(NOW, local(name, "c"), 1, Framing::Two).err(), Some(expected));
    }
    let made = Initiator::new(NOW, local("a@h", "c"), "b", 1, Framing::Two);
    assert_eq!(made.err(), Some(HandshakeError::BadPeerName(NameFault::NotNameAtHost)));
}

#[test]
fn a_message_has_a_limit_at_both_sides_of_it() {
    for framing in [Framing::Two, Framing::Four] {
        for (len, too_long) in [(MESSAGE_BYTES_MAX, false), (MESSAGE_BYTES_MAX + 1, true)] {
            let mut b = Acceptor::new(NOW, local("b@host", "c"), 2222, framing).unwrap();
            let header = match framing {
                Framing::Two => u16::try_from(len).unwrap().to_be_bytes().to_vec(),
                Framing::Four => u32::try_from(len).unwrap().to_be_bytes().to_vec(),
            };
            let result = b.handle_bytes(NOW, &header);
            let expected = HandshakeError::MessageTooLong { step: Step::Name, len };
            assert_eq!(result, if too_long { Err(expected) } else { Ok(()) });
        }
    }
}

#[test]
fn a_whole_handshake_has_a_limit_at_both_sides_of_it() {
    for (extra, fits) in [(0, true), (1, false)] {
        let mut b = acceptor(local("b@host", "c"));
        let mut name = Vec::new();
        initiator(local("a@host", "c")).poll_transmit(&mut name);
        let held = HANDSHAKE_BYTES_MAX - name.len() + extra;
        b.handle_bytes(NOW, &name).unwrap();
        let result = b.handle_bytes(NOW, &vec![0; held]);
        let expected = HandshakeError::TooManyBytes { step: Step::Decision };
        assert_eq!(result, if fits { Ok(()) } else { Err(expected) });
    }
}

#[test]
fn calls_out_of_order_are_refused() {
    let mut a = initiator(local("a@host", "c"));
    assert_eq!(a.answer_alive(true), Err(HandshakeError::OutOfOrder { step: Step::Status }));
    let mut b = acceptor(local("b@host", "c"));
    assert_eq!(b.decide(Decision::Ok), Err(HandshakeError::OutOfOrder { step: Step::Name }));
    assert!(b.handle_eof().is_some());
    assert_eq!(b.handle_bytes(NOW, b"x"), Err(HandshakeError::OutOfOrder { step: Step::Over }));
}

/// Either side, when the other speaks TLS: an alert or a first message of it instead of a length.
#[test]
fn a_peer_that_speaks_tls_is_told_of() {
    let client_hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01];
    let error = acceptor(local("b@host", "c")).handle_bytes(NOW, &client_hello);
    assert_eq!(error, Err(HandshakeError::PeerSpeaksTls { step: Step::Name }));
    let alert = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0A];
    let error = initiator(local("a@host", "c")).handle_bytes(NOW, &alert);
    assert_eq!(error, Err(HandshakeError::PeerSpeaksTls { step: Step::Status }));
    assert!(error.unwrap_err().to_string().contains("start this node with TLS too"));
    // Under TLS the same bytes are a length like any other.
    let mut acceptor = Acceptor::new(NOW, local("b@host", "c"), 2222, Framing::Four).expect("a valid name");
    let error = acceptor.handle_bytes(NOW, &client_hello);
    assert!(matches!(error, Err(HandshakeError::MessageTooLong { .. })), "{error:?}");
}

#[test]
fn short_and_long_names_that_were_mixed_are_told_of() {
    let told = |expected: &str, got: &str| {
        HandshakeError::NameMismatch { expected: expected.to_owned(), got: got.to_owned() }.to_string()
    };
    for (expected, got, is_mixed) in [
        ("b@host.example", "b@host", true),
        ("b@host", "b@host.example", true),
        ("b@host", "c@host", false),
        ("b@host.example", "b@other.example", false),
    ] {
        assert_eq!(told(expected, got).contains("short name"), is_mixed, "{expected} {got}");
    }
}
