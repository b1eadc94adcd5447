//! What runs processes: their tasks, the clock and the timers, in one of two orders.

mod bell;
mod blocking;
mod blocking_pool;
mod clock;
mod config;
mod io;
mod numbered;
mod parked;
mod plain;
mod pulse;
mod seeded;
mod spares;
mod stats;
mod threads;
mod watch;
mod watchdog;
mod worker;

use crate::action::Action;
use crate::task::Runnable;
use crate::timer::TimerId;
use crate::wheel::WheelId;
use engset_term::Instant;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use blocking::{BLOCKING_IDLE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS_MAX, BlockingError};
pub use config::{OnStuck, SPARE_WORKERS_MAX, Stuck, StuckIn, ThreadsConfig, WORKERS_MAX};
pub(crate) use numbered::Home;
pub use seeded::{Seeded, Step};
pub(crate) use spares::{boxed, unboxed};
pub use stats::{BlockingStats, SchedulerStats, WorkerStats};
pub use threads::BUSY_WAIT;
pub use threads::Threads;
pub use watchdog::SLICE_MAX;
pub(crate) use worker::worker_index;

/// Runs processes, in one of two orders.
#[derive(Clone)]
pub enum Scheduler {
    /// Worker threads and real time: production.
    Threads(Arc<Threads>),
    /// One thread, an order drawn from a seed, and virtual time: simulation.
    Seeded(Arc<Seeded>),
}

impl Scheduler {
    /// Starts `workers` worker threads, which share an I/O driver. They end with [`Threads::shutdown`].
    ///
    /// # Errors
    /// When the operating system refuses a thread or an I/O driver.
    pub fn threads(workers: usize) -> std::io::Result<Self> {
        Self::threads_with(ThreadsConfig::new(workers))
    }

    /// Starts worker threads as `config` says, and a watchdog that looks after them: see [`ThreadsConfig::slice_max`].
    ///
    /// # Errors
    /// As of [`Scheduler::threads`].
    #[expect(clippy::needless_pass_by_value, reason = "made for this call, and kept in part")]
    pub fn threads_with(config: ThreadsConfig) -> std::io::Result<Self> {
        Threads::start(&config).map(Self::Threads)
    }

