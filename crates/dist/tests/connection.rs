//! Both sides of an established connection: forms of frames, fragments, order, limits.

mod wire;

use bytes::Bytes;
use core::time::Duration;
use engset_dist::Flags;
use engset_dist::blocks::{BLOCK_BYTES, BLOCKS_MAX, Blocks, LITTLE_BYTES_MAX, READ_BYTES};
use engset_dist::connection::{
    ConnectionError, FRAGMENT_BYTES, Incoming, IncomingConfig, Outgoing, OutgoingConfig, POLL_BYTES_MAX,
    Received, SendError, WHOLE_BYTES_MAX,
};
use engset_dist::control::{Control, Process, Reason};
use engset_dist::frame::{FRAME_BYTES_MAX_LOWEST, Frame, FrameReader, FrameTooLong};
use engset_etf::Body;
use engset_term::{Atom, Instant, NodeName, Pid, Reference, Term};

const NOW: Instant = Instant::ZERO;
/// With headers whose bytes do not depend on what was sent before.
const UNCACHED: Flags = Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE);
const HEADERLESS: Flags = UNCACHED.without(Flags::FRAGMENTS);

fn pid(id: u32) -> Pid {
    Pid::new(NodeName::new("a@h").expect("a valid name"), 7, id, 0)
}

fn send(from: u32) -> Control {
    Control::Send { from: Some(pid(from)), to: pid(99), token: None }
}

fn send_bytes(from: u32) -> Vec<u8> {
    wire::tuple(&[wire::int(22), wire::pid("a@h", from, 0, 7), wire::pid("a@h", 99, 0, 7)])
}

fn binary(len: usize, fill: u8) -> Bytes {
    let size = u32::try_from(len).expect("a short binary").to_be_bytes();
    [&[109][..], &size, &vec![fill; len]].concat().into()
}

fn drain(outgoing: &mut Outgoing) -> Vec<u8> {
    let mut out = Vec::new();
    while !outgoing.is_empty() {
        outgoing.poll_transmit(&mut out);
    }
    out
}

fn events(incoming: &mut Incoming) -> Vec<Received> {
    core::iter::from_fn(|| incoming.poll_event()).collect()
}

fn outgoing(flags: Flags) -> Outgoing {
    Outgoing::new(flags, OutgoingConfig::default())
}

fn incoming(flags: Flags) -> Incoming {
    Incoming::new(NOW, flags, &IncomingConfig::default())
}

#[test]
fn the_form_follows_what_was_negotiated() {
    let payload = Bytes::from_static(&[97, 1]);
    for (flags, expected) in [
        (HEADERLESS, wire::pass_through(&send_bytes(1), Some(&payload))),
        (UNCACHED, wire::normal(&send_bytes(1), &payload)),
    ] {
        let mut out = outgoing(flags);
        out.send(&send(1), Some(payload.clone().into())).unwrap();
        assert_eq!(out.queued_bytes(), expected.len());
        assert_eq!(drain(&mut out), expected);
        let mut back = incoming(flags);
        back.handle_bytes(NOW, &expected).unwrap();
        assert_eq!(events(&mut back), [Received { control: send(1), payload: Some(payload.clone().into()) }]);
    }
}

#[test]
fn signals_without_payload_end_with_the_control_message() {
    let link = Control::Link { from: pid(1), to: pid(2) };
    let bytes = wire::tuple(&[wire::int(1), wire::pid("a@h", 1, 0, 7), wire::pid("a@h", 2, 0, 7)]);
    for (flags, expected) in
        [(HEADERLESS, wire::pass_through(&bytes, None)), (UNCACHED, wire::normal(&bytes, &[]))]
    {
        let mut out = outgoing(flags);
        out.send(&link, None).unwrap();
        assert_eq!(drain(&mut out), expected);
        let mut back = incoming(flags);
        back.handle_bytes(NOW, &expected).unwrap();
        assert_eq!(events(&mut back), [Received { control: link.clone(), payload: None }]);
    }
    let mut out = outgoing(Flags::OURS);
    assert_eq!(out.send(&link, Some(binary(1, 0).into())), Err(SendError::PayloadMismatch { op: 1 }));
    assert_eq!(out.send(&send(1), None), Err(SendError::PayloadMismatch { op: 22 }));
    assert!(out.is_empty());
}

