//! Simulation: one thread, the order of tasks drawn from a seed, and virtual time that moves only when told to.

use super::stats::{SchedulerStats, WorkerStats};
use crate::action::Action;
use crate::task::Runnable;
use crate::timer::{TimerId, Timers};
use engset_term::Instant;
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// A scheduler for simulation. Same seed and same inputs: same order.
pub struct Seeded {
    seed: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    rng: fastrand::Rng,
    now: Instant,
    ready: Vec<Runnable>,
    timers: Timers<Action>,
    trace: u64,
    runs: u64,
    timers_set: u64,
    timers_fired: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// One task ran for a time slice, or one due timer fired.
    Ran,
    /// Nothing can run before this time.
    IdleUntil(Instant),
    /// Nothing can run at all unless something from outside happens.
    Idle,
}

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        let inner = Inner {
            rng: fastrand::Rng::with_seed(seed),
            now: Instant::ZERO,
            ready: Vec::new(),
            timers: Timers::default(),
            trace: 0xCBF2_9CE4_8422_2325,
            runs: 0,
            timers_set: 0,
            timers_fired: 0,
        };
        Self { seed, inner: Mutex::new(inner) }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.inner.lock().now
    }

    /// A number drawn from the seed, below `bound`.
    ///
    /// # Panics
    /// When `bound` is 0.
    #[must_use]
    pub fn draw(&self, bound: u64) -> u64 {
        self.inner.lock().rng.u64(0..bound)
    }

    /// Mixes `fact` into the trace.
    pub fn note(&self, fact: u64) {
        let mut inner = self.inner.lock();
        inner.mix(fact);
    }

    /// A hash of every decision made and every fact noted so far: equal for equal runs.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.inner.lock().trace
    }

    /// Fires a due timer or runs a ready task, chosen by the seed. Time stands still.
    pub fn step(&self) -> Step {
        let fire = {
            let mut inner = self.inner.lock();
            let now = inner.now;
            let due = inner.timers.pop_due(now);
            inner.runs += u64::from(due.is_some());
            inner.timers_fired += u64::from(due.is_some());
            due
        };
        if let Some(fire) = fire {
            fire.run();
            return Step::Ran;
        }
        let runnable = {
            let mut inner = self.inner.lock();
            let ready = inner.ready.len();
            if ready == 0 {
                return inner.timers.poll_timeout().map_or(Step::Idle, Step::IdleUntil);
            }
            let chosen = inner.rng.usize(0..ready);
            let now = inner.now.as_nanos();
            inner.mix(now);
            inner.mix(chosen as u64);
            inner.runs += 1;
            inner.ready.swap_remove(chosen)
        };
        // Nobody looks at who runs.
        runnable.run(&AtomicU64::new(0));
        Step::Ran
    }

    /// Moves time on to `to`; never back.
    pub fn advance_to(&self, to: Instant) {
        let mut inner = self.inner.lock();
        inner.now = inner.now.max(to);
    }

    /// Runs until nothing can run at `limit` or before; time ends up at `limit`.
    pub fn run_until(&self, limit: Instant) {
        loop {
            match self.step() {
                Step::Ran => {}
                Step::IdleUntil(due) if due <= limit => self.advance_to(due),
                Step::IdleUntil(_) | Step::Idle => break,
            }
        }
        self.advance_to(limit);
    }

    /// Runs, moving time on as needed, until `done` returns something or nothing can ever run again.
    pub fn run_while_none<T>(&self, mut done: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(result) = done() {
                return Some(result);
            }
            match self.step() {
                Step::Ran => {}
                Step::IdleUntil(due) => self.advance_to(due),
                Step::Idle => return done(),
            }
        }
    }

    /// Drops all tasks that are ready and all timers. Processes among them end as killed.
    ///
    /// A process that waits is kept by whoever can wake it: end those with [`crate::Processes::kill_all`] first.
    pub fn shutdown(&self) {
        loop {
            let (ready, timers) = {
                let mut inner = self.inner.lock();
                (std::mem::take(&mut inner.ready), std::mem::take(&mut inner.timers))
            };
            if ready.is_empty() && timers.poll_timeout().is_none() {
                return;
            }
            // Dropping them may wake others and set timers.
            drop(timers);
            drop(ready);
        }
    }

    pub(super) fn stats(&self) -> SchedulerStats {
        let inner = self.inner.lock();
        let worker = WorkerStats {
            runs: inner.runs,
            timers_set: inner.timers_set,
            timers_fired: inner.timers_fired,
            queue: inner.ready.len(),
            ..WorkerStats::default()
        };
        SchedulerStats { workers: vec![worker], ..SchedulerStats::default() }
    }

    pub(super) fn schedule(&self, runnable: Runnable) {
        self.inner.lock().ready.push(runnable);
    }

    pub(super) fn set_timer(&self, due: Instant, action: Action) -> TimerId {
        let mut inner = self.inner.lock();
        inner.timers_set += 1;
        inner.timers.insert(due, action)
    }

    pub(super) fn cancel_timer(&self, id: TimerId) -> bool {
        let cancelled = self.inner.lock().timers.cancel(id);
        cancelled.is_some()
    }
}

impl Inner {
    fn mix(&mut self, fact: u64) {
        self.trace = (self.trace ^ fact).wrapping_mul(0x0100_0000_01B3).rotate_left(23);
    }
}

impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeded").field("seed", &self.seed).field("now", &self.now()).finish_non_exhaustive()
    }
}
