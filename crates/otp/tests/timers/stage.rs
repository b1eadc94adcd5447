//! Runs a test as a process, with several seeds or on worker threads; and what the tests wait for.

use engset_process::{Cx, ExitReason, Identity, Mail, Processes, Scheduler, SpawnOptions};
use engset_term::{Atom, NodeName, Pid, Term};
use std::future::Future;
use std::time::Duration;

/// How many orders of events each simulated test sees.
const SEEDS: u64 = 16;
/// Longer than everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many processes the node of a test holds.
pub(crate) const PROCESSES_MAX: usize = 2_000;

pub(crate) fn each_seed<B, F>(body: B)
where
    B: Fn(Cx<Term>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for seed in 0..SEEDS {
        with_seed(seed, body.clone());
    }
}

pub(crate) fn with_seed<B, F>(seed: u64, body: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::seeded(seed);
    let Scheduler::Seeded(seeded) = &scheduler else { panic!("it was made with a seed") };
    let processes = node(&scheduler);
    let result = processes.block_on(body);
    assert_eq!(result, Ok(()), "with seed {seed}");
    processes.kill_all();
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), 0, "with seed {seed}");
    seeded.shutdown();
}

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

fn node(scheduler: &Scheduler) -> std::sync::Arc<Processes> {
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: PROCESSES_MAX, salt: 7 };
    Processes::new(identity, scheduler.clone())
}

/// The next message.
pub(crate) async fn message(cx: &mut Cx<Term>) -> Term {
    match cx.recv_timeout(PATIENCE).await {
        Some(Mail::Message(term)) => term,
        other => panic!("no message: {other:?}"),
    }
}

/// The next message, which must be an atom, and when it came.
pub(crate) async fn heard(cx: &mut Cx<Term>) -> (String, u64) {
    let term = message(cx).await;
    (term.as_atom().expect("an atom").as_str().to_owned(), now(cx))
}

/// Milliseconds since the node's start.
pub(crate) fn now(cx: &Cx<Term>) -> u64 {
    cx.processes().scheduler().now().as_millis()
}

/// Who ended and why, as a trapped exit, and when.
pub(crate) async fn trapped(cx: &mut Cx<Term>) -> (Pid, ExitReason, u64) {
    match cx.recv_timeout(PATIENCE).await {
        Some(Mail::Exit(trapped)) => (trapped.from, trapped.reason, now(cx)),
        other => panic!("no exit: {other:?}"),
    }
}

/// Nothing arrives for this long.
pub(crate) async fn quiet(cx: &mut Cx<Term>, duration: Duration) {
    let mail = cx.recv_timeout(duration).await;
    assert!(mail.is_none(), "{mail:?}");
}

/// Lets everything happen that can happen without time passing; only in simulation.
pub(crate) async fn settle(cx: &Cx<Term>) {
    cx.sleep(Duration::from_nanos(1)).await;
}

/// Starts a process that waits for ever, linked to this one.
pub(crate) fn forever(cx: &mut Cx<Term>, name: Option<Atom>) -> Pid {
    let process = cx.spawn_link(SpawnOptions::default(), |_: Cx<Term>| std::future::pending::<()>()).unwrap();
    if let Some(name) = name {
        cx.processes().register(&name, process.pid()).unwrap();
    }
    process.pid()
}

pub(crate) fn reason(text: &str) -> ExitReason {
    ExitReason::from_term(atom(text))
}

pub(crate) fn atom(text: &str) -> Term {
    Term::Atom(Atom::new(text).unwrap())
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}
