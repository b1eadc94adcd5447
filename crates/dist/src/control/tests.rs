//! Unit tests of control messages: every operation there and back, exact bytes, strictness.

use super::{AltactTarget, Control, ControlError, Mfa, Process, Reason, Spawn, SpawnResult};
use crate::connection::{Incoming, IncomingConfig, Outgoing, OutgoingConfig, Received};
use crate::flags::Flags;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use engset_term::{Atom, Instant, NodeName, Pid, Reference, Term};

fn pid(id: u32) -> Pid {
    Pid::new(NodeName::new("a@h").unwrap(), 7, id, 0)
}

fn reference() -> Reference {
    Reference::from_words(NodeName::new("a@h").unwrap(), 7, [1, 2, 3])
}

fn name(text: &'static str) -> Atom {
    Atom::from_static(text)
}

fn token() -> Term {
    Term::tuple([Term::int(1), Term::int(17), Term::int(1), Term::Pid(pid(3)), Term::int(0)])
}

/// Every operation at least once.
fn every_operation() -> Vec<(u8, Control)> {
    let mut all = links_and_messages();
    all.extend(spawns_and_aliases());
    all
}

fn spawns_and_aliases() -> Vec<(u8, Control)> {
    let (from, to, reference) = (pid(1), pid(2), reference());
    let some = || Some(Box::new(token()));
    let request = |token| Control::SpawnRequest {
        request: reference,
        from,
        spawn: Box::new(Spawn {
            group_leader: pid(9),
            function: Mfa { module: name("erpc"), function: name("execute_call"), arity: 4 },
            options: vec![Term::atom("link"), Term::atom("monitor")],
        }),
        token,
    };
    let reply = |result, token| Control::SpawnReply {
        request: reference,
        to,
        linked: true,
        monitored: true,
        result,
        token,
    };
    let altact = |to, token| Control::AltactSigSend { priority: true, exit: false, from, to, token };
    vec![
        (29, request(None)),
        (30, request(some())),
        (31, reply(SpawnResult::Spawned(from), None)),
        (31, reply(SpawnResult::Error(name("badopt")), None)),
        (32, reply(SpawnResult::Spawned(from), some())),
        (33, Control::AliasSend { from, to: reference, token: None }),
        (34, Control::AliasSend { from, to: reference, token: some() }),
        (35, Control::UnlinkId { id: u64::MAX, from, to }),
        (35, Control::UnlinkId { id: 1, from, to }),
        (36, Control::UnlinkIdAck { id: 5, from, to }),
        (37, altact(AltactTarget::Pid(to), None)),
        (37, altact(AltactTarget::Alias(reference), some())),
        (
            37,
            Control::AltactSigSend {
                priority: false,
                exit: true,
                from,
                to: AltactTarget::Name(name("x")),
                token: None,
            },
        ),
    ]
}

fn links_and_messages() -> Vec<(u8, Control)> {
    let (from, to, reference) = (pid(1), pid(2), reference());
    let some = || Some(Box::new(token()));
    let inline = || Reason::Inline(Box::new(Term::tuple([Term::atom("shutdown"), Term::Nil])));
    vec![
        (1, Control::Link { from, to }),
        (2, Control::Send { from: None, to, token: None }),
        (3, Control::Exit { from, to, token: None, reason: inline() }),
        (4, Control::Unlink { from, to }),
        (5, Control::NodeLink),
        (6, Control::RegSend { from, to: name("rex"), token: None }),
        (7, Control::GroupLeader { from, to }),
        (8, Control::Exit2 { from, to, token: None, reason: inline() }),
        (12, Control::Send { from: None, to, token: some() }),
        (13, Control::Exit { from, to, token: some(), reason: inline() }),
        (16, Control::RegSend { from, to: name("rex"), token: some() }),
        (18, Control::Exit2 { from, to, token: some(), reason: inline() }),
        (19, Control::MonitorP { from, to: Process::Pid(to), reference }),
        (19, Control::MonitorP { from, to: Process::Name(name("rex")), reference }),
        (20, Control::DemonitorP { from, to: Process::Pid(to), reference }),
        (20, Control::DemonitorP { from, to: Process::Name(name("rex")), reference }),
        (21, Control::MonitorPExit { from: Process::Pid(from), to, reference, reason: inline() }),
        (22, Control::Send { from: Some(from), to, token: None }),
        (23, Control::Send { from: Some(from), to, token: some() }),
        (24, Control::Exit { from, to, token: None, reason: Reason::Payload }),
        (25, Control::Exit { from, to, token: some(), reason: Reason::Payload }),
        (26, Control::Exit2 { from, to, token: None, reason: Reason::Payload }),
        (27, Control::Exit2 { from, to, token: some(), reason: Reason::Payload }),
        (
            28,
            Control::MonitorPExit {
                from: Process::Name(name("rex")),
                to,
                reference,
                reason: Reason::Payload,
            },
        ),
    ]
}

#[test]
fn every_operation_survives_the_wire() {
    for (op, control) in every_operation() {
        assert_eq!(control.op(), op);
        let mut bytes = Vec::new();
        control.encode(&mut bytes);
        let len = bytes.len();
        bytes.extend_from_slice(b"payload");
        assert_eq!(Control::decode(&bytes), Ok((control.clone(), len)), "{op}");
        for cut in 0..len {
            assert!(Control::decode(&bytes[..cut]).is_err(), "{op} cut at {cut}");
        }
    }
}

