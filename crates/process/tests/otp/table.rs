//! The processes of a node while they come and go (`process_SUITE`, group `processes_bif`).

use crate::stage::{idle, node, on_threads};
use engset_process::{ControlSignal, Cx, ExitReason, PROCESSES_MAX, Processes, Scheduler, SpawnOptions};
use engset_term::{Pid, Term};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Starts `number` processes, ends every third, starts as many again: exactly those that live are found, and no pid
/// comes twice.
fn come_and_go(processes: &Arc<Processes>, scheduler: &Scheduler, number: usize) {
    let Scheduler::Seeded(seeded) = scheduler else { panic!("not seeded") };
    let start = |number: usize| -> Vec<Pid> {
        (0..number).map(|_| processes.spawn(SpawnOptions::default(), idle).expect("room").pid()).collect()
    };
    let first = start(number);
    assert_eq!(processes.count(), number);
    let (ended, kept): (Vec<_>, Vec<_>) = first.iter().enumerate().partition(|(place, _)| place % 3 == 0);
    for (_, pid) in &ended {
        let kill = ControlSignal::Exit { from: **pid, reason: ExitReason::Kill };
        processes.signal(**pid, &(**pid).into(), kill);
    }
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), kept.len());
    let second = start(ended.len());
    assert_eq!(processes.count(), number);
    for (_, pid) in ended {
        assert!(!processes.is_alive(*pid) && processes.info(*pid).is_none());
    }
    let alive: BTreeSet<Pid> = kept.iter().map(|(_, pid)| **pid).chain(second.iter().copied()).collect();
    assert_eq!(alive.len(), number, "pids are unique");
    assert_eq!(processes.pids().into_iter().collect::<BTreeSet<_>>(), alive);
    assert!(alive.iter().all(|pid| processes.is_alive(*pid)));
    assert!(first.iter().collect::<BTreeSet<_>>().is_disjoint(&second.iter().collect()));
    processes.kill_all();
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), 0);
}

/// A table of a million places, with more than one chunk of them in use.
#[test]
fn processes_large_tab() {
    let scheduler = Scheduler::seeded(1);
    come_and_go(&node(&scheduler, 1_000_000), &scheduler, 20_000);
}

/// A table of the default size.
#[test]
fn processes_default_tab() {
    let scheduler = Scheduler::seeded(2);
    come_and_go(&node(&scheduler, PROCESSES_MAX), &scheduler, 5_000);
}

/// A table of 500 places, all of them in use.
#[test]
fn processes_small_tab() {
    for seed in 0..4 {
        let scheduler = Scheduler::seeded(seed);
        let processes = node(&scheduler, 500);
        come_and_go(&processes, &scheduler, 500);
        come_and_go(&processes, &scheduler, 500);
    }
}

/// Processes that start others and end, on several workers: each is found while it runs, and none is left.
#[test]
fn processes_this_tab() {
    on_threads(2, |mut cx| async move {
        for _ in 0..20 {
            for _ in 0..100 {
                let parent = |mut cx: Cx<Term>| async move {
                    assert!(cx.processes().is_alive(cx.pid()));
                    let child = |cx: Cx<Term>| async move { assert!(cx.processes().is_alive(cx.pid())) };
                    let (child, _) = cx.spawn_monitor(SpawnOptions::default(), child).expect("room");
                    assert_eq!(crate::stage::down(&mut cx).await.1, ExitReason::Normal);
                    assert!(!cx.processes().is_alive(child.pid()), "its end has been told");
                };
                _ = cx.spawn_monitor(SpawnOptions::default(), parent).expect("room");
            }
            for _ in 0..100 {
                assert_eq!(crate::stage::down(&mut cx).await.1, ExitReason::Normal);
            }
            assert_eq!(cx.processes().count(), 1);
        }
    });
}
