//! How a scheduler with worker threads is made, and what its watchdog tells.

use super::blocking::{BLOCKING_IDLE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS_MAX};
use super::{BUSY_WAIT, SLICE_MAX};
use engset_term::Pid;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// So many spare workers are started at most while all others are stuck.
pub const SPARE_WORKERS_MAX: usize = 4;
/// So many workers a scheduler has at most, beside the spare ones.
pub const WORKERS_MAX: usize = 60;

/// How a scheduler with worker threads is made.
///
/// ```
/// use engset_process::{Scheduler, ThreadsConfig};
/// use std::time::Duration;
///
/// let config = ThreadsConfig { slice_max: Duration::from_millis(20), ..ThreadsConfig::new(2) };
/// let scheduler = Scheduler::threads_with(config)?;
/// # if let Scheduler::Threads(threads) = scheduler { threads.shutdown() }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ThreadsConfig {
    /// How many workers run processes: at least 1, at most [`WORKERS_MAX`]; what is outside of that is moved into it.
    pub workers: usize,
    /// A worker that has been in the same run for longer is stuck: it is told of, and others do what they can of its
    /// work. It is noticed within twice this time; at least a millisecond. [`SLICE_MAX`] by default.
    pub slice_max: Duration,
    /// So long a worker that has [sent something](super::Scheduler::expect_answer), and has nothing else to do, looks for
    /// the answer before it sleeps: being woken takes longer than many an answer; so does one that a socket has just given
    /// work, of a [stream](super::Scheduler::expect_stream) now and then only. It lets other programs go first. Zero to
    /// sleep at once; [`BUSY_WAIT`](super::BUSY_WAIT) by default. `+sbwt` is the like of it in OTP.
    pub busy_wait: Duration,
    /// So many spare workers are started at most while all others are stuck; not more than [`SPARE_WORKERS_MAX`], the
    /// default.
    pub spare_workers_max: usize,
    /// So many threads run blocking work at a time, at least 1; [`BLOCKING_THREADS_MAX`] by default.
    pub blocking_threads_max: usize,
    /// So much blocking work waits for a thread at most; [`BLOCKING_QUEUE_MAX`] by default.
    pub blocking_queue_max: usize,
    /// A thread for blocking work that had none for so long ends; [`BLOCKING_IDLE`] by default.
    pub blocking_idle: Duration,
    /// Told of each worker that is stuck, and again when it is not any more. Runs on the watchdog's thread; it must not
    /// block.
    pub on_stuck: Option<OnStuck>,
}

/// Who is told of workers that are stuck.
pub type OnStuck = Arc<dyn Fn(&Stuck) + Send + Sync>;

impl ThreadsConfig {
    /// The defaults, with so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            slice_max: SLICE_MAX,
            busy_wait: BUSY_WAIT,
            spare_workers_max: SPARE_WORKERS_MAX,
            blocking_threads_max: BLOCKING_THREADS_MAX,
            blocking_queue_max: BLOCKING_QUEUE_MAX,
            blocking_idle: BLOCKING_IDLE,
            on_stuck: None,
        }
    }
}

impl fmt::Debug for ThreadsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadsConfig")
            .field("workers", &self.workers)
            .field("slice_max", &self.slice_max)
            .finish_non_exhaustive()
    }
}

/// A worker that has been in the same run for longer than [`ThreadsConfig::slice_max`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The worker's place among those of its scheduler; the spare ones come after the regular ones.
    pub worker: usize,
    /// What it runs.
    pub runs: StuckIn,
    /// How long that takes: at least so long where it is not over, about so long where it is.
    pub lasts: Duration,
    /// Whether it is over.
    pub is_over: bool,
}

/// What a stuck worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StuckIn {
    /// A time slice of a process. Where processes run inside each other, the innermost.
    Process {
        /// The process.
        pid: Pid,
        /// What it calls itself.
        label: Option<String>,
    },
    /// A process that could not be found any more, or a task that is no process, such as the driver of a connection.
    Task,
    /// What was to run when a timer was due.
    Timer,
}

impl fmt::Display for StuckIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, label: None } => write!(f, "process {pid}"),
            Self::Process { pid, label: Some(label) } => write!(f, "process {pid} ({label})"),
            Self::Task => f.write_str("a task that is no process, or of one that has ended"),
            Self::Timer => f.write_str("the action of a timer"),
        }
    }
}
