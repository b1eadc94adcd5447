//! A connection of several streams: which signal goes on which, in which order, within which limits.

mod wire;

use bytes::Bytes;
use engset_dist::Flags;
use engset_dist::connection::{
    FRAGMENT_BYTES, Incoming, IncomingConfig, OutgoingConfig, OutgoingStreams, Received, SENDER_GROUPS,
    SendError, WHOLE_BYTES_MAX, group_of,
};
use engset_dist::control::{Control, Process, Reason, SpawnResult};
use engset_term::{Atom, Instant, NodeName, Pid, Reference};

const NOW: Instant = Instant::ZERO;
const MIB: usize = 1024 * 1024;

fn pid(id: u32) -> Pid {
    Pid::new(NodeName::new("a@h").expect("a valid name"), 7, id, 0)
}

fn reference() -> Reference {
    Reference::new(NodeName::new("b@h").expect("a valid name"), 7, &[1, 2, 3]).expect("three words")
}

fn send(from: u32) -> Control {
    Control::Send { from: Some(pid(from)), to: pid(99), token: None }
}

fn binary(len: usize) -> Bytes {
    let size = u32::try_from(len).expect("a short binary").to_be_bytes();
    [&[109][..], &size, &vec![0; len]].concat().into()
}

fn streams(config: OutgoingConfig) -> OutgoingStreams {
    OutgoingStreams::new(Flags::OURS, config, SENDER_GROUPS)
}

/// Every stream: the main one, then those of groups.
fn all() -> impl Iterator<Item = Option<usize>> {
    core::iter::once(None).chain((0..SENDER_GROUPS).map(Some))
}

/// What arrives on a stream of all that is queued on it.
fn arrived(streams: &mut OutgoingStreams, group: Option<usize>) -> Vec<Received> {
    let mut incoming = Incoming::new(NOW, Flags::OURS, &IncomingConfig::default());
    let mut received = Vec::new();
    while !streams.stream(group).is_empty() {
        let mut out = Vec::new();
        streams.poll_chunks(group, &mut out);
        for chunk in out {
            incoming.handle_bytes(NOW, &chunk).expect("what we write can be read");
            received.extend(core::iter::from_fn(|| incoming.poll_event()));
        }
    }
    received
}

/// A process whose group is this one.
fn in_group(group: usize) -> u32 {
    (0..).find(|id| group_of(pid(*id), SENDER_GROUPS) == group).expect("each group has members")
}

#[test]
fn a_sender_is_always_of_one_group_and_groups_are_of_like_size() {
    let mut counts = [0; SENDER_GROUPS];
    for id in 0..8_000 {
        let group = group_of(pid(id), SENDER_GROUPS);
        assert_eq!(group, group_of(pid(id), SENDER_GROUPS));
        counts[group] += 1;
    }
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    assert_eq!(group_of(pid(5), 0), 0);
}

#[test]
fn the_signals_of_a_sender_keep_their_order_whomever_they_are_for() {
    let mut out = streams(OutgoingConfig::default());
    for round in 0..50_u32 {
        for from in 0..40 {
            let to = pid(100 + round);
            let len = if round % 7 == 3 { WHOLE_BYTES_MAX + 1 } else { 10 };
            let control = Control::Send { from: Some(pid(from)), to, token: None };
            out.send(None, &control, Some(binary(len).into())).expect("there is room");
        }
    }
    let mut next = [100; 40];
    for group in all() {
        for received in arrived(&mut out, group) {
            let Control::Send { from: Some(from), to, .. } = received.control else { panic!("a message") };
            assert_eq!(Some(group_of(from, SENDER_GROUPS)), group);
            let expected = &mut next[usize::try_from(from.number()).expect("small")];
            assert_eq!(to, pid(*expected));
            *expected += 1;
        }
    }
    assert_eq!(next, [150; 40]);
    assert_eq!(out.queued_bytes(), 0);
}

/// What ends, spawns or answers goes with the process that it is about; what has no sender goes on the main stream.
#[test]
fn every_signal_goes_with_its_sender() {
    let (dead, to) = (pid(in_group(3)), pid(99));
    let down = |from| Control::MonitorPExit { from, to, reference: reference(), reason: Reason::Payload };
    let name = Process::Name(Atom::new("server").expect("an atom"));
    let spawned = |result| Control::SpawnReply {
        request: reference(),
        to,
        linked: false,
        monitored: false,
        result,
        token: None,
    };
    let error = SpawnResult::Error(Atom::new("notsup").expect("an atom"));
    for (caller, control, group) in [
        (None, down(Process::Pid(dead)), Some(3)),
        (Some(dead), down(name.clone()), Some(3)),
        (None, down(name), None),
        (None, Control::Exit { from: dead, to, token: None, reason: Reason::Payload }, Some(3)),
        (None, spawned(SpawnResult::Spawned(dead)), Some(3)),
        (None, spawned(error), None),
        (None, Control::UnlinkIdAck { id: 1, from: dead, to }, Some(3)),
        (None, Control::AliasSend { from: dead, to: reference(), token: None }, Some(3)),
        // The caller sends it, not the new leader.
        (Some(dead), Control::GroupLeader { from: pid(in_group(4)), to }, Some(3)),
        (None, Control::Send { from: None, to, token: None }, None),
    ] {
        let mut out = streams(OutgoingConfig::default());
        let payload = control.has_payload().then(|| Bytes::from_static(&[97, 1]).into());
        out.send(caller, &control, payload).expect("there is room");
        for stream in all() {
            assert_eq!(arrived(&mut out, stream).len(), usize::from(stream == group), "{control:?}");
        }
    }
}