#[test]
fn large_payloads_go_in_fragments_of_64_kib() {
    let whole = WHOLE_BYTES_MAX - FRAGMENT_BYTES;
    for (extra, fragments) in
        [(0, 1), (whole, 1), (whole + 1, 2), (FRAGMENT_BYTES, 2), (FRAGMENT_BYTES + 1, 3)]
    {
        let payload = binary(FRAGMENT_BYTES - 5 + extra, 3);
        let mut out = outgoing(UNCACHED);
        out.send(&send(1), Some(payload.clone().into())).unwrap();
        let queued = out.queued_bytes();
        let bytes = drain(&mut out);
        assert_eq!(bytes.len(), queued);
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_LOWEST);
        reader.handle_bytes(&bytes);
        let mut frames = Vec::new();
        while let Some(Frame::Body(body)) = reader.poll_frame().unwrap() {
            frames.push(body);
        }
        assert_eq!(frames.len(), fragments);
        if fragments > 1 {
            let count = u64::try_from(fragments).unwrap();
            let expected = wire::first(1, count, &send_bytes(1), &payload[..FRAGMENT_BYTES]);
            assert_eq!(frames[0], expected[4..]);
            let end = payload.len().min(2 * FRAGMENT_BYTES);
            let expected = wire::next(1, count - 1, &payload[FRAGMENT_BYTES..end]);
            assert_eq!(frames[1], expected[4..]);
            // As seen from OTP: further fragments are frames of 65,554 bytes.
            assert_eq!(frames[1].len() == 65_554, extra >= FRAGMENT_BYTES);
        }
        let mut back = incoming(Flags::OURS);
        for piece in bytes.chunks(1000) {
            back.handle_bytes(NOW, piece).unwrap();
        }
        assert_eq!(events(&mut back), [Received { control: send(1), payload: Some(payload.into()) }]);
        assert_eq!(back.held_bytes(), 0);
    }
}

/// Reads what came as a driver does, with a rest after each signal.
fn read(incoming: &mut Incoming, blocks: &mut Blocks, bytes: &[u8]) -> Vec<Received> {
    let mut received = Vec::new();
    for piece in bytes.chunks(READ_BYTES) {
        incoming.room(|| &mut *blocks).extend_from_slice(piece);
        incoming.handle_read(NOW, piece.len());
        received.extend(events(incoming));
    }
    incoming.rest(|| blocks);
    received
}

#[test]
fn signals_in_fragments_that_follow_each_other_are_joined_in_memory_that_is_kept() {
    let (mut back, mut blocks) = (incoming(UNCACHED), Blocks::new());
    let mut kept = Vec::new();
    for at in 0..100_u8 {
        let payload = [vec![at; FRAGMENT_BYTES], vec![at; 30]].concat();
        let bytes = [
            wire::first(u64::from(at), 2, &send_bytes(1), &payload[..FRAGMENT_BYTES]),
            wire::next(u64::from(at), 1, &payload[FRAGMENT_BYTES..]),
        ];
        let received = read(&mut back, &mut blocks, &bytes.concat());
        let [Received { payload: Some(arrived), .. }] = &received[..] else { panic!("{received:?}") };
        assert_eq!(arrived.bytes(), &payload);
        kept.push(arrived.bytes().clone());
    }
    let end = |bytes: &Bytes| bytes.as_ptr() as usize + bytes.len();
    let together = kept.array_windows().filter(|[one, next]| end(one) == next.as_ptr() as usize).count();
    assert!(together >= kept.len() / 4, "{together} of {} begin where the one before ends", kept.len());
    drop(kept);
    assert_eq!(blocks.len(), BLOCKS_MAX);
}

