//! Single actors, and messages between a few of them.

use super::start;
use crate::driver::{self, Done, Item};
use crate::workload::RING_PROCESSES;
use ::kameo::actor::{Actor, ActorRef};
use ::kameo::error::Infallible;
use ::kameo::message::{Context, Message};
use ::tokio::sync::mpsc::unbounded_channel;

pub(super) async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(2, &done);
    driver::ping_pong(
        move |passes| players[0].tell(Ball(passes)).try_send().expect("the player lives"),
        finished,
    )
    .await
}

pub(super) async fn ring() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(RING_PROCESSES, &done);
    driver::ring(
        move |place, passes| players[place].tell(Ball(passes)).try_send().expect("the player lives"),
        finished,
    )
    .await
}

/// Players who each pass to the next.
fn circle(count: usize, done: &Done) -> Vec<ActorRef<Player>> {
    let players: Vec<ActorRef<Player>> = (0..count).map(|_| start(done.clone())).collect();
    for (player, next) in players.iter().zip(players.iter().cycle().skip(1)) {
        player.tell(Meet(next.clone())).try_send().expect("the player lives");
    }
    players
}

pub(super) async fn call() -> f64 {
    let server: &ActorRef<Server> = Box::leak(Box::new(start(())));
    driver::call(|number| add(server, number)).await
}

async fn add(server: &ActorRef<Server>, number: u64) -> u64 {
    server.ask(Add(number)).send().await.expect("the server answers")
}

pub(super) async fn start_and_call() -> ActorRef<Server> {
    let server = start(());
    add(&server, 1).await;
    server
}

pub(super) async fn start_worker(done: Done) {
    let worker: ActorRef<Worker> = start(done);
    worker.tell(1).try_send().expect("the worker lives");
}

pub(super) async fn start_idler(done: Done) -> ActorRef<Idler> {
    start(done)
}

pub(super) async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver: ActorRef<Receiver> = start(done);
    driver::fan_in(
        driver::spawn_task,
        move |item| receiver.tell(item).try_send().expect("the receiver lives"),
        finished,
    )
    .await
}

struct Player {
    other: Option<ActorRef<Self>>,
    done: Done,
}

struct Meet(ActorRef<Player>);

struct Ball(u64);

impl Actor for Player {
    type Args = Done;
    type Error = Infallible;

    async fn on_start(done: Done, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { other: None, done })
    }
}

impl Message<Meet> for Player {
    type Reply = ();

    async fn handle(&mut self, Meet(other): Meet, _: &mut Context<Self, ()>) {
        self.other = Some(other);
    }
}

impl Message<Ball> for Player {
    type Reply = ();

    async fn handle(&mut self, Ball(passes): Ball, _: &mut Context<Self, ()>) {
        match &self.other {
            _ if passes == 0 => self.done.send(()).expect("the measuring task lives"),
            Some(other) => other.tell(Ball(passes - 1)).try_send().expect("the player lives"),
            None => {}
        }
    }
}

pub(super) struct Server {
    sum: u64,
}

struct Add(u64);

impl Actor for Server {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { sum: 0 })
    }
}

impl Message<Add> for Server {
    type Reply = u64;

    async fn handle(&mut self, Add(number): Add, _: &mut Context<Self, u64>) -> u64 {
        self.sum += number;
        self.sum
    }
}

struct Worker {
    done: Done,
}

impl Actor for Worker {
    type Args = Done;
    type Error = Infallible;

    async fn on_start(done: Done, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { done })
    }
}

impl Message<u64> for Worker {
    type Reply = ();

    async fn handle(&mut self, _: u64, context: &mut Context<Self, ()>) {
        self.done.send(()).expect("the measuring task lives");
        context.stop();
    }
}

pub(super) struct Idler;

impl Actor for Idler {
    type Args = Done;
    type Error = Infallible;

    async fn on_start(done: Done, _: ActorRef<Self>) -> Result<Self, Infallible> {
        done.send(()).expect("the measuring task lives");
        Ok(Self)
    }
}

struct Receiver {
    left: u64,
    done: Done,
}

impl Actor for Receiver {
    type Args = Done;
    type Error = Infallible;

    async fn on_start(done: Done, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { left: 0, done })
    }
}

impl Message<Item> for Receiver {
    type Reply = ();

    async fn handle(&mut self, item: Item, _: &mut Context<Self, ()>) {
        match item {
            Item::Expect(count) => self.left = count,
            Item::Number(number) => self.left -= number,
        }
        if self.left == 0 {
            self.done.send(()).expect("the measuring task lives");
        }
    }
}
