//! The core by itself: unions, refusals, and a seeded simulation of attempts in virtual time.

use super::{Action, CANDIDATES_MAX, Change, Core, DiscoveryConfig, KnownState, SOURCES_MAX, TooManySources};
use crate::candidate::{Candidate, LeftOut, Snapshot, StrategyError};
use engset_term::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn of(names: &[&str]) -> Snapshot {
    let candidates = names.iter().map(|name| Candidate::named(*name, "test")).collect();
    Snapshot { candidates, ..Snapshot::default() }
}

fn numbered(count: usize) -> Snapshot {
    let candidates = (0..count).map(|number| Candidate::named(format!("n{number}@h"), "test")).collect();
    Snapshot { candidates, ..Snapshot::default() }
}

fn connects(core: &mut Core) -> Vec<String> {
    std::iter::from_fn(|| core.poll_action())
        .map(|action| match action {
            Action::Connect(name) => name.to_string(),
            Action::Disconnect(name) => format!("not {name}"),
        })
        .collect()
}

fn changes(core: &mut Core) -> Vec<Change> {
    std::iter::from_fn(|| core.poll_change()).collect()
}

fn core(config: DiscoveryConfig, sources: u8) -> Core {
    let mut core = Core::new("own@h", config, 1);
    for number in 0..sources {
        core.add_source(&format!("s{number}"), number).unwrap();
    }
    core
}

#[test]
fn the_union_joins_doubles_and_refuses_own_and_wrong_names() {
    let mut core = core(DiscoveryConfig::default(), 2);
    core.handle_snapshot(Instant::ZERO, 1, of(&["a@h", "b@h"]));
    core.handle_snapshot(Instant::ZERO, 0, of(&["b@h", "own@h", "nonsense"]));
    assert_eq!(connects(&mut core), ["a@h", "b@h"]);
    let report = core.report();
    let sources: Vec<(&str, &str)> =
        report.known.iter().map(|known| (&*known.name, &*known.source)).collect();
    assert_eq!(sources, [("a@h", "s1"), ("b@h", "s0")]);
    let refused: Vec<(&str, &str)> =
        report.refused.iter().map(|refused| (&*refused.what, &*refused.why)).collect();
    let expected =
        [("own@h", "it is this node itself"), ("nonsense", "a node is named name@host, with one @")];
    assert_eq!(refused, expected);
}

#[test]
fn an_error_is_no_empty_answer_and_is_told_once() {
    let config = DiscoveryConfig { disconnect_gone: true, ..DiscoveryConfig::default() };
    let mut core = core(config, 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    core.handle_up(Instant::ZERO, "a@h");
    connects(&mut core);
    changes(&mut core);
    for _ in 0..3 {
        core.handle_failure(Instant::ZERO, 0, &StrategyError::new("no answer"));
    }
    assert_eq!(core.report().known.len(), 1);
    assert_eq!(connects(&mut core), Vec::<String>::new());
    let failed = Change::SourceFailed { source: "s0".into(), error: "no answer".into() };
    assert_eq!(changes(&mut core), [failed]);
    // An empty answer is one.
    core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
    assert_eq!(connects(&mut core), ["not a@h"]);
    let expected = [Change::SourceBack { source: "s0".into() }, Change::Gone { name: "a@h".into() }];
    assert_eq!(changes(&mut core), expected);
}

fn disconnecting() -> Core {
    core(DiscoveryConfig { disconnect_gone: true, ..DiscoveryConfig::default() }, 1)
}

#[test]
fn who_is_disconnected_is_told_of_as_lost() {
    let mut core = disconnecting();
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    core.handle_up(Instant::ZERO, "a@h");
    core.handle_dial(Instant::ZERO, "a@h", Ok(()));
    core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
    assert_eq!(connects(&mut core), ["a@h", "not a@h"]);
    changes(&mut core);
    core.handle_down(Instant::ZERO, "a@h");
    assert_eq!(changes(&mut core), [Change::Lost { name: "a@h".into() }]);
    // Who was never a candidate is nothing to tell of.
    core.handle_up(Instant::ZERO, "b@h");
    core.handle_down(Instant::ZERO, "b@h");
    assert_eq!(changes(&mut core), []);
}

#[test]
fn who_is_gone_before_its_attempt_ends_is_disconnected_however_the_news_arrive() {
    for up_first in [true, false] {
        let mut core = disconnecting();
        core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
        core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
        assert_eq!(connects(&mut core), ["a@h"]);
        for is_up in [up_first, !up_first] {
            if is_up {
                core.handle_up(Instant::ZERO, "a@h");
            } else {
                core.handle_dial(Instant::ZERO, "a@h", Ok(()));
            }
        }
        assert_eq!(connects(&mut core), ["not a@h"], "up first: {up_first}");
        core.handle_down(Instant::ZERO, "a@h");
        assert_eq!(changes(&mut core).last(), Some(&Change::Lost { name: "a@h".into() }));
    }
}

#[test]
fn who_is_found_again_while_an_attempt_is_under_way_is_told_of() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
    changes(&mut core);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    assert_eq!(changes(&mut core), [Change::Found { name: "a@h".into(), source: "s0".into() }]);
}

