//! The limits of what a peer can make a connection hold: one below, at, and one above each of them.

mod wire;

use core::time::Duration;
use engset_dist::Flags;
use engset_dist::connection::{ConnectionError as E, Incoming, IncomingConfig};
use engset_dist::frame::{
    FRAME_BYTES_MAX_DEFAULT, FRAME_BYTES_MAX_HIGHEST, FRAME_BYTES_MAX_LOWEST, FrameReader,
};
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Framing, HANDSHAKE_BYTES_MAX, HandshakeError, Initiator,
    LocalNode, MESSAGE_BYTES_MAX, TIMEOUT_DEFAULT,
};
use engset_term::Instant;

const NOW: Instant = Instant::ZERO;

/// One below the limit, the limit, one above it, and whether it is let pass.
fn around(limit: usize) -> [(usize, bool); 3] {
    [(limit - 1, true), (limit, true), (limit + 1, false)]
}

fn local(name: &str) -> LocalNode {
    let cookie = Cookie::new("cookie").expect("a valid cookie");
    LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 4, cookie, visible: false }
}

fn acceptor(framing: Framing) -> Acceptor {
    Acceptor::new(NOW, local("b@host"), 1, framing).expect("a valid name")
}

fn name_message(name: &str) -> Vec<u8> {
    let latin1: Vec<u8> = name.chars().map(|c| u8::try_from(u32::from(c)).expect("latin-1")).collect();
    let len = u16::try_from(latin1.len()).expect("short").to_be_bytes();
    let body = [&b"N"[..], &Flags::OURS.0.to_be_bytes(), &[0, 0, 0, 9], &len, &latin1].concat();
    [&u16::try_from(body.len()).expect("short").to_be_bytes()[..], &body].concat()
}

fn pid(id: u32) -> Vec<u8> {
    wire::pid("a@h", id, 0, 7)
}

fn send() -> Vec<u8> {
    wire::tuple(&[wire::int(22), pid(1), pid(2)])
}

#[test]
fn a_frame() {
    for limit in [FRAME_BYTES_MAX_LOWEST, 1 << 20, FRAME_BYTES_MAX_DEFAULT, FRAME_BYTES_MAX_HIGHEST] {
        for (len, passes) in around(limit) {
            // The claim is enough to be refused, and reserves nothing.
            let mut frames = FrameReader::new(limit);
            frames.handle_bytes(&u32::try_from(len).expect("up to 1 GiB").to_be_bytes());
            assert_eq!(frames.poll_frame().is_ok(), passes, "{len}");
            assert!(frames.capacity() <= 64, "{}", frames.capacity());
        }
    }
    // The configurable range at its ends.
    for (asked, given) in [(0, FRAME_BYTES_MAX_LOWEST), (usize::MAX, FRAME_BYTES_MAX_HIGHEST)] {
        let mut frames = FrameReader::new(asked);
        frames.handle_bytes(&u32::try_from(given + 1).expect("over 1 GiB").to_be_bytes());
        assert_eq!(frames.poll_frame().expect_err("one above").limit, given);
    }
    assert_eq!(IncomingConfig::default().frame_bytes_max, FRAME_BYTES_MAX_DEFAULT);
}

#[test]
fn fragmented_signals_at_a_time() {
    let limit = IncomingConfig::default().sequences_max;
    assert_eq!(limit, 256);
    for (open, passes) in around(limit) {
        let mut incoming = Incoming::new(NOW, Flags::OURS, &IncomingConfig::default());
        let frames: Vec<u8> =
            (0..open).flat_map(|number| wire::first(number as u64, 2, &send(), b"x")).collect();
        let expected = if passes { Ok(()) } else { Err(E::TooManySequences { limit }) };
        assert_eq!(incoming.handle_bytes(NOW, &frames), expected, "{open}");
    }
}

