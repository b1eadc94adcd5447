//! Actors of kameo, with unbounded mailboxes as in the other systems, on tokio's runtime with two workers.

mod basics;
mod savina;
mod supervised;

use super::tokio::run;
use crate::driver;
use crate::row::Row;
use ::kameo::actor::{Actor, ActorRef, Spawn};
use ::kameo::mailbox;

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
        Row::Restart | Row::RestartLate => run(supervised::restart(row)),
        Row::SpawnMonitor
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

fn start<A: Actor>(args: A::Args) -> ActorRef<A> {
    A::spawn_with_mailbox(args, mailbox::unbounded())
}
