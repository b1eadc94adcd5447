//! Plain tokio tasks with a channel each: what a process costs before it is an actor.

use crate::driver::{self, Done, Item, WORKERS};
use crate::row::Row;
use ::tokio::runtime::Builder;
use ::tokio::spawn;
use ::tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ::tokio::sync::oneshot;

pub(crate) fn measure(row: Row) -> Option<f64> {
    match row {
        Row::PingPong => Some(run(ping_pong())),
        Row::Call => Some(run(call())),
        Row::Spawn => Some(run(driver::spawn(async |done| start_worker(done)))),
        Row::IdleMemory => Some(run(driver::idle_memory(async |done| start_idler(done)))),
        Row::FanIn => Some(run(fan_in())),
        Row::EncodeCall | Row::EncodeNested | Row::DecodeCall | Row::DecodeNested => None,
    }
}

/// Runs the measuring task on a worker, so that it is a task as all others.
pub(crate) fn run(measurement: impl Future<Output = f64> + Send + 'static) -> f64 {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.expect("the operating system has threads left");
    runtime.block_on(async { spawn(measurement).await.expect("a measurement does not panic") })
}

async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let (to_a, a) = unbounded_channel();
    let (to_b, b) = unbounded_channel();
    spawn(player(a, to_b, done.clone()));
    spawn(player(b, to_a.clone(), done));
    driver::ping_pong(move |passes| to_a.send(passes).expect("the player lives"), finished).await
}

async fn player(mut inbox: UnboundedReceiver<u64>, other: UnboundedSender<u64>, done: Done) {
    while let Some(passes) = inbox.recv().await {
        let sent = if passes == 0 { done.send(()).is_ok() } else { other.send(passes - 1).is_ok() };
        if !sent {
            return;
        }
    }
}

async fn call() -> f64 {
    let (server, mut requests) = unbounded_channel::<(u64, oneshot::Sender<u64>)>();
    let server: &UnboundedSender<_> = Box::leak(Box::new(server));
    spawn(async move {
        let mut sum = 0;
        while let Some((number, reply)) = requests.recv().await {
            sum += number;
            reply.send(sum).expect("the caller waits");
        }
    });
    driver::call(|number| async move {
        let (reply, answer) = oneshot::channel();
        server.send((number, reply)).expect("the server lives");
        answer.await.expect("the server answers")
    })
    .await
}

fn start_worker(done: Done) {
    let (worker, mut inbox) = unbounded_channel();
    spawn(async move {
        if inbox.recv().await == Some(1_u64) {
            done.send(()).expect("the measuring task lives");
        }
    });
    worker.send(1).expect("the worker lives");
}

fn start_idler(done: Done) -> UnboundedSender<u64> {
    let (idler, mut inbox) = unbounded_channel();
    spawn(async move {
        done.send(()).expect("the measuring task lives");
        drop(done);
        inbox.recv().await
    });
    idler
}

async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
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
    driver::fan_in(driver::spawn_task, move |item| receiver.send(item).expect("the receiver lives"), finished)
        .await
}
