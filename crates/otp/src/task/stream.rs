//! Many inputs, each in a task of its own, so many at a time. Elixir's `Task.async_stream`.
//!
//! Messages: none of its own. Tasks start when a value is asked for: a stream whose values nobody takes starts nothing
//! more, and what runs goes on. Each task wakes the stream with a waker that names it, so that a wake-up costs the same
//! however many run.

use super::stream_plan::Plan;
use super::{AWAIT_TIMEOUT, Task, TaskError, TaskSupervisor};
use crate::call::CallError;
use crate::supervisor::ChildError;
use engset_process::{Cx, ExitReason, Protocol, Sleep};
use engset_term::Instant;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How many tasks of a stream run at a time unless told otherwise.
pub const STREAM_CONCURRENCY: usize = 8;
/// How many tasks of a stream may run at a time at most.
pub const STREAM_CONCURRENCY_MAX: usize = 65_536;
/// How many values of a stream that are done wait for an earlier one, unless told otherwise.
pub const STREAM_BUFFERED: usize = 1_024;

/// What becomes of a stream when one of its tasks takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTimeout {
    /// The stream ends: its tasks are ended, values that waited are lost, and the time-out is the last that it gives.
    #[default]
    Exit,
    /// The task is killed, its input gives the time-out, and the stream goes on.
    KillTask,
}

/// How a stream works. As in Elixir, each task has 5 seconds, and values come in the order of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// How many tasks run at a time at most, from 1 to [`STREAM_CONCURRENCY_MAX`]; [`STREAM_CONCURRENCY`] without.
    pub max_concurrency: usize,
    /// Whether values come in the order of the inputs, or each as soon as it is there.
    pub ordered: bool,
    /// How long a task may take from its start; [`AWAIT_TIMEOUT`] without, no limit with `None`.
    pub timeout: Option<Duration>,
    /// What happens when one takes longer.
    pub on_timeout: OnTimeout,
    /// How many values that are done may wait for an earlier one, or to be taken, beyond `max_concurrency`: no task is
    /// started that would make it more. [`STREAM_BUFFERED`] without.
    pub max_buffered: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            max_concurrency: STREAM_CONCURRENCY,
            ordered: true,
            timeout: Some(AWAIT_TIMEOUT),
            on_timeout: OnTimeout::default(),
            max_buffered: STREAM_BUFFERED,
        }
    }
}

/// A stream of tasks was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// `max_concurrency` is 0 or more than [`STREAM_CONCURRENCY_MAX`].
    Concurrency {
        /// What was asked for.
        given: usize,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Concurrency { given } = self;
        write!(
            f,
            "a stream cannot run {given} tasks at a time: let `max_concurrency` be from 1 to {STREAM_CONCURRENCY_MAX}"
        )
    }
}

impl std::error::Error for StreamError {}

/// Runs `work` for each of `inputs`, in tasks that are linked to the process that takes the values: as with
/// [`Task::spawn`], the crash of one ends it, unless it traps exits.
///
/// # Errors
/// [`StreamError`] when an option is out of its range.
///
/// ```
/// use engset_otp::task::{StreamOptions, async_stream};
/// # use engset_process::{Cx, Exit, Identity, Processes, Scheduler};
/// # use engset_term::Term;
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(
/// |mut cx: Cx<Term>| async move {
///     let options = StreamOptions { max_concurrency: 2, ..StreamOptions::default() };
///     let mut squares = async_stream(1..=4_u64, |number| async move { number * number }, options)?;
///     let mut sum = 0;
///     while let Some((_index, square)) = squares.next(&mut cx).await {
///         sum += square?;
///     }
///     assert_eq!(sum, 30);
///     Ok::<(), Exit>(())
/// }
/// # );
/// # assert_eq!(result, Ok(Ok(())));
/// ```
pub fn async_stream<I, B, F>(
    inputs: I,
    work: B,
    options: StreamOptions,
) -> Result<TaskStream<I::IntoIter, B, F>, StreamError>
where
    I: IntoIterator,
    B: FnMut(I::Item) -> F,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    TaskStream::new(inputs.into_iter(), work, options, None)
}

