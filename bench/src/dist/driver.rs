//! The driving program in Rust: does a row's work against a serving node and prints the number.

use super::messages::{done, where_are_you};
use super::pair::Carrier;
use super::row::{CALLERS, Row, SENDERS};
use super::server::{self, ADDER, AdderRef, ECHO, sink_name};
use crate::output;
use crate::stopwatch::Stopwatch;
use engset::prelude::*;
use std::time::Duration;

/// Does the row's work and prints nanoseconds per operation.
pub(crate) fn run(row: Row, name: &str, server: &str, carrier: Carrier) {
    let node = server::node(name, carrier).start().expect("the node starts");
    let peer = NodeName::new(server).expect("a name");
    let number = node.block_on(move |cx| async move {
        match row {
            Row::PingPong => ping_pong(cx, peer).await,
            Row::Call => call(peer, row.ops()).await,
            Row::Calls64 => calls(cx, peer).await,
            Row::OneWay | Row::Copy64K | Row::Copy1M => one_way(cx, peer, row, 1).await,
            Row::OneWay8 => one_way(cx, peer, row, SENDERS).await,
            Row::Latency => latency(cx, peer).await,
            Row::Accept | Row::AcceptMemory => 0.0,
        }
    });
    output::say(&number.expect("a measurement does not panic").to_string());
}

async fn ask(cx: &mut Cx<Term>, to: impl Into<Dest>, question: Term) -> Term {
    cx.send(to, question).expect("a term can be sent");
    loop {
        if let Mail::Message(answer) = cx.recv().await {
            return answer;
        }
    }
}

/// The pid behind a name on the serving node.
async fn find(cx: &mut Cx<Term>, name: Atom, peer: NodeName) -> Pid {
    let question = where_are_you(cx.pid());
    match ask(cx, Dest::RemoteName(name, peer), question).await {
        Term::Pid(pid) => pid,
        other => panic!("asked for a pid, got {other}"),
    }
}

async fn ping_pong(mut cx: Cx<Term>, peer: NodeName) -> f64 {
    let echo = find(&mut cx, ECHO, peer).await;
    let ball = Term::tuple([Term::atom("ball"), Term::Pid(cx.pid())]);
    let ops = Row::PingPong.ops();
    for _ in 0..ops / 10 {
        ask(&mut cx, echo, ball.clone()).await;
    }
    let watch = Stopwatch::start();
    for _ in 0..ops {
        ask(&mut cx, echo, ball.clone()).await;
    }
    watch.ns_per_op(ops)
}

async fn call(peer: NodeName, ops: u64) -> f64 {
    call_times(peer, ops / 10).await;
    let watch = Stopwatch::start();
    call_times(peer, ops).await;
    watch.ns_per_op(ops)
}

async fn call_times(peer: NodeName, times: u64) {
    let adder = AdderRef::at(ADDER, peer);
    for _ in 0..times {
        adder.add(1).await.expect("the server answers");
    }
}

async fn calls(mut cx: Cx<Term>, peer: NodeName) -> f64 {
    let ops = Row::Calls64.ops();
    callers(&mut cx, peer, ops / 10).await;
    let watch = Stopwatch::start();
    callers(&mut cx, peer, ops).await;
    watch.ns_per_op(ops)
}

async fn callers(cx: &mut Cx<Term>, peer: NodeName, times: u64) {
    let me = cx.pid();
    for _ in 0..CALLERS {
        spawn(cx, move |cx| async move {
            call_times(peer, times / CALLERS).await;
            cx.send(me, Term::atom("through")).expect("a term can be sent");
        });
    }
    for _ in 0..CALLERS {
        cx.recv().await;
    }
}

fn spawn<F>(cx: &Cx<Term>, body: impl FnOnce(Cx<Term>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    cx.processes().spawn(SpawnOptions::default(), body).expect("there is room");
}

async fn one_way(mut cx: Cx<Term>, peer: NodeName, row: Row, senders: u64) -> f64 {
    let mut sinks = Vec::new();
    for number in 1..=senders {
        sinks.push(find(&mut cx, sink_name(number), peer).await);
    }
    let each = row.ops() / senders;
    send_all(&mut cx, row, &sinks, each / 10).await;
    let watch = Stopwatch::start();
    send_all(&mut cx, row, &sinks, each).await;
    watch.ns_per_op(each * senders)
}

/// One sender for each sink; ends when everything has arrived.
async fn send_all(cx: &mut Cx<Term>, row: Row, sinks: &[Pid], count: u64) {
    let me = cx.pid();
    for &sink in sinks {
        spawn(cx, move |mut cx| async move {
            let message = message(row);
            for _ in 0..count {
                cx.ready(sink).await;
                cx.send(sink, message.clone()).expect("a term can be sent");
            }
            let question = done(cx.pid());
            assert_eq!(ask(&mut cx, sink, question).await, Term::int(count), "nothing is lost");
            cx.send(me, Term::atom("through")).expect("a term can be sent");
        });
    }
    for _ in sinks {
        cx.recv().await;
    }
}

fn message(row: Row) -> Term {
    let payload = Term::binary(vec![7; row.payload_bytes()]);
    match row {
        Row::OneWay | Row::OneWay8 => Term::tuple([Term::atom("data"), Term::int(1), payload]),
        _ => payload,
    }
}

/// The 99th percentile of calls that are made while large messages are under way.
async fn latency(mut cx: Cx<Term>, peer: NodeName) -> f64 {
    let sink = find(&mut cx, sink_name(1), peer).await;
    call_times(peer, 100).await;
    let me = cx.pid();
    spawn(&cx, move |mut cx| async move {
        let message = message(Row::Latency);
        for _ in 0..Row::Latency.ops() {
            cx.ready(sink).await;
            cx.send(sink, message.clone()).expect("a term can be sent");
            let question = done(cx.pid());
            ask(&mut cx, sink, question).await;
        }
        cx.send(me, Term::atom("through")).expect("a term can be sent");
    });
    let mut times = Vec::new();
    while cx.recv_timeout(Duration::ZERO).await.is_none() {
        let watch = Stopwatch::start();
        call_times(peer, 1).await;
        times.push(watch.ns_per_op(1));
    }
    percentile_99(&mut times)
}

fn percentile_99(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

#[cfg(test)]
mod tests {
    use super::percentile_99;

    #[test]
    fn one_in_a_hundred_is_slower() {
        let mut times: Vec<f64> = (0..1_000).rev().map(f64::from).collect();
        assert!((percentile_99(&mut times) - 990.0).abs() < f64::EPSILON);
    }
}
