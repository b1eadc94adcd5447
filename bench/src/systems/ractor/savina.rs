//! The actors of the Savina benchmarks.

use super::start;
use crate::driver::{self, Colour, Creature, Done, Mall, Pinger, Visit};
use crate::workload::{BIG_PLAYERS, CREATURES};
use ::ractor::{Actor, ActorProcessingErr, ActorRef};
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use std::sync::Arc;

enum Big {
    Meet(Arc<[ActorRef<Self>]>),
    Play(u64),
    /// From the player at this place.
    Ping(usize),
    Pong,
}

struct Player {
    place: usize,
}

struct PlayerState {
    players: Arc<[ActorRef<Big>]>,
    pinger: Pinger,
    done: Done,
}

pub(super) async fn big() -> f64 {
    let (done, finished) = unbounded_channel();
    let mut players = Vec::new();
    for place in 0..BIG_PLAYERS {
        players.push(start(Player { place }, done.clone()).await);
    }
    let players: Arc<[ActorRef<Big>]> = players.into();
    for player in &*players {
        player.cast(Big::Meet(Arc::clone(&players))).expect("the player lives");
    }
    let play = move |pings| {
        for player in &*players {
            player.cast(Big::Play(pings)).expect("the player lives");
        }
    };
    driver::big(play, finished).await
}

impl Actor for Player {
    type Msg = Big;
    type State = PlayerState;
    type Arguments = Done;

    async fn pre_start(&self, _: ActorRef<Big>, done: Done) -> Result<PlayerState, ActorProcessingErr> {
        Ok(PlayerState { players: Arc::new([]), pinger: Pinger::new(self.place), done })
    }

    async fn handle(
        &self,
        _: ActorRef<Big>,
        message: Big,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Big::Meet(players) => {
                state.players = players;
                return Ok(());
            }
            Big::Ping(from) => return Ok(state.players[from].cast(Big::Pong)?),
            Big::Play(pings) => state.pinger.play(pings),
            Big::Pong => {}
        }
        match state.pinger.next() {
            Some(other) => state.players[other].cast(Big::Ping(self.place))?,
            None => state.done.send(())?,
        }
        Ok(())
    }
}

struct Worker;

pub(super) struct Job;

struct WorkerState {
    left: u64,
    done: Done,
}

pub(super) async fn fork(jobs: u64, done: Done) -> ActorRef<Job> {
    start(Worker, WorkerState { left: jobs, done }).await
}

pub(super) fn send_job(worker: &ActorRef<Job>) {
    worker.cast(Job).expect("the worker lives");
}

impl Actor for Worker {
    type Msg = Job;
    type State = WorkerState;
    type Arguments = WorkerState;

    async fn pre_start(
        &self,
        _: ActorRef<Job>,
        state: WorkerState,
    ) -> Result<WorkerState, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Job>,
        _: Job,
        state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        driver::compute();
        state.left -= 1;
        if state.left == 0 {
            state.done.send(())?;
            myself.stop(None);
        }
        Ok(())
    }
}

struct Place;

enum ToMall {
    Come(Colour, ActorRef<ToCreature>),
    Leave(u64),
}

struct MallState {
    mall: Mall<ActorRef<ToCreature>>,
    done: UnboundedSender<u64>,
}

struct Inhabitant {
    mall: ActorRef<ToMall>,
}

enum ToCreature {
    Meet(Colour, ActorRef<Self>),
    Change(Colour),
    GoHome,
}

pub(super) async fn chameneos() -> f64 {
    driver::chameneos(async |meetings, done| {
        let mall = start(Place, MallState { mall: Mall::new(meetings), done }).await;
        for place in 0..CREATURES {
            start(Inhabitant { mall: mall.clone() }, place).await;
        }
    })
    .await
}

impl Actor for Place {
    type Msg = ToMall;
    type State = MallState;
    type Arguments = MallState;

    async fn pre_start(
        &self,
        _: ActorRef<ToMall>,
        state: MallState,
    ) -> Result<MallState, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<ToMall>,
        message: ToMall,
        state: &mut MallState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ToMall::Come(colour, creature) => match state.mall.visit(creature) {
                Visit::Waits => {}
                Visit::Meets(waiting, creature) => waiting.cast(ToCreature::Meet(colour, creature))?,
                Visit::Closed(creature) => creature.cast(ToCreature::GoHome)?,
            },
            ToMall::Leave(meetings) => {
                if let Some(all) = state.mall.leave(meetings) {
                    state.done.send(all)?;
                    myself.stop(None);
                }
            }
        }
        Ok(())
    }
}

impl Actor for Inhabitant {
    type Msg = ToCreature;
    type State = Creature;
    type Arguments = u64;

    async fn pre_start(
        &self,
        myself: ActorRef<ToCreature>,
        place: u64,
    ) -> Result<Creature, ActorProcessingErr> {
        let creature = Creature::new(place);
        self.mall.cast(ToMall::Come(creature.colour, myself))?;
        Ok(creature)
    }

    async fn handle(
        &self,
        myself: ActorRef<ToCreature>,
        message: ToCreature,
        creature: &mut Creature,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ToCreature::Meet(colour, other) => other.cast(ToCreature::Change(creature.meet(colour)))?,
            ToCreature::Change(colour) => creature.change(colour),
            ToCreature::GoHome => {
                self.mall.cast(ToMall::Leave(creature.meetings))?;
                myself.stop(None);
                return Ok(());
            }
        }
        Ok(self.mall.cast(ToMall::Come(creature.colour, myself))?)
    }
}
