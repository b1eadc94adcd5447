//! Random bytes into every parser: nothing panics, nothing grows beyond what came, faults stay faults.

mod wire;

use engset_dist::Flags;
use engset_dist::connection::{Incoming, IncomingConfig, Outgoing, OutgoingConfig};
use engset_dist::control::Control;
use engset_dist::epmd::{ConnId, Lookup, Names, NodeEntry, Register, Request, Server, ServerConfig};
use engset_dist::handshake::{Acceptor, Cookie, Decision, Framing, Initiator, LocalNode};
use engset_term::{Instant, NodeName, Pid};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Instant = Instant::ZERO;

fn local(name: &str) -> LocalNode {
    let cookie = Cookie::new("cookie").expect("a valid cookie");
    LocalNode { name: name.to_owned(), flags: Flags::OURS, creation: 4, cookie, visible: true }
}

/// Pieces of random bytes, some of which look like messages.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let bytes = vec(any::<u8>(), 0..80);
    let counted = vec(any::<u8>(), 0..80).prop_map(|body| {
        let len = u16::try_from(body.len()).unwrap_or(0).to_be_bytes();
        [&len[..], &body].concat()
    });
    let tagged =
        (prop::sample::select(&b"xzndksNnscra"[..]), vec(any::<u8>(), 0..60)).prop_map(|(tag, rest)| {
            let len = u16::try_from(rest.len() + 1).unwrap_or(0).to_be_bytes();
            [&len[..], &[tag], &rest].concat()
        });
    vec(prop_oneof![bytes, counted, tagged], 0..6)
}

/// Frames that are nearly right.
fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let pid = || wire::pid("a@h", 1, 0, 7);
    let body = vec(any::<u8>(), 0..60);
    let control = prop_oneof![
        Just(wire::tuple(&[wire::int(22), pid(), pid()])),
        Just(wire::tuple(&[wire::int(1), pid(), pid()])),
        (any::<u8>(), vec(any::<u8>(), 0..20)).prop_map(|(op, rest)| [&[104, 3, 97, op][..], &rest].concat()),
    ];
    let shape = (0..5_u8, control, body, 0..4_u64, 0..4_u64);
    vec(
        shape.prop_map(|(shape, control, body, sequence, number)| match shape {
            0 => wire::normal(&control, &body),
            1 => wire::first(sequence, number, &control, &body),
            2 => wire::next(sequence, number, &body),
            3 => wire::pass_through(&control, Some(&body)),
            _ => wire::frame(&body),
        }),
        0..8,
    )
}