#[test]
fn what_fits_into_a_block_or_not_or_is_longer_than_announced_arrives_whole() {
    for (first, next) in [
        (BLOCK_BYTES / 4, BLOCK_BYTES / 4),
        (BLOCK_BYTES / 4, BLOCK_BYTES / 4 + 1),
        (1, 3 * BLOCK_BYTES),
        (BLOCK_BYTES / 4 + 1, BLOCK_BYTES / 4 + 1),
        (BLOCK_BYTES / 2, BLOCK_BYTES / 2),
    ] {
        let (mut back, mut blocks) = (incoming(UNCACHED), Blocks::new());
        for sequence in 0..4 {
            let parts = [vec![1; first], vec![2; next], vec![3; next], vec![4; next]];
            let mut bytes = wire::first(sequence, 4, &send_bytes(1), &parts[0]);
            for (number, part) in (1..4).rev().zip(&parts[1..]) {
                bytes.extend(wire::next(sequence, number, part));
            }
            // Another that is under way meanwhile.
            bytes.extend(wire::first(100 + sequence, 2, &send_bytes(2), &[5; 10]));
            let received = read(&mut back, &mut blocks, &bytes);
            let expected = Received { control: send(1), payload: Some(Bytes::from(parts.concat()).into()) };
            assert_eq!(received, [expected], "{first} and {next} bytes");
        }
        for sequence in 0..4 {
            let received = read(&mut back, &mut blocks, &wire::next(100 + sequence, 1, &[6; 10]));
            let payload = Bytes::from([[5; 10], [6; 10]].concat());
            assert_eq!(received, [Received { control: send(2), payload: Some(payload.into()) }]);
        }
        assert_eq!(back.held_bytes(), 0);
    }
}

#[test]
fn a_signal_of_which_little_has_come_keeps_no_block_while_nothing_comes() {
    for (len, is_little) in [(0, true), (1, true), (LITTLE_BYTES_MAX, true), (LITTLE_BYTES_MAX + 1, false)] {
        let (mut back, mut blocks) = (incoming(UNCACHED), Blocks::new());
        let whole = [wire::first(1, 2, &send_bytes(1), &[1; 9]), wire::next(1, 1, &[1; 9])].concat();
        assert_eq!(read(&mut back, &mut blocks, &whole).len(), 1);
        back.room(|| &mut blocks);
        back.rest(|| &mut blocks);
        let all = blocks.len();
        // What follows one in fragments is joined in a block.
        assert_eq!(read(&mut back, &mut blocks, &whole).len(), 1);
        let first = wire::first(2, 2, &send_bytes(1), &vec![2; len]);
        assert_eq!(read(&mut back, &mut blocks, &first), []);
        assert_eq!(blocks.len(), if is_little { all } else { all - 1 }, "{len} bytes");
        let received = read(&mut back, &mut blocks, &wire::next(2, 1, &[3; 40_000]));
        let payload = Bytes::from([vec![2; len], vec![3; 40_000]].concat());
        assert_eq!(received, [Received { control: send(1), payload: Some(payload.into()) }]);
        assert_eq!(back.held_bytes(), 0);
    }
}

/// A binary that a process keeps keeps no more of what it came in than of a message that came by itself.
#[test]
fn what_is_kept_of_a_small_message_does_not_keep_the_block_it_was_read_into() {
    for (len, keeps) in [(BLOCK_BYTES / 64 - 1, false), (BLOCK_BYTES / 64, true)] {
        let (mut back, mut blocks) = (incoming(UNCACHED), Blocks::new());
        let bytes = wire::normal(&send_bytes(1), &binary(len, 8));
        let received = read(&mut back, &mut blocks, &bytes);
        let [Received { payload: Some(payload), .. }] = &received[..] else { panic!("{received:?}") };
        let term = payload.term().unwrap();
        let kept = term.as_binary().unwrap();
        let is_inside = payload.bytes().as_ptr_range().contains(&kept.as_ptr());
        assert_eq!(is_inside, keeps, "{len} bytes");
    }
}

#[test]
fn without_fragments_a_large_payload_goes_whole() {
    for flags in [HEADERLESS, HEADERLESS | Flags::DIST_HDR_ATOM_CACHE] {
        let payload = binary(200_000, 1);
        let mut out = outgoing(flags);
        out.send(&send(1), Some(payload.clone().into())).unwrap();
        let mut back = incoming(flags);
        back.handle_bytes(NOW, &drain(&mut out)).unwrap();
        assert_eq!(events(&mut back), [Received { control: send(1), payload: Some(payload.into()) }]);
    }
}

