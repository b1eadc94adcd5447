//! The work of each row, written once for all Rust systems.
//!
//! A system brings its processes as closures; starting, waiting and measuring is the same for all.
//! `done` is how a system's processes tell the measuring task that they are through.

mod echo;
mod later;
mod lives;
mod messages;
mod savina;
mod terms;

pub(crate) use echo::echo;
pub(crate) use later::{restart, timers};
pub(crate) use lives::{idle_memory, idle_server, spawn};
pub(crate) use messages::{Item, call, fan_in, ping_pong, ring};
pub(crate) use savina::{
    Colour, Creature, Mall, Pinger, Visit, big, chameneos, compute, fork_join, fork_join_create,
};
pub(crate) use terms::terms;

use crate::row::Row;
use crate::stopwatch::Stopwatch;
use std::pin::Pin;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// How processes report that they are through.
pub(crate) type Done = UnboundedSender<()>;

/// Work that a system runs beside the measuring task.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs work of [`fan_in`] or [`echo`] as a task of tokio's runtime.
pub(crate) fn spawn_task(work: Work) {
    tokio::spawn(work);
}

/// How often a row's work is done: the warm-up, and then the measured part.
#[derive(Debug)]
pub(crate) struct Laps {
    row: Row,
    state: Lap,
}

#[derive(Debug)]
enum Lap {
    Before,
    WarmUp,
    Measured(Stopwatch),
    After { ns_per_op: f64 },
}

impl Laps {
    pub(crate) fn new(row: Row) -> Self {
        Self { row, state: Lap::Before }
    }

    /// How often to do the work now; `None` when it was done. The time from the second count to the third call is
    /// what is measured.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let (next, count) = match &self.state {
            Lap::Before => (Lap::WarmUp, Some(self.row.warm_up())),
            Lap::WarmUp => (Lap::Measured(Stopwatch::start()), Some(self.row.ops())),
            Lap::Measured(stopwatch) => (Lap::After { ns_per_op: stopwatch.ns_per_op(self.row.ops()) }, None),
            Lap::After { ns_per_op } => (Lap::After { ns_per_op: *ns_per_op }, None),
        };
        self.state = next;
        count
    }

    /// Nanoseconds per operation of the measured part.
    ///
    /// # Panics
    /// Before the work is done.
    pub(crate) fn ns_per_op(&self) -> f64 {
        match self.state {
            Lap::After { ns_per_op } => ns_per_op,
            _ => panic!("{} is not done", self.row.name()),
        }
    }
}

async fn wait<Report>(done: &mut UnboundedReceiver<Report>, times: u64) {
    for _ in 0..times {
        done.recv().await.expect("the processes under measurement run until they report");
    }
}
