//! Processes that start and end, or start and stay.

use super::{Done, Laps, wait};
use crate::memory::resident_bytes;
use crate::row::Row;
use crate::workload::SPAWN_BATCH;
use tokio::sync::mpsc::unbounded_channel;

/// `spawn(done)` starts a process and sends it one message, upon which it reports and ends.
pub(crate) async fn spawn<Spawned: Future<Output = ()>>(spawn: impl Fn(Done) -> Spawned) -> f64 {
    let (done, mut finished) = unbounded_channel();
    let mut laps = Laps::new(Row::Spawn);
    while let Some(count) = laps.next() {
        for _ in 0..count / SPAWN_BATCH {
            for _ in 0..SPAWN_BATCH {
                spawn(done.clone()).await;
            }
            wait(&mut finished, SPAWN_BATCH).await;
        }
    }
    laps.ns_per_op()
}

/// `spawn(done)` starts a process that reports once and then waits; the result keeps it alive.
pub(crate) async fn idle_memory<Spawned: Future>(spawn: impl Fn(Done) -> Spawned) -> f64 {
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
    let bytes = bytes_per_op(before, ops);
    drop(kept);
    bytes
}

/// `start()` starts a server with a number as state, calls it once and waits for the answer; the result keeps it
/// alive.
pub(crate) async fn idle_server<Started: Future>(start: impl Fn() -> Started) -> f64 {
    let ops = Row::IdleServer.ops();
    let mut kept = Vec::new();
    let before = resident_bytes();
    for _ in 0..ops {
        kept.push(start().await);
    }
    let bytes = bytes_per_op(before, ops);
    drop(kept);
    bytes
}

#[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
fn bytes_per_op(before: u64, ops: u64) -> f64 {
    resident_bytes().saturating_sub(before) as f64 / ops as f64
}
