//! Engset's processes, on two workers.

use crate::driver::{self, Done, Item, WORKERS};
use crate::row::Row;
use crate::stopwatch::Stopwatch;
use ::tokio::sync::mpsc::unbounded_channel;
use engset::prelude::*;
use engset::{Node, Processes, SpawnOptions, Target};
use std::hint::black_box;
use std::sync::Arc;

/// A `gen_server` call of about 110 bytes, with the version byte.
const GEN_CALL: &[u8] = include_bytes!("../../terms/gen_call.etf");
/// A nested term of about 1 KB, with the version byte.
const NESTED: &[u8] = include_bytes!("../../terms/nested.etf");

pub(crate) fn measure(row: Row) -> Option<f64> {
    match row {
        Row::PingPong => Some(run(ping_pong)),
        Row::Call => Some(run(call)),
        Row::Spawn => Some(run(spawn)),
        Row::IdleMemory => Some(run(idle_memory)),
        Row::FanIn => Some(run(fan_in)),
        Row::EncodeCall => Some(encode(row, GEN_CALL)),
        Row::EncodeNested => Some(encode(row, NESTED)),
        Row::DecodeCall => Some(decode(row, GEN_CALL)),
        Row::DecodeNested => Some(decode(row, NESTED)),
    }
}

fn run<F>(measurement: impl FnOnce(Arc<Processes>) -> F + Send + 'static) -> f64
where
    F: Future<Output = f64> + Send + 'static,
{
    let node = Node::builder().workers(WORKERS).start().expect("the operating system has threads left");
    let measured = node.block_on(|cx| measurement(Arc::clone(cx.processes())));
    measured.expect("a measurement does not panic")
}

#[derive(Debug)]
struct Number(u64);
impl Protocol for Number {}

enum Play {
    Meet(Addr<Self>),
    Ball(u64),
}
impl Protocol for Play {}

async fn ping_pong(processes: Arc<Processes>) -> f64 {
    let (done, finished) = unbounded_channel();
    let (done_a, done_b) = (done.clone(), done);
    let a = start(&processes, |cx| player(cx, done_a));
    let b = start(&processes, |cx| player(cx, done_b));
    a.send(Play::Meet(b)).expect("the player lives");
    b.send(Play::Meet(a)).expect("the player lives");
    driver::ping_pong(move |passes| a.send(Play::Ball(passes)).expect("the player lives"), finished).await
}

async fn player(mut cx: Cx<Play>, done: Done) {
    let mut other = None;
    loop {
        match (cx.recv().await, other) {
            (Mail::Message(Play::Meet(player)), _) => other = Some(player),
            (Mail::Message(Play::Ball(0)), _) => done.send(()).expect("the measuring task lives"),
            (Mail::Message(Play::Ball(passes)), Some(other)) => {
                other.send(Play::Ball(passes - 1)).expect("the player lives");
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Sum {
    sum: u64,
}

#[server]
impl Sum {
    #[call]
    fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }
}

async fn call(_processes: Arc<Processes>) -> f64 {
    let server = engset::start(Sum::default()).await.expect("it starts");
    driver::call(|number| async move { server.add(number).await.expect("the server answers") }).await
}

async fn spawn(_processes: Arc<Processes>) -> f64 {
    driver::spawn(start_worker).await
}

async fn start_worker(done: Done) {
    let worker = start_here(|mut cx: Cx<Number>| async move {
        if let Mail::Message(Number(1)) = cx.recv().await {
            done.send(()).expect("the measuring task lives");
        }
    });
    worker.send(Number(1)).expect("the worker lives");
}

async fn idle_memory(_processes: Arc<Processes>) -> f64 {
    driver::idle_memory(start_idler).await
}

async fn start_idler(done: Done) -> Addr<Number> {
    start_here(|mut cx: Cx<Number>| async move {
        done.send(()).expect("the measuring task lives");
        drop(done);
        cx.recv().await;
    })
}

impl Protocol for Item {}

async fn fan_in(processes: Arc<Processes>) -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start(&processes, |mut cx: Cx<Item>| async move {
        let mut left = 0;
        loop {
            match cx.recv().await {
                Mail::Message(Item::Expect(count)) => left = count,
                Mail::Message(Item::Number(number)) => left -= number,
                _ => {}
            }
            if left == 0 {
                done.send(()).expect("the measuring task lives");
            }
        }
    });
    let spawn = move |work| {
        start(&processes, |_cx: Cx<Number>| work);
    };
    driver::fan_in(spawn, move |item| receiver.send(item).expect("the receiver lives"), finished).await
}

fn start_here<M, F>(body: impl FnOnce(Cx<M>) -> F + Send + 'static) -> Addr<M>
where
    M: Protocol,
    F: Future<Output = ()> + Send + 'static,
{
    let (processes, _) = engset::current().expect("the measurement runs in a process");
    start(&processes, body)
}

fn start<M, F>(processes: &Arc<Processes>, body: impl FnOnce(Cx<M>) -> F + Send + 'static) -> Addr<M>
where
    M: Protocol,
    F: Future<Output = ()> + Send + 'static,
{
    processes.spawn(SpawnOptions::default(), body).expect("there is room for one more process")
}

fn encode(row: Row, bytes: &[u8]) -> f64 {
    let term = engset_etf::decode(bytes).expect("the bytes are a term");
    let mut out = Vec::new();
    repeat(row, || {
        out.clear();
        out.push(engset_etf::tags::VERSION);
        engset_etf::encode_body(black_box(&term), &mut out);
        black_box(&out);
    })
}

fn decode(row: Row, bytes: &[u8]) -> f64 {
    repeat(row, || {
        black_box(engset_etf::decode(black_box(bytes)).expect("the bytes are a term"));
    })
}

fn repeat(row: Row, mut work: impl FnMut()) -> f64 {
    let ops = row.ops();
    (0..driver::warm_up(ops)).for_each(|_| work());
    let stopwatch = Stopwatch::start();
    (0..ops).for_each(|_| work());
    stopwatch.ns_per_op(ops)
}
