//! Waiting for the values of tasks.

use super::{AWAIT_TIMEOUT, Task, TaskError};
use engset_process::{ExitReason, Sleep, deadline};
use engset_term::Instant;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

impl<T> Task<T> {
    /// Waits for the task's value for `timeout` at most, and never longer than the request that the running process is
    /// serving. After that a linked task is ended, and one that is not linked runs on without its handle.
    ///
    /// Dropping it while it waits drops the handle.
    pub fn await_within(self, timeout: Duration) -> Awaiting<T> {
        let due = self.due(timeout);
        Awaiting { task: Some(self), due, alarm: None }
    }

    /// Looks for the task's value for `timeout` at most; `None` where it is not there yet. The task goes on, and may be
    /// asked again; zero looks once. [`TaskError::Taken`] once the value was given.
    ///
    /// Cancel-safe.
    pub async fn yield_within(&mut self, timeout: Duration) -> Option<Result<T, TaskError>> {
        let mut alarm = self.processes.scheduler().sleep_until(self.due(timeout));
        poll_fn(|task| self.poll_by(task, &mut alarm)).await
    }

    /// Waits for the values of all `tasks` for `timeout` at most, see [`Task::await_within`]. The answers are in the order
    /// of the tasks; one that fails does not keep the others from being awaited.
    ///
    /// ```
    /// use engset_otp::task::{Task, TaskError};
    /// # use engset_process::{Cx, Identity, Processes, Scheduler};
    /// # use engset_term::Term;
    /// use std::time::Duration;
    /// # let node = engset_term::NodeName::NONODE;
    /// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(7));
    /// # let result = processes.block_on(
    /// |mut cx: Cx<Term>| async move {
    ///     let mut start = |seconds| {
    ///         let sleep = cx.sleep(Duration::from_secs(seconds));
    ///         Task::spawn(&mut cx, async move { sleep.await; seconds }).expect("there is room")
    ///     };
    ///     let tasks = [start(2), start(9)];
    ///     let values = Task::await_many(tasks, Duration::from_secs(3)).await;
    ///     assert_eq!(values, [Ok(2), Err(TaskError::Timeout { begun: true })]);
    /// }
    /// # );
    /// # assert_eq!(result, Ok(()));
    /// ```
    pub async fn await_many(
        tasks: impl IntoIterator<Item = Self>,
        timeout: Duration,
    ) -> Vec<Result<T, TaskError>> {
        // All wait from now on, also those that are looked at last.
        let waiting: Vec<Awaiting<T>> = tasks.into_iter().map(|task| task.await_within(timeout)).collect();
        let mut values = Vec::with_capacity(waiting.len());
        for task in waiting {
            values.push(task.await);
        }
        values
    }

    /// Looks for the values of all `tasks` for `timeout` at most; `None` for each that is not there yet, see
    /// [`Task::yield_within`].
    pub async fn yield_many(tasks: &mut [Self], timeout: Duration) -> Vec<Option<Result<T, TaskError>>> {
        let Some(first) = tasks.first() else { return Vec::new() };
        let mut alarm = first.processes.scheduler().sleep_until(first.due(timeout));
        let mut values = Vec::with_capacity(tasks.len());
        let mut is_over = false;
        for task in tasks {
            let value = poll_fn(|cx| match task.poll_outcome(cx) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if is_over => Poll::Ready(None),
                Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| None),
            })
            .await;
            is_over |= value.is_none();
            values.push(value);
        }
        values
    }

    fn due(&self, timeout: Duration) -> Instant {
        let due = self.processes.scheduler().now().saturating_add(timeout);
        deadline().map_or(due, |deadline| deadline.min(due))
    }

    fn poll_by(&mut self, task: &mut Context<'_>, alarm: &mut Sleep) -> Poll<Option<Result<T, TaskError>>> {
        match self.poll_outcome(task) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Pin::new(alarm).poll(task).map(|()| None),
        }
    }
}

impl<T> IntoFuture for Task<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Awaiting<T>;

    /// As [`Task::await_within`] with [`AWAIT_TIMEOUT`].
    fn into_future(self) -> Awaiting<T> {
        self.await_within(AWAIT_TIMEOUT)
    }
}

/// A task that is awaited; made by [`Task::await_within`] or awaiting the task itself.
#[must_use = "a linked task is ended when it is no more awaited"]
pub struct Awaiting<T> {
    /// None once it is over.
    task: Option<Task<T>>,
    due: Instant,
    /// Set when there is something to wait for.
    alarm: Option<Sleep>,
}

impl<T> Unpin for Awaiting<T> {}

impl<T> Future for Awaiting<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { task: place, due, alarm } = &mut *self;
        let Some(task) = place else { return Poll::Ready(Err(TaskError::Taken)) };
        if let Poll::Ready(value) = task.poll_outcome(cx) {
            *place = None;
            return Poll::Ready(value);
        }
        let alarm = alarm.get_or_insert_with(|| task.processes.scheduler().sleep_until(*due));
        match Pin::new(alarm).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let late = place.take().map(|task| task.time_is_up(ExitReason::Shutdown));
                Poll::Ready(Err(late.unwrap_or(TaskError::Taken)))
            }
        }
    }
}

impl<T> fmt::Debug for Awaiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaiting").field("task", &self.task).field("due", &self.due).finish_non_exhaustive()
    }
}
