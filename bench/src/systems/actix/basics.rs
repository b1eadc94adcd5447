//! Single actors, and messages between a few of them.

use crate::driver::{self, Done, Item};
use crate::workload::RING_PROCESSES;
use ::actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use ::tokio::sync::mpsc::unbounded_channel;

pub(super) async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(2, &done);
    driver::ping_pong(move |passes| players[0].do_send(Ball(passes)), finished).await
}

pub(super) async fn ring() -> f64 {
    let (done, finished) = unbounded_channel();
    let players = circle(RING_PROCESSES, &done);
    driver::ring(move |place, passes| players[place].do_send(Ball(passes)), finished).await
}

/// Players who each pass to the next.
fn circle(count: usize, done: &Done) -> Vec<Addr<Player>> {
    let players: Vec<Addr<Player>> =
        (0..count).map(|_| Player { other: None, done: done.clone() }.start()).collect();
    for (player, next) in players.iter().zip(players.iter().cycle().skip(1)) {
        player.do_send(Meet(next.clone()));
    }
    players
}

pub(super) async fn call() -> f64 {
    let server: &Addr<Server> = Box::leak(Box::new(Server { sum: 0 }.start()));
    driver::call(|number| add(server, number)).await
}

async fn add(server: &Addr<Server>, number: u64) -> u64 {
    server.send(Add(number)).await.expect("the server answers")
}

pub(super) async fn start_and_call() -> Addr<Server> {
    let server = Server { sum: 0 }.start();
    add(&server, 1).await;
    server
}

pub(super) async fn start_worker(done: Done) {
    Worker { done }.start().do_send(Number(1));
}

pub(super) async fn start_idler(done: Done) -> Addr<Idler> {
    Idler { done: Some(done) }.start()
}

pub(super) async fn fan_in() -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = Receiver { left: 0, done }.start();
    driver::fan_in(driver::spawn_task, move |item| receiver.do_send(item), finished).await
}

struct Player {
    other: Option<Addr<Self>>,
    done: Done,
}

struct Meet(Addr<Player>);

impl Message for Meet {
    type Result = ();
}

struct Ball(u64);

impl Message for Ball {
    type Result = ();
}

impl Actor for Player {
    type Context = Context<Self>;
}

impl Handler<Meet> for Player {
    type Result = ();

    fn handle(&mut self, Meet(other): Meet, _: &mut Context<Self>) {
        self.other = Some(other);
    }
}

impl Handler<Ball> for Player {
    type Result = ();

    fn handle(&mut self, Ball(passes): Ball, _: &mut Context<Self>) {
        match &self.other {
            _ if passes == 0 => self.done.send(()).expect("the measuring task lives"),
            Some(other) => other.do_send(Ball(passes - 1)),
            None => {}
        }
    }
}

pub(super) struct Server {
    sum: u64,
}

struct Add(u64);

impl Message for Add {
    type Result = u64;
}

impl Actor for Server {
    type Context = Context<Self>;
}

impl Handler<Add> for Server {
    type Result = u64;

    fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> u64 {
        self.sum += number;
        self.sum
    }
}

struct Worker {
    done: Done,
}

struct Number(#[expect(dead_code, reason = "the message of the other systems carries a number too")] u64);

impl Message for Number {
    type Result = ();
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<Number> for Worker {
    type Result = ();

    fn handle(&mut self, _: Number, context: &mut Context<Self>) {
        self.done.send(()).expect("the measuring task lives");
        context.stop();
    }
}

pub(super) struct Idler {
    done: Option<Done>,
}

impl Actor for Idler {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        if let Some(done) = self.done.take() {
            done.send(()).expect("the measuring task lives");
        }
    }
}

struct Receiver {
    left: u64,
    done: Done,
}

impl Message for Item {
    type Result = ();
}

impl Actor for Receiver {
    type Context = Context<Self>;
}

impl Handler<Item> for Receiver {
    type Result = ();

    fn handle(&mut self, item: Item, _: &mut Context<Self>) {
        match item {
            Item::Expect(count) => self.left = count,
            Item::Number(number) => self.left -= number,
        }
        if self.left == 0 {
            self.done.send(()).expect("the measuring task lives");
        }
    }
}
