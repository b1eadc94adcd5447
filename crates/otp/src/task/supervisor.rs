//! Tasks under a supervisor. Elixir's `Task.Supervisor`.
//!
//! Messages: the supervisor is asked to start a child. A task whose handle matters waits at a gate until that handle is
//! there; where whoever asked is gone before, it ends without having begun.

use super::run::{Gate, Work, run};
use super::stream::{StreamError, StreamOptions, TaskStream};
use super::{Task, options, outcome};
use crate::call::CallError;
use crate::gen_server::StartError;
use crate::supervisor::spec::{Child, Restart, SHUTDOWN_TIMEOUT, Shutdown};
use crate::supervisor::{ChildError, ChildState, SupervisorRef};
use engset_process::{Cx, Exit, IntoExit, Protocol, current, deadline};
use engset_term::{Pid, Term};
use parking_lot::Mutex;
use std::future::Future;

/// Starts tasks under a dynamic supervisor ([`crate::Supervisor::dynamic`]), on its node: it stops them at its end, and
/// has room for as many as its `max_children` says.
///
/// ```
/// use engset_otp::task::TaskSupervisor;
/// use engset_otp::{CallError, ChildError, Supervisor};
/// # use engset_process::{Cx, Identity, Processes, Scheduler};
/// # use engset_term::Term;
///
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(|_cx: Cx<Term>| async move {
/// let supervisor = Supervisor::dynamic().max_children(1).start().await.expect("it has no children yet");
/// let tasks = TaskSupervisor::from(supervisor);
/// let slow = tasks.async_nolink(std::future::pending::<()>()).await.expect("there is room for one");
/// let refused = tasks.async_nolink(async { 1 }).await.expect_err("there is no more room");
/// assert_eq!(refused, CallError::App(ChildError::MaxChildren));
/// supervisor.terminate_child(slow.pid()).await.expect("it runs");
/// assert_eq!(tasks.async_nolink(async { 1 }).await.expect("there is room again").await, Ok(1));
/// # });
/// # assert_eq!(result, Ok(()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TaskSupervisor {
    supervisor: SupervisorRef,
    shutdown: Shutdown,
}

impl TaskSupervisor {
    /// Sets how the tasks started from now on by this handle are stopped by the supervisor; after [`SHUTDOWN_TIMEOUT`]
    /// by force without.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// The supervisor.
    #[must_use]
    pub fn supervisor(&self) -> SupervisorRef {
        self.supervisor
    }

    /// Starts a task that is not linked to the running process: its crash ends nobody, and it runs on when its handle is
    /// dropped or its holder ends.
    ///
    /// Dropping this while it waits takes the request back, if the supervisor has not begun it.
    ///
    /// # Errors
    /// [`CallError`] with [`ChildError::MaxChildren`] when the supervisor has as many tasks as it may, with
    /// [`ChildError::Start`] when the node's process limit is reached; as for any call when the supervisor is not there.
    pub async fn async_nolink<T, F>(&self, work: F) -> Result<Task<T>, CallError<ChildError>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.async_nolink_with(|_cx: Cx<Term>| async { Ok(work.await) }).await
    }

    /// Like [`TaskSupervisor::async_nolink`], for work that needs its process. An `Err` ends it with that reason.
    ///
    /// # Errors
    /// As for [`TaskSupervisor::async_nolink`].
    pub async fn async_nolink_with<N, T, B, F>(&self, body: B) -> Result<Task<T>, CallError<ChildError>>
    where
        N: Protocol,
        T: Send + 'static,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        self.start_task(body, None, false).await
    }

    /// Starts a task that is linked to the running process, too, as one of [`Task::spawn`] is.
    ///
    /// # Errors
    /// As for [`TaskSupervisor::async_nolink`].
    pub async fn async_linked<M, T, F>(
        &self,
        cx: &mut Cx<M>,
        work: F,
    ) -> Result<Task<T>, CallError<ChildError>>
    where
        M: Protocol,
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (opened, gate) = outcome();
        let body = |_cx: Cx<Term>| async { Ok(work.await) };
        let task = self.start_task(body, Some(Gate(opened)), true).await?;
        cx.link(task.pid());
        gate.send(());
        Ok(task.owned(Some(cx.pid())))
    }

    /// Starts a task that is not linked and ends with its handle.
    pub(super) async fn async_owned<T, F>(self, work: F) -> Result<Task<T>, CallError<ChildError>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (opened, gate) = outcome();
        let body = |_cx: Cx<Term>| async { Ok(work.await) };
        let task = self.start_task(body, Some(Gate(opened)), true).await?.owned(None);
        gate.send(());
        Ok(task)
    }

    /// Starts work whose value nobody awaits, made by `make` for each start, and started again as `restart` says. Elixir's
    /// default is [`Restart::Temporary`].
    ///
    /// # Errors
    /// As for [`TaskSupervisor::async_nolink`].
    pub async fn start_child<F>(
        &self,
        restart: Restart,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Pid, CallError<ChildError>>
    where
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let make = move || {
            let work = make();
            |_cx: Cx<Term>| work
        };
        let child = Child::process(ID, make).restart(restart).shutdown(self.shutdown);
        self.supervisor.start_child(child).no_timeout().await
    }

    /// The processes of the tasks that run, the one started last first.
    ///
    /// # Errors
    /// As for any call.
    pub async fn children(&self) -> Result<Vec<Pid>, CallError> {
        let children = self.supervisor.which_children().await?;
        let running = children.into_iter().filter_map(|child| match child.state {
            ChildState::Running(pid) => Some(pid),
            ChildState::Restarting | ChildState::Stopped => None,
        });
        Ok(running.collect())
    }

    /// Like [`super::async_stream`], with tasks under this supervisor that are not linked to whoever takes the values: a
    /// crash is an error among the values, and ends nobody. They end with the stream. A supervisor without room for one
    /// gives [`super::TaskError::Supervisor`] for its input.
    ///
    /// # Errors
    /// [`StreamError`] when an option is out of its range.
    pub fn async_stream_nolink<I, B, F>(
        &self,
        inputs: I,
        work: B,
        options: StreamOptions,
    ) -> Result<TaskStream<I::IntoIter, B, F>, StreamError>
    where
        I: IntoIterator,
        B: FnMut(I::Item) -> F,
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        TaskStream::new(inputs.into_iter(), work, options, Some(*self))
    }

    async fn start_task<N, T, B, F>(
        &self,
        body: B,
        gate: Option<Gate>,
        ends_with_handle: bool,
    ) -> Result<Task<T>, CallError<ChildError>>
    where
        N: Protocol,
        T: Send + 'static,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        let (processes, _) = current().ok_or(CallError::OutsideNode)?;
        let (outcome, reply) = outcome();
        let deadline = if ends_with_handle { deadline() } else { None };
        let work = Mutex::new(Some(Work { body, reply, deadline, gate, ends_with_handle }));
        let child = Child::by(ID, move |supervisor| {
            let started = match work.lock().take() {
                Some(work) => supervisor.spawn_link(options::<F>(), move |cx| run(cx, work)),
                None => return Box::pin(async { Err(StartError::ignored()) }),
            };
            Box::pin(async move { started.map(|addr| addr.pid()).map_err(StartError::Spawn) })
        });
        let child = child.restart(Restart::Temporary).shutdown(self.shutdown);
        let pid = self.supervisor.start_child(child).no_timeout().await?;
        Ok(Task::new(pid, processes, outcome))
    }
}

/// The id of each task in its specification; dynamic supervisors know their children by pid.
const ID: &str = "task";

impl From<SupervisorRef> for TaskSupervisor {
    /// The supervisor must be a dynamic one: any other takes one task only.
    fn from(supervisor: SupervisorRef) -> Self {
        Self { supervisor, shutdown: Shutdown::Timeout(SHUTDOWN_TIMEOUT) }
    }
}
