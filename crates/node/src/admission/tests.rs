//! Each limit of what strangers may begin, at both of its sides.

use super::{ADDRESSES_MAX, Admission, AdmissionConfig, End, Entry, GuestId, Refusal};
use engset_term::Instant;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn at(milliseconds: u64) -> Instant {
    Instant::ZERO.saturating_add(Duration::from_millis(milliseconds))
}

fn admission() -> Admission {
    Admission::new(AdmissionConfig::default())
}

/// Comes in; who had to go.
#[track_caller]
fn enter(admission: &mut Admission, now: Instant, ip: IpAddr) -> (GuestId, Vec<GuestId>) {
    match admission.handle_open(now, Some(ip)) {
        Entry::Place { guest, evicted } => (guest, evicted),
        refused @ Entry::Refused { .. } => panic!("{refused:?}"),
    }
}

/// Comes in and ends at once, so many times.
fn ends(admission: &mut Admission, now: Instant, ip: IpAddr, (count, end): (usize, End)) {
    for _ in 0..count {
        let (guest, _) = enter(admission, now, ip);
        admission.handle_end(now, guest, end);
    }
}

fn refused(admission: &mut Admission, now: Instant, ip: IpAddr) -> Option<(Refusal, bool)> {
    match admission.handle_open(now, Some(ip)) {
        Entry::Place { guest, .. } => {
            admission.handle_end(now, guest, End::Proven);
            None
        }
        Entry::Refused { why, is_first } => Some((why, is_first)),
    }
}

#[test]
fn places_in_all() {
    for (open, gone) in [(255, 0), (256, 1), (257, 1)] {
        let mut admission = admission();
        let guests: Vec<_> = (0..open).map(|_| enter(&mut admission, at(0), A).0).collect();
        let (_, evicted) = enter(&mut admission, at(1), B);
        assert_eq!(evicted.len(), gone, "{open}");
        assert!(evicted.iter().all(|guest| guests.contains(guest)));
        assert_eq!(admission.open(), 256);
        assert_eq!(admission.counts().evicted, if open == 257 { 2 } else { gone as u64 });
    }
}

#[test]
fn the_most_crowded_address_gives_way() {
    let mut admission = admission();
    let honest = enter(&mut admission, at(0), B).0;
    let crowd: Vec<_> = (0..255).map(|_| enter(&mut admission, at(1), A).0).collect();
    for expected in crowd.into_iter().take(100) {
        assert_eq!(enter(&mut admission, at(2), A).1, [expected]);
    }
    admission.handle_end(at(3), honest, End::Proven);
    assert_eq!(admission.counts().failed, 0, "to be crowded out is no failure");
    // Where nobody has an address, the oldest.
    let mut admission = self::admission();
    for _ in 0..256 {
        admission.handle_open(at(0), None);
    }
    let Entry::Place { evicted, .. } = admission.handle_open(at(0), None) else { panic!("refused") };
    assert_eq!(evicted, [GuestId(1)]);
}

#[test]
fn slow_ones_of_one_address() {
    for (slow, gone) in [(15, 0), (16, 1), (17, 2)] {
        let mut admission = admission();
        let guests: Vec<_> = (0..slow).map(|_| enter(&mut admission, at(0), A).0).collect();
        assert_eq!(enter(&mut admission, at(999), A).1, []);
        assert_eq!(enter(&mut admission, at(1_000), B).1, [], "another address has its own");
        let (_, evicted) = enter(&mut admission, at(1_000), A);
        assert_eq!(evicted, guests[..gone], "{slow}");
        assert_eq!(admission.counts().failed, gone as u64);
    }
}

#[test]
fn failures_within_a_second() {
    for (failures, is_refused) in [(63, false), (64, true)] {
        let mut admission = admission();
        ends(&mut admission, at(5), A, (failures, End::Failed));
        let expected = is_refused.then_some((Refusal::Failures { limit: 64 }, true));
        assert_eq!(refused(&mut admission, at(1_004), A), expected, "{failures}");
        assert_eq!(refused(&mut admission, at(1_004), B), None);
        let again = is_refused.then_some((Refusal::Failures { limit: 64 }, false));
        assert_eq!(refused(&mut admission, at(1_004), A), again, "told of once");
        assert_eq!(refused(&mut admission, at(1_005), A), None, "the second is over");
        assert_eq!(admission.counts().refused, if is_refused { 2 } else { 0 });
        assert_eq!(admission.counts().failed, failures as u64);
    }
}

