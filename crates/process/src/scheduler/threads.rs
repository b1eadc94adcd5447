//! Production: worker threads that steal work from each other, and share tokio's I/O driver.
//!
//! This file is what they share: queues, timers, who sleeps; their beginning and their end. `worker.rs` is what each of
//! them does, `watchdog.rs` looks after those that are stuck, `blocking.rs` has threads for what may block.

use super::Turn;
use super::bell::Bell;
use super::blocking::BlockingThreads;
use super::io::{Io, Leader};
use super::numbered::Numbered;
use super::parked::Parked;
use super::pulse::{Pulse, TIMERS};
use super::stats::{SchedulerStats, WorkerStats};
use super::watchdog::{self, Dog};
use super::worker;
use super::{SPARE_WORKERS_MAX, ThreadsConfig, WORKERS_MAX};
use crate::action::Action;
use crate::task::Runnable;
use crate::wheel::{WheelId, Wheels};
use crossbeam_deque::{Injector, Steal, Stealer, Worker as Queue};
use engset_term::Instant;
use parking_lot::Mutex;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Task runs and fired timers between two looks at the sockets.
pub(super) const RUNS_PER_POLL: u32 = 128;

/// So long a worker looks for more from its sockets before it sleeps, unless told otherwise.
pub const BUSY_WAIT: Duration = Duration::from_micros(50);

/// Worker threads.
pub struct Threads {
    pub(super) epoch: std::time::Instant,
    /// See [`ThreadsConfig::busy_wait`].
    pub(super) busy_wait_nanos: u64,
    pub(super) common: Injector<Runnable>,
    /// The regular workers, then the spare ones.
    pub(super) workers: Box<[Remote]>,
    /// So many of them are regular.
    pub(super) regular: usize,
    /// So many of them, from the first on, were ever started.
    pub(super) started: AtomicUsize,
    pub(super) parked: Parked,
    pub(super) leader: Leader,
    /// One bit for each worker that takes work: the regular ones, and the spare ones while they are needed.
    pub(super) active: AtomicU64,
    /// One bit for each worker that is stuck in a run, as far as the watchdog knows.
    pub(super) stuck: AtomicU64,
    pub(super) stopping: AtomicBool,
    /// How many worker threads there are.
    live: AtomicUsize,
    pub(super) handles: Mutex<Vec<JoinHandle<()>>>,
    pub(super) dog: Dog,
    /// Who finds the tasks whose numbers workers show.
    pub(super) numbered: Numbered,
    blocking: Arc<BlockingThreads>,
}

/// What other threads see of a worker.
pub(super) struct Remote {
    pub(super) stealer: Stealer<Runnable>,
    pub(super) bell: Bell,
    pub(super) timers: Mutex<Timers>,
    pub(super) pulse: Arc<Pulse>,
}

/// A worker's timers, and how many were set and have fired.
#[derive(Default)]
pub(super) struct Timers {
    pub(super) wheels: Wheels<Action>,
    set: u64,
    fired: u64,
}

impl Threads {
    #[expect(clippy::disallowed_methods, reason = "the clock of a scheduler with threads")]
    pub(super) fn start(config: &ThreadsConfig) -> std::io::Result<Arc<Self>> {
        let regular = config.workers.clamp(1, WORKERS_MAX);
        let spares = config.spare_workers_max.min(SPARE_WORKERS_MAX);
        let mut queues: Vec<Queue<Runnable>> = (0..regular + spares).map(|_| Queue::new_fifo()).collect();
        let remotes = queues.iter().map(|queue| Remote {
            stealer: queue.stealer(),
            bell: Bell::default(),
            timers: Mutex::default(),
            pulse: Arc::default(),
        });
        let threads = Arc::new(Self {
            epoch: std::time::Instant::now(),
            busy_wait_nanos: u64::try_from(config.busy_wait.as_nanos()).unwrap_or(u64::MAX),
            common: Injector::new(),
            workers: remotes.collect(),
            regular,
            started: AtomicUsize::new(regular),
            parked: Parked::new(),
            leader: Leader::new(),
            active: AtomicU64::new((1 << regular) - 1),
            stuck: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            handles: Mutex::default(),
            dog: Dog::new(config),
            numbered: Numbered::default(),
            blocking: BlockingThreads::new(config),
        });
        let spare_queues = queues.split_off(regular);
        let begin = || {
            let io = Arc::new(Io::new()?);
            for (index, queue) in queues.drain(..).enumerate() {
                threads.start_worker(index, queue, &io)?;
            }
            watchdog::start(&threads, spare_queues, io)
        };
        if let Err(error) = begin() {
            threads.shutdown();
            return Err(error);
        }
        Ok(threads)
    }

