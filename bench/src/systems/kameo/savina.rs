//! The actors of the Savina benchmarks.

use super::start;
use crate::driver::{self, Colour, Creature, Done, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};
use ::kameo::actor::{Actor, ActorRef};
use ::kameo::error::Infallible;
use ::kameo::message::{Context, Message};
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use std::sync::Arc;

struct Player {
    players: Arc<[ActorRef<Self>]>,
    place: usize,
    pinger: Pinger,
    done: Done,
}

enum Big {
    Meet(Arc<[ActorRef<Player>]>),
    Play(u64),
    /// From the player at this place.
    Ping(usize),
    Pong,
}

pub(super) async fn big() -> f64 {
    let (done, finished) = unbounded_channel();
    let players: Arc<[ActorRef<Player>]> =
        (0..BIG_PLAYERS).map(|place| start((place, done.clone()))).collect();
    for player in &*players {
        player.tell(Big::Meet(Arc::clone(&players))).try_send().expect("the player lives");
    }
    let play = move |pings| {
        for player in &*players {
            player.tell(Big::Play(pings)).try_send().expect("the player lives");
        }
    };
    driver::big(play, finished).await
}

impl Actor for Player {
    type Args = (usize, Done);
    type Error = Infallible;

    async fn on_start((place, done): (usize, Done), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { players: Arc::new([]), place, pinger: Pinger::new(place), done })
    }
}

impl Message<Big> for Player {
    type Reply = ();

    async fn handle(&mut self, message: Big, _: &mut Context<Self, ()>) {
        match message {
            Big::Meet(players) => {
                self.players = players;
                return;
            }
            Big::Ping(from) => {
                self.players[from].tell(Big::Pong).try_send().expect("the player lives");
                return;
            }
            Big::Play(pings) => self.pinger.play(pings),
            Big::Pong => {}
        }
        match self.pinger.next() {
            Some(other) => {
                let ping = Big::Ping(self.place);
                self.players[other].tell(ping).try_send().expect("the player lives");
            }
            None => self.done.send(()).expect("the measuring task lives"),
        }
    }
}

pub(super) struct Worker {
    left: u64,
    done: Done,
}

pub(super) struct Job;

pub(super) async fn fork(jobs: u64, done: Done) -> ActorRef<Worker> {
    start((jobs, done))
}

pub(super) fn send_job(worker: &ActorRef<Worker>) {
    worker.tell(Job).try_send().expect("the worker lives");
}

impl Actor for Worker {
    type Args = (u64, Done);
    type Error = Infallible;

    async fn on_start((left, done): (u64, Done), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { left, done })
    }
}

impl Message<Job> for Worker {
    type Reply = ();

    async fn handle(&mut self, _: Job, context: &mut Context<Self, ()>) {
        driver::compute();
        self.left -= 1;
        if self.left == 0 {
            self.done.send(()).expect("the measuring task lives");
            context.stop();
        }
    }
}

struct Place {
    mall: Mall<ActorRef<Inhabitant>>,
    done: UnboundedSender<u64>,
}

enum ToMall {
    Come(Colour, ActorRef<Inhabitant>),
    Leave(u64),
}

struct Inhabitant {
    creature: Creature,
    mall: ActorRef<Place>,
}

enum ToCreature {
    Meet(Colour, ActorRef<Inhabitant>),
    Change(Colour),
    GoHome,
}

pub(super) async fn chameneos() -> f64 {
    driver::chameneos(async |meetings, done| {
        let mall: ActorRef<Place> = start((meetings, done));
        for place in 0..CREATURES {
            // It keeps itself alive by what it tells the mall.
            let _: ActorRef<Inhabitant> = start((place, mall.clone()));
        }
    })
    .await
}

impl Actor for Place {
    type Args = (u64, UnboundedSender<u64>);
    type Error = Infallible;

    async fn on_start(
        (meetings, done): (u64, UnboundedSender<u64>),
        _: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        Ok(Self { mall: Mall::new(meetings), done })
    }
}

impl Message<ToMall> for Place {
    type Reply = ();

    async fn handle(&mut self, message: ToMall, context: &mut Context<Self, ()>) {
        match message {
            ToMall::Come(colour, creature) => match self.mall.visit(creature) {
                Visit::Waits => {}
                Visit::Meets(waiting, creature) => {
                    waiting.tell(ToCreature::Meet(colour, creature)).try_send().expect("the creature lives");
                }
                Visit::Closed(creature) => {
                    creature.tell(ToCreature::GoHome).try_send().expect("the creature lives");
                }
            },
            ToMall::Leave(meetings) => {
                if let Some(all) = self.mall.leave(meetings) {
                    self.done.send(all).expect("the measuring task lives");
                    context.stop();
                }
            }
        }
    }
}

impl Actor for Inhabitant {
    type Args = (u64, ActorRef<Place>);
    type Error = Infallible;

    async fn on_start(
        (place, mall): (u64, ActorRef<Place>),
        myself: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        let creature = Creature::new(place);
        mall.tell(ToMall::Come(creature.colour, myself)).try_send().expect("the mall is there");
        Ok(Self { creature, mall })
    }
}

impl Message<ToCreature> for Inhabitant {
    type Reply = ();

    async fn handle(&mut self, message: ToCreature, context: &mut Context<Self, ()>) {
        match message {
            ToCreature::Meet(colour, other) => {
                let colour = self.creature.meet(colour);
                other.tell(ToCreature::Change(colour)).try_send().expect("the creature lives");
            }
            ToCreature::Change(colour) => self.creature.change(colour),
            ToCreature::GoHome => {
                let leave = ToMall::Leave(self.creature.meetings);
                self.mall.tell(leave).try_send().expect("the mall is there");
                context.stop();
                return;
            }
        }
        let come = ToMall::Come(self.creature.colour, context.actor_ref().clone());
        self.mall.tell(come).try_send().expect("the mall is there");
    }
}
