//! Actors of actix, all on the one thread that its system gives them.

use crate::driver::{self, Done, Item};
use crate::row::Row;
use ::actix::{Actor, ActorContext, Addr, Context, Handler, Message, System};
use ::tokio::sync::mpsc::unbounded_channel;

pub(crate) fn measure(row: Row) -> Option<f64> {
    match row {
        Row::PingPong => Some(run(ping_pong())),
        Row::Call => Some(run(call())),
        Row::Spawn => Some(run(driver::spawn(async |done| start_worker(done)))),
        Row::IdleMemory => Some(run(driver::idle_memory(async |done| Idler { done: Some(done) }.start()))),
        Row::FanIn => Some(run(fan_in())),
        Row::EncodeCall | Row::EncodeNested | Row::DecodeCall | Row::DecodeNested => None,
    }
}

fn run(measurement: impl Future<Output = f64> + 'static) -> f64 {
    System::new().block_on(async { ::actix::spawn(measurement).await.expect("a measurement does not panic") })
}

async fn ping_pong() -> f64 {
    let (done, finished) = unbounded_channel();
    let a = Player { other: None, done: done.clone() }.start();
    let b = Player { other: None, done }.start();
    a.do_send(Meet(b.clone()));
    b.do_send(Meet(a.clone()));
    driver::ping_pong(move |passes| a.do_send(Ball(passes)), finished).await
}

async fn call() -> f64 {
    let server: &Addr<Server> = Box::leak(Box::new(Server { sum: 0 }.start()));
    driver::call(|number| async move { server.send(Add(number)).await.expect("the server answers") }).await
}

fn start_worker(done: Done) {
    Worker { done }.start().do_send(Number(1));
}

async fn fan_in() -> f64 {
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

struct Server {
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

struct Idler {
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
