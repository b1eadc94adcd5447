//! Runs a test as a process, with several seeds or on worker threads; and what the tests wait for.

use engset_process::{Cx, ExitReason, Identity, Mail, Processes, Scheduler, SpawnOptions};
use engset_term::{Atom, NodeName, Pid, Term};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How many orders of events each simulated test sees.
const SEEDS: u64 = 16;

/// How many processes the node of a test holds.
pub(crate) const PROCESSES_MAX: usize = 3_000;

/// Runs `body` as the first process of a simulated node, once for each seed.
pub(crate) fn each_seed<B, F>(body: B)
where
    B: Fn(Cx<Term>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for seed in 0..SEEDS {
        let scheduler = Scheduler::seeded(seed);
        let Scheduler::Seeded(seeded) = &scheduler else { panic!("it was made with a seed") };
        let processes = node(&scheduler);
        let result = processes.block_on(body.clone());
        assert_eq!(result, Ok(()), "with seed {seed}");
        processes.kill_all();
        seeded.run_until(seeded.now());
        assert_eq!(processes.count(), 0, "with seed {seed}");
        seeded.shutdown();
    }
}

/// Runs `body` as the first process of a node with two worker threads.
pub(crate) fn on_threads<B, F>(body: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::threads(2).unwrap();
    let Scheduler::Threads(threads) = &scheduler else { panic!("it was made with threads") };
    let processes = node(&scheduler);
    let result = processes.block_on(body);
    processes.kill_all();
    threads.shutdown();
    assert_eq!(result, Ok(()));
}

fn node(scheduler: &Scheduler) -> Arc<Processes> {
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: PROCESSES_MAX, salt: 7 };
    Processes::new(identity, scheduler.clone())
}

/// Runs `body` as a process that the test watches, and waits for its end; the reason.
pub(crate) async fn outcome_of<B, F>(cx: &mut Cx<Term>, body: B) -> ExitReason
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output: engset_process::IntoExit> + Send + 'static,
{
    let (_, watch) = cx.spawn_monitor(SpawnOptions::default(), body).unwrap();
    cx.receive(move |mail| match mail {
        Mail::Down(down) if down.reference == watch => Ok(down.reason),
        mail => Err(mail),
    })
    .await
}

/// Waits for the end of a process; the reason, `noproc` where it had ended before.
pub(crate) async fn end_of(cx: &mut Cx<Term>, pid: Pid) -> ExitReason {
    let watch = cx.monitor(pid);
    cx.receive(move |mail| match mail {
        Mail::Down(down) if down.reference == watch => Ok(down.reason),
        mail => Err(mail),
    })
    .await
}

/// Asserts that nothing is in the mailbox, nor comes within a second; in simulation.
pub(crate) async fn nothing_comes(cx: &mut Cx<Term>) {
    let mail = cx.recv_timeout(Duration::from_secs(1)).await;
    assert!(mail.is_none(), "{mail:?}");
}

/// Lets everything happen that can happen without time passing; in simulation.
pub(crate) async fn settle(cx: &Cx<Term>) {
    cx.sleep(Duration::from_nanos(1)).await;
}

/// Lets others run, of those that can run now; no time passes in simulation.
pub(crate) async fn yield_now() {
    let mut is_first = true;
    poll_fn(|task| {
        if !std::mem::take(&mut is_first) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Milliseconds since the node's start.
pub(crate) fn now(cx: &Cx<Term>) -> u64 {
    cx.processes().scheduler().now().as_millis()
}

pub(crate) fn named(reason: &str) -> ExitReason {
    ExitReason::from(Atom::new(reason).unwrap())
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

pub(crate) const fn secs(number: u64) -> Duration {
    Duration::from_secs(number)
}
