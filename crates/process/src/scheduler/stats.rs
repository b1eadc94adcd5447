//! What a scheduler has done and has to do, as values.

use std::time::Duration;

/// A scheduler at one moment. Its numbers are read one after another while the workers run on: each is right by itself,
/// their sums only when all is quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchedulerStats {
    /// Each worker, the regular ones first, then the spare ones that were ever started. A seeded scheduler is one worker.
    pub workers: Vec<WorkerStats>,
    /// How many spare workers take work now.
    pub spare_workers: usize,
    /// How many tasks wait in the queue that is common to all workers.
    pub common_queue: usize,
    /// How often a worker was found stuck in one run since the scheduler started.
    pub stuck: u64,
    /// How many tasks and timers others took over from workers that were stuck: from their slots, and due timers.
    pub rescued: u64,
    /// How often the watchdog looked.
    pub looks: u64,
    /// The threads for blocking work.
    pub blocking: BlockingStats,
}

/// One worker. Counted since it started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerStats {
    /// How many runs of tasks and timers it began, also inside each other.
    pub runs: u64,
    /// How often it took tasks from another worker's queue.
    pub steals: u64,
    /// How often it went to sleep.
    pub parks: u64,
    /// How many timers were set with it.
    pub timers_set: u64,
    /// How many of its timers fired; others were taken back, or wait.
    pub timers_fired: u64,
    /// How many tasks wait in its own queue, without the one that it runs next.
    pub queue: usize,
    /// About how long it was awake. Of a seeded scheduler: zero.
    pub busy: Duration,
    /// Whether it is in one run for longer than it may.
    pub is_stuck: bool,
}

/// The threads for blocking work, see [`crate::blocking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockingStats {
    /// How many threads there are.
    pub threads: usize,
    /// How many of them have nothing to do.
    pub idle: usize,
    /// How much work waits for a thread.
    pub waiting: usize,
    /// How much work was taken on since the scheduler started.
    pub accepted: u64,
    /// How much work was refused because too much was waiting.
    pub refused: u64,
    /// How much work was done, also with a panic.
    pub done: u64,
    /// How much of it panicked.
    pub panicked: u64,
}
