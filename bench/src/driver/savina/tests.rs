//! Facts about what the actors of the Savina benchmarks decide.

use super::{Colour, Creature, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};

#[test]
fn a_pinger_pings_others_only_and_as_often_as_told() {
    for place in [0, 1, BIG_PLAYERS - 1] {
        let mut pinger = Pinger::new(place);
        assert_eq!(pinger.next(), None);
        pinger.play(5_000);
        let mut pinged = 0;
        while let Some(other) = pinger.next() {
            assert!(other != place && other < BIG_PLAYERS, "{other}");
            pinged += 1;
        }
        assert_eq!(pinged, 5_000);
    }
}

#[test]
fn two_colours_make_the_third() {
    use Colour::{Blue, Red, Yellow};
    let all = [Blue, Red, Yellow];
    for one in all {
        for other in all {
            let made = one.meet(other);
            assert_eq!(made, other.meet(one));
            assert_eq!(made == one, one == other);
            assert_eq!(made == other, one == other);
        }
    }
    assert_eq!([Colour::of(0), Colour::of(1), Colour::of(2), Colour::of(3)], [Blue, Red, Yellow, Blue]);
}

#[test]
fn both_who_meet_count_it() {
    let (mut waiting, mut coming) = (Creature::new(0), Creature::new(1));
    let colour = waiting.meet(coming.colour);
    coming.change(colour);
    assert_eq!((waiting.colour, coming.colour), (Colour::Yellow, Colour::Yellow));
    assert_eq!((waiting.meetings, coming.meetings), (1, 1));
}

#[test]
fn a_mall_pairs_until_it_closes() {
    let mut mall = Mall::new(2);
    assert_eq!(mall.visit('a'), Visit::Waits);
    assert_eq!(mall.visit('b'), Visit::Meets('a', 'b'));
    assert_eq!(mall.visit('a'), Visit::Waits);
    assert_eq!(mall.visit('c'), Visit::Meets('a', 'c'));
    assert_eq!(mall.visit('b'), Visit::Closed('b'));
}

#[test]
fn a_mall_counts_when_the_last_creature_left() {
    let mut mall: Mall<()> = Mall::new(2);
    let left: Vec<Option<u64>> =
        (0..CREATURES).map(|place| mall.leave(if place < 2 { 2 } else { 0 })).collect();
    assert!(left[..left.len() - 1].iter().all(Option::is_none));
    assert_eq!(left.last(), Some(&Some(2)));
}
