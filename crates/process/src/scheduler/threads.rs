//! Production: worker threads that steal work from each other, each with an I/O driver of its own.
//!
//! Each worker is a tokio current-thread runtime whose root future runs the queues of this file. So tokio's sockets
//! and timers work inside a process, an idle worker sleeps in tokio's epoll, and a socket's wake-up stays on its
//! worker. A worker takes tasks from, in this order: a slot for the task woken last (cache-warm, cannot be stolen,
//! used at most [`SLOT_RUNS`] times in a row), its own queue, the common queue, other workers' queues. After
//! [`RUNS_PER_POLL`] runs it lets tokio look at its sockets.
//!
//! A wake-up that comes from the I/O driver or from a tokio task runs outside the root future; it must wake the root
//! future too, since nobody else can see the worker's own queue in time.

use super::Fire;
use super::clock::Clock;
use super::parked::{Parked, WORKERS_MAX};
use crate::task::Runnable;
use crate::wheel::{WheelId, Wheels};
use crossbeam_deque::{Injector, Steal, Stealer, Worker as Queue};
use engset_term::Instant;
use parking_lot::Mutex;
use std::cell::{Cell, OnceCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

/// Task runs and fired timers between two looks at the sockets.
const RUNS_PER_POLL: u32 = 128;
/// Runs from the slot in a row before the other tasks get their turn.
const SLOT_RUNS: u32 = 32;
/// Every so many runs the common queue is looked at first.
const COMMON_QUEUE_EVERY: u32 = 61;
/// So many tasks may run inside each other.
const DEPTH_MAX: u32 = 4;
/// So many tasks may run inside one run that the worker chose: others have their turn then.
const INSIDE_MAX: u32 = 32;

/// Worker threads.
pub struct Threads {
    epoch: std::time::Instant,
    common: Injector<Runnable>,
    workers: Box<[Remote]>,
    parked: Parked,
    stopping: AtomicBool,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// What other threads see of a worker.
struct Remote {
    stealer: Stealer<Runnable>,
    waker: Mutex<Option<Waker>>,
    timers: Mutex<Wheels<Fire>>,
}

/// What only the worker's own thread touches.
struct Local {
    threads: Arc<Threads>,
    index: usize,
    queue: Queue<Runnable>,
    slot: Cell<Option<Runnable>>,
    slot_runs: Cell<u32>,
    runs: Cell<u32>,
    /// Whether the root future is being polled.
    in_root: Cell<bool>,
    clock: Clock,
    /// Whether the slot's task was woken by the task that runs.
    slot_is_fresh: Cell<bool>,
    /// How many tasks run inside each other.
    depth: Cell<u32>,
    /// How many tasks may still be run inside the one that runs, and inside those.
    inside_left: Cell<u32>,
}

thread_local! {
    static LOCAL: OnceCell<Local> = const { OnceCell::new() };
}

/// The place of the running worker among those of its scheduler; `None` on other threads.
pub(crate) fn worker_index() -> Option<usize> {
    LOCAL.try_with(|local| local.get().map(|local| local.index)).ok().flatten()
}

impl Threads {
    #[expect(clippy::disallowed_methods, reason = "the clock of a scheduler with threads")]
    pub(super) fn start(workers: usize) -> std::io::Result<Arc<Self>> {
        let workers = workers.clamp(1, WORKERS_MAX);
        let queues: Vec<Queue<Runnable>> = (0..workers).map(|_| Queue::new_fifo()).collect();
        let remotes = queues.iter().map(|queue| Remote {
            stealer: queue.stealer(),
            waker: Mutex::new(None),
            timers: Mutex::new(Wheels::default()),
        });
        let threads = Arc::new(Self {
            epoch: std::time::Instant::now(),
            common: Injector::new(),
            workers: remotes.collect(),
            parked: Parked::new(),
            stopping: AtomicBool::new(false),
            handles: Mutex::default(),
        });
        for (index, queue) in queues.into_iter().enumerate() {
            let handle = threads.start_worker(index, queue);
            match handle {
                Ok(handle) => threads.handles.lock().push(handle),
                Err(error) => {
                    threads.shutdown();
                    return Err(error);
                }
            }
        }
        Ok(threads)
    }

    /// Nanoseconds since the scheduler was started.
    #[must_use]
    pub fn now(&self) -> Instant {
        let here = LOCAL.try_with(|local| match local.get() {
            Some(local) if local.threads.epoch == self.epoch => Some(local.clock.now()),
            _ => None,
        });
        let elsewhere = || u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(here.ok().flatten().unwrap_or_else(elsewhere))
    }

    /// Runs the task that the running one has just woken, if there is one, inside its run.
    pub(super) fn hand_over(&self) {
        let runnable = LOCAL.try_with(|local| {
            let local = local.get().filter(|local| local.threads.epoch == self.epoch)?;
            let (depth, left) = (local.depth.get(), local.inside_left.get());
            if !local.slot_is_fresh.get() || depth >= DEPTH_MAX || left == 0 {
                return None;
            }
            local.inside_left.set(left - 1);
            local.depth.set(depth + 1);
            local.slot_is_fresh.set(false);
            local.slot.take()
        });
        if let Ok(Some(runnable)) = runnable {
            run_caught(|| runnable.run());
            LOCAL.with(|local| local.get().map(|local| local.depth.set(local.depth.get() - 1)));
        }
    }

    /// Ends all workers and waits for their threads. Tasks that are ready and timers are dropped; processes among
    /// them end as killed.
    ///
    /// A process that waits is kept by whoever can wake it: end those with [`crate::Processes::kill_all`] first.
    /// Called from a worker, it does not wait for that worker.
    pub fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for index in 0..self.workers.len() {
            self.wake_worker(index);
        }
        let handles = std::mem::take(&mut *self.handles.lock());
        let me = std::thread::current().id();
        for handle in handles {
            if handle.thread().id() != me && handle.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
        self.clear();
    }

    /// Drops what no worker will run any more.
    fn clear(&self) {
        loop {
            let timers: Vec<Wheels<Fire>> =
                self.workers.iter().map(|worker| std::mem::take(&mut *worker.timers.lock())).collect();
            let had_timers = timers.iter().any(|timers| timers.poll_timeout().is_some());
            drop(timers);
            let runnable = retry(|| self.common.steal());
            if !had_timers && runnable.is_none() {
                return;
            }
            // Dropping a task may wake others and set timers.
            drop(runnable);
        }
    }

    fn start_worker(
        self: &Arc<Self>,
        index: usize,
        queue: Queue<Runnable>,
    ) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let threads = Arc::clone(self);
        let run = move || {
            let local = Local {
                threads: Arc::clone(&threads),
                index,
                queue,
                slot: Cell::new(None),
                slot_runs: Cell::new(0),
                runs: Cell::new(0),
                in_root: Cell::new(false),
                clock: Clock::new(threads.epoch),
                slot_is_fresh: Cell::new(false),
                depth: Cell::new(0),
                inside_left: Cell::new(0),
            };
            LOCAL.with(|place| {
                let local = place.get_or_init(|| local);
                runtime.block_on(root(local));
                // Dropping tasks may wake others: they still find a worker here, and are dropped with it.
                drop(runtime);
                local.clear();
            });
        };
        std::thread::Builder::new().name(format!("engset-{index}")).spawn(run)
    }

    pub(super) fn schedule(self: &Arc<Self>, runnable: Runnable, again: bool) {
        let mut runnable = Some(runnable);
        // The thread may be ending, its local values gone.
        let looked = LOCAL.try_with(|local| {
            if let Some(local) = local.get()
                && Arc::ptr_eq(&local.threads, self)
                && let Some(runnable) = runnable.take()
            {
                local.push(runnable, again);
            }
        });
        if let (Some(runnable), Ok(()) | Err(_)) = (runnable, looked) {
            // The task may run, end, and be the last to know of this scheduler before it is told to wake anybody.
            let threads = Arc::clone(self);
            threads.common.push(runnable);
            threads.wake_one();
        }
    }

    pub(super) fn set_timer(self: &Arc<Self>, due: Instant, fire: Fire) -> (usize, WheelId) {
        let here = LOCAL.try_with(|local| match local.get() {
            Some(local) if Arc::ptr_eq(&local.threads, self) => Some((local.index, local.in_root.get())),
            _ => None,
        });
        let (index, in_root) = here.ok().flatten().unwrap_or((0, false));
        let (id, is_first) = {
            let mut timers = self.workers[index].timers.lock();
            let is_first = timers.poll_timeout().is_none_or(|first| due < first);
            (timers.insert(due, fire), is_first)
        };
        // A running root future looks at its timers before it sleeps; another must be told of an earlier end.
        if is_first && !in_root {
            self.wake_worker(index);
        }
        (index, id)
    }

    pub(super) fn cancel_timer(&self, worker: usize, id: WheelId) -> bool {
        let cancelled = self.workers[worker].timers.lock().cancel(id);
        cancelled.is_some()
    }

    /// Wakes one sleeping worker, if there is one, to look for work.
    fn wake_one(&self) {
        if let Some(index) = self.parked.choose() {
            self.wake_worker(index);
        }
    }

    fn wake_worker(&self, index: usize) {
        if let Some(waker) = &*self.workers[index].waker.lock() {
            waker.wake_by_ref();
        }
    }

    fn has_work_for_others(&self) -> bool {
        !self.common.is_empty() || self.workers.iter().any(|worker| !worker.stealer.is_empty())
    }

    /// Runs the timers of worker `index` that are due, at most [`RUNS_PER_POLL`] of them; how many it were.
    fn fire_due(&self, index: usize) -> u32 {
        let now = self.now();
        for fired in 0..RUNS_PER_POLL {
            let due = self.workers[index].timers.lock().pop_due(now);
            let Some(fire) = due else { return fired };
            run_caught(|| fire.run());
        }
        RUNS_PER_POLL
    }
}

impl Local {
    fn push(&self, runnable: Runnable, again: bool) {
        if !self.in_root.get() {
            self.queue.push(runnable);
            self.threads.wake_worker(self.index);
        } else if again {
            self.queue.push(runnable);
            self.threads.wake_one();
        } else {
            self.slot_is_fresh.set(true);
            if let Some(before) = self.slot.replace(Some(runnable)) {
                self.queue.push(before);
                self.threads.wake_one();
            }
        }
    }

    /// Runs a task that the worker chose.
    #[inline]
    fn run(&self, runnable: Runnable) {
        self.slot_is_fresh.set(false);
        self.inside_left.set(INSIDE_MAX);
        run_caught(|| runnable.run());
    }

    fn next(&self) -> Option<Runnable> {
        let runs = self.runs.get().wrapping_add(1);
        self.runs.set(runs);
        if runs.is_multiple_of(COMMON_QUEUE_EVERY)
            && let Some(runnable) = self.take_common()
        {
            return Some(runnable);
        }
        if self.slot_runs.get() < SLOT_RUNS
            && let Some(runnable) = self.slot.take()
        {
            self.slot_runs.set(self.slot_runs.get() + 1);
            return Some(runnable);
        }
        self.slot_runs.set(0);
        let Some(runnable) = self.queue.pop().or_else(|| self.take_common()) else {
            return self.slot.take().or_else(|| self.steal());
        };
        if let Some(waiting) = self.slot.take() {
            // What goes before it may run for long; others can take it from the queue.
            self.queue.push(waiting);
            self.threads.wake_one();
        }
        Some(runnable)
    }

    /// Drops what will not be run any more.
    fn clear(&self) {
        while let Some(runnable) = self.slot.take().or_else(|| self.queue.pop()) {
            drop(runnable);
        }
    }

    fn take_common(&self) -> Option<Runnable> {
        retry(|| self.threads.common.steal_batch_and_pop(&self.queue))
    }

    fn steal(&self) -> Option<Runnable> {
        let workers = &self.threads.workers;
        (1..workers.len()).find_map(|step| {
            let victim = &workers[(self.index + step) % workers.len()];
            retry(|| victim.stealer.steal_batch_and_pop(&self.queue))
        })
    }
}

/// The root future of each worker's tokio runtime.
async fn root(local: &Local) {
    let (threads, index) = (&*local.threads, local.index);
    let mut alarm = Box::pin(alarm_at(threads, Instant::from_nanos(u64::MAX / 4)));
    let mut alarm_set: Option<Instant> = None;
    poll_fn(|task| {
        note_waker(threads, index, task);
        threads.parked.leave(index);
        local.in_root.set(true);
        // Spent in all turns together: whatever turns up, tokio gets its look at the sockets.
        let mut left = RUNS_PER_POLL;
        let poll = loop {
            if threads.stopping.load(Ordering::Relaxed) {
                break Poll::Ready(());
            }
            run_some(local, &mut left);
            if left == 0 {
                // Others may have work too; tokio gets a look at the sockets first.
                task.waker().wake_by_ref();
                break Poll::Pending;
            }
            if !park(threads, index) {
                // Others may be faster and take it all: looking is not free either.
                left -= 1;
                continue;
            }
            let due = threads.workers[index].timers.lock().poll_timeout();
            if due != alarm_set {
                alarm_set = due;
                if let Some(due) = due {
                    alarm.set(alarm_at(threads, due));
                }
            }
            if alarm_set.is_some() && alarm.as_mut().poll(task).is_ready() {
                alarm_set = None;
                threads.parked.leave(index);
                continue;
            }
            break Poll::Pending;
        };
        local.in_root.set(false);
        poll
    })
    .await;
}

/// Runs tasks and due timers until nothing is left to do, or nothing of the budget.
fn run_some(local: &Local, left: &mut u32) {
    loop {
        while *left > 0 {
            let Some(runnable) = local.next() else { break };
            local.run(runnable);
            *left -= 1;
        }
        // Timers get their turn also when the tasks have used up the budget.
        let fired = local.threads.fire_due(local.index);
        *left = left.saturating_sub(fired);
        if *left == 0 || fired == 0 {
            return;
        }
    }
}

/// Announces that the worker is about to sleep; false when work turned up meanwhile.
fn park(threads: &Threads, index: usize) -> bool {
    let stays = || threads.has_work_for_others() || threads.stopping.load(Ordering::SeqCst);
    threads.parked.enter(index, stays)
}

fn note_waker(threads: &Threads, index: usize, task: &Context<'_>) {
    let mut waker = threads.workers[index].waker.lock();
    if waker.as_ref().is_none_or(|waker| !waker.will_wake(task.waker())) {
        *waker = Some(task.waker().clone());
    }
}

fn alarm_at(threads: &Threads, due: Instant) -> tokio::time::Sleep {
    let at = threads.epoch + std::time::Duration::from_nanos(due.as_nanos());
    tokio::time::sleep_until(at.into())
}

fn retry<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(value) => return Some(value),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// A task that is no process must not end the worker by a panic.
fn run_caught<R>(run: impl FnOnce() -> R) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!("a task that is no process panicked");
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}
