//! Single tasks, and messages between a few of them.

use crate::driver::{self, Done, Item, Laps};
use crate::row::Row;
use crate::workload::RING_PROCESSES;
use ::tokio::spawn;
use ::tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ::tokio::sync::oneshot;

pub(super) async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(2, &done);
    driver::ping_pong(move |passes| players[0].send(passes).expect("the player lives"), finished).await
}

pub(super) async fn ring() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(RING_PROCESSES, &done);
    driver::ring(move |place, passes| players[place].send(passes).expect("the player lives"), finished).await
}

/// Players who each pass to the next.
fn circle(count: usize, done: &Done) -> Vec<UnboundedSender<u64>> {
    let (players, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
    for (inbox, next) in inboxes.into_iter().zip(players.iter().cycle().skip(1)) {
        spawn(player(inbox, next.clone(), done.clone()));
    }
    players
}

async fn player(mut inbox: UnboundedReceiver<u64>, other: UnboundedSender<u64>, done: Done) {
    while let Some(passes) = inbox.recv().await {
        let sent = if passes == 0 { done.send(()).is_ok() } else { other.send(passes - 1).is_ok() };
        if !sent {
            return;
        }
    }
}

type Request = (u64, oneshot::Sender<u64>);

pub(super) async fn call() -> f64 {
    let server: &UnboundedSender<_> = Box::leak(Box::new(start_server()));
    driver::call(|number| add(server, number)).await
}

fn start_server() -> UnboundedSender<Request> {
    let (server, mut requests) = unbounded_channel::<Request>();
    spawn(async move {
        let mut sum = 0;
        while let Some((number, reply)) = requests.recv().await {
            sum += number;
            reply.send(sum).expect("the caller waits");
        }
    });
    server
}

async fn add(server: &UnboundedSender<Request>, number: u64) -> u64 {
    let (reply, answer) = oneshot::channel();
    server.send((number, reply)).expect("the server lives");
    answer.await.expect("the server answers")
}

pub(super) async fn start_and_call() -> UnboundedSender<Request> {
    let server = start_server();
    add(&server, 1).await;
    server
}

pub(super) async fn start_worker(done: Done) {
    let (worker, mut inbox) = unbounded_channel();
    spawn(async move {
        if inbox.recv().await == Some(1_u64) {
            done.send(()).expect("the measuring task lives");
        }
    });
    worker.send(1).expect("the worker lives");
}

/// Nothing but the handle of a task tells of its end.
pub(super) async fn spawn_and_join() -> f64 {
    let mut laps = Laps::new(Row::SpawnMonitor);
    while let Some(count) = laps.next() {
        for _ in 0..count {
            spawn(async {}).await.expect("it does not panic");
        }
    }
    laps.ns_per_op()
}

pub(super) async fn start_idler(done: Done) -> UnboundedSender<u64> {
    let (idler, mut inbox) = unbounded_channel();
    spawn(async move {
        done.send(()).expect("the measuring task lives");
        drop(done);
        inbox.recv().await
    });
    idler
}

pub(super) async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start_counter(done);
    driver::fan_in(driver::spawn_task, move |item| receiver.send(item).expect("the receiver lives"), finished)
        .await
}

/// A task for each timer. One task with a `DelayQueue` of `tokio-util` needs the same time, within the spread.
#[expect(clippy::disallowed_methods, reason = "the timers of tokio are what is measured")]
pub(super) async fn timers() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start_counter(done);
    let expecting = receiver.clone();
    let expect = move |count| expecting.send(Item::Expect(count)).expect("the receiver lives");
    let set = move |delay| {
        let receiver = receiver.clone();
        spawn(async move {
            ::tokio::time::sleep(delay).await;
            receiver.send(Item::Number(1)).expect("the receiver lives");
        });
    };
    driver::timers(expect, set, finished).await
}

/// Reports when what is expected has arrived.
fn start_counter(done: Done) -> UnboundedSender<Item> {
    let (receiver, mut inbox) = unbounded_channel();
    spawn(async move {
        let mut left = 0;
        while let Some(item) = inbox.recv().await {
            match item {
                Item::Expect(count) => left = count,
                Item::Number(number) => left -= number,
            }
            if left == 0 {
                done.send(()).expect("the measuring task lives");
            }
        }
    });
    receiver
}