#[test]
fn bytes_of_incomplete_signals() {
    const LIMIT: usize = 100_000;
    let config = IncomingConfig { fragments_bytes_max: LIMIT, ..IncomingConfig::default() };
    for (held, passes) in around(LIMIT) {
        // In the first fragment, in a further one, and of two signals together.
        let payload = vec![106; held - send().len()];
        let (half, rest) = payload.split_at(payload.len() / 2);
        let both = [wire::first(1, 9, &send(), half), wire::first(2, 9, &send(), &rest[send().len()..])];
        for frames in [
            wire::first(1, 9, &send(), &payload),
            [wire::first(1, 9, &send(), half), wire::next(1, 8, rest)].concat(),
            both.concat(),
        ] {
            let mut incoming = Incoming::new(NOW, Flags::OURS, &config);
            let expected = if passes { Ok(()) } else { Err(E::FragmentsTooLarge { limit: LIMIT }) };
            assert_eq!(incoming.handle_bytes(NOW, &frames), expected, "{held}");
            assert!(!passes || incoming.held_bytes() == held);
        }
    }
    assert_eq!(IncomingConfig::default().fragments_bytes_max, 128 << 20);
}

#[test]
fn patience_with_an_incomplete_signal() {
    let limit = IncomingConfig::default().fragment_idle_max;
    assert_eq!(limit, Duration::from_secs(30));
    for (waited, passes) in [(limit - Duration::from_nanos(1), true), (limit, false)] {
        let mut incoming = Incoming::new(NOW, Flags::OURS, &IncomingConfig::default());
        incoming.handle_bytes(NOW, &wire::first(1, 3, &send(), b"x")).expect("well-formed");
        let then = NOW.saturating_add(limit / 2);
        incoming.handle_bytes(then, &wire::next(1, 2, b"x")).expect("well-formed");
        let due = then.saturating_add(limit);
        assert_eq!(incoming.poll_timeout(), Some(due));
        let told = incoming.handle_timeout(then.saturating_add(waited));
        assert_eq!(told.is_ok(), passes, "{told:?}");
    }
}

#[test]
fn a_message_of_a_handshake() {
    for framing in [Framing::Two, Framing::Four] {
        for (len, passes) in around(MESSAGE_BYTES_MAX) {
            let len = u32::try_from(len).expect("short").to_be_bytes();
            let len = if framing == Framing::Two { &len[2..] } else { &len };
            let mut initiator =
                Initiator::new(NOW, local("a@host"), "b@host", 1, framing).expect("valid names");
            for result in [acceptor(framing).handle_bytes(NOW, len), initiator.handle_bytes(NOW, len)] {
                assert_eq!(
                    !matches!(result, Err(HandshakeError::MessageTooLong { .. })),
                    passes,
                    "{result:?}"
                );
            }
        }
    }
}

#[test]
fn bytes_of_a_handshake() {
    // The name is taken; what follows waits for the decision.
    for (bytes, passes) in around(HANDSHAKE_BYTES_MAX) {
        let mut acceptor = acceptor(Framing::Two);
        let name = name_message("a@host");
        acceptor.handle_bytes(NOW, &name).expect("a good name");
        assert!(matches!(acceptor.poll_event(), Some(AcceptorEvent::Name { .. })));
        let result = acceptor.handle_bytes(NOW, &vec![0; bytes - name.len()]);
        assert_eq!(
            !matches!(result, Err(HandshakeError::TooManyBytes { .. })),
            passes,
            "{bytes}: {result:?}"
        );
    }
}

#[test]
fn time_of_a_handshake() {
    assert_eq!(TIMEOUT_DEFAULT, Duration::from_secs(5));
    let nano = Duration::from_nanos(1);
    for (took, passes) in
        [(TIMEOUT_DEFAULT - nano, true), (TIMEOUT_DEFAULT, false), (TIMEOUT_DEFAULT + nano, false)]
    {
        // However busy the peer keeps us meanwhile: the deadline is that of the whole.
        let mut acceptor = acceptor(Framing::Two);
        acceptor.handle_bytes(NOW, &name_message("a@host")).expect("a good name");
        acceptor.decide(Decision::Ok).expect("in order");
        let then = NOW.saturating_add(took);
        assert_eq!(acceptor.handle_timeout(then).is_ok(), passes, "{took:?}");
        assert_eq!(acceptor.handle_bytes(then, b"\0").is_ok(), passes, "{took:?}");
    }
}

#[test]
fn characters_of_a_name() {
    for letter in ["a", "\u{e4}"] {
        for (characters, passes) in around(255) {
            let name = letter.repeat(characters - 5) + "@host";
            let result = acceptor(Framing::Two).handle_bytes(NOW, &name_message(&name));
            assert_eq!(result.is_ok(), passes, "{characters}: {result:?}");
        }
    }
}
