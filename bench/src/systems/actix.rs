//! Actors of actix, all on the one thread that its system gives them.

mod basics;
mod savina;

use crate::driver;
use crate::row::Row;
use ::actix::System;
use std::future::ready;

pub(crate) fn measure(row: Row) -> Option<f64> {
    Some(match row {
        Row::PingPong => run(basics::ping_pong()),
        Row::Call => run(basics::call()),
        Row::FanIn => run(basics::fan_in()),
        Row::Spawn => run(driver::spawn(|done| ready(basics::start_worker(done)))),
        Row::IdleMemory => run(driver::idle_memory(|done| ready(basics::start_idler(done)))),
        Row::IdleServer => run(driver::idle_server(basics::start_and_call)),
        Row::Ring => run(basics::ring()),
        Row::Big => run(savina::big()),
        Row::ForkJoin => run(driver::fork_join(|jobs, done| ready(savina::fork(jobs, done)), savina::send_job)),
        Row::ForkJoinCreate => {
            run(driver::fork_join_create(|jobs, done| ready(savina::fork(jobs, done)), savina::send_job))
        }
        Row::Chameneos => run(savina::chameneos()),
        Row::SpawnMonitor
        | Row::Restart
        | Row::RestartLate
        | Row::StopChildren
        | Row::Timers
        | Row::Echo
        | Row::EncodeCall
        | Row::EncodeNested
        | Row::DecodeCall
        | Row::DecodeNested
        | Row::Live => return None,
    })
}

fn run(measurement: impl Future<Output = f64> + 'static) -> f64 {
    System::new().block_on(async { ::actix::spawn(measurement).await.expect("a measurement does not panic") })
}