/// Through both sides of a connection, in each form of frames, three times each so that atoms come by reference.
#[test]
fn every_operation_crosses_a_connection_with_and_without_a_token() {
    let (cache, fragments) = (Flags::DIST_HDR_ATOM_CACHE, Flags::FRAGMENTS);
    for without in [Flags::NONE, cache, fragments, cache | fragments] {
        // Operations 33 and 34 go to peers that have no 37.
        for flags in [Flags::OURS.without(without), Flags::OURS.without(without | Flags::ALTACT_SIG)] {
            let mut outgoing = Outgoing::new(flags, OutgoingConfig::default());
            let mut incoming = Incoming::new(Instant::ZERO, flags, &IncomingConfig::default());
            for (op, control) in [every_operation(), every_operation(), every_operation()].concat() {
                if control.for_peer(flags).is_some() || !flags.contains(control.needs()) {
                    continue;
                }
                for len in [1, 70_000] {
                    let payload = control.has_payload().then(|| Bytes::from(vec![106; len]));
                    outgoing.send(&control, payload.clone().map(Into::into)).unwrap();
                    let mut bytes = Vec::new();
                    outgoing.poll_transmit(&mut bytes);
                    incoming.handle_bytes(Instant::ZERO, &bytes).unwrap();
                    let expected = Received { control: control.clone(), payload: payload.map(Into::into) };
                    assert_eq!(incoming.poll_event(), Some(expected), "{op} without {without}");
                }
            }
            assert_eq!((incoming.poll_event(), incoming.held_bytes()), (None, 0));
        }
    }
}

#[test]
fn operations_1_to_37_are_all_there() {
    let never = [9, 10, 11, 14, 15, 17];
    for op in (1..=37).filter(|op| !never.contains(op)) {
        assert!(every_operation().iter().any(|(known, _)| *known == op), "{op}");
    }
}

#[test]
fn operations_that_do_not_exist_are_refused() {
    for op in (0..=255_u8).filter(|op| !every_operation().iter().any(|(known, _)| known == op)) {
        let bytes = [104, 3, 97, op, 106, 106];
        assert_eq!(Control::decode(&bytes), Err(ControlError::UnknownOp(Term::int(op))));
    }
    let atom = [104, 1, 119, 1, b'a'];
    assert_eq!(Control::decode(&atom), Err(ControlError::UnknownOp(Term::atom("a"))));
    // What a peer writes instead of an operation is not all repeated in the log.
    let long = [&[104, 1, 107, 0xFF, 0xFF][..], &[b'a'; 0xFFFF]].concat();
    let shown = Control::decode(&long).unwrap_err().to_string();
    assert!(shown.starts_with("unknown operation \"aaa") && shown.len() < 120, "{}", shown.len());
}

#[test]
fn the_bytes_of_a_message_with_sender() {
    let mut bytes = Vec::new();
    Control::Send { from: Some(pid(1)), to: pid(2), token: None }.encode(&mut bytes);
    let expected = [
        &[104, 3, 97, 22][..],
        &[88, 119, 3, b'a', b'@', b'h', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7],
        &[88, 119, 3, b'a', b'@', b'h', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7],
    ]
    .concat();
    assert_eq!(bytes, expected);
}

#[test]
fn a_large_tuple_head_is_a_tuple_too() {
    assert_eq!(Control::decode(&[105, 0, 0, 0, 1, 97, 5]), Ok((Control::NodeLink, 7)));
    assert_eq!(Control::decode(&[105, 0, 0, 0]), Err(ControlError::Truncated));
    let huge = Control::decode(&[105, 0xFF, 0xFF, 0xFF, 0xFF, 97, 5]);
    assert_eq!(huge, Err(ControlError::TupleSize(u32::MAX)));
    assert_eq!(Control::decode(&[104, 8]), Err(ControlError::TupleSize(8)));
    assert_eq!(Control::decode(&[104, 0]), Err(ControlError::TupleSize(0)));
    assert_eq!(Control::decode(&[]), Err(ControlError::NotATuple(None)));
    assert_eq!(Control::decode(&[106]), Err(ControlError::NotATuple(Some(106))));
}

#[test]
fn a_payload_follows_exactly_where_the_specification_says() {
    for (op, control) in every_operation() {
        let expected = [2, 6, 12, 16, 22, 23, 24, 25, 26, 27, 28, 29, 30, 33, 34, 37].contains(&op);
        assert_eq!(control.has_payload(), expected, "{op}");
    }
}

#[test]
fn reasons_move_into_the_tuple_for_old_peers() {
    for (op, control) in every_operation() {
        if control.reason() != Some(&Reason::Payload) {
            continue;
        }
        let mut bytes = Vec::new();
        control.encode_with_reason(&[119, 6, b'k', b'i', b'l', b'l', b'e', b'd'], None, &mut bytes);
        let (decoded, used) = Control::decode(&bytes).unwrap();
        assert_eq!(used, bytes.len());
        assert_eq!(decoded.reason(), Some(&Reason::Inline(Box::new(Term::atom("killed")))), "{op}");
        let expected = match op {
            24 => 3,
            25 => 13,
            26 => 8,
            27 => 18,
            _ => 21,
        };
        assert_eq!(decoded.op(), expected);
    }
}

#[test]
fn the_sender_is_known_where_the_signal_names_it() {
    for (op, control) in every_operation() {
        let unknown = [2, 5, 7, 12].contains(&op)
            || matches!(control, Control::MonitorPExit { from: Process::Name(_), .. })
            || matches!(control, Control::SpawnReply { result: SpawnResult::Error(_), .. });
        assert_eq!(control.sender(), if unknown { None } else { Some(pid(1)) }, "{op}");
    }
}

/// Each message between nodes is passed on as one of these, several times.
#[test]
fn a_control_message_is_no_longer_than_it_must_be() {
    assert!(size_of::<Control>() <= 88, "{}", size_of::<Control>());
}
