//! Tasks: one piece of work in a process of its own, whose value somebody awaits. Elixir's `Task`.
//!
//! Messages: none. The value, or the reason of an end without one, comes over a slot that the task's process fills, so
//! it never reaches a mailbox. A linked task is linked to whoever started it; [`Task::shutdown`] monitors it, and the
//! DOWN comes to an alias. Races: a handle that is dropped takes the link back on both sides before it ends the task, so
//! the end comes to nobody; a crash that came before does.
//!
//! ```
//! use engset_otp::task::Task;
//! use std::time::Duration;
//! # use engset_process::{Cx, Identity, Processes, Scheduler};
//! # use engset_term::{NodeName, Term};
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let result = processes.block_on(
//! |mut cx: Cx<Term>| async move {
//!     let sum = Task::spawn(&mut cx, async { (1..=100).sum::<u64>() }).expect("there is room for a process");
//!     // Here other work goes on.
//!     sum.await_within(Duration::from_secs(1)).await
//! }
//! # );
//! # assert_eq!(result, Ok(Ok(5_050)));
//! ```

mod awaiting;
mod ending;
mod error;
mod run;
mod stream;
mod stream_plan;
mod supervisor;

use crate::reply::{Answer, Reply, SentRequest};
use crate::slot::{CallerHalf, slot};
use engset_process::{
    ControlSignal, Cx, Dest, Exit, ExitReason, Processes, Protocol, SpawnError, SpawnOptions, current,
    deadline,
};
use engset_term::{Pid, Term};
use run::{Work, run};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use awaiting::Awaiting;
pub use error::TaskError;
pub use stream::{
    OnTimeout, STREAM_BUFFERED, STREAM_CONCURRENCY, STREAM_CONCURRENCY_MAX, StreamError, StreamOptions,
    TaskStream, async_stream,
};
pub use supervisor::TaskSupervisor;

/// How long a task is awaited unless told otherwise, as in Elixir.
pub const AWAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The handle on one task: the right to its value.
///
/// A handle may be moved to another process and awaited there. What becomes of a task whose handle is dropped, also
/// because its holder ends:
///
/// * A *linked* task ([`Task::spawn`]) is ended with `shutdown`, and whoever started it does not hear of that by the
///   link. It also ends when whoever started it ends for a reason other than `normal`; and its crash ends whoever
///   started it, unless that traps exits.
/// * A task that is *not linked* ([`Task::spawn_nolink`]) runs on; its value is lost.
///
/// The end acts when the task next waits for something: code that never does cannot be ended.
#[must_use = "a linked task is ended when its handle is dropped"]
pub struct Task<T> {
    pid: Pid,
    processes: Arc<Processes>,
    /// Whom the task is linked to.
    linked_to: Option<Pid>,
    ends_with_handle: bool,
    /// None once the value was taken.
    outcome: Option<Outcome<T>>,
}

/// Where a task's value comes.
type Outcome<T> = CallerHalf<Answer<T, Infallible>, SentRequest<T, Infallible>>;

impl<T: Send + 'static> Task<T> {
    /// Starts a task that is linked to the running process. Calls that it makes inherit the deadline of the request
    /// that the process is serving.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached; nothing ran then.
    pub fn spawn<M, F>(cx: &mut Cx<M>, work: F) -> Result<Self, SpawnError>
    where
        M: Protocol,
        F: Future<Output = T> + Send + 'static,
    {
        Self::spawn_with(cx, |_cx: Cx<Term>| async { Ok(work.await) })
    }

    /// Like [`Task::spawn`], for work that needs its process: to receive, link, or trap exits. An `Err` ends it with that
    /// reason.
    ///
    /// ```
    /// use engset_otp::task::{Task, TaskError};
    /// # use engset_process::{Identity, Processes, Scheduler};
    /// use engset_process::{Cx, Exit, ExitReason, Mail};
    /// use engset_term::Term;
    /// # let node = engset_term::NodeName::NONODE;
    /// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(7));
    /// # let result = processes.block_on(
    /// |mut cx: Cx<Term>| async move {
    ///     let first_word = |mut cx: Cx<Term>| async move {
    ///         let Mail::Message(word) = cx.recv().await else { return Err(Exit(ExitReason::Shutdown)) };
    ///         Ok(word)
    ///     };
    ///     let task = Task::spawn_with(&mut cx, first_word).expect("there is room for a process");
    ///     cx.send(task.pid(), Term::atom("hello")).expect("it waits for that");
    ///     assert_eq!(task.await, Ok(Term::atom("hello")));
    /// }
    /// # );
    /// # assert_eq!(result, Ok(()));
    /// ```
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached; nothing ran then.
    pub fn spawn_with<M, N, B, F>(cx: &mut Cx<M>, body: B) -> Result<Self, SpawnError>
    where
        M: Protocol,
        N: Protocol,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        let (outcome, reply) = outcome();
        let work = Work { body, reply, deadline: deadline(), gate: None, ends_with_handle: true };
        let addr = cx.spawn_link(options::<F>(), move |cx| run(cx, work))?;
        Ok(Self::new(addr.pid(), Arc::clone(cx.processes()), outcome).owned(Some(cx.pid())))
    }

    /// Starts a task that nothing is linked to, from inside a node. It runs on when its handle is dropped.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached, or the caller is not a process; nothing ran then.
    pub fn spawn_nolink<F>(work: F) -> Result<Self, SpawnError>
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self::spawn_nolink_with(|_cx: Cx<Term>| async { Ok(work.await) })
    }

    /// Like [`Task::spawn_nolink`], for work that needs its process. An `Err` ends it with that reason.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached, or the caller is not a process; nothing ran then.
    pub fn spawn_nolink_with<N, B, F>(body: B) -> Result<Self, SpawnError>
    where
        N: Protocol,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        let (processes, _) = current().ok_or(SpawnError::OutsideNode)?;
        let (outcome, reply) = outcome();
        let work = Work { body, reply, deadline: None, gate: None, ends_with_handle: false };
        let addr = processes.spawn(options::<F>(), move |cx| run(cx, work))?;
        Ok(Self::new(addr.pid(), processes, outcome))
    }
}

