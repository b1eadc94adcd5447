//! What happens without a message: restarts and timers.

use super::{Laps, wait};
use crate::row::Row;
use crate::workload::TIMERS_LAST_MS;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// The child under the supervisor sends its address to `started` as it starts; `kill` kills it.
pub(crate) async fn restart<Child>(
    row: Row,
    mut kill: impl FnMut(Child),
    mut started: UnboundedReceiver<Child>,
) -> f64 {
    let mut child = started.recv().await.expect("the first child starts");
    let mut laps = Laps::new(row);
    while let Some(restarts) = laps.next() {
        for _ in 0..restarts {
            kill(child);
            let successor = started.recv().await;
            child = successor.expect("the supervisor restarts the child as often as it is killed");
        }
    }
    laps.ns_per_op()
}

/// `expect(n)` tells the receiver to report when `n` messages have arrived, `set(delay)` sets a timer that sends it one.
pub(crate) async fn timers(
    expect: impl Fn(u64),
    mut set: impl FnMut(Duration),
    mut done: UnboundedReceiver<()>,
) -> f64 {
    let mut laps = Laps::new(Row::Timers);
    while let Some(count) = laps.next() {
        expect(count);
        for number in 0..count {
            set(Duration::from_millis(1 + number % TIMERS_LAST_MS));
        }
        wait(&mut done, 1).await;
    }
    let ns = laps.ns_per_op();
    #[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
    let in_all = ns * Row::Timers.ops() as f64;
    in_all / 1e6
}
