//! The process limit, pids after their slot is used again, and what a shutdown leaves.

use crate::stage::{Number, boom, down, ends, everywhere, gone, identity, idle, spawn_idle};
use engset_process::{Cx, ExitReason, Processes, Scheduler, SendError, SpawnError, SpawnOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn there_are_processes_up_to_the_limit() {
    for limit in [1, 2, 1_023, 1_024, 1_025] {
        let processes = Processes::new(identity(limit), Scheduler::seeded(1));
        let pids: Vec<_> = (0..limit).map(|_| spawn_idle(&processes)).collect();
        assert_eq!(processes.count(), limit);
        match processes.spawn(SpawnOptions::default(), idle) {
            Err(SpawnError::TooManyProcesses(error)) => assert_eq!(error.limit, limit),
            other => panic!("{other:?}"),
        }
        let Scheduler::Seeded(seeded) = processes.scheduler().clone() else { panic!("not seeded") };
        let signal = engset_process::ControlSignal::Exit { from: pids[0], reason: ExitReason::Kill };
        processes.signal(pids[0], &pids[0].into(), signal);
        seeded.run_until(seeded.now());
        assert_eq!(processes.count(), limit - 1);
        spawn_idle(&processes);
        assert_eq!(processes.count(), limit);
        processes.kill_all();
        seeded.run_until(seeded.now());
        assert_eq!(processes.count(), 0);
    }
}

#[test]
fn a_pid_never_means_the_next_process_in_its_slot() {
    everywhere(|mut cx| async move {
        let first = spawn_idle(cx.processes());
        let mut pid = first;
        let mut met_again = false;
        // More than any worker keeps free doors at hand.
        for _ in 0..300 {
            cx.exit(pid, ExitReason::Kill);
            gone(&mut cx, pid).await;
            let next = spawn_idle(cx.processes());
            met_again |= next.id() == first.id();
            assert_ne!(next, pid);
            assert!(!cx.processes().is_alive(pid));
            assert!(cx.processes().info(pid).is_none());
            match cx.send(pid, Number(1)) {
                Err(SendError::NoProcess(_)) => {}
                other => panic!("{other:?}"),
            }
            cx.exit(pid, boom());
            _ = cx.monitor(pid);
            assert_eq!(down(&mut cx).await, ExitReason::NoProc);
            assert!(cx.processes().is_alive(next));
            pid = next;
        }
        assert!(met_again, "a slot is used again");
    });
}

#[test]
fn ends_are_counted() {
    everywhere(|mut cx| async move {
        _ = cx.spawn_monitor(SpawnOptions::default(), |_: Cx<Number>| ends(boom())).expect("room");
        assert_eq!(down(&mut cx).await, boom());
        _ = cx.spawn_monitor(SpawnOptions::default(), |_: Cx<Number>| async {}).expect("room");
        assert_eq!(down(&mut cx).await, ExitReason::Normal);
        assert_eq!(cx.processes().counters().read().crashed, 1);
    });
}

/// Counts how often one like it was dropped.
struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Processes in every condition: waiting, sleeping, with timers set, with mail, linked in a circle.
fn populate(processes: &Arc<Processes>, dropped: &Arc<AtomicUsize>) {
    for number in 0..10 {
        let guard = Guard(Arc::clone(dropped));
        let body = move |mut cx: Cx<Number>| async move {
            let _guard = guard;
            _ = cx.send_after(Duration::from_secs(1_000), cx.pid(), Number(number));
            let child = cx.spawn_link(SpawnOptions::default(), idle).expect("room");
            drop(cx.send(child.pid(), Number(number)));
            if number % 2 == 0 {
                cx.sleep(Duration::from_secs(1_000)).await;
            }
            idle(cx).await;
        };
        processes.spawn(SpawnOptions::default(), body).expect("room");
    }
}

#[test]
fn a_shutdown_of_seeded_processes_leaves_nothing() {
    for runs in 0..40 {
        let dropped = Arc::new(AtomicUsize::new(0));
        let scheduler = Scheduler::seeded(runs);
        let processes = Processes::new(identity(100), scheduler.clone());
        populate(&processes, &dropped);
        let Scheduler::Seeded(seeded) = scheduler else { panic!("not seeded") };
        (0..runs).for_each(|_| _ = seeded.step());
        processes.kill_all();
        seeded.shutdown();
        assert_eq!(dropped.load(Ordering::SeqCst), 10, "after {runs} steps");
        assert_eq!(processes.count(), 0, "after {runs} steps");
        let left = Arc::downgrade(&processes);
        drop((processes, seeded));
        assert!(left.upgrade().is_none(), "after {runs} steps");
    }
}

#[test]
fn a_shutdown_of_worker_threads_leaves_nothing() {
    for _ in 0..20 {
        let dropped = Arc::new(AtomicUsize::new(0));
        let scheduler = Scheduler::threads(2).expect("worker threads");
        let processes = Processes::new(identity(100), scheduler.clone());
        populate(&processes, &dropped);
        processes.kill_all();
        let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
        threads.shutdown();
        assert_eq!(dropped.load(Ordering::SeqCst), 10);
        let left = Arc::downgrade(&processes);
        let count = processes.count();
        drop((processes, threads));
        // A process spawned by one that was not yet dead when all were killed is not killed itself.
        assert!(count > 0 || left.upgrade().is_none());
    }
}