#[test]
fn who_is_gone_stays_connected_unless_told_otherwise() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    core.handle_up(Instant::ZERO, "a@h");
    connects(&mut core);
    core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
    assert_eq!(connects(&mut core), Vec::<String>::new());
    // But it is not dialled again.
    core.handle_down(Instant::ZERO, "a@h");
    assert_eq!(core.poll_timeout(), None);
}

#[test]
fn a_node_that_is_connected_already_is_not_dialled() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_up(Instant::ZERO, "a@h");
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    assert_eq!(connects(&mut core), Vec::<String>::new());
    assert_eq!(core.report().known[0].state, KnownState::Connected);
}

#[test]
fn a_lost_node_is_dialled_again_after_the_first_wait() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    assert_eq!(connects(&mut core), ["a@h"]);
    core.handle_up(Instant::ZERO, "a@h");
    core.handle_dial(Instant::ZERO, "a@h", Ok(()));
    let lost = Instant::from_millis(60_000);
    core.handle_down(lost, "a@h");
    let due = core.poll_timeout().unwrap();
    let wait = due.saturating_duration_since(lost);
    assert!(wait >= Duration::from_millis(800) && wait <= Duration::from_secs(1), "{wait:?}");
    core.handle_timeout(due);
    assert_eq!(connects(&mut core), ["a@h"]);
}

#[test]
fn an_attempt_that_ends_after_its_connection_was_lost_is_not_taken_for_one() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    connects(&mut core);
    core.handle_up(Instant::ZERO, "a@h");
    core.handle_down(Instant::ZERO, "a@h");
    core.handle_dial(Instant::ZERO, "a@h", Ok(()));
    assert!(core.poll_timeout().is_some());
}

#[test]
fn the_same_failure_is_told_once() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    changes(&mut core);
    for error in ["epmd", "epmd", "tcp"] {
        let due = core.poll_timeout().unwrap_or(Instant::ZERO);
        core.handle_timeout(due);
        core.handle_dial(due, "a@h", Err(error.to_owned()));
    }
    let told: Vec<Change> = changes(&mut core);
    let not = |error: &str| Change::NotReached { name: "a@h".into(), error: error.into() };
    assert_eq!(told, [not("epmd"), not("tcp")]);
    assert_eq!(core.report().known[0].failures, 3);
}

#[test]
fn candidates_are_limited_and_lower_priority_yields() {
    let config = DiscoveryConfig { candidates_max: 3, ..DiscoveryConfig::default() };
    let mut core = core(config, 2);
    core.handle_snapshot(Instant::ZERO, 1, of(&["x@h", "y@h", "z@h"]));
    assert_eq!(core.report().known.len(), 3);
    assert_eq!(core.report().refused.len(), 0);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    let known: Vec<String> = core.report().known.iter().map(|known| known.name.to_string()).collect();
    assert_eq!(known, ["a@h", "x@h", "y@h", "z@h"].into_iter().filter(|n| *n != "z@h").collect::<Vec<_>>());
    assert!(core.report().refused[0].why.contains("limit of 3 candidates"));
}

#[test]
fn an_answer_is_cut_at_the_limit_of_candidates() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, numbered(CANDIDATES_MAX));
    assert_eq!((core.report().known.len(), core.report().refused_more), (CANDIDATES_MAX, 0));
    core.handle_snapshot(Instant::ZERO, 0, numbered(CANDIDATES_MAX + 1));
    assert_eq!((core.report().known.len(), core.report().refused_more), (CANDIDATES_MAX, 1));
}

#[test]
fn refusals_are_limited_and_the_rest_is_counted() {
    let config = DiscoveryConfig { refused_max: 2, ..DiscoveryConfig::default() };
    let mut core = core(config, 1);
    let refused = |count: usize| Snapshot {
        refused: (0..count).map(|number| LeftOut::new(&number.to_string(), "no")).collect(),
        ..Snapshot::default()
    };
    core.handle_snapshot(Instant::ZERO, 0, refused(2));
    assert_eq!((core.report().refused.len(), core.report().refused_more), (2, 0));
    core.handle_snapshot(Instant::ZERO, 0, refused(3));
    assert_eq!((core.report().refused.len(), core.report().refused_more), (2, 1));
    assert_eq!(changes(&mut core).len(), 2, "each is told once");
}

