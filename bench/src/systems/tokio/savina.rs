//! The actors of the Savina benchmarks.

use crate::driver::{self, Colour, Creature, Done, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};
use ::tokio::spawn;
use ::tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use std::sync::Arc;

enum Big {
    Play(u64),
    /// From the player at this place.
    Ping(usize),
    Pong,
}

pub(super) async fn big() -> f64 {
    let (done, finished) = unbounded_channel();
    let (players, inboxes): (Vec<_>, Vec<_>) = (0..BIG_PLAYERS).map(|_| unbounded_channel()).unzip();
    let players: Arc<[UnboundedSender<Big>]> = players.into();
    for (place, inbox) in inboxes.into_iter().enumerate() {
        spawn(pinger(inbox, place, Arc::clone(&players), done.clone()));
    }
    let play = move |pings| {
        players.iter().for_each(|player| assert!(player.send(Big::Play(pings)).is_ok(), "the player lives"));
    };
    driver::big(play, finished).await
}

async fn pinger(
    mut inbox: UnboundedReceiver<Big>,
    place: usize,
    players: Arc<[UnboundedSender<Big>]>,
    done: Done,
) {
    let mut pinger = Pinger::new(place);
    while let Some(message) = inbox.recv().await {
        let next = match message {
            Big::Ping(from) => {
                assert!(players[from].send(Big::Pong).is_ok(), "the player lives");
                continue;
            }
            Big::Play(pings) => {
                pinger.play(pings);
                pinger.next()
            }
            Big::Pong => pinger.next(),
        };
        match next {
            Some(other) => {
                assert!(players[other].send(Big::Ping(place)).is_ok(), "the player lives");
            }
            None => done.send(()).expect("the measuring task lives"),
        }
    }
}

pub(super) struct Job;

pub(super) async fn fork(jobs: u64, done: Done) -> UnboundedSender<Job> {
    let (worker, mut inbox) = unbounded_channel();
    spawn(async move {
        for _ in 0..jobs {
            inbox.recv().await;
            driver::compute();
        }
        done.send(()).expect("the measuring task lives");
    });
    worker
}

pub(super) fn send_job(worker: &UnboundedSender<Job>) {
    assert!(worker.send(Job).is_ok(), "the worker lives");
}

enum ToMall {
    Come(Colour, UnboundedSender<ToCreature>),
    Leave(u64),
}

enum ToCreature {
    Meet(Colour, UnboundedSender<Self>),
    Change(Colour),
    GoHome,
}

pub(super) async fn chameneos() -> f64 {
    driver::chameneos(async |meetings, done| {
        let (mall, inbox) = unbounded_channel();
        spawn(run_mall(inbox, meetings, done));
        for place in 0..CREATURES {
            spawn(live(place, mall.clone()));
        }
    })
    .await
}

async fn run_mall(mut inbox: UnboundedReceiver<ToMall>, meetings: u64, done: UnboundedSender<u64>) {
    let mut mall = Mall::new(meetings);
    while let Some(message) = inbox.recv().await {
        match message {
            ToMall::Come(colour, creature) => {
                let sent = match mall.visit(creature) {
                    Visit::Waits => Ok(()),
                    Visit::Meets(waiting, creature) => waiting.send(ToCreature::Meet(colour, creature)),
                    Visit::Closed(creature) => creature.send(ToCreature::GoHome),
                };
                assert!(sent.is_ok(), "the creature lives");
            }
            ToMall::Leave(meetings) => {
                if let Some(all) = mall.leave(meetings) {
                    return done.send(all).expect("the measuring task lives");
                }
            }
        }
    }
}

async fn live(place: u64, mall: UnboundedSender<ToMall>) {
    let (me, mut inbox) = unbounded_channel();
    let mut creature = Creature::new(place);
    let come = |colour| assert!(mall.send(ToMall::Come(colour, me.clone())).is_ok(), "the mall is there");
    come(creature.colour);
    while let Some(message) = inbox.recv().await {
        match message {
            ToCreature::Meet(colour, other) => {
                let colour = creature.meet(colour);
                assert!(other.send(ToCreature::Change(colour)).is_ok(), "the creature lives");
            }
            ToCreature::Change(colour) => creature.change(colour),
            ToCreature::GoHome => {
                assert!(mall.send(ToMall::Leave(creature.meetings)).is_ok(), "the mall is there");
                return;
            }
        }
        come(creature.colour);
    }
}
