//! From the spawn of a process to the end of its `init`: what its starter awaits, and who tells it.

use super::StartError;
use engset_process::{ExitReason, Wait, current, dying};
use engset_term::Pid;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Where a starter waits for the new process's `init`.
pub(crate) struct Started {
    state: Mutex<InitState>,
}

#[derive(Default)]
struct InitState {
    result: Option<Result<(), ExitReason>>,
    waker: Option<Waker>,
}

impl Started {
    pub(crate) fn new() -> (Arc<Self>, Starting) {
        let started = Arc::new(Self { state: Mutex::default() });
        (Arc::clone(&started), Starting(Some(started)))
    }

    pub(crate) async fn wait(&self) -> Result<(), StartError> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Waits for the process `starting`, and tells it so if it calls back meanwhile.
    pub(crate) async fn wait_for(&self, starting: Pid) -> Result<(), StartError> {
        let wait = Wait::on(starting);
        poll_fn(|task| {
            let polled = self.poll(task);
            if polled.is_pending() {
                wait.goes_on();
            }
            polled
        })
        .await
    }

    fn poll(&self, task: &Context<'_>) -> Poll<Result<(), StartError>> {
        let mut state = self.state.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result.map_err(StartError::Init)),
            None => {
                state.waker = Some(task.waker().clone());
                Poll::Pending
            }
        }
    }

    fn fill(&self, result: Result<(), ExitReason>) {
        let waker = {
            let mut state = self.state.lock();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Held by a process up to the end of its `init`: tells the starter also when the process ends there, or before.
pub(crate) struct Starting(Option<Arc<Started>>);

impl Starting {
    pub(crate) fn done(mut self, result: Result<(), ExitReason>) {
        if let Some(started) = self.0.take() {
            if result.is_err() {
                free_names();
            }
            started.fill(result);
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(started) = self.0.take() else { return };
        match dying() {
            Some(reason) => {
                free_names();
                started.fill(Err(reason));
            }
            // It was not spawned; the starter knows already.
            None => started.fill(Err(ExitReason::NoProc)),
        }
    }
}

/// Frees the running process's names before its end, so that a starter that hears of the end finds them free.
fn free_names() {
    let Some((processes, me)) = current() else { return };
    for name in processes.info(me).map(|info| info.names).unwrap_or_default() {
        processes.unregister(&name);
    }
}