#[test]
fn strategies_are_limited() {
    let mut core = Core::new("own@h", DiscoveryConfig::default(), 1);
    for _ in 0..SOURCES_MAX {
        core.add_source("s", 0).unwrap();
    }
    assert_eq!(core.add_source("s", 0), Err(TooManySources));
}

#[test]
fn attempts_at_a_time_are_limited() {
    let config = DiscoveryConfig { dials_max: 3, ..DiscoveryConfig::default() };
    let mut core = core(config, 1);
    core.handle_snapshot(Instant::ZERO, 0, numbered(3));
    assert_eq!(connects(&mut core).len(), 3);
    core.handle_snapshot(Instant::ZERO, 0, numbered(5));
    assert_eq!((connects(&mut core).len(), core.poll_timeout()), (0, None));
    core.handle_dial(Instant::ZERO, "n0@h", Err("epmd".to_owned()));
    assert_eq!(connects(&mut core), ["n3@h"]);
}

#[test]
fn a_candidate_that_goes_while_it_is_dialled_is_forgotten_when_that_ends() {
    let mut core = core(DiscoveryConfig::default(), 1);
    core.handle_snapshot(Instant::ZERO, 0, of(&["a@h"]));
    core.handle_snapshot(Instant::ZERO, 0, Snapshot::default());
    assert_eq!(core.report().known.len(), 0);
    core.handle_dial(Instant::ZERO, "a@h", Err("late".to_owned()));
    assert_eq!((core.entries.len(), core.dialling, core.poll_timeout()), (0, 0, None));
}

/// Many seeds, an hour of virtual time each: candidates come and go, attempts fail and succeed, connections break. No
/// candidate is dialled sooner after a failure than the back-off allows, never more are under way than the limit, and
/// each candidate is dialled again at some time.
#[test]
fn no_candidate_is_dialled_more_often_than_the_backoff_allows() {
    for seed in 0..50 {
        let config = DiscoveryConfig { dials_max: 4, ..DiscoveryConfig::default() };
        let backoff = config.backoff;
        let mut core = Core::new("own@h", config, seed);
        core.add_source("s", 0).unwrap();
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut now = Instant::ZERO;
        let mut under_way: BTreeMap<Instant, Vec<String>> = BTreeMap::new();
        let mut failed: BTreeMap<String, (Instant, u32)> = BTreeMap::new();
        let mut up: BTreeSet<String> = BTreeSet::new();
        core.handle_snapshot(now, 0, numbered(20));
        let mut dials = 0;
        while now < Instant::from_millis(3_600_000) {
            for name in connects(&mut core) {
                dials += 1;
                assert!(!up.contains(&name), "seed {seed}: {name} is connected");
                if let Some((at, failures)) = failed.get(&name) {
                    let waited = now.saturating_duration_since(*at);
                    assert!(waited >= backoff.shortest(*failures), "seed {seed}: {name} after {waited:?}");
                }
                let ends = now.saturating_add(Duration::from_millis(chance.u64(1..3_000)));
                under_way.entry(ends).or_default().push(name);
            }
            let running: usize = under_way.values().map(Vec::len).sum();
            assert!(running <= 4, "seed {seed}: {running} under way");
            let breaks = now.saturating_add(Duration::from_millis(chance.u64(1..5_000)));
            let next = [core.poll_timeout(), under_way.keys().next().copied(), Some(breaks)];
            now = next.into_iter().flatten().min().unwrap().max(now);
            for name in under_way.remove(&now).unwrap_or_default() {
                if chance.u8(..4) == 0 {
                    up.insert(name.clone());
                    failed.remove(&name);
                    core.handle_up(now, &name);
                    core.handle_dial(now, &name, Ok(()));
                } else {
                    let failures = failed.get(&name).map_or(0, |(_, failures)| failures + 1);
                    failed.insert(name.clone(), (now, failures));
                    core.handle_dial(now, &name, Err("epmd".to_owned()));
                }
            }
            if now == breaks
                && chance.bool()
                && let Some(name) = up.pop_first()
            {
                failed.insert(name.clone(), (now, 0));
                core.handle_down(now, &name);
            }
            core.handle_timeout(now);
        }
        assert!(dials > 20 * 3_600 / 60, "seed {seed}: only {dials} attempts");
    }
}