impl<T> Task<T> {
    /// A handle on a task that is not linked.
    fn new(pid: Pid, processes: Arc<Processes>, outcome: Outcome<T>) -> Self {
        Self { pid, processes, linked_to: None, ends_with_handle: false, outcome: Some(outcome) }
    }

    /// Lets the task end with its handle, and notes whom it is linked to.
    fn owned(mut self, linked_to: Option<Pid>) -> Self {
        (self.linked_to, self.ends_with_handle) = (linked_to, true);
        self
    }

    /// The task's process.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Its value or end; [`TaskError::Taken`] once that was given.
    fn poll_outcome(&mut self, task: &Context<'_>) -> Poll<Result<T, TaskError>> {
        let Some(outcome) = &mut self.outcome else { return Poll::Ready(Err(TaskError::Taken)) };
        let Some(answer) = outcome.poll(task.waker()) else { return Poll::Pending };
        let begun = outcome.is_begun();
        self.outcome = None;
        Poll::Ready(conclude(answer, begun))
    }

    /// Gives up waiting, and ends the task if it is one that ends with its handle.
    fn time_is_up(mut self, reason: ExitReason) -> TaskError {
        self.end_with_handle(reason);
        let begun = self.outcome.take().is_some_and(CallerHalf::give_up);
        TaskError::Timeout { begun }
    }

    /// Ends the task, if it is one that ends with its handle.
    fn end_with_handle(&mut self, reason: ExitReason) {
        if self.outcome.is_some() && self.ends_with_handle {
            self.unlink();
            self.exit(reason);
        }
    }

    /// Takes the link back on both sides, whoever holds the handle now.
    fn unlink(&mut self) {
        let Some(owner) = self.linked_to.take() else { return };
        for (from, to) in [(self.pid, owner), (owner, self.pid)] {
            self.processes.signal(from, &Dest::Pid(to), ControlSignal::Unlink { from, id: 0 });
        }
    }

    fn exit(&self, reason: ExitReason) {
        let from = current().map_or(self.pid, |(_, me)| me);
        self.processes.signal(from, &Dest::Pid(self.pid), ControlSignal::Exit { from, reason });
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.end_with_handle(ExitReason::Shutdown);
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("pid", &self.pid)
            .field("linked_to", &self.linked_to)
            .finish_non_exhaustive()
    }
}

/// Both ends of a new task's way back.
fn outcome<T>() -> (Outcome<T>, Reply<T>) {
    let (outcome, callee) = slot(false);
    (outcome, Reply::to_slot(callee))
}

fn options<F>() -> SpawnOptions {
    SpawnOptions { initial_call: Some(std::any::type_name::<F>), ..SpawnOptions::default() }
}

fn conclude<T>(answer: Answer<T, Infallible>, begun: bool) -> Result<T, TaskError> {
    match answer {
        Answer::Value(Ok(value)) => Ok(value),
        Answer::Value(Err(never)) => match never {},
        Answer::Down(reason) => Err(TaskError::Ended { reason, begun }),
        // The task's process always says more; these are of calls that leave the node.
        Answer::Dropped | Answer::Encoded(_) | Answer::Expired | Answer::Unreachable => {
            Err(TaskError::Ended { reason: ExitReason::NoProc, begun })
        }
    }
}
