//! Ending tasks: asking, waiting, killing.

use super::{Outcome, Task, TaskError};
use crate::slot::{CalleeHalf, CallerHalf, slot};
use crate::supervisor::spec::Shutdown;
use crate::wire;
use engset_etf::Payload;
use engset_process::{Dest, ExitReason, Processes, ReplySink, Sleep, current};
use engset_term::{Pid, Reference};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

impl<T> Task<T> {
    /// Ends the task as `how` says, and waits until its process is gone. The value, if the task was done before or
    /// while it was being ended; the error, if it ended for another reason than that it was to; `None` where it just
    /// ended, or its value was taken before.
    ///
    /// A linked task's end is not told by the link, also when its reason is another.
    ///
    /// Dropping it while it waits takes nothing back: the task was asked to end.
    ///
    /// ```
    /// use engset_otp::{Shutdown, task::Task};
    /// # use engset_process::{Cx, Identity, Processes, Scheduler};
    /// # use engset_term::Term;
    /// # let node = engset_term::NodeName::NONODE;
    /// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(7));
    /// # let result = processes.block_on(
    /// |mut cx: Cx<Term>| async move {
    ///     let endless = Task::spawn(&mut cx, std::future::pending::<u8>()).expect("there is room");
    ///     assert_eq!(endless.shutdown(Shutdown::BrutalKill).await, None);
    /// }
    /// # );
    /// # assert_eq!(result, Ok(()));
    /// ```
    pub async fn shutdown(mut self, how: Shutdown) -> Option<Result<T, TaskError>> {
        self.unlink();
        self.ends_with_handle = false;
        let mut end = End::watch(&self.processes, self.pid);
        let expected = match how {
            Shutdown::BrutalKill => {
                self.exit(ExitReason::Kill);
                end.wait(None).await;
                ExitReason::Killed
            }
            Shutdown::Timeout(patience) => {
                self.exit(ExitReason::Shutdown);
                if end.wait(Some(patience)).await {
                    ExitReason::Shutdown
                } else {
                    self.exit(ExitReason::Kill);
                    end.wait(None).await;
                    ExitReason::Killed
                }
            }
            Shutdown::Infinity => {
                self.exit(ExitReason::Shutdown);
                end.wait(None).await;
                ExitReason::Shutdown
            }
        };
        match poll_fn(|task| self.poll_outcome(task)).await {
            Err(TaskError::Taken) => None,
            Err(TaskError::Ended { reason, .. }) if reason == expected => None,
            outcome => Some(outcome),
        }
    }
}

impl<T: Send + 'static> Task<T> {
    /// Lets the task run on by itself, also if it has not begun: it is not linked any more, and its value is lost.
    pub fn detach(mut self) {
        self.unlink();
        // A task that sees that nobody waits for its value does not begin. So somebody does, until its end.
        if let Some(outcome) = self.outcome.take() {
            let monitor = self.processes.new_reference();
            let keep = Box::new(Keep { _outcome: outcome });
            self.processes.aliases().open(monitor, self.processes.node(), keep);
            wire::monitor(&self.processes, self.pid, &Dest::Pid(self.pid), monitor);
        }
    }
}

/// Keeps the way back of a task whose value nobody wants.
struct Keep<T> {
    _outcome: Outcome<T>,
}

impl<T: Send> ReplySink for Keep<T> {
    fn reply(self: Box<Self>, _: Payload) {}
    fn down(self: Box<Self>, _: ExitReason) {}
    fn unreachable(self: Box<Self>) {}
}

/// Awaits the end of a process of this node.
struct End {
    processes: Arc<Processes>,
    me: Pid,
    pid: Pid,
    monitor: Reference,
    ended: CallerHalf<(), ()>,
}

impl End {
    fn watch(processes: &Arc<Processes>, pid: Pid) -> Self {
        let me = current().map_or(pid, |(_, me)| me);
        let monitor = processes.new_reference();
        let (ended, callee) = slot(true);
        processes.aliases().open(monitor, processes.node(), Box::new(EndSink(callee)));
        wire::monitor(processes, me, &Dest::Pid(pid), monitor);
        Self { processes: Arc::clone(processes), me, pid, monitor, ended }
    }

    /// Whether the process ended within `patience`.
    async fn wait(&mut self, patience: Option<Duration>) -> bool {
        let mut alarm: Option<Sleep> = patience.map(|patience| self.processes.scheduler().sleep(patience));
        poll_fn(|task| {
            if self.ended.poll(task.waker()).is_some() {
                return Poll::Ready(true);
            }
            alarm.as_mut().map_or(Poll::Pending, |alarm| Pin::new(alarm).poll(task).map(|()| false))
        })
        .await
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.processes.aliases().close(self.monitor) {
            wire::demonitor(&self.processes, self.me, &Dest::Pid(self.pid), self.monitor);
        }
    }
}

struct EndSink(CalleeHalf<(), ()>);

impl ReplySink for EndSink {
    fn reply(self: Box<Self>, _: Payload) {
        self.0.fill(());
    }

    fn down(self: Box<Self>, _: ExitReason) {
        self.0.fill(());
    }

    fn unreachable(self: Box<Self>) {
        self.0.fill(());
    }
}
