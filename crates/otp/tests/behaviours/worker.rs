//! A child to be supervised: says when it starts and stops, and ends or fails to start as told.

use crate::node::{Record, atom, millis};
use engset_macros::server;
use engset_otp::{Child, Supervisor, SupervisorRef};
use engset_process::{Cx, Exit, ExitReason, Mail, Processes};
use engset_term::{Pid, Term};
use parking_lot::Mutex;
use std::sync::Arc;

/// A supervised server.
pub(crate) struct Worker {
    id: &'static str,
    yard: Yard,
}

/// Where workers work: what they did, and what they are to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Yard {
    pub(crate) record: Record,
    /// Whose starts will fail, one entry for each.
    failing: Arc<Mutex<Vec<&'static str>>>,
    /// How many milliseconds stopping takes.
    slowness: Arc<Mutex<u64>>,
}

#[server(local, crate = "engset_otp")]
impl Worker {
    #[init]
    fn init(&mut self, cx: &mut Cx<WorkerMsg>) -> Result<(), Exit> {
        cx.trap_exit(true);
        let mut failing = self.yard.failing.lock();
        if let Some(place) = failing.iter().position(|id| *id == self.id) {
            failing.remove(place);
            self.yard.record.add(format!("fail {}", self.id));
            return Err(Exit(ExitReason::from(atom("no_luck"))));
        }
        self.yard.record.add(format!("start {}", self.id));
        Ok(())
    }

    #[cast]
    fn end(&mut self, reason: ExitReason) -> Result<(), Exit> {
        Err(Exit(reason))
    }

    #[terminate]
    async fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<WorkerMsg>) {
        let slowness = *self.yard.slowness.lock();
        cx.sleep(millis(slowness)).await;
        self.yard.record.add(format!("stop {} {reason}", self.id));
    }
}

impl Yard {
    /// A worker that is registered under its id.
    pub(crate) fn child(&self, id: &'static str) -> Child {
        let yard = self.clone();
        Child::named_server(atom(id), move || Worker { id, yard: yard.clone() })
    }

    /// A worker without a name.
    pub(crate) fn nameless(&self, id: &'static str) -> Child {
        let yard = self.clone();
        Child::server(id, move || Worker { id, yard: yard.clone() })
    }

    /// Lets the next `times` starts of `id` fail.
    pub(crate) fn fail(&self, id: &'static str, times: usize) {
        self.failing.lock().extend(std::iter::repeat_n(id, times));
    }

    pub(crate) fn stop_takes(&self, millis: u64) {
        *self.slowness.lock() = millis;
    }

    /// Starts `supervisor` with the children `a`, `b` and `c`, linked to `cx`, and forgets their starts.
    pub(crate) async fn start_abc(&self, cx: &mut Cx<Term>, supervisor: Supervisor) -> SupervisorRef {
        cx.trap_exit(true);
        let supervisor =
            ["a", "b", "c"].into_iter().fold(supervisor, |supervisor, id| supervisor.child(self.child(id)));
        let supervisor = supervisor.start_link(cx).await.unwrap();
        assert_eq!(self.record.take(), ["start a", "start b", "start c"]);
        supervisor
    }
}

/// Ends the worker that is registered under its id.
pub(crate) fn end(id: &str, reason: ExitReason) {
    WorkerRef::named(atom(id)).end(reason).unwrap();
}

pub(crate) fn crash() -> ExitReason {
    ExitReason::from(atom("crash"))
}

pub(crate) fn pid_of(processes: &Processes, id: &str) -> Option<Pid> {
    processes.whereis(&atom(id))
}

/// The next exit signal that was trapped: who ended and why.
pub(crate) async fn exit(cx: &mut Cx<Term>) -> (Pid, ExitReason) {
    cx.receive(|mail| match mail {
        Mail::Exit(trapped) => Ok((trapped.from, trapped.reason)),
        mail => Err(mail),
    })
    .await
}
