//! Runs a test as a process: once under each of several seeds, and once on worker threads.

use engset_process::{Cx, Exit, ExitReason, Identity, Mail, Processes, Protocol, Scheduler, SpawnOptions};
use engset_term::{NodeName, Pid};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const SEEDS: u64 = 25;

/// A message that stays on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl Protocol for Number {}

pub(crate) fn identity(processes_max: usize) -> Identity {
    Identity { node: NodeName::NONODE, creation: 1, processes_max, salt: 7 }
}

pub(crate) fn everywhere<B, F>(body: B)
where
    B: Fn(Cx<Number>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for seed in 0..SEEDS {
        seeded(seed, body.clone());
    }
    on_threads(2, body);
}

pub(crate) fn seeded<B, F>(seed: u64, body: B)
where
    B: FnOnce(Cx<Number>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::seeded(seed);
    let processes = Processes::new(identity(1_000), scheduler.clone());
    let result = processes.block_on(body);
    assert!(result.is_ok(), "seed {seed}: {result:?}");
    processes.kill_all();
    let Scheduler::Seeded(seeded) = scheduler else { panic!("not seeded") };
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), 0, "seed {seed}");
    seeded.shutdown();
}

pub(crate) fn on_threads<B, F>(workers: usize, body: B)
where
    B: FnOnce(Cx<Number>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::threads(workers).expect("worker threads");
    let processes = Processes::new(identity(1_000), scheduler.clone());
    let result = processes.block_on(body);
    assert!(result.is_ok(), "on threads: {result:?}");
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    processes.kill_all();
    threads.shutdown();
}

/// Waits for something that has no wake-up, and fails when that takes too long.
pub(crate) struct Patience {
    scheduler: Scheduler,
    end: engset_term::Instant,
}

impl Patience {
    pub(crate) fn new(scheduler: &Scheduler) -> Self {
        Self { scheduler: scheduler.clone(), end: scheduler.now().saturating_add(PATIENCE) }
    }

    /// Fails when it took too long.
    pub(crate) fn check(&self, waits_for: &str) {
        let stats = self.scheduler.stats();
        assert!(self.scheduler.now() < self.end, "waits in vain: {waits_for}; {stats:?}");
    }
}

/// The next mail.
pub(crate) async fn next(cx: &mut Cx<Number>) -> Mail<Number> {
    cx.recv_timeout(PATIENCE).await.expect("something arrives")
}

/// The number of the next mail, which must be a message.
pub(crate) async fn number(cx: &mut Cx<Number>) -> u64 {
    match next(cx).await {
        Mail::Message(Number(number)) => number,
        other => panic!("no number: {other:?}"),
    }
}

/// Who ended and why, as a trapped exit.
pub(crate) async fn trapped(cx: &mut Cx<Number>) -> (Pid, ExitReason) {
    match next(cx).await {
        Mail::Exit(trapped) => (trapped.from, trapped.reason),
        other => panic!("no exit: {other:?}"),
    }
}

/// The reason of the next mail, which must be a down message.
pub(crate) async fn down(cx: &mut Cx<Number>) -> ExitReason {
    match next(cx).await {
        Mail::Down(down) => down.reason,
        other => panic!("no down message: {other:?}"),
    }
}

/// Nothing is in the mailbox, and nothing more is on its way.
pub(crate) async fn quiet(cx: &mut Cx<Number>) {
    let mail = cx.recv_timeout(Duration::from_millis(30)).await;
    assert!(mail.is_none(), "{mail:?}");
}

/// Waits for the end of a process.
pub(crate) async fn gone(cx: &mut Cx<Number>, pid: Pid) {
    let reference = cx.monitor(pid);
    let ended = cx.receive_timeout(PATIENCE, move |mail| match mail {
        Mail::Down(down) if down.reference == reference => Ok(()),
        other => Err(other),
    });
    ended.await.expect("the process ends");
}

/// Code of a process that waits for ever.
pub(crate) async fn idle(mut cx: Cx<Number>) {
    loop {
        drop(cx.recv().await);
    }
}

/// Code of a process that ends with `reason` at once.
pub(crate) async fn ends(reason: ExitReason) -> Result<(), Exit> {
    Err(Exit(reason))
}

/// Starts a process that does nothing.
pub(crate) fn spawn_idle(processes: &Arc<Processes>) -> Pid {
    processes.spawn(SpawnOptions::default(), idle).expect("there is room").pid()
}

pub(crate) fn boom() -> ExitReason {
    ExitReason::from_term(engset_term::Term::atom("boom"))
}