#[test]
fn small_signals_of_others_pass_between_fragments_but_never_those_of_the_same_sender() {
    let mut out = outgoing(Flags::OURS);
    let large = binary(10 * FRAGMENT_BYTES, 1);
    let small = |fill| binary(3, fill);
    out.send(&send(1), Some(small(0).into())).unwrap();
    out.send(&send(1), Some(large.clone().into())).unwrap();
    out.send(&send(1), Some(small(1).into())).unwrap();
    out.send(&send(2), Some(small(2).into())).unwrap();
    out.send(&send(2), Some(large.clone().into())).unwrap();
    out.send(&send(3), Some(small(3).into())).unwrap();
    let mut back = incoming(Flags::OURS);
    let mut first_poll = Vec::new();
    out.poll_transmit(&mut first_poll);
    assert!(first_poll.len() <= POLL_BYTES_MAX + 2 * FRAGMENT_BYTES);
    back.handle_bytes(NOW, &first_poll).unwrap();
    let early: Vec<_> =
        events(&mut back).into_iter().map(|event| event.payload.unwrap().bytes().clone()).collect();
    assert_eq!(early, [small(0), small(2), small(3)]);
    // A newcomer overtakes what is left of the large ones.
    out.send(&send(4), Some(small(4).into())).unwrap();
    let mut second_poll = Vec::new();
    out.poll_transmit(&mut second_poll);
    back.handle_bytes(NOW, &second_poll).unwrap();
    assert_eq!(events(&mut back)[0].payload, Some(small(4).into()));
    back.handle_bytes(NOW, &drain(&mut out)).unwrap();
    let late: Vec<_> =
        events(&mut back).into_iter().map(|event| event.payload.unwrap().bytes().clone()).collect();
    assert_eq!(late, [large.clone(), small(1), large]);
}

#[test]
fn a_signal_without_known_sender_keeps_its_place() {
    let mut out = outgoing(Flags::OURS);
    let reference = Reference::from_words(NodeName::new("a@h").unwrap(), 7, [1, 2, 3]);
    let name = Atom::from_static("gone");
    let down =
        Control::MonitorPExit { from: Process::Name(name), to: pid(99), reference, reason: Reason::Payload };
    out.send(&send(1), Some(binary(3 * FRAGMENT_BYTES, 1).into())).unwrap();
    out.send(&down, Some(binary(1, 2).into())).unwrap();
    out.send(&send(5), Some(binary(1, 3).into())).unwrap();
    let mut back = incoming(Flags::OURS);
    back.handle_bytes(NOW, &drain(&mut out)).unwrap();
    let controls: Vec<_> = events(&mut back).into_iter().map(|event| event.control).collect();
    assert_eq!(controls, [send(1), down, send(5)]);
    // Afterwards the lanes are free again.
    out.send(&send(1), Some(binary(3 * FRAGMENT_BYTES, 1).into())).unwrap();
    out.send(&send(5), Some(binary(1, 3).into())).unwrap();
    back.handle_bytes(NOW, &drain(&mut out)).unwrap();
    let controls: Vec<_> = events(&mut back).into_iter().map(|event| event.control).collect();
    assert_eq!(controls, [send(5), send(1)]);
}

#[test]
fn a_stream_of_small_signals_does_not_hold_up_a_large_one() {
    let mut out = outgoing(Flags::OURS);
    out.send(&send(1), Some(binary(2 * FRAGMENT_BYTES, 1).into())).unwrap();
    let mut back = incoming(Flags::OURS);
    for _ in 0..3 {
        while out.queued_bytes() < 2 * POLL_BYTES_MAX {
            out.send(&send(2), Some(binary(3000, 2).into())).unwrap();
        }
        let mut bytes = Vec::new();
        out.poll_transmit(&mut bytes);
        back.handle_bytes(NOW, &bytes).unwrap();
    }
    assert!(events(&mut back).iter().any(|event| event.control == send(1)));
}

