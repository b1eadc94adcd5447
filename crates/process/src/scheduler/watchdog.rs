//! The watchdog: a thread that looks after workers stuck in one run.
//!
//! It sleeps for good while all workers sleep; the first that wakes then wakes it. While any of them works it looks at
//! what they show, at least once in `slice_max` (`watch.rs` decides what that means) and in [`PAUSE_IO`], so that each costs
//! the workers nothing but the stores with which they show it.
//!
//! Of a worker that is stuck, others steal the queue as always, and look after the sockets. The task in its slot gets one
//! more runnable, which goes to the common queue; its timers are fired by the others; when all are stuck, a spare worker
//! is started. What waits: processes in whose slices the stuck one runs. A task of tokio that blocks is not noticed: it is
//! no run of ours, and while it blocks its worker looks after the sockets for all.

use super::config::{OnStuck, Stuck, StuckIn};
use super::io::Io;
use super::parked::Watcher;
use super::stats::SchedulerStats;
use super::threads::{Threads, bits};
use super::watch::{Finding, Watch};
use super::{SPARE_WORKERS_MAX, ThreadsConfig};
use crate::task::Runnable;
use crossbeam_deque::Worker as Queue;
use engset_term::Instant;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

/// A worker that has been in the same run for longer is stuck, unless the scheduler's configuration says otherwise.
pub const SLICE_MAX: Duration = Duration::from_millis(100);
/// The shortest limit, and the shortest pause between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// The longest pause while any worker is awake: for so long nobody may look at the sockets while some worker sleeps.
const PAUSE_IO: Duration = Duration::from_millis(5);
/// The pause while a timer of a stuck worker is due, and another worker was woken to fire it.
const PAUSE_DUE: Duration = Duration::from_millis(5);

/// What others see of the watchdog.
pub(super) struct Dog {
    slice_max: Duration,
    on_stuck: Option<OnStuck>,
    thread: OnceLock<Thread>,
    watcher: Watcher,
    stuck: AtomicU64,
    rescued: AtomicU64,
    looks: AtomicU64,
}

impl Dog {
    pub(super) fn new(config: &ThreadsConfig) -> Self {
        Self {
            slice_max: config.slice_max.max(PAUSE_MIN),
            on_stuck: config.on_stuck.clone(),
            thread: OnceLock::new(),
            watcher: Watcher::new(),
            stuck: AtomicU64::new(0),
            rescued: AtomicU64::new(0),
            looks: AtomicU64::new(0),
        }
    }

    /// A worker wakes, and has said so: from now on there is something to look after.
    #[inline]
    pub(super) fn notice(&self) {
        if self.watcher.sleeps() {
            self.wake();
        }
    }