    /// Nanoseconds since the scheduler was started.
    #[must_use]
    pub fn now(&self) -> Instant {
        let here = worker::with_local(|local| match local {
            Some(local) if local.threads.epoch == self.epoch => Some(local.clock.now()),
            _ => None,
        });
        let elsewhere = || u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(here.flatten().unwrap_or_else(elsewhere))
    }

    /// Ends all workers and the watchdog and waits for them. Tasks that are ready and timers are dropped; processes
    /// among them end as killed. Blocking work that waits for a thread is given up; what runs is not waited for.
    ///
    /// A process that waits is kept by whoever can wake it: end those with [`crate::Processes::kill_all`] first.
    /// Called from a worker, it does not wait for that worker, and what is left then is dropped when that one ends. A
    /// worker that is stuck in a run for ever is waited for as long.
    pub fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.dog.wake();
        for index in 0..self.workers.len() {
            self.wake_worker(index);
        }
        self.blocking.stop();
        let me = std::thread::current().id();
        // The watchdog may have started one more worker until it had ended itself.
        loop {
            let handles = std::mem::take(&mut *self.handles.lock());
            if handles.is_empty() {
                break;
            }
            for handle in handles {
                // The watchdog may have been about to sleep when it was woken first.
                handle.thread().unpark();
                if handle.thread().id() != me && handle.join().is_err() {
                    tracing::error!("a thread of the scheduler panicked");
                }
            }
        }
        self.clear();
    }

    /// Drops what no worker will run any more; whether there was anything.
    pub(super) fn clear(&self) -> bool {
        let mut had_any = false;
        loop {
            let timers: Vec<Wheels<Action>> =
                self.workers.iter().map(|worker| std::mem::take(&mut worker.timers.lock().wheels)).collect();
            let had_timers = timers.iter().any(|timers| timers.poll_timeout().is_some());
            drop(timers);
            let runnable = retry(|| self.common.steal());
            if !had_timers && runnable.is_none() {
                return had_any;
            }
            had_any = true;
            // Dropping a task may wake others and set timers.
            drop(runnable);
        }
    }

    /// Starts the thread of worker `index`.
    pub(super) fn start_worker(
        self: &Arc<Self>,
        index: usize,
        queue: Queue<Runnable>,
        io: &Arc<Io>,
    ) -> std::io::Result<()> {
        let (threads, io) = (Arc::clone(self), Arc::clone(io));
        self.live.fetch_add(1, Ordering::SeqCst);
        let run = move || worker::run(&threads, index, queue, io);
        match std::thread::Builder::new().name(format!("engset-{index}")).spawn(run) {
            Ok(handle) => {
                self.handles.lock().push(handle);
                Ok(())
            }
            Err(error) => {
                self.live.fetch_sub(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// A worker thread takes nothing any more, and is about to drop what is left.
    pub(super) fn worker_ends(&self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn schedule(self: &Arc<Self>, runnable: Runnable, turn: Turn) {
        let mut runnable = Some(runnable);
        // The thread may be ending, its local values gone.
        worker::with_local(|local| {
            if let Some(local) = local
                && Arc::ptr_eq(&local.threads, self)
                && let Some(runnable) = runnable.take()
            {
                local.push(runnable, turn);
            }
        });
        if let Some(runnable) = runnable {
            self.schedule_elsewhere(runnable);
        }
    }

    #[inline(never)]
    fn schedule_elsewhere(self: &Arc<Self>, runnable: Runnable) {
        // The task may run, end, and be the last to know of this scheduler before it is told to wake anybody.
        let threads = Arc::clone(self);
        threads.push_common(runnable);
        if threads.live.load(Ordering::SeqCst) == 0 && threads.stopping.load(Ordering::SeqCst) {
            // All workers have ended, and the last one may not have seen this task.
            threads.clear();
        }
    }

    /// Puts a task where any worker takes it.
    pub(super) fn push_common(&self, runnable: Runnable) {
        self.common.push(runnable);
        self.wake_one();
    }

    pub(super) fn set_timer(self: &Arc<Self>, due: Instant, action: Action) -> (usize, WheelId) {
        let here = worker::with_local(|local| match local {
            Some(local) if Arc::ptr_eq(&local.threads, self) => Some((local.index, local.at_work.get())),
            _ => None,
        });
        let (index, at_work) = here.flatten().unwrap_or_else(|| (self.any_worker(), false));
        let (id, is_first) = {
            let mut timers = self.workers[index].timers.lock();
            // A worker looks at its timers before it sleeps; another must be told of an earlier end.
            let is_first = !at_work && timers.wheels.poll_timeout().is_none_or(|first| due < first);
            timers.set += 1;
            (timers.wheels.insert(due, action), is_first)
        };
        if is_first {
            self.wake_worker(index);
        }
        (index, id)
    }

    /// A regular worker that keeps timers for those who are none: the first that is not stuck.
    fn any_worker(&self) -> usize {
        let first = (!self.stuck.load(Ordering::Relaxed)).trailing_zeros() as usize;
        if first < self.regular { first } else { 0 }
    }

    pub(super) fn cancel_timer(&self, worker: usize, id: WheelId) -> bool {
        let cancelled = self.workers[worker].timers.lock().wheels.cancel(id);
        cancelled.is_some()
    }

    /// Wakes one sleeping worker to look for work; false where there is none.
    pub(super) fn wake_one(&self) -> bool {
        // Who looks after the sockets had better go on with that.
        let chosen = self.parked.choose(self.leader.index());
        if let Some(index) = chosen {
            self.wake_worker(index);
        }
        chosen.is_some()
    }

    pub(super) fn wake_worker(&self, index: usize) {
        self.workers[index].bell.ring();
    }

    /// The workers that were ever started.
    pub(super) fn started(&self) -> &[Remote] {
        &self.workers[..self.started.load(Ordering::Relaxed).min(self.workers.len())]
    }

    pub(super) fn has_work_for_others(&self) -> bool {
        !self.common.is_empty() || self.started().iter().any(|worker| !worker.stealer.is_empty())
    }

    /// Runs the timers of worker `index` that are due, at most [`RUNS_PER_POLL`] of them, on the worker that shows
    /// `pulse`; how many it were.
    pub(super) fn fire_due(&self, index: usize, pulse: &Pulse) -> u32 {
        let now = self.now();
        let mut fired = 0;
        while fired < RUNS_PER_POLL {
            let due = {
                let mut timers = self.workers[index].timers.lock();
                let due = timers.wheels.pop_due(now);
                timers.fired += u64::from(due.is_some());
                due
            };
            let Some(fire) = due else { break };
            pulse.show_running(TIMERS);
            pulse.run_begins();
            run_caught(|| fire.run());
            fired += 1;
        }
        fired
    }

    pub(super) fn blocking(&self) -> &Arc<BlockingThreads> {
        &self.blocking
    }

    pub(super) fn stats(&self) -> SchedulerStats {
        let now = self.now().as_nanos();
        let stuck = self.stuck.load(Ordering::Relaxed);
        let workers = self.started().iter().enumerate().map(|(index, worker)| {
            let (steals, parks, busy) = worker.pulse.work(now);
            let timers = worker.timers.lock();
            WorkerStats {
                runs: worker.pulse.runs(),
                steals,
                parks,
                timers_set: timers.set,
                timers_fired: timers.fired,
                queue: worker.stealer.len(),
                busy,
                is_stuck: stuck & (1 << index) != 0,
            }
        });
        let spares = self.active.load(Ordering::Relaxed).count_ones() as usize - self.regular;
        SchedulerStats {
            workers: workers.collect(),
            spare_workers: spares,
            common_queue: self.common.len(),
            blocking: self.blocking.stats(),
            ..self.dog.stats()
        }
    }
}

/// The places of the bits that are set.
pub(super) fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if bits == 0 {
            return None;
        }
        let index = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        Some(index)
    })
}

pub(super) fn retry<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(value) => return Some(value),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// A task that is no process must not end the worker by a panic.
pub(super) fn run_caught<R>(run: impl FnOnce() -> R) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!("a task that is no process panicked");
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("workers", &self.regular).finish_non_exhaustive()
    }
}
