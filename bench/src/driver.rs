//! The work of each row, written once for all Rust systems.
//!
//! A system brings its processes as closures; starting, waiting and measuring is the same for all.
//! `done` is how a system's processes tell the measuring task that they are through.

use crate::memory::resident_bytes;
use crate::row::Row;
use crate::stopwatch::Stopwatch;
use std::pin::Pin;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Workers of every system that lets one choose.
pub(crate) const WORKERS: usize = 2;

/// How many processes exist at once in [`Row::Spawn`].
pub(crate) const SPAWN_BATCH: u64 = 1_000;

/// How many senders there are in [`Row::FanIn`].
pub(crate) const FAN_IN_SENDERS: u64 = 8;

/// How processes report that they are through.
pub(crate) type Done = UnboundedSender<()>;

/// What the receiver of [`Row::FanIn`] gets.
#[derive(Debug)]
pub(crate) enum Item {
    /// Report when numbers of this sum have arrived.
    Expect(u64),
    /// Always 1.
    Number(u64),
}

/// `throw(n)` gives the ball to one of two players; each passes it on with one pass less to go, and who
/// gets it with none left reports.
pub(crate) async fn ping_pong(throw: impl Fn(u64), mut done: UnboundedReceiver<()>) -> f64 {
    let ops = Row::PingPong.ops();
    throw(2 * warm_up(ops));
    wait(&mut done, 1).await;
    let stopwatch = Stopwatch::start();
    throw(2 * ops);
    wait(&mut done, 1).await;
    stopwatch.ns_per_op(ops)
}

/// `add(n)` calls the server and returns its answer, the sum. Systems leak their server, so that a call can
/// refer to it without counting references.
pub(crate) async fn call<Answer: Future<Output = u64>>(add: impl Fn(u64) -> Answer) -> f64 {
    let ops = Row::Call.ops();
    let mut sum = 0;
    for _ in 0..warm_up(ops) {
        sum = add(1).await;
    }
    let stopwatch = Stopwatch::start();
    for _ in 0..ops {
        sum = add(1).await;
    }
    let ns = stopwatch.ns_per_op(ops);
    assert_eq!(sum, ops + warm_up(ops));
    ns
}

/// `spawn(done)` starts a process and sends it one message, upon which it reports and ends.
pub(crate) async fn spawn(spawn: impl AsyncFn(Done)) -> f64 {
    let ops = Row::Spawn.ops();
    let (done, mut finished) = unbounded_channel();
    let batches = async |count: u64, finished: &mut UnboundedReceiver<()>| {
        for _ in 0..count / SPAWN_BATCH {
            for _ in 0..SPAWN_BATCH {
                spawn(done.clone()).await;
            }
            wait(finished, SPAWN_BATCH).await;
        }
    };
    batches(warm_up(ops), &mut finished).await;
    let stopwatch = Stopwatch::start();
    batches(ops, &mut finished).await;
    stopwatch.ns_per_op(ops)
}

/// `spawn(done)` starts a process that reports once and then waits; the result keeps it alive.
#[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
pub(crate) async fn idle_memory<Kept>(spawn: impl AsyncFn(Done) -> Kept) -> f64 {
    let ops = Row::IdleMemory.ops();
    let (done, mut finished) = unbounded_channel();
    let mut kept = Vec::new();
    let before = resident_bytes();
    for _ in 0..ops / SPAWN_BATCH {
        for _ in 0..SPAWN_BATCH {
            kept.push(spawn(done.clone()).await);
        }
        wait(&mut finished, SPAWN_BATCH).await;
    }
    let after = resident_bytes();
    drop(kept);
    after.saturating_sub(before) as f64 / ops as f64
}

/// Work that a system runs beside the measuring task.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// `spawn` runs a sender as the system runs its processes, `send` sends one item to the one receiver, which reports
/// when it has what it expects.
pub(crate) async fn fan_in(
    spawn: impl Fn(Work),
    send: impl Fn(Item) + Clone + Send + 'static,
    mut done: UnboundedReceiver<()>,
) -> f64 {
    let ops = Row::FanIn.ops();
    let mut round = async |count: u64| {
        send(Item::Expect(count));
        for _ in 0..FAN_IN_SENDERS {
            let send = send.clone();
            spawn(Box::pin(async move { (0..count / FAN_IN_SENDERS).for_each(|_| send(Item::Number(1))) }));
        }
        wait(&mut done, 1).await;
    };
    round(warm_up(ops)).await;
    let stopwatch = Stopwatch::start();
    round(ops).await;
    stopwatch.ns_per_op(ops)
}

/// Starts a sender of [`fan_in`] as a task of tokio's runtime.
pub(crate) fn spawn_task(work: Work) {
    tokio::spawn(work);
}

/// How often the work is done before it is measured.
pub(crate) fn warm_up(ops: u64) -> u64 {
    ops / 10
}

async fn wait(done: &mut UnboundedReceiver<()>, times: u64) {
    for _ in 0..times {
        done.recv().await.expect("the processes under measurement run until they report");
    }
}
