//! Wheels beside a plain sorted list.

use super::*;
use std::collections::BTreeMap;

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn fires_by_due_time_then_by_order_of_setting() {
    let mut wheels = Wheels::default();
    wheels.insert(ms(20), "late");
    wheels.insert(Instant::from_nanos(10_000_001), "second");
    wheels.insert(ms(10), "first");
    wheels.insert(Instant::from_nanos(10_000_001), "third");
    assert_eq!(wheels.pop_due(ms(9)), None);
    assert_eq!(wheels.pop_due(ms(12)), Some("first"));
    assert_eq!(wheels.pop_due(ms(12)), Some("second"));
    assert_eq!(wheels.pop_due(ms(12)), Some("third"));
    assert_eq!(wheels.pop_due(ms(12)), None);
    assert_eq!(wheels.pop_due(ms(22)), Some("late"));
    assert_eq!(wheels.poll_timeout(), None);
}

#[test]
fn cancels_once_also_what_is_due_and_not_popped() {
    let mut wheels = Wheels::default();
    let ids: Vec<WheelId> = (0..3).map(|number| wheels.insert(ms(5), number)).collect();
    assert_eq!(wheels.cancel(ids[1]), Some(1));
    assert_eq!(wheels.cancel(ids[1]), None);
    assert_eq!(wheels.pop_due(ms(9)), Some(0));
    assert_eq!(wheels.cancel(ids[2]), Some(2), "due with the one before");
    assert_eq!(wheels.pop_due(ms(9)), None);
    assert_eq!(wheels.cancel(ids[0]), None, "it has fired");
}

/// Against a sorted list: the same timers fire, in the same order, never early and at most a tick late.
#[test]
fn agrees_with_a_sorted_list() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut wheels = Wheels::default();
        let mut list: BTreeMap<(Instant, u64), WheelId> = BTreeMap::new();
        let mut now = Instant::from_nanos(rng.u64(0..1 << 40));
        assert_eq!(wheels.pop_due(now), None);
        for number in 0..500u64 {
            let reach = 1u64 << rng.u32(10..50);
            let due = Instant::from_nanos(now.as_nanos() + rng.u64(0..reach));
            list.insert((due, number), wheels.insert(due, (due, number)));
            if rng.u32(0..4) == 0
                && let Some((key, id)) = list.pop_first()
            {
                assert_eq!(wheels.cancel(id), Some(key), "seed {seed}");
            }
            if rng.u32(0..3) == 0 {
                let reach = 1 << rng.u32(10..45);
                now = Instant::from_nanos(now.as_nanos() + rng.u64(0..reach));
                let mut last = (Instant::ZERO, 0);
                while let Some(fired) = wheels.pop_due(now) {
                    assert!(fired.0 <= now, "seed {seed}: early");
                    assert!(list.remove(&fired).is_some(), "seed {seed}: fired once");
                    assert!(fired > last, "seed {seed}: in order");
                    last = fired;
                }
                let late = list.keys().next().filter(|(due, _)| due.saturating_add(TICK) < now);
                assert_eq!(late, None, "seed {seed}: late at {now:?}");
            }
            let told = wheels.poll_timeout();
            assert_eq!(told.is_some(), !list.is_empty(), "seed {seed}");
            if let (Some(told), Some(((due, _), _))) = (told, list.first_key_value()) {
                assert!(
                    told <= (*due).max(now).saturating_add(2 * TICK),
                    "seed {seed}: {told:?} for {due:?}"
                );
            }
        }
    }
}
