//! Actors of actix, all on the one thread that its system gives them.

mod basics;
mod savina;

use crate::driver;
use crate::row::Row;
use ::actix::System;

pub(crate) fn measure(row: Row) -> Option<f64> {
    Some(match row {
        Row::PingPong => run(basics::ping_pong()),
        Row::Call => run(basics::call()),
        Row::FanIn => run(basics::fan_in()),
        Row::Spawn => run(driver::spawn(basics::start_worker)),
        Row::IdleMemory => run(driver::idle_memory(basics::start_idler)),
        Row::IdleServer => run(driver::idle_server(basics::start_and_call)),
        Row::Ring => run(basics::ring()),
        Row::Big => run(savina::big()),
        Row::ForkJoin => run(driver::fork_join(savina::fork, savina::send_job)),
        Row::ForkJoinCreate => run(driver::fork_join_create(savina::fork, savina::send_job)),
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