    #[cold]
    pub(super) fn wake(&self) {
        self.watcher.leave();
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Counts what was taken over from a stuck worker.
    pub(super) fn rescued(&self, how_many: u32) {
        self.rescued.fetch_add(u64::from(how_many), Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> SchedulerStats {
        SchedulerStats {
            stuck: self.stuck.load(Ordering::Relaxed),
            rescued: self.rescued.load(Ordering::Relaxed),
            looks: self.looks.load(Ordering::Relaxed),
            ..SchedulerStats::default()
        }
    }
}

/// Starts the watchdog of a scheduler, with the queues of spare workers that have not been started.
pub(super) fn start(
    threads: &Arc<Threads>,
    spare_queues: Vec<Queue<Runnable>>,
    io: Arc<Io>,
) -> std::io::Result<()> {
    let watched = Arc::clone(threads);
    let watch = Watch::new(threads.dog.slice_max, threads.regular, spare_queues.len());
    let run = move || {
        _ = watched.dog.thread.set(std::thread::current());
        let spares = spare_queues.into_iter().map(Spare::Queue).collect();
        Keeper { threads: watched, watch, spares, told: BTreeMap::new(), io }.run();
    };
    let handle = std::thread::Builder::new().name("engset-watchdog".to_owned()).spawn(run)?;
    threads.handles.lock().push(handle);
    Ok(())
}

/// A spare worker.
enum Spare {
    /// Never needed so far.
    Queue(Queue<Runnable>),
    Started,
    /// The operating system refused it.
    Refused,
}

/// What the watchdog's thread keeps.
struct Keeper {
    threads: Arc<Threads>,
    watch: Watch,
    spares: Vec<Spare>,
    /// What each stuck worker was told to run.
    told: BTreeMap<usize, StuckIn>,
    io: Arc<Io>,
}

impl Keeper {
    fn run(mut self) {
        let mut shown = Vec::with_capacity(self.threads.workers.len());
        let mut slots = Vec::with_capacity(self.threads.workers.len());
        let mut findings = Vec::with_capacity(SPARE_WORKERS_MAX);
        loop {
            if self.threads.stopping.load(Ordering::SeqCst) {
                return;
            }
            let now = self.threads.now();
            shown.clear();
            shown.extend(self.threads.workers.iter().map(|worker| worker.pulse.read()));
            let is_alive = self.watch.look(now, &shown, &mut findings);
            self.threads.dog.looks.fetch_add(1, Ordering::Relaxed);
            let stuck = self.watch.stuck();
            self.threads.stuck.store(stuck, Ordering::SeqCst);
            for finding in findings.drain(..) {
                self.act(finding);
            }
            slots.clear();
            slots.extend(bits(stuck).map(|index| shown[index].slot));
            slots.sort_unstable();
            for of_one_task in slots.chunk_by(|one, other| one == other) {
                self.rescue(of_one_task);
            }
            self.sleep(now, is_alive, stuck);
        }
    }

    /// Lets others run the task that was put last into the slots of as many stuck workers.
    fn rescue(&self, of_one_task: &[u64]) {
        let Some(number) = of_one_task.first() else { return };
        let lost = u8::try_from(of_one_task.len()).unwrap_or(u8::MAX);
        for runnable in self.threads.numbered.rescue(*number, lost) {
            self.threads.dog.rescued(1);
            self.threads.push_common(runnable);
        }
    }

    fn act(&mut self, finding: Finding) {
        match finding {
            Finding::Stuck(worker, number, lasts) => {
                self.threads.dog.stuck.fetch_add(1, Ordering::Relaxed);
                let runs = self.threads.numbered.what_runs(number);
                tracing::warn!(
                    worker,
                    ?lasts,
                    "{runs} does not let others run: it blocks or computes for long in one piece; `blocking` has \
                     threads for that"
                );
                self.tell(&Stuck { worker, runs: runs.clone(), lasts, is_over: false });
                self.told.insert(worker, runs);
            }
            Finding::Back(worker, _, lasts) => {
                let runs = self.told.remove(&worker).unwrap_or(StuckIn::Task);
                tracing::warn!(worker, ?lasts, "{runs} lets others run again");
                if let StuckIn::Process { pid, .. } = runs {
                    self.threads.numbered.report_long_slice(pid, lasts);
                }
                self.tell(&Stuck { worker, runs, lasts, is_over: true });
            }
            Finding::StartSpare(index) => self.start_spare(index),
            Finding::RetireSpares => {
                let regular = (1 << self.threads.regular) - 1;
                let spares = self.threads.active.swap(regular, Ordering::SeqCst) & !regular;
                for index in bits(spares) {
                    // It may sleep, and would be woken for work that it does not take any more.
                    self.threads.wake_worker(index);
                }
            }
        }
    }

    fn tell(&self, stuck: &Stuck) {
        if let Some(on_stuck) = &self.threads.dog.on_stuck
            && catch_unwind(AssertUnwindSafe(|| on_stuck(stuck))).is_err()
        {
            tracing::error!("who is told of stuck workers panicked");
        }
    }

    fn start_spare(&mut self, index: usize) {
        let threads = &self.threads;
        let Some(spare) = self.spares.get_mut(index - threads.regular) else { return };
        if matches!(spare, Spare::Queue(_))
            && let Spare::Queue(queue) = std::mem::replace(spare, Spare::Started)
        {
            threads.started.fetch_max(index + 1, Ordering::SeqCst);
            if let Err(error) = threads.start_worker(index, queue, &self.io) {
                tracing::error!("all workers are stuck, and no spare one could be started: {error}");
                *spare = Spare::Refused;
            }
        }
        if matches!(spare, Spare::Started) {
            threads.active.fetch_or(1 << index, Ordering::SeqCst);
            threads.wake_worker(index);
        }
    }

    /// Sleeps until the next look.
    fn sleep(&self, now: Instant, is_alive: bool, stuck: u64) {
        let dog = &self.threads.dog;
        if is_alive {
            // Who runs something for long does not look at the sockets: one that sleeps can.
            if self.threads.leader.index().is_none() {
                self.threads.wake_one();
            }
            return std::thread::park_timeout(self.pause(now, stuck).min(PAUSE_IO));
        }
        // Whoever wakes takes its bit away and looks then whether the watchdog sleeps.
        let active = self.threads.active.load(Ordering::SeqCst);
        if dog.watcher.enter(&self.threads.parked, active) && !self.threads.stopping.load(Ordering::SeqCst) {
            std::thread::park();
        } else {
            std::thread::park_timeout(self.watch.pause().min(PAUSE_IO));
        }
        dog.watcher.leave();
    }

    /// How long to wait for the next look: not longer than until a stuck worker's timer is due, which others must fire.
    fn pause(&self, now: Instant, stuck: u64) -> Duration {
        let due = |index: usize| self.threads.workers[index].timers.lock().wheels.poll_timeout();
        let next = bits(stuck).filter_map(due).min();
        let pause = self.watch.pause();
        let Some(left) = next.map(|due| due.saturating_duration_since(now)) else {
            return pause.max(PAUSE_MIN);
        };
        if left.is_zero() {
            self.threads.wake_one();
            return pause.min(PAUSE_DUE);
        }
        pause.min(left).max(PAUSE_MIN)
    }
}
