//! Actors of kameo, with unbounded mailboxes as in the other systems, on tokio's runtime with two workers.

use super::tokio::run;
use crate::driver::{self, Done, Item};
use crate::row::Row;
use ::kameo::actor::{Actor, ActorRef, Spawn};
use ::kameo::error::Infallible;
use ::kameo::mailbox;
use ::kameo::message::{Context, Message};
use ::tokio::sync::mpsc::unbounded_channel;

pub(crate) fn measure(row: Row) -> Option<f64> {
    match row {
        Row::PingPong => Some(run(ping_pong())),
        Row::Call => Some(run(call())),
        Row::Spawn => Some(run(driver::spawn(async |done| start_worker(done)))),
        Row::IdleMemory => Some(run(driver::idle_memory(async |done| start::<Idler>(done)))),
        Row::FanIn => Some(run(fan_in())),
        Row::EncodeCall | Row::EncodeNested | Row::DecodeCall | Row::DecodeNested => None,
    }
}

async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let a: ActorRef<Player> = start(done.clone());
    let b: ActorRef<Player> = start(done);
    a.tell(Meet(b.clone())).try_send().expect("the player lives");
    b.tell(Meet(a.clone())).try_send().expect("the player lives");
    driver::ping_pong(move |passes| a.tell(Ball(passes)).try_send().expect("the player lives"), finished)
        .await
}

async fn call() -> f64 {
    let server: &ActorRef<Server> = Box::leak(Box::new(start(())));
    driver::call(|number| async move { server.ask(Add(number)).send().await.expect("the server answers") })
        .await
}

fn start_worker(done: Done) {
    let worker: ActorRef<Worker> = start(done);
    worker.tell(1).try_send().expect("the worker lives");
}

async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver: ActorRef<Receiver> = start(done);
    driver::fan_in(
        driver::spawn_task,
        move |item| receiver.tell(item).try_send().expect("the receiver lives"),
        finished,
    )
    .await
}

fn start<A: Actor>(args: A::Args) -> ActorRef<A> {
    A::spawn_with_mailbox(args, mailbox::unbounded())
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

struct Server {
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

struct Idler;

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