#[test]
fn large_payloads_are_not_copied_on_the_way_out() {
    let payload = binary(5 * FRAGMENT_BYTES, 1);
    for flags in [Flags::OURS, HEADERLESS] {
        let mut out = outgoing(flags);
        out.send(&send(1), Some(payload.clone().into())).unwrap();
        let (mut chunks, mut all) = (Vec::new(), Vec::new());
        while !out.is_empty() {
            out.poll_chunks(&mut chunks);
        }
        let range = payload.as_ptr_range();
        let shared = chunks.iter().filter(|chunk| range.contains(&chunk.as_ptr()));
        assert_eq!(shared.map(Bytes::len).sum::<usize>(), payload.len());
        for chunk in &chunks {
            all.extend_from_slice(chunk);
        }
        let mut back = incoming(flags);
        back.handle_bytes(NOW, &all).unwrap();
        assert_eq!(events(&mut back)[0].payload, Some(payload.clone().into()));
    }
}

#[test]
fn what_was_written_is_filled_again() {
    let mut out = outgoing(UNCACHED);
    let fill = |out: &mut Outgoing| {
        for _ in 0..200 {
            out.send(&send(1), Some(Body::of(&Term::binary(vec![1; 1024])))).unwrap();
        }
        let mut pieces = Vec::new();
        while !out.is_empty() {
            out.poll_chunks(&mut pieces);
        }
        pieces
    };
    let places = |pieces: &[Bytes]| pieces.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>();
    let first = fill(&mut out);
    let being_written = places(&first);
    let second = fill(&mut out);
    assert!(places(&second).iter().all(|place| !being_written.contains(place)));
    drop(first);
    let third = places(&fill(&mut out));
    assert_eq!(third[0], being_written[0]);
    assert_eq!(third[1], being_written[1]);
}

#[test]
fn the_queue_has_a_soft_and_a_hard_limit() {
    let config = OutgoingConfig { busy_bytes: 1000, queue_bytes_max: 2000, large_bytes_max: 1_500_000 };
    let mut out = Outgoing::new(UNCACHED, config);
    let size = {
        let mut probe = outgoing(UNCACHED);
        probe.send(&send(1), Some(binary(100, 1).into())).unwrap();
        probe.queued_bytes()
    };
    let fill =
        |out: &mut Outgoing, total: usize| out.send(&send(1), Some(binary(100 + total - size, 1).into()));
    fill(&mut out, 999).unwrap();
    assert!(!out.is_busy(pid(2)));
    fill(&mut out, 1001).unwrap();
    assert!(out.is_busy(pid(2)));
    assert_eq!(out.queued_bytes(), 2000);
    assert_eq!(fill(&mut out, size), Err(SendError::SendQueueFull { queued: 2000 }));
    drain(&mut out);
    assert!(!out.is_busy(pid(2)) && out.is_empty());
    // A single signal may be of any size.
    fill(&mut out, 1_000_000).unwrap();
    // Its sender waits, others do not; what goes in fragments has a limit of its own.
    assert!(out.is_busy(pid(1)) && out.is_busy_for_some());
    let large = |from: u32, bytes: usize| (send(from), Some(binary(bytes, 1).into()));
    let (control, payload) = large(2, 600_000);
    let refused = out.send(&control, payload).unwrap_err();
    assert!(matches!(refused, SendError::SendQueueFull { queued } if queued > 1_000_000));
    fill(&mut out, 1999).unwrap();
    assert!(fill(&mut out, size).is_err());
    drain(&mut out);
    fill(&mut out, 1999).unwrap();
    assert_eq!(fill(&mut out, size), Err(SendError::SendQueueFull { queued: 1999 }));
}

#[test]
fn peers_with_fewer_capabilities_get_simpler_signals() {
    let plain = Flags::OURS.without(Flags::SEND_SENDER).without(Flags::EXIT_PAYLOAD);
    let mut out = outgoing(plain);
    out.send(&send(1), Some(binary(1, 1).into())).unwrap();
    let killed = Bytes::from(wire::atom("killed"));
    let exit = Control::Exit { from: pid(1), to: pid(2), token: None, reason: Reason::Payload };
    out.send(&exit, Some(killed.into())).unwrap();
    let mut back = incoming(plain);
    back.handle_bytes(NOW, &drain(&mut out)).unwrap();
    let expected = [
        Received {
            control: Control::Send { from: None, to: pid(99), token: None },
            payload: Some(binary(1, 1).into()),
        },
        Received {
            control: Control::Exit {
                from: pid(1),
                to: pid(2),
                token: None,
                reason: Reason::Inline(Box::new(Term::atom("killed"))),
            },
            payload: None,
        },
    ];
    assert_eq!(events(&mut back), expected);

    let reference = Reference::from_words(NodeName::new("a@h").unwrap(), 7, [1, 2, 3]);
    let alias = Control::AliasSend { from: pid(1), to: reference, token: None };
    let mut out = outgoing(Flags::OURS.without(Flags::ALIAS | Flags::ALTACT_SIG));
    assert_eq!(out.send(&alias, Some(binary(1, 1).into())), Err(SendError::NotSupported(Flags::ALIAS)));
}

