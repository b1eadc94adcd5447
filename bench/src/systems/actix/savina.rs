//! The actors of the Savina benchmarks.

use crate::driver::{self, Colour, Creature, Done, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};
use ::actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use std::sync::Arc;

struct Player {
    players: Arc<[Addr<Self>]>,
    place: usize,
    pinger: Pinger,
    done: Done,
}

enum Big {
    Meet(Arc<[Addr<Player>]>),
    Play(u64),
    /// From the player at this place.
    Ping(usize),
    Pong,
}

impl Message for Big {
    type Result = ();
}

pub(super) async fn big() -> f64 {
    let (done, finished) = unbounded_channel();
    let player = |place| {
        Player { players: Arc::new([]), place, pinger: Pinger::new(place), done: done.clone() }.start()
    };
    let players: Arc<[Addr<Player>]> = (0..BIG_PLAYERS).map(player).collect();
    players.iter().for_each(|player| player.do_send(Big::Meet(Arc::clone(&players))));
    let play = move |pings| players.iter().for_each(|player| player.do_send(Big::Play(pings)));
    driver::big(play, finished).await
}

impl Actor for Player {
    type Context = Context<Self>;
}

impl Handler<Big> for Player {
    type Result = ();

    fn handle(&mut self, message: Big, _: &mut Context<Self>) {
        match message {
            Big::Meet(players) => {
                self.players = players;
                return;
            }
            Big::Ping(from) => return self.players[from].do_send(Big::Pong),
            Big::Play(pings) => self.pinger.play(pings),
            Big::Pong => {}
        }
        match self.pinger.next() {
            Some(other) => self.players[other].do_send(Big::Ping(self.place)),
            None => self.done.send(()).expect("the measuring task lives"),
        }
    }
}

pub(super) struct Worker {
    left: u64,
    done: Done,
}

struct Job;

impl Message for Job {
    type Result = ();
}

pub(super) async fn fork(jobs: u64, done: Done) -> Addr<Worker> {
    Worker { left: jobs, done }.start()
}

pub(super) fn send_job(worker: &Addr<Worker>) {
    worker.do_send(Job);
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<Job> for Worker {
    type Result = ();

    fn handle(&mut self, _: Job, context: &mut Context<Self>) {
        driver::compute();
        self.left -= 1;
        if self.left == 0 {
            self.done.send(()).expect("the measuring task lives");
            context.stop();
        }
    }
}

struct Place {
    mall: Mall<Addr<Inhabitant>>,
    done: UnboundedSender<u64>,
}

enum ToMall {
    Come(Colour, Addr<Inhabitant>),
    Leave(u64),
}

impl Message for ToMall {
    type Result = ();
}

struct Inhabitant {
    creature: Creature,
    mall: Addr<Place>,
}

enum ToCreature {
    Meet(Colour, Addr<Inhabitant>),
    Change(Colour),
    GoHome,
}

impl Message for ToCreature {
    type Result = ();
}

pub(super) async fn chameneos() -> f64 {
    driver::chameneos(async |meetings, done| {
        let mall = Place { mall: Mall::new(meetings), done }.start();
        for place in 0..CREATURES {
            Inhabitant { creature: Creature::new(place), mall: mall.clone() }.start();
        }
    })
    .await
}

impl Actor for Place {
    type Context = Context<Self>;
}

impl Handler<ToMall> for Place {
    type Result = ();

    fn handle(&mut self, message: ToMall, context: &mut Context<Self>) {
        match message {
            ToMall::Come(colour, creature) => match self.mall.visit(creature) {
                Visit::Waits => {}
                Visit::Meets(waiting, creature) => waiting.do_send(ToCreature::Meet(colour, creature)),
                Visit::Closed(creature) => creature.do_send(ToCreature::GoHome),
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
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.mall.do_send(ToMall::Come(self.creature.colour, context.address()));
    }
}

impl Handler<ToCreature> for Inhabitant {
    type Result = ();

    fn handle(&mut self, message: ToCreature, context: &mut Context<Self>) {
        match message {
            ToCreature::Meet(colour, other) => {
                other.do_send(ToCreature::Change(self.creature.meet(colour)));
            }
            ToCreature::Change(colour) => self.creature.change(colour),
            ToCreature::GoHome => {
                self.mall.do_send(ToMall::Leave(self.creature.meetings));
                context.stop();
                return;
            }
        }
        self.mall.do_send(ToMall::Come(self.creature.colour, context.address()));
    }
}
