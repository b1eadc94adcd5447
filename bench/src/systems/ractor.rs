//! Actors of ractor, on tokio's runtime with two workers.

use super::tokio::run;
use crate::driver::{self, Done, Item};
use crate::row::Row;
use ::ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr};
use ::tokio::sync::mpsc::unbounded_channel;

pub(crate) fn measure(row: Row) -> Option<f64> {
    match row {
        Row::PingPong => Some(run(ping_pong())),
        Row::Call => Some(run(call())),
        Row::Spawn => Some(run(driver::spawn(start_worker))),
        Row::IdleMemory => Some(run(driver::idle_memory(start_idler))),
        Row::FanIn => Some(run(fan_in())),
        Row::EncodeCall | Row::EncodeNested | Row::DecodeCall | Row::DecodeNested => None,
    }
}

async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let a = start(Player, done.clone()).await.expect("it starts");
    let b = start(Player, done).await.expect("it starts");
    a.cast(Play::Meet(b.clone())).expect("the player lives");
    b.cast(Play::Meet(a.clone())).expect("the player lives");
    driver::ping_pong(move |passes| a.cast(Play::Ball(passes)).expect("the player lives"), finished).await
}

async fn call() -> f64 {
    let server: &ActorRef<Add> = Box::leak(Box::new(start(Server, ()).await.expect("it starts")));
    driver::call(|number| async move {
        let answer = server.call(|reply| Add(number, reply), None).await;
        answer.expect("the server lives").expect("the server answers")
    })
    .await
}

async fn start_worker(done: Done) {
    let worker = start(Worker, done).await.expect("it starts");
    worker.cast(1).expect("the worker lives");
}

async fn start_idler(done: Done) -> ActorRef<u64> {
    start(Idler, done).await.expect("it starts")
}

async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start(Receiver, done).await.expect("it starts");
    driver::fan_in(driver::spawn_task, move |item| receiver.cast(item).expect("the receiver lives"), finished)
        .await
}

async fn start<A: Actor>(actor: A, arguments: A::Arguments) -> Result<ActorRef<A::Msg>, SpawnErr> {
    Actor::spawn(None, actor, arguments).await.map(|(actor, _)| actor)
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

struct Add(u64, RpcReplyPort<u64>);

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