#[test]
fn guesses_within_a_minute() {
    for (guesses, is_refused) in [(9, false), (10, true)] {
        let mut admission = admission();
        ends(&mut admission, at(0), A, (guesses, End::Guessed));
        let expected = is_refused.then_some(Refusal::Guesses { limit: 10 });
        for now in [0, 59_999] {
            assert_eq!(refused(&mut admission, at(now), A).map(|(why, _)| why), expected, "{guesses}");
        }
        assert_eq!(refused(&mut admission, at(60_000), A), None);
        assert_eq!(refused(&mut admission, at(0), B), None);
    }
    // The minute begins with the first.
    let mut admission = admission();
    ends(&mut admission, at(0), A, (9, End::Guessed));
    ends(&mut admission, at(60_000), A, (9, End::Guessed));
    assert_eq!(refused(&mut admission, at(60_001), A), None);
    ends(&mut admission, at(60_002), A, (1, End::Guessed));
    assert!(refused(&mut admission, at(60_003), A).is_some());
    assert_eq!(admission.counts().guessed, 19);
}

#[test]
fn who_proves_itself_is_never_counted() {
    let mut admission = admission();
    ends(&mut admission, at(0), A, (100_000, End::Proven));
    ends(&mut admission, at(0), A, (100_000, End::Settled));
    assert_eq!(refused(&mut admission, at(0), A), None);
    assert_eq!((admission.open(), admission.addresses()), (0, 0));
    assert_eq!(admission.counts().failed, 0);
}

#[test]
fn the_loopback_is_spared_unless_configured() {
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])] {
        let mut spared = admission();
        ends(&mut spared, at(0), ip, (1_000, End::Guessed));
        assert_eq!((refused(&mut spared, at(0), ip), spared.addresses()), (None, 0));
        assert_eq!(spared.counts().guessed, 1_000);
        let config = AdmissionConfig { spares_loopback: false, ..AdmissionConfig::default() };
        let mut blamed = Admission::new(config);
        ends(&mut blamed, at(0), ip, (10, End::Guessed));
        assert!(refused(&mut blamed, at(0), ip).is_some());
    }
}

#[test]
fn addresses_that_are_remembered() {
    let ip = |number: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + u32::try_from(number).unwrap()));
    let mut admission = admission();
    ends(&mut admission, at(0), ip(0), (10, End::Guessed));
    for number in 1..=ADDRESSES_MAX + 1 {
        ends(&mut admission, at(1), ip(number), (1, End::Guessed));
        assert_eq!(admission.addresses(), (number + 1).min(ADDRESSES_MAX));
    }
    assert!(refused(&mut admission, at(2), ip(0)).is_some(), "a refused one is forgotten last");
    // When their time is over, all make room.
    ends(&mut admission, at(60_001), ip(ADDRESSES_MAX + 2), (1, End::Failed));
    assert_eq!(admission.addresses(), 1);
}

#[test]
fn an_ipv6_network_is_one_address() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut admission = admission();
    for host in 0..10 {
        ends(&mut admission, at(0), ip(&format!("2001:db8::{host:x}")), (1, End::Guessed));
    }
    assert!(refused(&mut admission, at(0), ip("2001:db8::ffff:1:2:3")).is_some());
    assert_eq!(refused(&mut admission, at(0), ip("2001:db8:0:1::1")), None);
    // The same as its IPv4 address.
    ends(&mut admission, at(0), ip("::ffff:192.0.2.1"), (10, End::Guessed));
    assert!(refused(&mut admission, at(0), A).is_some());
}

#[test]
fn an_end_after_the_end_is_nothing() {
    let mut admission = admission();
    let guest = enter(&mut admission, at(0), A).0;
    admission.handle_end(at(0), guest, End::Proven);
    admission.handle_end(at(0), guest, End::Guessed);
    assert_eq!(admission.counts().guessed, 0);
}
