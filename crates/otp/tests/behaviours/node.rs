//! A node for a test: simulated with several seeds, or with worker threads; and a record of what happened.

use engset_process::{Cx, Down, ExitReason, Identity, Mail, Processes, Scheduler, SpawnOptions};
use engset_term::{Atom, NodeName, Term};
use parking_lot::Mutex;
use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How many orders of events each simulated test sees.
const SEEDS: u64 = 24;

/// Longer than everything that a test with threads does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `main` as the first process of a simulated node, once for each seed.
pub(crate) fn each_seed<B, F>(main: B)
where
    B: Fn(Cx<Term>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let main = Arc::new(main);
    for seed in 0..SEEDS {
        let main = Arc::clone(&main);
        with_seed(seed, move |cx| main(cx));
    }
}

/// Runs `main` as the first process of a simulated node.
pub(crate) fn with_seed<B, F>(seed: u64, main: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::seeded(seed);
    let Scheduler::Seeded(seeded) = &scheduler else { panic!("it was made with a seed") };
    let ended = Arc::new(Mutex::new(None));
    let result = Arc::clone(&ended);
    start(&scheduler, main, move |reason| *result.lock() = Some(reason));
    match seeded.run_while_none(|| ended.lock().take()) {
        Some(ExitReason::Normal) => {}
        Some(reason) => panic!("with seed {seed}: {reason}"),
        None => panic!("with seed {seed}: everybody waits for ever"),
    }
}

/// Runs `main` as the first process of a node with two worker threads.
pub(crate) fn on_threads<B, F>(main: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::threads(2).unwrap();
    let (ended, result) = mpsc::channel();
    start(&scheduler, main, move |reason| ended.send(reason).unwrap());
    let reason = result.recv_timeout(PATIENCE);
    let Scheduler::Threads(threads) = &scheduler else { panic!("it was made with threads") };
    threads.shutdown();
    assert_eq!(reason, Ok(ExitReason::Normal));
}

fn start<B, F>(scheduler: &Scheduler, main: B, ended: impl FnOnce(ExitReason) + Send + 'static)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 10_000, salt: 7 };
    let processes = Processes::new(identity, scheduler.clone());
    let watch = move |mut cx: Cx<Term>| async move {
        cx.spawn_monitor::<Term, _, _>(SpawnOptions::default(), main).unwrap();
        ended(down(&mut cx).await.reason);
    };
    processes.spawn(SpawnOptions::default(), watch).unwrap();
}

/// The next down message.
pub(crate) async fn down(cx: &mut Cx<Term>) -> Down {
    cx.receive(|mail| match mail {
        Mail::Down(down) => Ok(*down),
        mail => Err(mail),
    })
    .await
}

/// Lets everything happen that can happen without time passing; only in simulation.
pub(crate) async fn settle(cx: &Cx<Term>) {
    cx.sleep(Duration::from_nanos(1)).await;
}

/// Lets others run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// How many messages wait for the process.
pub(crate) fn waiting(cx: &Cx<Term>) -> usize {
    cx.processes().info(cx.pid()).unwrap().message_queue_len
}

pub(crate) fn atom(text: &str) -> Atom {
    Atom::new(text).unwrap()
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// What happened, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    pub(crate) fn add(&self, fact: impl Into<String>) {
        self.0.lock().push(fact.into());
    }

    /// What has happened since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}
