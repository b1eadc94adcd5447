//! Sending a spawn request, and the place where its answer is awaited.

use super::RpcError;
use engset_etf::{Body, Payload};
use engset_process::{
    ControlSignal, Dest, ExitReason, Processes, ReplySink, Sleep, SpawnRequest, current, deadline, now,
};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const ERPC: Atom = Atom::from_static("erpc");
const USER: Atom = Atom::from_static("user");

/// What is to run.
#[derive(Debug, Clone)]
pub(super) struct Function {
    module: Atom,
    function: Atom,
    args: Vec<Term>,
}

/// How the wait for an answer ended.
pub(super) enum Outcome {
    /// The process is there, and that is all there is to wait for.
    Spawned(Pid),
    /// There is no process.
    Refused(Atom),
    /// The process ended, or the connection.
    Down(ExitReason),
    /// The request was not sent.
    Unreachable,
    /// The time is over.
    Timeout,
}

#[derive(Default)]
struct Place {
    pid: Option<Pid>,
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

/// A request under way.
pub(super) struct Waiting {
    processes: Arc<Processes>,
    me: Pid,
    pub(super) reference: Reference,
    place: Arc<Mutex<Place>>,
    alarm: Option<Sleep>,
    is_over: bool,
}

struct Sink {
    place: Arc<Mutex<Place>>,
    /// Whether the end of the process is awaited.
    awaits_end: bool,
}

impl Function {
    pub(super) fn new(
        module: &str,
        function: &str,
        args: impl IntoIterator<Item = Term>,
    ) -> Result<Self, RpcError> {
        let atom = |text: &str| {
            Atom::new(text).map_err(|error| RpcError::BadFunction(format!("`{text}` is no name: {error}")))
        };
        let args: Vec<Term> = args.into_iter().collect();
        if args.len() > usize::from(u8::MAX) {
            return Err(RpcError::BadFunction(format!("{} arguments are too many", args.len())));
        }
        Ok(Self { module: atom(module)?, function: atom(function)?, args })
    }

    /// Sends the request for a call; the end of its process is awaited.
    pub(super) fn call(self, node: NodeName, timeout: Option<Duration>) -> Result<Waiting, RpcError> {
        let waiting = Waiting::open(node, timeout, true)?;
        let mark = Term::from(waiting.reference);
        let args = [mark].into_iter().chain(self.inner()).collect();
        waiting.send(node, (ERPC, Atom::from_static("execute_call")), args, vec![Term::atom("monitor")]);
        Ok(waiting)
    }

    /// Sends the request for a process; that it is there is awaited.
    pub(super) fn spawn(
        self,
        node: NodeName,
        options: Vec<Term>,
        timeout: Option<Duration>,
    ) -> Result<Waiting, RpcError> {
        let waiting = Waiting::open(node, timeout, false)?;
        waiting.send(node, (self.module, self.function), self.args, options);
        Ok(waiting)
    }

    /// Sends the request for a cast; nothing is awaited.
    pub(super) fn cast(self, node: NodeName) -> Result<(), RpcError> {
        let (processes, me) = current().ok_or(RpcError::OutsideNode)?;
        let args = self.inner().collect();
        let reference = processes.new_reference();
        send(&processes, (me, node, reference), (ERPC, Atom::from_static("execute_cast")), args, vec![]);
        Ok(())
    }

    /// The arguments of `erpc:execute_cast/3`.
    fn inner(self) -> impl Iterator<Item = Term> {
        [Term::Atom(self.module), Term::Atom(self.function), Term::list(self.args)].into_iter()
    }
}

impl Waiting {
    fn open(node: NodeName, timeout: Option<Duration>, awaits_end: bool) -> Result<Self, RpcError> {
        let (processes, me) = current().ok_or(RpcError::OutsideNode)?;
        let reference = processes.new_reference();
        let place = Arc::new(Mutex::new(Place::default()));
        let sink = Sink { place: Arc::clone(&place), awaits_end };
        processes.aliases().open(reference, node, Box::new(sink));
        let inherited = match (deadline(), now()) {
            (Some(deadline), Some(now)) => Some(deadline.saturating_duration_since(now)),
            _ => None,
        };
        let timeout = timeout.into_iter().chain(inherited).min();
        let alarm = timeout.map(|timeout| processes.scheduler().sleep(timeout));
        Ok(Self { processes, me, reference, place, alarm, is_over: false })
    }

    fn send(&self, node: NodeName, function: (Atom, Atom), args: Vec<Term>, options: Vec<Term>) {
        send(&self.processes, (self.me, node, self.reference), function, args, options);
    }

    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Outcome> {
        {
            let mut place = self.place.lock();
            if let Some(outcome) = place.outcome.take() {
                self.is_over = true;
                return Poll::Ready(outcome);
            }
            place.waker = Some(task.waker().clone());
        }
        let rings = self.alarm.as_mut().is_some_and(|alarm| Pin::new(alarm).poll(task).is_ready());
        if rings {
            return Poll::Ready(Outcome::Timeout);
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.processes.aliases().close(self.reference);
        // A process of which nothing is known yet is taken care of when the answer comes.
        let pid = self.place.lock().pid;
        if let Some(pid) = pid {
            let demonitor = ControlSignal::Demonitor { watcher: self.me, reference: self.reference };
            self.processes.signal(self.me, &Dest::Pid(pid), demonitor);
        }
    }
}

impl Sink {
    fn fill(&self, outcome: Outcome) {
        let waker = {
            let mut place = self.place.lock();
            place.outcome = Some(outcome);
            place.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl ReplySink for Sink {
    fn reply(self: Box<Self>, payload: Payload) {
        self.fill(match payload.reader().term() {
            Ok(Term::Pid(pid)) => Outcome::Spawned(pid),
            Ok(Term::Atom(why)) => Outcome::Refused(why),
            // A message to the reference, which nobody was asked for.
            Ok(_) | Err(_) => Outcome::Refused(Atom::from_static("badarg")),
        });
    }

    fn down(self: Box<Self>, reason: ExitReason) {
        self.fill(Outcome::Down(reason));
    }

    fn unreachable(self: Box<Self>) {
        self.fill(Outcome::Unreachable);
    }

    fn spawned(&mut self, pid: Pid) -> bool {
        self.place.lock().pid = self.awaits_end.then_some(pid);
        self.awaits_end
    }
}

fn send(
    processes: &Processes,
    (me, node, request): (Pid, NodeName, Reference),
    (module, function): (Atom, Atom),
    args: Vec<Term>,
    options: Vec<Term>,
) {
    let leader = processes.group_leader(me).or_else(|| processes.whereis(&USER));
    let arity = u8::try_from(args.len()).unwrap_or(u8::MAX);
    let group_leader = leader.unwrap_or(me);
    let args = Body::of(&Term::list(args));
    processes.request_spawn(
        me,
        node,
        SpawnRequest { request, group_leader, module, function, arity, options, args },
    );
}
