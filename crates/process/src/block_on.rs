//! From a plain thread into a node: runs code as a process and waits for what it returns.

use crate::context::Cx;
use crate::current::dying;
use crate::exit::ExitReason;
use crate::processes::{Processes, SpawnError, SpawnOptions};
use crate::protocol::Protocol;
use crate::scheduler::Scheduler;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};

/// The process that was to compute a value brought none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockOnError {
    /// It was not started.
    Spawn(SpawnError),
    /// It ended with this reason before it returned.
    Exit(ExitReason),
    /// In virtual time nothing can happen any more, and it has not returned.
    Stuck,
}

impl fmt::Display for BlockOnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => fmt::Display::fmt(error, f),
            Self::Exit(reason) => write!(f, "the process ended before it returned: {reason}"),
            Self::Stuck => f.write_str("the process waits for something that cannot happen any more"),
        }
    }
}

impl std::error::Error for BlockOnError {}

impl Processes {
    /// Runs `body` as a process and waits for the value that it returns.
    ///
    /// With worker threads this blocks the calling thread; it must not be called from inside a process. With a
    /// seeded scheduler it runs everything, moving virtual time on as needed, until the value is there.
    ///
    /// # Errors
    /// [`BlockOnError`] when the process was not started or ended early.
    pub fn block_on<M, T, B, F>(self: &Arc<Self>, body: B) -> Result<T, BlockOnError>
    where
        M: Protocol,
        T: Send + 'static,
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        let answer = Answer(Some(sender));
        let run = move |cx: Cx<M>| async move {
            let value = body(cx).await;
            answer.give(Ok(value));
        };
        self.spawn(SpawnOptions::default(), run).map_err(BlockOnError::Spawn)?;
        match self.scheduler() {
            Scheduler::Threads(_) => receiver.recv().unwrap_or(Err(BlockOnError::Stuck)),
            Scheduler::Seeded(seeded) => {
                seeded.run_while_none(|| received(&receiver)).unwrap_or(Err(BlockOnError::Stuck))
            }
        }
    }
}

fn received<T>(receiver: &Receiver<Result<T, BlockOnError>>) -> Option<Result<T, BlockOnError>> {
    match receiver.try_recv() {
        Ok(result) => Some(result),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => Some(Err(BlockOnError::Stuck)),
    }
}

/// Where the value goes; tells also when the process ends without one.
struct Answer<T>(Option<SyncSender<Result<T, BlockOnError>>>);

impl<T> Answer<T> {
    fn give(mut self, result: Result<T, BlockOnError>) {
        if let Some(sender) = self.0.take() {
            // Nobody waits any more when the waiting thread is gone: then nothing needs to be told.
            drop(sender.send(result));
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let reason = dying().unwrap_or(ExitReason::Killed);
            drop(sender.send(Err(BlockOnError::Exit(reason))));
        }
    }
}