    /// A scheduler that runs only when told to, always in the same order for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Seeded::new(seed)))
    }

    /// The time by this scheduler's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self {
            Self::Threads(threads) => threads.now(),
            Self::Seeded(seeded) => seeded.now(),
        }
    }

    /// Completes after `duration`.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration))
    }

    /// Completes at `due`.
    pub fn sleep_until(&self, due: Instant) -> Sleep {
        Sleep { scheduler: self.clone(), due, timer: None }
    }

    /// Runs `action` at `due`, on a worker; it must not block.
    pub fn run_at(&self, due: Instant, action: impl FnOnce() + Send + 'static) -> Timer {
        self.set_timer(due, Action::new(action))
    }

    /// Runs a future that is no process, such as the driver of a connection.
    pub fn spawn_task(&self, future: impl Future<Output = ()> + Send + 'static) {
        plain::start(self.clone(), future).schedule();
    }

    /// Tells the worker that runs this that something was sent by a socket, and that the answer may come at once: it
    /// looks for it for a while before it sleeps ([`ThreadsConfig::busy_wait`]). Without effect on other threads.
    pub fn expect_answer(&self) {
        if let Self::Threads(threads) = self {
            worker::expect_answer(threads);
        }
    }

    /// Tells the worker that runs this that what a socket has brought needs no answer and may go on: it looks for more now
    /// and then only, and takes in many at a time. Without effect on other threads.
    pub fn expect_stream(&self) {
        if let Self::Threads(threads) = self {
            worker::expect_stream(threads);
        }
    }

    /// What the scheduler has done since it was made, and what it has to do now.
    ///
    /// Costs a look at each worker, and the workers nothing.
    ///
    /// ```
    /// use engset_process::Scheduler;
    ///
    /// let scheduler = Scheduler::threads(2)?;
    /// let stats = scheduler.stats();
    /// assert_eq!((stats.workers.len(), stats.spare_workers, stats.stuck), (2, 0, 0));
    /// # if let Scheduler::Threads(threads) = scheduler { threads.shutdown() }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> SchedulerStats {
        match self {
            Self::Threads(threads) => threads.stats(),
            Self::Seeded(seeded) => seeded.stats(),
        }
    }

    pub(crate) fn set_timer(&self, due: Instant, action: Action) -> Timer {
        Timer { set: self.set(due, action), scheduler: self.clone(), due }
    }

    fn set(&self, due: Instant, action: Action) -> SetTimer {
        match self {
            Self::Threads(threads) => {
                let (worker, id) = threads.set_timer(due, action);
                SetTimer::Wheel(worker, id)
            }
            Self::Seeded(seeded) => SetTimer::Sorted(seeded.set_timer(due, action)),
        }
    }

    /// Takes a timer back; false where it has fired.
    fn cancel(&self, timer: SetTimer) -> bool {
        match (self, timer) {
            (Self::Threads(threads), SetTimer::Wheel(worker, id)) => threads.cancel_timer(worker, id),
            (Self::Seeded(seeded), SetTimer::Sorted(id)) => seeded.cancel_timer(id),
            (Self::Threads(_), SetTimer::Sorted(_)) | (Self::Seeded(_), SetTimer::Wheel(..)) => false,
        }
    }

    /// Runs the process that the running one has just woken inside its own time slice, if the order of this scheduler
    /// allows that: for a process that waits for nothing but that one's answer.
    pub fn hand_over(&self) {
        match self {
            Self::Threads(threads) => worker::hand_over(threads),
            // The order is drawn from the seed.
            Self::Seeded(_) => {}
        }
    }

    /// Lets the watchdog find the processes of a node.
    pub(crate) fn add_home(&self, home: Weak<dyn Home>) {
        if let Self::Threads(threads) = self {
            threads.numbered.add_home(home);
        }
    }

    /// Puts a task into a run queue.
    pub(crate) fn schedule(&self, runnable: Runnable, turn: Turn) {
        match self {
            Self::Threads(threads) => threads.schedule(runnable, turn),
            Self::Seeded(seeded) => seeded.schedule(runnable),
        }
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(threads) => fmt::Debug::fmt(threads, f),
            Self::Seeded(seeded) => fmt::Debug::fmt(seeded, f),
        }
    }
}

/// When a task that is to run gets its turn. The number says by which the task is found in a worker's slot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// Next: it was woken by what the worker does now.
    Next(u64),
    /// Next where no other waits at the worker, and behind the others otherwise: what it does is better done once for
    /// all of them.
    AfterOthers(u64),
    /// Behind all others.
    Last,
}

/// Where a timer that was set is found.
#[derive(Debug, Clone, Copy)]
enum SetTimer {
    /// In the wheels of this worker.
    Wheel(usize, WheelId),
    Sorted(TimerId),
}

/// A timer that was set. Dropping it does not cancel it.
pub struct Timer {
    scheduler: Scheduler,
    set: SetTimer,
    due: Instant,
}

impl Timer {
    /// Takes the timer back; how long it would have waited, or `None` where it has fired.
    pub fn cancel(&self) -> Option<Duration> {
        self.scheduler.cancel(self.set).then(|| self.left())
    }

    /// How long the timer will wait still, or zero; also where it was taken back.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.due.saturating_duration_since(self.scheduler.now())
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("due", &self.due).finish_non_exhaustive()
    }
}

/// Completes at its time, by the scheduler's clock. Dropping it cancels it.
#[must_use = "a sleep does nothing until awaited"]
pub struct Sleep {
    scheduler: Scheduler,
    due: Instant,
    timer: Option<(SetTimer, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if self.scheduler.now() >= self.due {
            return Poll::Ready(());
        }
        if self.timer.as_ref().is_none_or(|(_, waker)| !waker.will_wake(task.waker())) {
            if let Some((timer, _)) = self.timer.take() {
                self.scheduler.cancel(timer);
            }
            let waker = task.waker().clone();
            let wake = waker.clone();
            let timer = self.scheduler.set(self.due, Action::new(move || wake.wake()));
            self.timer = Some((timer, waker));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, _)) = self.timer.take() {
            self.scheduler.cancel(timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("due", &self.due).finish_non_exhaustive()
    }
}