#[test]
fn a_tick_is_due_only_on_an_idle_connection() {
    let mut out = outgoing(Flags::OURS);
    assert!(out.tick_due());
    assert!(!out.tick_due(), "the last tick still waits");
    assert_eq!(drain(&mut out), [0, 0, 0, 0]);
    assert!(!out.tick_due(), "something was written since");
    assert!(out.tick_due());
    let mut back = incoming(Flags::OURS);
    let later = Instant::from_millis(5);
    back.handle_bytes(later, &drain(&mut out)).unwrap();
    assert_eq!((back.last_received(), back.poll_event()), (later, None));
}

#[test]
fn sequences_of_different_senders_interleave() {
    let mut back = incoming(Flags::OURS);
    for bytes in [
        wire::first(1, 3, &send_bytes(1), b"a"),
        wire::first(2, 2, &send_bytes(2), b"x"),
        wire::next(1, 2, b"b"),
        wire::next(2, 1, b"y"),
        wire::normal(&send_bytes(3), b"whole"),
        wire::first(7, 1, &send_bytes(4), b"only"),
        wire::next(1, 1, b"c"),
    ] {
        back.handle_bytes(NOW, &bytes).unwrap();
    }
    let payloads: Vec<_> =
        events(&mut back).into_iter().map(|event| event.payload.unwrap().bytes().clone()).collect();
    assert_eq!(payloads, ["xy", "whole", "only", "abc"]);
    assert_eq!((back.held_bytes(), back.poll_timeout()), (0, None));
}

#[test]
fn a_sequence_is_over_after_its_last_fragment() {
    let mut back = incoming(Flags::OURS);
    let bytes =
        [wire::first(9, 2, &send_bytes(1), b"a"), wire::next(9, 1, b"b"), wire::next(9, 0, b"c")].concat();
    let expected = ConnectionError::UnknownSequence { sequence: 9, fragment: 0 };
    assert_eq!(back.handle_bytes(NOW, &bytes), Err(expected));
    assert_eq!(events(&mut back).len(), 1);
    let mut back = incoming(Flags::OURS);
    for _ in 0..2 {
        let again = [wire::first(9, 2, &send_bytes(1), b"a"), wire::next(9, 1, b"b")].concat();
        back.handle_bytes(NOW, &again).unwrap();
    }
    assert_eq!(events(&mut back).len(), 2);
}

#[test]
fn open_sequences_have_a_limit_at_both_sides_of_it() {
    let mut back = incoming(Flags::OURS);
    for sequence in 0..256 {
        back.handle_bytes(NOW, &wire::first(sequence, 2, &send_bytes(1), b"a")).unwrap();
    }
    let error = back.handle_bytes(NOW, &wire::first(256, 2, &send_bytes(1), b"a")).unwrap_err();
    assert_eq!(error, ConnectionError::TooManySequences { limit: 256 });
    assert_eq!(back.handle_bytes(NOW, &[]), Err(error), "the failure stays");
}

#[test]
fn held_fragments_have_a_limit_at_both_sides_of_it() {
    let control = send_bytes(1);
    for (extra, fits) in [(0, true), (1, false)] {
        let config = IncomingConfig { fragments_bytes_max: 1000, ..IncomingConfig::default() };
        let mut back = Incoming::new(NOW, Flags::OURS, &config);
        back.handle_bytes(NOW, &wire::first(1, 3, &control, &[0; 500])).unwrap();
        let result = back.handle_bytes(NOW, &wire::next(1, 2, &vec![0; 500 - control.len() + extra]));
        let expected = ConnectionError::FragmentsTooLarge { limit: 1000 };
        assert_eq!(result, if fits { Ok(()) } else { Err(expected) });
    }
}