#[test]
fn with_one_stream_all_goes_there() {
    let mut out = OutgoingStreams::new(Flags::OURS, OutgoingConfig::default(), 0);
    for from in 0..100 {
        out.send(None, &send(from), Some(binary(1).into())).expect("there is room");
    }
    assert_eq!(arrived(&mut out, Some(3)).len(), 100);
    assert_eq!(out.queued_bytes(), 0);
}

/// A large signal holds up its sender, and what else is on its stream by one fragment at most.
#[test]
fn a_large_signal_is_under_way_on_its_own_stream_only() {
    let mut out = streams(OutgoingConfig::default());
    let (large, same, other) = (in_group(2), in_group(2) + 1, in_group(5));
    assert_ne!(group_of(pid(same), SENDER_GROUPS), 5);
    out.send(None, &send(large), Some(binary(64 * MIB).into())).expect("a single signal may be large");
    out.send(None, &send(other), Some(binary(1).into())).expect("there is room");
    assert!(out.is_busy(pid(large)) && !out.is_busy(pid(other)) && !out.is_busy(pid(same)));
    assert!(out.is_busy_for_some() && !out.is_long());
    let mut chunks = Vec::new();
    out.poll_chunks(Some(5), &mut chunks);
    assert!(chunks.iter().map(Bytes::len).sum::<usize>() < FRAGMENT_BYTES);
    assert!(out.stream(Some(5)).is_empty() && !out.stream(Some(2)).is_empty());
}

#[test]
fn a_long_queue_suspends_the_senders_of_its_stream() {
    let config = OutgoingConfig::default();
    let mut out = streams(config.clone());
    let (mine, other) = (in_group(1), in_group(6));
    while out.queued_bytes() < config.busy_bytes {
        assert!(!out.is_busy(pid(mine)), "{}", out.queued_bytes());
        out.send(None, &send(mine), Some(binary(1_000).into())).expect("there is room");
    }
    assert!(out.is_busy(pid(mine)) && !out.is_busy(pid(other)));
    assert!(out.is_busy_for_some() && !out.is_long());
}

/// The limit of what is queued is one for all streams.
#[test]
fn all_streams_together_have_a_limit_at_both_sides_of_it() {
    let config = OutgoingConfig { queue_bytes_max: MIB, ..OutgoingConfig::default() };
    let mut out = streams(config);
    let from = |round: usize| in_group(round % SENDER_GROUPS);
    let mut round = 0;
    while out.queued_bytes() + 20_000 <= MIB {
        let was_nearly_full = out.queued_bytes() >= MIB / 2;
        assert_eq!(out.is_busy(pid(in_group(7))), was_nearly_full);
        assert_eq!(out.is_long(), was_nearly_full);
        out.send(None, &send(from(round)), Some(binary(19_000).into())).expect("below the limit");
        round += 1;
    }
    let before = out.queued_bytes();
    let error = out.send(None, &send(from(round)), Some(binary(40_000).into())).expect_err("over the limit");
    assert_eq!(error, SendError::SendQueueFull { queued: before });
    assert_eq!(out.queued_bytes(), before);
}

#[test]
fn large_signals_of_all_streams_together_have_a_limit_at_both_sides_of_it() {
    let config = OutgoingConfig { large_bytes_max: 4 * MIB, ..OutgoingConfig::default() };
    let mut out = streams(config);
    out.send(None, &send(in_group(0)), Some(binary(3 * MIB).into())).expect("it is the only one");
    let refused = out.send(None, &send(in_group(1)), Some(binary(MIB).into()));
    assert!(matches!(refused, Err(SendError::SendQueueFull { queued }) if queued > 3 * MIB));
    out.send(None, &send(in_group(1)), Some(binary(MIB / 2).into())).expect("below the limit");
    assert!(out.is_busy(pid(in_group(4))), "more than half of it is taken");
    out.send(None, &send(in_group(4)), Some(binary(1).into())).expect("small ones have their own limit");
}

#[test]
fn ticks_go_on_the_main_stream() {
    let mut out = streams(OutgoingConfig::default());
    out.send(None, &send(in_group(3)), Some(binary(1).into())).expect("there is room");
    assert!(out.tick_due());
    let mut chunks = Vec::new();
    out.poll_chunks(None, &mut chunks);
    assert_eq!(chunks.concat(), [0; 4]);
}