/// Values of tasks, to be taken one after the other. Dropping it ends the tasks that run.
#[must_use = "no task is started before a value is asked for"]
pub struct TaskStream<I, B, F: Future> {
    /// None when there are no more.
    inputs: Option<I>,
    work: B,
    supervisor: Option<TaskSupervisor>,
    on_timeout: OnTimeout,
    plan: Plan<Result<F::Output, TaskError>>,
    running: HashMap<usize, Running<F::Output>>,
    woken: Arc<Woken>,
    /// The task that the supervisor is starting.
    starting: Option<Starting<F::Output>>,
    alarm: Option<(Instant, Sleep)>,
}

/// A task that its supervisor is starting.
type Starting<T> = Pin<Box<dyn Future<Output = Result<Task<T>, CallError<ChildError>>> + Send>>;

/// A value, with the index of its input.
type Item<T> = (usize, Result<T, TaskError>);

struct Running<T> {
    task: Task<T>,
    waker: Waker,
}

impl<I, B, F> TaskStream<I, B, F>
where
    I: Iterator,
    B: FnMut(I::Item) -> F,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    pub(super) fn new(
        inputs: I,
        work: B,
        options: StreamOptions,
        supervisor: Option<TaskSupervisor>,
    ) -> Result<Self, StreamError> {
        let StreamOptions { max_concurrency, ordered, timeout, on_timeout, max_buffered } = options;
        if !(1..=STREAM_CONCURRENCY_MAX).contains(&max_concurrency) {
            return Err(StreamError::Concurrency { given: max_concurrency });
        }
        Ok(Self {
            inputs: Some(inputs),
            work,
            supervisor,
            on_timeout,
            plan: Plan::new(max_concurrency, max_buffered, ordered, timeout),
            running: HashMap::new(),
            woken: Arc::default(),
            starting: None,
            alarm: None,
        })
    }

    /// The next value, with the index of its input; `None` when all were taken, or the stream has ended.
    ///
    /// Cancel-safe: nothing is lost, and what runs goes on.
    pub async fn next<M: Protocol>(
        &mut self,
        cx: &mut Cx<M>,
    ) -> Option<(usize, Result<F::Output, TaskError>)> {
        poll_fn(|task| self.poll_next(cx, task)).await
    }

    /// Takes all values that are left.
    pub async fn collect<M: Protocol>(mut self, cx: &mut Cx<M>) -> Vec<Result<F::Output, TaskError>> {
        let mut values = Vec::new();
        while let Some((_, value)) = self.next(cx).await {
            values.push(value);
        }
        values
    }

    fn poll_next<M: Protocol>(
        &mut self,
        cx: &mut Cx<M>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Item<F::Output>>> {
        self.woken.rouse_by(task.waker());
        loop {
            let has_started = self.start_more(cx, task);
            let has_ended = self.look_at_woken();
            if let Some(index) = self.plan.overdue(cx.processes().scheduler().now())
                && let Some(last) = self.too_slow(index)
            {
                return Poll::Ready(Some(last));
            }
            if let Some(value) = self.plan.take() {
                return Poll::Ready(Some(value));
            }
            if !self.plan.is_busy() && self.inputs.is_none() {
                return Poll::Ready(None);
            }
            if !has_started && !has_ended && !self.rings(cx, task) {
                return Poll::Pending;
            }
        }
    }

    /// Starts as many tasks as may run; whether one was started.
    fn start_more<M: Protocol>(&mut self, cx: &mut Cx<M>, task: &mut Context<'_>) -> bool {
        let mut has_started = false;
        loop {
            let started = match (&mut self.starting, self.supervisor) {
                (Some(starting), _) => {
                    let Poll::Ready(started) = starting.as_mut().poll(task) else { return has_started };
                    self.starting = None;
                    started.map_err(TaskError::Supervisor)
                }
                (None, supervisor) => {
                    let Some(work) = self.next_work() else { return has_started };
                    match supervisor {
                        Some(supervisor) => {
                            self.starting = Some(Box::pin(supervisor.async_owned(work)));
                            continue;
                        }
                        None => Task::spawn(cx, work).map_err(TaskError::Spawn),
                    }
                }
            };
            has_started = true;
            let index = self.plan.start(cx.processes().scheduler().now());
            match started {
                Ok(task) => self.enter(index, task),
                Err(error) => self.plan.done(index, Err(error)),
            }
        }
    }

    /// The work for the next input, if it may begin.
    fn next_work(&mut self) -> Option<F> {
        if !self.plan.has_room() {
            return None;
        }
        let Some(input) = self.inputs.as_mut()?.next() else {
            self.inputs = None;
            return None;
        };
        Some((self.work)(input))
    }

    fn enter(&mut self, index: usize, task: Task<F::Output>) {
        let waker = Waker::from(Arc::new(WakeOne { index, woken: Arc::clone(&self.woken) }));
        self.running.insert(index, Running { task, waker });
        // The first look leaves the waker there.
        self.look_at(index);
    }

    /// Takes the values of the tasks that are done; whether there were any.
    fn look_at_woken(&mut self) -> bool {
        let woken = self.woken.take();
        // Each is looked at, also behind one that is done.
        woken.into_iter().filter(|index| self.look_at(*index)).count() > 0
    }

    fn look_at(&mut self, index: usize) -> bool {
        let Some(running) = self.running.get_mut(&index) else { return false };
        let Poll::Ready(value) = running.task.poll_outcome(&Context::from_waker(&running.waker)) else {
            return false;
        };
        self.running.remove(&index);
        self.plan.done(index, value);
        true
    }

    /// Ends a task that takes too long; the stream's last word, if it ends with it.
    fn too_slow(&mut self, index: usize) -> Option<Item<F::Output>> {
        let error = self.running.remove(&index)?.task.time_is_up(ExitReason::Kill);
        match self.on_timeout {
            OnTimeout::KillTask => {
                self.plan.done(index, Err(error));
                None
            }
            OnTimeout::Exit => {
                (self.inputs, self.starting) = (None, None);
                self.running.clear();
                self.plan.end();
                Some((index, Err(error)))
            }
        }
    }

    /// Whether a task is overdue; otherwise the stream is woken when the next one is.
    fn rings<M: Protocol>(&mut self, cx: &Cx<M>, task: &mut Context<'_>) -> bool {
        let Some(due) = self.plan.next_due() else { return false };
        if self.alarm.as_ref().is_none_or(|(set, _)| *set != due) {
            self.alarm = Some((due, cx.processes().scheduler().sleep_until(due)));
        }
        let Some((_, sleep)) = &mut self.alarm else { return false };
        let has_rung = Pin::new(sleep).poll(task).is_ready();
        if has_rung {
            self.alarm = None;
        }
        has_rung
    }
}

impl<I, B, F: Future> Unpin for TaskStream<I, B, F> {}

impl<I, B, F: Future> fmt::Debug for TaskStream<I, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStream").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

/// Which tasks of a stream have something to tell.
#[derive(Debug, Default)]
struct Woken(Mutex<(Vec<usize>, Option<Waker>)>);

impl Woken {
    /// Wakes with `waker` from now on.
    fn rouse_by(&self, waker: &Waker) {
        let mut inside = self.0.lock();
        if inside.1.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            inside.1 = Some(waker.clone());
        }
    }

    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().0)
    }
}

/// Wakes a stream because of one task. No task is woken twice: it tells one thing.
struct WakeOne {
    index: usize,
    woken: Arc<Woken>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        let waker = {
            let mut inside = self.woken.0.lock();
            inside.0.push(self.index);
            inside.1.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
