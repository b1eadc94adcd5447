//! Single processes, and messages between a few of them.

use super::start;
use crate::driver::{self, Done, Item, Laps};
use crate::row::Row;
use crate::workload::{RING_PROCESSES, SPAWN_BATCH};
use ::tokio::sync::mpsc::unbounded_channel;
use engset::Processes;
use engset::prelude::*;
use std::future::ready;
use std::sync::Arc;

enum Play {
    Meet(Addr<Self>),
    Ball(u64),
}
impl Protocol for Play {}

pub(super) async fn ping_pong(cx: Cx<Term>) -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(cx.processes(), 2, &done);
    driver::ping_pong(move |passes| players[0].send(Play::Ball(passes)).expect("the player lives"), finished)
        .await
}

pub(super) async fn ring(cx: Cx<Term>) -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(cx.processes(), RING_PROCESSES, &done);
    driver::ring(
        move |place, passes| players[place].send(Play::Ball(passes)).expect("the player lives"),
        finished,
    )
    .await
}

/// Players who each pass to the next.
fn circle(processes: &Arc<Processes>, count: usize, done: &Done) -> Vec<Addr<Play>> {
    let players: Vec<Addr<Play>> = (0..count)
        .map(|_| {
            let done = done.clone();
            start(processes, |cx| player(cx, done))
        })
        .collect();
    for (player, next) in players.iter().zip(players.iter().cycle().skip(1)) {
        player.send(Play::Meet(*next)).expect("the player lives");
    }
    players
}

async fn player(mut cx: Cx<Play>, done: Done) {
    let mut other = None;
    loop {
        match (cx.recv().await, other) {
            (Mail::Message(Play::Meet(player)), _) => other = Some(player),
            (Mail::Message(Play::Ball(0)), _) => done.send(()).expect("the measuring task lives"),
            (Mail::Message(Play::Ball(passes)), Some(other)) => {
                other.send(Play::Ball(passes - 1)).expect("the player lives");
            }
            _ => {}
        }
    }
}

#[derive(Default)]
pub(super) struct Sum {
    sum: u64,
}

#[server]
impl Sum {
    #[call]
    pub(super) fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }
}

pub(super) async fn call(_cx: Cx<Term>) -> f64 {
    let server = engset::start(Sum::default()).await.expect("it starts");
    driver::call(|number| async move { server.add(number).await.expect("the server answers") }).await
}

pub(super) async fn idle_server(_cx: Cx<Term>) -> f64 {
    driver::idle_server(start_and_call).await
}

/// Starts a server and calls it once.
pub(super) async fn start_and_call() {
    let server = engset::start(Sum::default()).await.expect("it starts");
    server.add(1).await.expect("it answers");
}

#[derive(Debug)]
struct Number(u64);
impl Protocol for Number {}

/// A worker of the row `spawn` is through.
pub(super) struct Through;
impl Protocol for Through {}

/// As on the BEAM, the workers report to the measuring process by a message.
pub(super) async fn spawn(mut cx: Cx<Through>) -> f64 {
    let mut laps = Laps::new(Row::Spawn);
    let me: Addr<Through> = Addr::new(cx.pid());
    while let Some(count) = laps.next() {
        for _ in 0..count / SPAWN_BATCH {
            for _ in 0..SPAWN_BATCH {
                let worker = start(cx.processes(), move |mut cx: Cx<Number>| async move {
                    if let Mail::Message(Number(1)) = cx.recv().await {
                        me.send(Through).expect("the measuring process lives");
                    }
                });
                worker.send(Number(1)).expect("the worker lives");
            }
            for _ in 0..SPAWN_BATCH {
                cx.recv().await;
            }
        }
    }
    laps.ns_per_op()
}

pub(super) async fn spawn_monitor(mut cx: Cx<Term>) -> f64 {
    let mut laps = Laps::new(Row::SpawnMonitor);
    while let Some(count) = laps.next() {
        for _ in 0..count {
            let worker = cx.spawn_monitor(SpawnOptions::default(), async |_cx: Cx<Term>| {});
            let (_, reference) = worker.expect("there is room for one more process");
            match cx.recv().await {
                Mail::Down(down) if down.reference == reference => {}
                mail => panic!("a worker that ends is told of, not {mail:?}"),
            }
        }
    }
    laps.ns_per_op()
}

pub(super) async fn idle_memory(cx: Cx<Term>) -> f64 {
    let processes = Arc::clone(cx.processes());
    driver::idle_memory(|done| {
        start(&processes, |mut cx: Cx<Number>| async move {
            done.send(()).expect("the measuring task lives");
            drop(done);
            cx.recv().await;
        });
        ready(())
    })
    .await
}

impl Protocol for Item {}

pub(super) async fn fan_in(cx: Cx<Term>) -> f64 {
    let (done, finished) = unbounded_channel();
    let processes = Arc::clone(cx.processes());
    let receiver = start(&processes, |cx| count(cx, done));
    let spawn = move |work| {
        start(&processes, |_cx: Cx<Number>| work);
    };
    driver::fan_in(spawn, move |item| receiver.send(item).expect("the receiver lives"), finished).await
}

/// Reports when what is expected has arrived.
pub(super) async fn count(mut cx: Cx<Item>, done: Done) {
    let mut left = 0;
    loop {
        match cx.recv().await {
            Mail::Message(Item::Expect(count)) => left = count,
            Mail::Message(Item::Number(number)) => left -= number,
            _ => {}
        }
        if left == 0 {
            done.send(()).expect("the measuring task lives");
        }
    }
}
