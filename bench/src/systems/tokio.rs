//! Plain tokio tasks with a channel each, on two workers: what a process costs before it is an actor.

mod basics;
mod savina;

use crate::driver;
use crate::row::Row;
use crate::workload::WORKERS;
use ::tokio::runtime::Builder;
use ::tokio::spawn;

pub(crate) fn measure(row: Row) -> Option<f64> {
    Some(match row {
        Row::PingPong => run(basics::ping_pong()),
        Row::Call => run(basics::call()),
        Row::FanIn => run(basics::fan_in()),
        Row::Spawn => run(driver::spawn(basics::start_worker)),
        Row::SpawnMonitor => run(basics::spawn_and_join()),
        Row::IdleMemory => run(driver::idle_memory(basics::start_idler)),
        Row::IdleServer => run(driver::idle_server(basics::start_and_call)),
        Row::Ring => run(basics::ring()),
        Row::Big => run(savina::big()),
        Row::ForkJoin => run(driver::fork_join(savina::fork, savina::send_job)),
        Row::ForkJoinCreate => run(driver::fork_join_create(savina::fork, savina::send_job)),
        Row::Chameneos => run(savina::chameneos()),
        Row::Timers => run(basics::timers()),
        Row::Echo => run(driver::echo(driver::spawn_task)),
        Row::Restart
        | Row::RestartLate
        | Row::StopChildren
        | Row::EncodeCall
        | Row::EncodeNested
        | Row::DecodeCall
        | Row::DecodeNested
        | Row::Live => return None,
    })
}

/// Runs the measuring task on a worker, so that it is a task as all others.
pub(crate) fn run(measurement: impl Future<Output = f64> + Send + 'static) -> f64 {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.expect("the operating system has threads left");
    runtime.block_on(async { spawn(measurement).await.expect("a measurement does not panic") })
}
