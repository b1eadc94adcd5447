//! Which streams are read, without any socket.

use super::Groups;
use engset_dist::Flags;
use engset_dist::connection::{IncomingConfig, OutgoingConfig, OutgoingStreams};
use engset_dist::control::Control;
use engset_term::{Instant, NodeName, Pid};
use std::time::Duration;

const KIB: usize = 1024;

fn pid(id: u32) -> Pid {
    Pid::new(NodeName::new("a@h").expect("a valid name"), 7, id, 0)
}

/// The bytes of a message of this size, in fragments.
fn message(len: usize) -> Vec<u8> {
    let mut out = OutgoingStreams::new(Flags::OURS, OutgoingConfig::default(), 0);
    let control = Control::Send { from: Some(pid(1)), to: pid(2), token: None };
    let binary = [&[109][..], &u32::try_from(len).unwrap().to_be_bytes(), &vec![0; len]].concat();
    out.send(None, &control, Some(bytes::Bytes::from(binary).into())).expect("there is room");
    let mut pieces = Vec::new();
    while out.queued_bytes() > 0 {
        out.poll_chunks(None, &mut pieces);
    }
    pieces.concat()
}

/// Puts bytes on a stream; whether its signal is complete.
fn feed(groups: &mut Groups, now: Instant, group: usize, bytes: &[u8]) -> bool {
    let incoming = &mut groups.streams[group].as_mut().expect("it has not ended").incoming;
    incoming.handle_bytes(now, bytes).expect("good frames");
    let done = incoming.poll_event().is_some();
    groups.pace(now);
    done
}

fn are_read(groups: &Groups) -> Vec<bool> {
    groups.streams.iter().map(|stream| stream.as_ref().is_some_and(|stream| !stream.is_paused)).collect()
}

#[test]
fn when_incomplete_signals_hold_too_much_the_fullest_stream_goes_on_alone() {
    let config = IncomingConfig { fragments_bytes_max: 2_048 * KIB, ..IncomingConfig::default() };
    let mut groups = Groups::new(Instant::ZERO, Flags::OURS, &config, 3);
    let large = message(1_000 * KIB);
    let (now, part) = (Instant::ZERO, 400 * KIB);
    assert!(!feed(&mut groups, now, 0, &large[..part]));
    assert!(!feed(&mut groups, now, 1, &large[..part + 1]));
    assert_eq!(are_read(&groups), [true, true, true], "below the limit");
    assert!(!feed(&mut groups, now, 1, &large[part + 1..2 * part]));
    assert_eq!(are_read(&groups), [false, true, false], "above it");
    assert!(feed(&mut groups, now, 1, &large[2 * part..]));
    assert_eq!(are_read(&groups), [true, true, true], "there is room again");
    assert!(feed(&mut groups, now, 0, &large[part..]));
}

/// What the peer could not send because it was not read is not held against it.
#[test]
fn the_time_of_a_stream_that_is_not_read_stands_still() {
    let config = IncomingConfig { fragments_bytes_max: 1_024 * KIB, ..IncomingConfig::default() };
    let idle_max = config.fragment_idle_max;
    let mut groups = Groups::new(Instant::ZERO, Flags::OURS, &config, 2);
    let large = message(600 * KIB);
    let at = |seconds| Instant::ZERO.saturating_add(Duration::from_secs(seconds));
    assert!(!feed(&mut groups, at(0), 0, &large[..200 * KIB]));
    assert!(!feed(&mut groups, at(1), 1, &large[..400 * KIB]));
    assert_eq!(are_read(&groups), [false, true]);
    assert_eq!(groups.poll_timeout(), Some(at(1).saturating_add(idle_max)));
    groups.handle_timeout(at(30)).expect("the first waits, the second is in time");
    assert!(feed(&mut groups, at(30), 1, &large[400 * KIB..]));
    assert_eq!(groups.poll_timeout(), Some(at(30).saturating_add(idle_max)));
    groups.handle_timeout(at(59)).expect("its time goes on from then");
    groups.handle_timeout(at(60)).expect_err("and ends");
    assert_eq!(groups.last_received(), Some(at(30)));
}

/// A peer that stops ends its streams, with a large signal half said: what the others have brought is still read.
#[test]
fn a_stream_that_the_peer_has_ended_keeps_nobody_from_being_read() {
    let config = IncomingConfig { fragments_bytes_max: 1_024 * KIB, ..IncomingConfig::default() };
    let mut groups = Groups::new(Instant::ZERO, Flags::OURS, &config, 3);
    let large = message(900 * KIB);
    let now = Instant::ZERO;
    assert!(!feed(&mut groups, now, 0, &large[..100 * KIB]));
    assert!(!feed(&mut groups, now, 1, &large[..600 * KIB]));
    assert_eq!(are_read(&groups), [false, true, false]);
    groups.end(now, 1);
    assert_eq!(are_read(&groups), [true, false, true]);
    assert!(groups.held_bytes() < 200 * KIB, "what was half said is let go");
    assert!(feed(&mut groups, now, 0, &large[100 * KIB..]));
    // Only what is there has a time.
    assert_eq!(groups.poll_timeout(), None);
}
