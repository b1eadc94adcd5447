//! The actors of the Savina benchmarks.

use super::start;
use crate::driver::{self, Colour, Creature, Done, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use engset::Processes;
use engset::prelude::*;
use std::future::ready;
use std::sync::Arc;

enum Big {
    Meet(Arc<[Addr<Self>]>),
    Play(u64),
    /// From the player at this place.
    Ping(usize),
    Pong,
}
impl Protocol for Big {}

pub(super) async fn big(cx: Cx<Term>) -> f64 {
    let (done, finished) = unbounded_channel();
    let players: Arc<[Addr<Big>]> = (0..BIG_PLAYERS)
        .map(|place| {
            let done = done.clone();
            start(cx.processes(), move |cx| pinger(cx, place, done))
        })
        .collect();
    for player in &*players {
        player.send(Big::Meet(Arc::clone(&players))).expect("the player lives");
    }
    let play = move |pings| {
        for player in &*players {
            player.send(Big::Play(pings)).expect("the player lives");
        }
    };
    driver::big(play, finished).await
}

async fn pinger(mut cx: Cx<Big>, place: usize, done: Done) {
    let mut players: Arc<[Addr<Big>]> = Arc::new([]);
    let mut pinger = Pinger::new(place);
    while let Mail::Message(message) = cx.recv().await {
        match message {
            Big::Meet(all) => {
                players = all;
                continue;
            }
            Big::Ping(from) => {
                players[from].send(Big::Pong).expect("the player lives");
                continue;
            }
            Big::Play(pings) => pinger.play(pings),
            Big::Pong => {}
        }
        match pinger.next() {
            Some(other) => players[other].send(Big::Ping(place)).expect("the player lives"),
            None => done.send(()).expect("the measuring task lives"),
        }
    }
}

struct Job;
impl Protocol for Job {}

pub(super) async fn fork_join(cx: Cx<Term>) -> f64 {
    let processes = Arc::clone(cx.processes());
    driver::fork_join(|jobs, done| ready(fork(&processes, jobs, done)), send_job).await
}

pub(super) async fn fork_join_create(cx: Cx<Term>) -> f64 {
    let processes = Arc::clone(cx.processes());
    driver::fork_join_create(|jobs, done| ready(fork(&processes, jobs, done)), send_job).await
}

fn fork(processes: &Arc<Processes>, jobs: u64, done: Done) -> Addr<Job> {
    start(processes, move |mut cx: Cx<Job>| async move {
        for _ in 0..jobs {
            cx.recv().await;
            driver::compute();
        }
        done.send(()).expect("the measuring task lives");
    })
}

fn send_job(worker: &Addr<Job>) {
    worker.send(Job).expect("the worker lives");
}

enum ToMall {
    Come(Colour, Addr<ToCreature>),
    Leave(u64),
}
impl Protocol for ToMall {}

enum ToCreature {
    Meet(Colour, Addr<Self>),
    Change(Colour),
    GoHome,
}
impl Protocol for ToCreature {}

pub(super) async fn chameneos(cx: Cx<Term>) -> f64 {
    let processes = Arc::clone(cx.processes());
    driver::chameneos(|meetings, done| {
        let mall = start(&processes, move |cx| run_mall(cx, meetings, done));
        for place in 0..CREATURES {
            start(&processes, move |cx| live(cx, place, mall));
        }
        ready(())
    })
    .await
}

async fn run_mall(mut cx: Cx<ToMall>, meetings: u64, done: UnboundedSender<u64>) {
    let mut mall = Mall::new(meetings);
    while let Mail::Message(message) = cx.recv().await {
        match message {
            ToMall::Come(colour, creature) => {
                let sent = match mall.visit(creature) {
                    Visit::Waits => Ok(()),
                    Visit::Meets(waiting, creature) => waiting.send(ToCreature::Meet(colour, creature)),
                    Visit::Closed(creature) => creature.send(ToCreature::GoHome),
                };
                sent.expect("the creature lives");
            }
            ToMall::Leave(meetings) => {
                if let Some(all) = mall.leave(meetings) {
                    return done.send(all).expect("the measuring task lives");
                }
            }
        }
    }
}

async fn live(mut cx: Cx<ToCreature>, place: u64, mall: Addr<ToMall>) {
    let mut creature = Creature::new(place);
    let me = cx.addr();
    mall.send(ToMall::Come(creature.colour, me)).expect("the mall is there");
    while let Mail::Message(message) = cx.recv().await {
        match message {
            ToCreature::Meet(colour, other) => {
                let colour = creature.meet(colour);
                other.send(ToCreature::Change(colour)).expect("the creature lives");
            }
            ToCreature::Change(colour) => creature.change(colour),
            ToCreature::GoHome => {
                return mall.send(ToMall::Leave(creature.meetings)).expect("the mall is there");
            }
        }
        mall.send(ToMall::Come(creature.colour, me)).expect("the mall is there");
    }
}
