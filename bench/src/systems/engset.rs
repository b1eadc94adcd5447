//! Engset's processes, on two workers, as a user of the `engset` crate writes them.

mod basics;
mod live;
mod otp;
mod savina;

use crate::driver;
use crate::row::Row;
use crate::workload::WORKERS;
use engset::prelude::*;
use engset::{NodeBuilder, Processes};
use std::sync::Arc;

pub(crate) fn measure(row: Row) -> Option<f64> {
    Some(match row {
        Row::PingPong => run(basics::ping_pong),
        Row::Call => run(basics::call),
        Row::FanIn => run(basics::fan_in),
        Row::Spawn => run(basics::spawn),
        Row::SpawnMonitor => run(basics::spawn_monitor),
        Row::IdleMemory => run(basics::idle_memory),
        Row::IdleServer => run(basics::idle_server),
        Row::Ring => run(basics::ring),
        Row::Big => run(savina::big),
        Row::ForkJoin => run(savina::fork_join),
        Row::ForkJoinCreate => run(savina::fork_join_create),
        Row::Chameneos => run(savina::chameneos),
        Row::Restart | Row::RestartLate => run(move |cx| otp::restart(cx, row)),
        Row::StopChildren => run(otp::stop_children),
        Row::Timers => run(otp::timers),
        Row::Echo => run(echo),
        Row::EncodeCall | Row::EncodeNested | Row::DecodeCall | Row::DecodeNested => return terms(row),
        Row::Live => run_on(live::node(), live::measure),
    })
}

fn run<M: Protocol, F>(measurement: impl FnOnce(Cx<M>) -> F + Send + 'static) -> f64
where
    F: Future<Output = f64> + Send + 'static,
{
    run_on(Node::builder(), measurement)
}

/// Runs the measurement as a process.
fn run_on<M: Protocol, F>(node: NodeBuilder, measurement: impl FnOnce(Cx<M>) -> F + Send + 'static) -> f64
where
    F: Future<Output = f64> + Send + 'static,
{
    let node = node.workers(WORKERS).start().expect("the operating system has threads left");
    node.processes().block_on(measurement).expect("a measurement does not panic")
}

fn start<M, F>(processes: &Arc<Processes>, body: impl FnOnce(Cx<M>) -> F + Send + 'static) -> Addr<M>
where
    M: Protocol,
    F: Future<Output = ()> + Send + 'static,
{
    processes.spawn(SpawnOptions::default(), body).expect("there is room for one more process")
}

async fn echo(cx: Cx<Term>) -> f64 {
    driver::echo(|work| {
        start(cx.processes(), |_cx: Cx<Term>| work);
    })
    .await
}

fn terms(row: Row) -> Option<f64> {
    driver::terms(
        row,
        |bytes| engset_etf::decode(bytes).expect("the bytes are a term"),
        |term, out| {
            out.push(engset_etf::tags::VERSION);
            engset_etf::encode_body(term, out);
        },
    )
}