proptest! {
    #[test]
    fn an_epmd_server_lives_on(pieces in pieces(), loopback: bool) {
        let mut server = Server::new(NOW, ServerConfig::default());
        server.handle_open(NOW, ConnId(1), loopback);
        for piece in &pieces {
            server.handle_bytes(NOW, ConnId(1), piece);
            server.poll_transmit(ConnId(1));
        }
        while server.poll_close().is_some() {}
        server.handle_open(NOW, ConnId(2), false);
        server.handle_bytes(NOW, ConnId(2), b"\0\x01n");
        prop_assert!(server.poll_transmit(ConnId(2)).is_some());
    }

    #[test]
    fn requests_that_parse_encode_to_themselves(body in vec(any::<u8>(), 0..100)) {
        if let Ok(request) = Request::parse(&body) {
            let encoded = request.encode().expect("what parses is within limits");
            prop_assert_eq!(Request::parse(&encoded[2..]), Ok(request));
        }
    }

    #[test]
    fn epmd_clients_give_an_answer_or_an_error(pieces in pieces()) {
        let mut register = Register::new(NodeEntry::new("a", 1));
        let (mut lookup, mut names) = (Lookup::new("a"), Names::new());
        for piece in &pieces {
            drop((register.handle_bytes(piece), lookup.handle_bytes(piece), names.handle_bytes(piece)));
        }
        drop((register.handle_eof(), lookup.handle_eof(), names.handle_eof()));
    }

    #[test]
    fn handshakes_never_succeed_by_accident(pieces in pieces(), four: bool) {
        let framing = if four { Framing::Four } else { Framing::Two };
        let mut acceptor = Acceptor::new(NOW, local("b@host"), 7, framing).expect("a valid name");
        let mut initiator = Initiator::new(NOW, local("a@host"), "b@host", 8, framing).expect("valid names");
        for piece in &pieces {
            drop((acceptor.handle_bytes(NOW, piece), acceptor.decide(Decision::Ok)));
            drop((initiator.handle_bytes(NOW, piece), initiator.answer_alive(true)));
        }
        while let Some(event) = acceptor.poll_event() {
            prop_assert!(!matches!(event, engset_dist::handshake::AcceptorEvent::Established(_)));
        }
        while let Some(event) = initiator.poll_event() {
            prop_assert!(!matches!(event, engset_dist::handshake::InitiatorEvent::Established(_)));
        }
    }

    #[test]
    fn control_messages_that_decode_encode_to_the_same_signal(bytes in vec(any::<u8>(), 0..60), op in 0..40_u8) {
        let tuple = [&[104, 3, 97, op][..], &bytes].concat();
        for bytes in [&bytes, &tuple] {
            if let Ok((control, used)) = Control::decode(bytes) {
                prop_assert!(used <= bytes.len());
                let mut encoded = Vec::new();
                control.encode(&mut encoded);
                prop_assert_eq!(Control::decode(&encoded), Ok((control, encoded.len())));
            }
        }
    }

    #[test]
    fn connections_hold_no_more_than_what_came(frames in frames(), cut in 1..50_usize, flags in 0..4_usize) {
        let without = [
            Flags::NONE,
            Flags::FRAGMENTS,
            Flags::SEND_SENDER,
            Flags::FRAGMENTS | Flags::EXIT_PAYLOAD,
        ];
        let flags = Flags::OURS.without(*without.get(flags).expect("four sets"));
        let mut incoming = Incoming::new(NOW, flags, &IncomingConfig::default());
        let bytes = frames.concat();
        let mut fault = None;
        for piece in bytes.chunks(cut) {
            let result = incoming.handle_bytes(NOW, piece);
            prop_assert!(fault.is_none() || fault == result.clone().err());
            fault = result.err();
        }
        prop_assert!(incoming.held_bytes() <= bytes.len());
    }

    #[test]
    fn whatever_is_sent_arrives_in_order(
        signals in vec((1..5_u32, prop_oneof![1..100_usize, 60_000..200_000_usize]), 1..20),
        flags in 0..3_usize,
        vectored: bool,
    ) {
        let forms = [Flags::OURS, Flags::OURS.without(Flags::FRAGMENTS), Flags::OURS.without(Flags::EXIT_PAYLOAD)];
        let flags = *forms.get(flags).expect("three forms");
        let node = NodeName::new("a@h").expect("a valid name");
        let mut outgoing = Outgoing::new(flags, OutgoingConfig::default());
        let mut incoming = Incoming::new(NOW, flags, &IncomingConfig::default());
        for (number, (from, len)) in signals.iter().enumerate() {
            let from = Pid::new(node, 7, *from, 0);
            let control = Control::Send { from: Some(from), to: from, token: None };
            let fill = u8::try_from(number).expect("few signals");
            outgoing.send(&control, Some(vec![fill; *len].into())).expect("there is room");
            if number % 3 == 0 {
                let mut bytes = Vec::new();
                outgoing.poll_transmit(&mut bytes);
                incoming.handle_bytes(NOW, &bytes).expect("well-formed");
            }
        }
        while !outgoing.is_empty() {
            let before = outgoing.queued_bytes();
            let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
            if vectored {
                outgoing.poll_chunks(&mut chunks);
                bytes = chunks.concat();
            } else {
                outgoing.poll_transmit(&mut bytes);
            }
            prop_assert_eq!(before - outgoing.queued_bytes(), bytes.len());
            incoming.handle_bytes(NOW, &bytes).expect("well-formed");
        }
        let mut arrived: Vec<(u32, usize, u8)> = Vec::new();
        while let Some(event) = incoming.poll_event() {
            let from = event.control.sender().expect("a sender").id();
            let payload = event.payload.expect("a message");
            arrived.push((from, payload.len(), *payload.bytes().first().expect("not empty")));
        }
        for sender in 1..5 {
            let sent: Vec<_> = signals
                .iter()
                .enumerate()
                .filter(|(_, (from, _))| *from == sender)
                .map(|(number, (from, len))| (*from, *len, u8::try_from(number).expect("few signals")))
                .collect();
            let came: Vec<_> = arrived.iter().filter(|(from, ..)| *from == sender).copied().collect();
            prop_assert_eq!(sent, came);
        }
    }
}
