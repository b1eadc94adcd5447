//! What runs processes: their tasks, the clock and the timers, in one of two orders.

mod clock;
mod parked;
mod plain;
mod seeded;
mod threads;

use crate::task::Runnable;
use crate::timer::TimerId;
use crate::wheel::WheelId;
use engset_term::Instant;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use seeded::{Seeded, Step};
pub use threads::Threads;
pub(crate) use threads::worker_index;

/// Runs processes, in one of two orders.
#[derive(Clone)]
pub enum Scheduler {
    /// Worker threads and real time: production.
    Threads(Arc<Threads>),
    /// One thread, an order drawn from a seed, and virtual time: simulation.
    Seeded(Arc<Seeded>),
}

impl Scheduler {
    /// Starts `workers` worker threads, each with its own I/O driver. They end with [`Threads::shutdown`].
    ///
    /// # Errors
    /// When the operating system refuses a thread or an I/O driver.
    pub fn threads(workers: usize) -> std::io::Result<Self> {
        Threads::start(workers).map(Self::Threads)
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
        self.set_timer(due, Fire::Run(Box::new(action)))
    }

    /// Runs a future that is no process, such as the driver of a connection.
    pub fn spawn_task(&self, future: impl Future<Output = ()> + Send + 'static) {
        plain::start(self.clone(), future).schedule();
    }

    pub(crate) fn set_timer(&self, due: Instant, fire: Fire) -> Timer {
        Timer { set: self.set(due, fire), scheduler: self.clone(), due }
    }

    fn set(&self, due: Instant, fire: Fire) -> SetTimer {
        match self {
            Self::Threads(threads) => {
                let (worker, id) = threads.set_timer(due, fire);
                SetTimer::Wheel(worker, id)
            }
            Self::Seeded(seeded) => SetTimer::Sorted(seeded.set_timer(due, fire)),
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
            Self::Threads(threads) => threads.hand_over(),
            // The order is drawn from the seed.
            Self::Seeded(_) => {}
        }
    }

    /// Puts a task into a run queue; behind all others there, where it runs `again` at once.
    pub(crate) fn schedule(&self, runnable: Runnable, again: bool) {
        match self {
            Self::Threads(threads) => threads.schedule(runnable, again),
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

/// What a timer does when due.
pub(crate) enum Fire {
    Wake(Waker),
    Run(Box<dyn FnOnce() + Send>),
}

impl Fire {
    fn run(self) {
        match self {
            Self::Wake(waker) => waker.wake(),
            Self::Run(action) => action(),
        }
    }
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
            let timer = self.scheduler.set(self.due, Fire::Wake(waker.clone()));
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
