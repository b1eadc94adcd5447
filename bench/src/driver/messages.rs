//! Messages between processes that live as long as the measurement.

use super::{Laps, Work, wait};
use crate::row::Row;
use crate::workload::{FAN_IN_SENDERS, RING_PROCESSES, RING_TOKENS};
use tokio::sync::mpsc::UnboundedReceiver;

/// What the receiver of [`Row::FanIn`] and [`Row::Timers`] gets.
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
    let mut laps = Laps::new(Row::PingPong);
    while let Some(round_trips) = laps.next() {
        throw(2 * round_trips);
        wait(&mut done, 1).await;
    }
    laps.ns_per_op()
}

/// `throw(place, n)` gives a token to a player of the ring, who passes it on as in [`ping_pong`]. The tokens start
/// evenly spread.
pub(crate) async fn ring(throw: impl Fn(usize, u64), mut done: UnboundedReceiver<()>) -> f64 {
    const TOKENS: u64 = RING_TOKENS as u64;
    let mut laps = Laps::new(Row::Ring);
    while let Some(hops) = laps.next() {
        let places = (0..RING_PROCESSES).step_by(RING_PROCESSES / RING_TOKENS);
        places.for_each(|place| throw(place, hops / TOKENS));
        wait(&mut done, TOKENS).await;
    }
    laps.ns_per_op()
}

/// `add(n)` calls the server and returns its answer, the sum. Systems leak their server, so that a call can
/// refer to it without counting references.
pub(crate) async fn call<Answer: Future<Output = u64>>(add: impl Fn(u64) -> Answer) -> f64 {
    let mut sum = 0;
    let mut laps = Laps::new(Row::Call);
    while let Some(calls) = laps.next() {
        for _ in 0..calls {
            sum = add(1).await;
        }
    }
    let ns = laps.ns_per_op();
    assert_eq!(sum, Row::Call.ops() + Row::Call.warm_up());
    ns
}

/// `spawn` runs a sender as the system runs its processes, `send` sends one item to the one receiver, which reports
/// when it has what it expects.
pub(crate) async fn fan_in(
    spawn: impl Fn(Work),
    send: impl Fn(Item) + Clone + Send + 'static,
    mut done: UnboundedReceiver<()>,
) -> f64 {
    let mut laps = Laps::new(Row::FanIn);
    while let Some(count) = laps.next() {
        send(Item::Expect(count));
        for _ in 0..FAN_IN_SENDERS {
            let send = send.clone();
            spawn(Box::pin(async move { (0..count / FAN_IN_SENDERS).for_each(|_| send(Item::Number(1))) }));
        }
        wait(&mut done, 1).await;
    }
    laps.ns_per_op()
}
