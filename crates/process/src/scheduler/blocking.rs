//! Blocking work: a bounded pool of threads of the scheduler, started when there is work, ended when there is none.
//!
//! The calling process waits at a one-shot channel; a job drops its end of it when it is not run, so that the caller
//! always hears. Numbers and limits are decided in `blocking_pool.rs`.

use super::blocking_pool::{Pool, Submit};
use super::stats::BlockingStats;
use super::{Scheduler, ThreadsConfig};
use crate::current;
use crate::exit::ExitReason;
use crate::panics;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// So many threads run blocking work at a time, unless the scheduler's configuration says otherwise.
pub const BLOCKING_THREADS_MAX: usize = 64;
/// So much blocking work waits for a thread at most, unless the scheduler's configuration says otherwise.
pub const BLOCKING_QUEUE_MAX: usize = 10_000;
/// A thread for blocking work ends when it had none for so long, unless the scheduler's configuration says otherwise.
pub const BLOCKING_IDLE: Duration = Duration::from_secs(10);

/// Blocking work brought no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockingError {
    /// It panicked; with message and place.
    Panicked(ExitReason),
    /// It did not run: as many threads as there may be are at work, and so much work waits for them as may wait.
    Full {
        /// How much may wait: [`ThreadsConfig::blocking_queue_max`].
        queue_max: usize,
    },
    /// It did not run: the scheduler was shut down first.
    Stopped,
    /// It did not run: the operating system refused the only thread for it.
    NoThread(std::io::ErrorKind),
    /// It did not run: the caller is not a process, so there is no scheduler to run it.
    OutsideNode,
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(reason) => write!(f, "the blocking work panicked: {reason}"),
            Self::Full { queue_max } => write!(
                f,
                "the blocking work did not run: {queue_max} others wait for a thread of this node already; try again \
                 later, or allow more threads when the scheduler is made"
            ),
            Self::Stopped => {
                f.write_str("the blocking work did not run: this node's scheduler was shut down")
            }
            Self::NoThread(kind) => {
                write!(f, "the blocking work did not run: the system of this node refused a thread: {kind}")
            }
            Self::OutsideNode => f.write_str(
                "blocking work outside of a process: run the code in a process, or use `Scheduler::blocking`",
            ),
        }
    }
}

impl std::error::Error for BlockingError {}

type Job = Box<dyn FnOnce() -> Outcome + Send>;

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nobody waited for it any more: it was not run.
    Skipped,
    Done,
    Panicked,
}

/// The threads of one scheduler.
pub(super) struct BlockingThreads {
    queue_max: usize,
    idle_max: Duration,
    inside: Mutex<Inside>,
    work: Condvar,
}

struct Inside {
    pool: Pool,
    queue: VecDeque<Job>,
    is_stopped: bool,
    stats: BlockingStats,
}

impl Scheduler {
    /// Runs blocking work as [`crate::blocking`] does, for code that is no process.
    ///
    /// # Errors
    /// [`BlockingError`] when it panicked or did not run.
    pub fn blocking<T, F>(&self, work: F) -> impl Future<Output = Result<T, BlockingError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let scheduler = self.clone();
        async move {
            match &scheduler {
                Self::Threads(threads) => threads.blocking().run(work).await,
                Self::Seeded(_) => caught(work),
            }
        }
    }
}

impl BlockingThreads {
    pub(super) fn new(config: &ThreadsConfig) -> Arc<Self> {
        let inside = Inside {
            pool: Pool::new(config.blocking_threads_max, config.blocking_queue_max),
            queue: VecDeque::new(),
            is_stopped: false,
            stats: BlockingStats::default(),
        };
        Arc::new(Self {
            queue_max: config.blocking_queue_max,
            idle_max: config.blocking_idle,
            inside: Mutex::new(inside),
            work: Condvar::new(),
        })
    }

    async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, BlockingError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, awaited) = oneshot::channel();
        let job = move || {
            if answer.is_closed() {
                drop_quietly(work);
                return Outcome::Skipped;
            }
            let result = caught(work);
            let outcome = if result.is_err() { Outcome::Panicked } else { Outcome::Done };
            if let Err(unwanted) = answer.send(result) {
                drop_quietly(unwanted);
            }
            outcome
        };
        self.submit(Box::new(job))?;
        awaited.await.unwrap_or(Err(BlockingError::Stopped))
    }

    fn submit(self: &Arc<Self>, job: Job) -> Result<(), BlockingError> {
        let mut inside = self.inside.lock();
        if inside.is_stopped {
            return Err(BlockingError::Stopped);
        }
        let decided = inside.pool.submit();
        if decided == Submit::Refuse {
            inside.stats.refused += 1;
            return Err(BlockingError::Full { queue_max: self.queue_max });
        }
        inside.stats.accepted += 1;
        inside.queue.push_back(job);
        match decided {
            Submit::Wake => _ = self.work.notify_one(),
            Submit::Start => {
                if let Err(error) = self.start() {
                    tracing::error!("no thread for blocking work: {error}");
                    if inside.pool.start_failed() {
                        let job = inside.queue.pop_back();
                        inside.stats.accepted -= 1;
                        drop(inside);
                        drop(job);
                        return Err(BlockingError::NoThread(error.kind()));
                    }
                }
            }
            Submit::Wait | Submit::Refuse => {}
        }
        Ok(())
    }

    fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let pool = Arc::clone(self);
        let builder = std::thread::Builder::new().name("engset-blocking".to_owned());
        builder.spawn(move || pool.work()).map(drop)
    }

    /// What each thread does.
    fn work(&self) {
        let mut inside = self.inside.lock();
        loop {
            if let Some(job) = inside.queue.pop_front() {
                inside.pool.take();
                drop(inside);
                let outcome = job();
                inside = self.inside.lock();
                inside.pool.done();
                inside.stats.done += u64::from(outcome != Outcome::Skipped);
                inside.stats.panicked += u64::from(outcome == Outcome::Panicked);
                continue;
            }
            let is_over = inside.is_stopped || self.work.wait_for(&mut inside, self.idle_max).timed_out();
            if is_over && inside.queue.is_empty() {
                inside.pool.leave();
                return;
            }
        }
    }

    /// Gives up what waits, and lets idle threads end. What runs is not waited for.
    pub(super) fn stop(&self) {
        let given_up = {
            let mut inside = self.inside.lock();
            inside.is_stopped = true;
            inside.pool.clear();
            std::mem::take(&mut inside.queue)
        };
        self.work.notify_all();
        given_up.into_iter().for_each(drop_quietly);
    }

    pub(super) fn stats(&self) -> BlockingStats {
        let inside = self.inside.lock();
        BlockingStats {
            threads: inside.pool.threads(),
            idle: inside.pool.idle(),
            waiting: inside.pool.waiting(),
            ..inside.stats
        }
    }
}

/// Runs blocking work where no process is the running one.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, BlockingError> {
    let done = current::outside(|| panics::noted(|| catch_unwind(AssertUnwindSafe(work))));
    done.map_err(|payload| {
        let reason = panics::reason(&*payload);
        drop_quietly(payload);
        tracing::warn!("blocking work ended by a panic: {reason}");
        BlockingError::Panicked(reason)
    })
}

/// A destructor that panics must not end the thread.
fn drop_quietly<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("a value of blocking work panicked while it was dropped");
    }
}
