//! Single actors, and messages between a few of them.

use super::start;
use crate::driver::{self, Done, Item};
use crate::workload::RING_PROCESSES;
use ::ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ::tokio::sync::mpsc::unbounded_channel;

pub(super) async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(2, &done).await;
    driver::ping_pong(move |passes| players[0].cast(Play::Ball(passes)).expect("the player lives"), finished)
        .await
}

pub(super) async fn ring() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(RING_PROCESSES, &done).await;
    driver::ring(
        move |place, passes| players[place].cast(Play::Ball(passes)).expect("the player lives"),
        finished,
    )
    .await
}

/// Players who each pass to the next.
async fn circle(count: usize, done: &Done) -> Vec<ActorRef<Play>> {
    let mut players = Vec::new();
    for _ in 0..count {
        players.push(start(Player, done.clone()).await);
    }
    for (player, next) in players.iter().zip(players.iter().cycle().skip(1)) {
        player.cast(Play::Meet(next.clone())).expect("the player lives");
    }
    players
}

pub(super) async fn call() -> f64 {
    let server: &ActorRef<Add> = Box::leak(Box::new(start(Server, ()).await));
    driver::call(|number| add(server, number)).await
}

async fn add(server: &ActorRef<Add>, number: u64) -> u64 {
    let answer = server.call(|reply| Add(number, reply), None).await;
    answer.expect("the server lives").expect("the server answers")
}

pub(super) async fn start_and_call() -> ActorRef<Add> {
    let server = start(Server, ()).await;
    add(&server, 1).await;
    server
}

pub(super) async fn start_worker(done: Done) {
    start(Worker, done).await.cast(1).expect("the worker lives");
}

pub(super) async fn start_idler(done: Done) -> ActorRef<u64> {
    start(Idler, done).await
}

pub(super) async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start(Receiver, done).await;
    driver::fan_in(driver::spawn_task, move |item| receiver.cast(item).expect("the receiver lives"), finished)
        .await
}

struct Player;

enum Play {
    Meet(ActorRef<Self>),
    Ball(u64),
}

struct PlayerState {
    other: Option<ActorRef<Play>>,
    done: Done,
}

impl Actor for Player {
    type Msg = Play;
    type State = PlayerState;
    type Arguments = Done;

    async fn pre_start(&self, _: ActorRef<Play>, done: Done) -> Result<PlayerState, ActorProcessingErr> {
        Ok(PlayerState { other: None, done })
    }

    async fn handle(
        &self,
        _: ActorRef<Play>,
        play: Play,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        match (play, &state.other) {
            (Play::Meet(other), _) => state.other = Some(other),
            (Play::Ball(0), _) => state.done.send(())?,
            (Play::Ball(passes), Some(other)) => other.cast(Play::Ball(passes - 1))?,
            (Play::Ball(_), None) => {}
        }
        Ok(())
    }
}

struct Server;

pub(super) struct Add(u64, RpcReplyPort<u64>);

impl Actor for Server {
    type Msg = Add;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Add>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Add>,
        Add(number, reply): Add,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *sum += number;
        Ok(reply.send(*sum)?)
    }
}

struct Worker;

impl Actor for Worker {
    type Msg = u64;
    type State = Done;
    type Arguments = Done;

    async fn pre_start(&self, _: ActorRef<u64>, done: Done) -> Result<Done, ActorProcessingErr> {
        Ok(done)
    }

    async fn handle(&self, myself: ActorRef<u64>, _: u64, done: &mut Done) -> Result<(), ActorProcessingErr> {
        done.send(())?;
        myself.stop(None);
        Ok(())
    }
}

struct Idler;

impl Actor for Idler {
    type Msg = u64;
    type State = ();
    type Arguments = Done;

    async fn pre_start(&self, _: ActorRef<u64>, done: Done) -> Result<(), ActorProcessingErr> {
        Ok(done.send(())?)
    }
}

struct Receiver;

struct Counter {
    left: u64,
    done: Done,
}

impl Actor for Receiver {
    type Msg = Item;
    type State = Counter;
    type Arguments = Done;

    async fn pre_start(&self, _: ActorRef<Item>, done: Done) -> Result<Counter, ActorProcessingErr> {
        Ok(Counter { left: 0, done })
    }

    async fn handle(
        &self,
        _: ActorRef<Item>,
        item: Item,
        state: &mut Counter,
    ) -> Result<(), ActorProcessingErr> {
        match item {
            Item::Expect(count) => state.left = count,
            Item::Number(number) => state.left -= number,
        }
        if state.left == 0 {
            state.done.send(())?;
        }
        Ok(())
    }
}