#[test]
fn a_stalled_sequence_ends_the_connection() {
    let mut back = incoming(Flags::OURS);
    back.handle_bytes(NOW, &wire::first(5, 2, &send_bytes(1), b"a")).unwrap();
    let deadline = NOW.saturating_add(Duration::from_secs(30));
    assert_eq!(back.poll_timeout(), Some(deadline));
    back.handle_timeout(deadline.saturating_sub(Duration::from_nanos(1))).unwrap();
    assert_eq!(back.handle_timeout(deadline), Err(ConnectionError::SequenceStalled { sequence: 5 }));
}

/// A machine that was suspended does not drop a peer for what it did not read itself.
#[test]
fn who_looks_too_late_does_not_take_a_sequence_for_stalled() {
    let wait = |late: Duration| {
        let mut back = incoming(Flags::OURS);
        back.handle_bytes(NOW, &wire::first(5, 3, &send_bytes(1), b"a")).unwrap();
        let then = NOW.saturating_add(Duration::from_secs(30) + late);
        let told = back.handle_timeout(then);
        (told, back.poll_timeout().map(|due| due.saturating_duration_since(then)))
    };
    let stalled = Err(ConnectionError::SequenceStalled { sequence: 5 });
    assert_eq!(wait(Duration::from_secs(1)).0, stalled);
    for late in [Duration::from_millis(1_001), Duration::from_secs(3_600)] {
        assert_eq!(wait(late), (Ok(()), Some(Duration::from_secs(30))), "its time begins anew");
    }
}

#[test]
fn a_claimed_length_reserves_nothing() {
    let mut reader = FrameReader::new(usize::MAX);
    reader.handle_bytes(&(1024_u32 * 1024 * 1024).to_be_bytes());
    reader.handle_bytes(&[1; 100]);
    assert_eq!(reader.poll_frame(), Ok(None));
    assert!(reader.capacity() < 4096, "{}", reader.capacity());

    let mut back = incoming(Flags::OURS);
    back.handle_bytes(NOW, &wire::first(1, u64::MAX, &send_bytes(1), b"a")).unwrap();
    assert_eq!(back.held_bytes(), send_bytes(1).len() + 1);
}

#[test]
fn frames_have_a_limit_at_both_sides_of_it() {
    let limit = FRAME_BYTES_MAX_LOWEST;
    // Limits out of range are brought into it.
    for configured in [0, limit] {
        let mut reader = FrameReader::new(configured);
        reader.handle_bytes(&wire::frame(&vec![1; limit]));
        assert!(matches!(reader.poll_frame(), Ok(Some(Frame::Body(body))) if body.len() == limit));
        reader.handle_bytes(&u32::try_from(limit + 1).unwrap().to_be_bytes());
        assert_eq!(reader.poll_frame(), Err(FrameTooLong { len: limit + 1, limit }));
    }
    let mut reader = FrameReader::new(usize::MAX);
    reader.handle_bytes(&(1024_u32 * 1024 * 1024 + 1).to_be_bytes());
    assert!(reader.poll_frame().is_err());
}

#[test]
fn frames_may_be_cut_anywhere() {
    let bytes =
        [wire::normal(&send_bytes(1), b"one"), vec![0; 4], wire::normal(&send_bytes(2), b"two")].concat();
    for cut in 0..=bytes.len() {
        let mut back = incoming(Flags::OURS);
        back.handle_bytes(NOW, &bytes[..cut]).unwrap();
        back.handle_bytes(NOW, &bytes[cut..]).unwrap();
        let payloads: Vec<_> =
            events(&mut back).into_iter().map(|event| event.payload.unwrap().bytes().clone()).collect();
        assert_eq!(payloads, ["one", "two"]);
    }
}

#[test]
fn signals_before_a_fault_are_delivered() {
    let mut back = incoming(Flags::OURS);
    let bytes = [wire::normal(&send_bytes(1), b"one"), wire::frame(&[112])].concat();
    assert_eq!(back.handle_bytes(NOW, &bytes), Err(ConnectionError::PassThroughAfterHeader));
    assert_eq!(events(&mut back).len(), 1);
}
