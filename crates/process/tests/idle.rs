//! A scheduler that has nothing to do uses no processor time; alone in its program, so that nothing else is measured.

#![cfg(target_os = "linux")]

use engset_process::{Cx, Identity, Processes, Scheduler, SpawnOptions};
use engset_term::{NodeName, Term};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The system counts processor time in hundredths of a second: in this time less than one of them is less than 5 ms in
/// a second.
const OBSERVED: Duration = Duration::from_secs(2);

/// Hundredths of a second of processor time that this program has used, and how often its threads went to sleep.
fn used() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).map(|n| n.parse().expect("a number")).collect();
    let sleeps = std::fs::read_dir("/proc/self/task").expect("Linux").map(|task| {
        let status = std::fs::read_to_string(task.expect("listed").path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    });
    (fields.iter().sum(), sleeps.sum())
}

#[test]
fn an_idle_scheduler_uses_no_processor_time() {
    let scheduler = Scheduler::threads(4).expect("worker threads");
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 1_000, salt: 1 };
    let processes = Processes::new(identity, scheduler.clone());
    // It has worked, and waits for messages and for a timer that is far away.
    let body = |cx: Cx<Term>| async move {
        for _ in 0..100 {
            let waits =
                |mut cx: Cx<Term>| async move { drop(cx.recv_timeout(Duration::from_secs(1_000)).await) };
            cx.processes().spawn(SpawnOptions::default(), waits).expect("room");
        }
        cx.blocking(|| ()).await
    };
    assert_eq!(processes.block_on(body), Ok(Ok(())));
    let (nobody, never): (Sender<()>, _) = channel();
    let wait = |time| assert_eq!(never.recv_timeout(time), Err(RecvTimeoutError::Timeout));
    let observed: Vec<(u64, u64)> = (0..3)
        .map(|_| {
            // What was begun comes to rest.
            wait(Duration::from_millis(300));
            let before = used();
            wait(OBSERVED);
            let after = used();
            (after.0 - before.0, after.1 - before.1)
        })
        .collect();
    // Once the end of a hundredth may lie in the time observed.
    assert!(observed.iter().filter(|(time, _)| *time == 0).count() >= 2, "{observed:?}");
    // The test itself and nobody else went to sleep: the watchdog sleeps for good.
    assert!(observed.iter().all(|(_, sleeps)| *sleeps <= 2), "{observed:?}");
    let looks = scheduler.stats().looks;
    wait(Duration::from_millis(300));
    assert_eq!(scheduler.stats().looks, looks);
    drop(nobody);
    processes.kill_all();
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    threads.shutdown();
}
