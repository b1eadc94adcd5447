//! Runs a test as a process that takes terms: with several seeds, and on worker threads.

use engset_process::{Addr, Cx, ExitReason, Identity, Mail, Processes, Scheduler, SpawnOptions};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How many orders of events each simulated test sees.
const SEEDS: u64 = 12;
/// Longer than everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many processes the node of a test holds.
const PROCESSES_MAX: usize = 20_000;

/// Runs `body` under each of several seeds and on worker threads.
pub(crate) fn everywhere<B, F>(body: B)
where
    B: Fn(Cx<Term>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    each_seed(body.clone());
    on_threads(2, body);
}

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
    let processes = node(&scheduler, PROCESSES_MAX);
    let result = processes.block_on(body);
    assert_eq!(result, Ok(()), "with seed {seed}");
    processes.kill_all();
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), 0, "with seed {seed}");
    seeded.shutdown();
}

pub(crate) fn on_threads<B, F>(workers: usize, body: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::threads(workers).expect("worker threads");
    let Scheduler::Threads(threads) = &scheduler else { panic!("it was made with threads") };
    let processes = node(&scheduler, PROCESSES_MAX);
    let result = processes.block_on(body);
    processes.kill_all();
    threads.shutdown();
    assert_eq!(result, Ok(()), "on threads");
}

pub(crate) fn node(scheduler: &Scheduler, processes_max: usize) -> Arc<Processes> {
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max, salt: 7 };
    Processes::new(identity, scheduler.clone())
}

/// The next mail.
pub(crate) async fn next(cx: &mut Cx<Term>) -> Mail<Term> {
    cx.recv_timeout(PATIENCE).await.expect("something arrives")
}

/// The next mail, which must be a message.
pub(crate) async fn message(cx: &mut Cx<Term>) -> Term {
    match next(cx).await {
        Mail::Message(term) => term,
        other => panic!("no message: {other:?}"),
    }
}

/// The next mail, which must be a trapped exit: who ended and why.
pub(crate) async fn trapped(cx: &mut Cx<Term>) -> (Pid, ExitReason) {
    match next(cx).await {
        Mail::Exit(trapped) => (trapped.from, trapped.reason),
        other => panic!("no exit: {other:?}"),
    }
}

/// The next mail, which must be a down message: whose and why.
pub(crate) async fn down(cx: &mut Cx<Term>) -> (Reference, ExitReason) {
    match next(cx).await {
        Mail::Down(down) => (down.reference, down.reason),
        other => panic!("no down message: {other:?}"),
    }
}

/// The first message that is `wanted`; what came before stays.
pub(crate) async fn await_message(cx: &mut Cx<Term>, wanted: Term) {
    let found = cx.receive_timeout(PATIENCE, move |mail| match mail {
        Mail::Message(term) if term == wanted => Ok(()),
        other => Err(other),
    });
    found.await.expect("the message comes");
}

/// Waits for the end of a process.
pub(crate) async fn gone(cx: &mut Cx<Term>, pid: Pid) -> ExitReason {
    let reference = cx.monitor(pid);
    let ended = cx.receive_timeout(PATIENCE, move |mail| match mail {
        Mail::Down(down) if down.reference == reference => Ok(down.reason),
        other => Err(other),
    });
    ended.await.expect("the process ends")
}

/// Nothing is in the mailbox, and nothing more is on its way.
pub(crate) async fn quiet(cx: &mut Cx<Term>) {
    let mail = cx.recv_timeout(Duration::from_millis(30)).await;
    assert!(mail.is_none(), "{mail:?}");
}

/// Lets others run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until `holds`.
pub(crate) async fn wait_until(cx: &Cx<Term>, mut holds: impl FnMut() -> bool) {
    let begin = cx.processes().scheduler().now();
    while !holds() {
        cx.sleep(Duration::from_millis(1)).await;
        let waited = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert!(waited < PATIENCE, "it has not come to hold");
    }
}

/// Starts a process that takes messages for ever.
pub(crate) fn spawn_idle(cx: &Cx<Term>) -> Addr<Term> {
    cx.spawn(idle).expect("there is room")
}

/// Starts a process that takes messages for ever, linked to this one.
pub(crate) fn spawn_idle_link(cx: &mut Cx<Term>) -> Addr<Term> {
    cx.spawn_link(SpawnOptions::default(), idle).expect("there is room")
}

pub(crate) async fn idle(mut cx: Cx<Term>) {
    loop {
        drop(cx.recv().await);
    }
}

/// A message from this process; its receiver is on this node and takes terms, or has ended.
pub(crate) fn send(cx: &Cx<Term>, to: impl Into<engset_process::Dest>, term: Term) {
    drop(cx.send(to, term));
}

pub(crate) fn atom(text: &str) -> Term {
    Term::Atom(name(text))
}

pub(crate) fn name(text: &str) -> Atom {
    Atom::new(text).expect("short enough for an atom")
}

pub(crate) fn reason(text: &str) -> ExitReason {
    ExitReason::from_term(atom(text))
}

/// A term of more than 128 kB with binaries, lists and tuples.
pub(crate) fn kb_128() -> Term {
    let binary = Term::binary(vec![42_u8; 1_024]);
    let list = Term::list((0..64_u64).map(Term::from));
    let part = Term::tuple([Term::binary(vec![1]), list.clone(), binary, list]);
    Term::list((0..144).map(|_| part.clone()))
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// How long since the node's start.
pub(crate) fn now(cx: &Cx<Term>) -> Duration {
    cx.processes().scheduler().now().saturating_duration_since(engset_term::Instant::ZERO)
}
