//! One worker: a thread that runs the queues, and looks after tokio's sockets when it has nothing to run.
//!
//! A worker takes tasks from, in this order: a slot for the task woken last (cache-warm, cannot be stolen, used at most
//! [`SLOT_RUNS`] times in a row), its own queue, the common queue, other workers' queues. After [`RUNS_PER_POLL`] runs it
//! lets tokio look at its sockets. With nothing to run it sleeps: in tokio's epoll if no other does (`io.rs`), else as any
//! thread.
//!
//! A spare worker that is not needed any more takes no work: what its timers wake goes to the common queue.

use super::Turn;
use super::clock::Clock;
use super::io::Io;
use super::pulse::{NOTHING, Pulse};
use super::spares::Spares;
use super::threads::{RUNS_PER_POLL, Threads, bits, retry, run_caught};
use crate::task::Runnable;
use crossbeam_deque::Worker as Queue;
use engset_term::Instant;
use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Between two looks at the sockets of a worker that something reached, and that has nothing to do: what comes meanwhile
/// is taken in at once.
const LOOK_NANOS: u64 = 20_000;
/// Runs from the slot in a row before the other tasks get their turn.
const SLOT_RUNS: u32 = 32;
/// Every so many runs the common queue is looked at first.
const COMMON_QUEUE_EVERY: u64 = 61;
/// So many tasks may run inside each other.
const DEPTH_MAX: u32 = 4;
/// So many tasks may run inside one run that the worker chose: others have their turn then.
const INSIDE_MAX: u32 = 32;

/// What only the worker's own thread touches.
pub(super) struct Local {
    pub(super) threads: Arc<Threads>,
    pub(super) index: usize,
    pub(super) clock: Clock,
    /// Whether the worker runs what there is to run, and takes work.
    pub(super) at_work: Cell<bool>,
    pulse: Arc<Pulse>,
    queue: Queue<Runnable>,
    slot: Cell<Option<Runnable>>,
    slot_runs: Cell<u32>,
    /// Whether the slot's task was woken by the task that runs.
    slot_is_fresh: Cell<bool>,
    /// How many tasks run inside each other.
    depth: Cell<u32>,
    /// How many tasks may still be run inside the one that runs, and inside those.
    inside_left: Cell<u32>,
    /// Whether this is a spare worker that is not needed.
    is_retired: Cell<bool>,
    /// Whether something was sent whose answer may come at once, since the worker last had nothing to do.
    expects: Cell<bool>,
    /// Whether a socket or a timer of tokio's woke a task since then.
    was_reached: Cell<bool>,
    /// Whether what came was part of a stream that needs no answer.
    streams: Cell<bool>,
    /// When tokio last looked at the sockets, by the worker's clock; as are the next two.
    looked: Cell<u64>,
    /// Until when the worker looks at the sockets as often as it can before it sleeps.
    eager_until: Cell<u64>,
    /// Until when it does so now and then.
    busy_until: Cell<u64>,
    pub(super) spares: Spares,
}

thread_local! {
    static LOCAL: OnceCell<Local> = const { OnceCell::new() };
}

/// Calls `body` with what is this worker's own, `None` on other threads; `None` also where the thread is ending.
#[inline]
pub(super) fn with_local<R>(body: impl FnOnce(Option<&Local>) -> R) -> Option<R> {
    LOCAL.try_with(|local| body(local.get())).ok()
}

/// The place of the running worker among those of its scheduler; `None` on other threads.
pub(crate) fn worker_index() -> Option<usize> {
    with_local(|local| local.map(|local| local.index)).flatten()
}

/// An answer may come at once to the worker that runs this.
pub(super) fn expect_answer(threads: &Threads) {
    with_local(|local| {
        if let Some(local) = local.filter(|local| local.threads.epoch == threads.epoch) {
            local.expects.set(true);
        }
    });
}

/// What the worker that runs this has got is part of a stream.
pub(super) fn expect_stream(threads: &Threads) {
    with_local(|local| {
        if let Some(local) = local.filter(|local| local.threads.epoch == threads.epoch) {
            local.streams.set(true);
        }
    });
}

/// The life of a worker's thread.
pub(super) fn run(threads: &Arc<Threads>, index: usize, queue: Queue<Runnable>, io: Arc<Io>) {
    let local = Local {
        threads: Arc::clone(threads),
        index,
        clock: Clock::new(threads.epoch),
        at_work: Cell::new(false),
        pulse: Arc::clone(&threads.workers[index].pulse),
        queue,
        slot: Cell::new(None),
        slot_runs: Cell::new(0),
        slot_is_fresh: Cell::new(false),
        depth: Cell::new(0),
        inside_left: Cell::new(0),
        is_retired: Cell::new(false),
        expects: Cell::new(false),
        was_reached: Cell::new(false),
        streams: Cell::new(false),
        looked: Cell::new(0),
        eager_until: Cell::new(0),
        busy_until: Cell::new(0),
        spares: Spares::default(),
    };
    LOCAL.with(|place| {
        let local = place.get_or_init(|| local);
        live(local, &io);
        // Dropping tokio's tasks may wake others: they still find a worker here, and are dropped with it.
        drop(io);
        threads.worker_ends();
        // Where the shutdown was called by this worker, nobody else drops what came meanwhile.
        while local.clear() | threads.clear() {}
    });
}

/// Runs the task that the running one has just woken, if there is one, inside its run.
pub(super) fn hand_over(threads: &Threads) {
    with_local(|local| {
        let local = local.filter(|local| local.threads.epoch == threads.epoch)?;
        let (depth, left) = (local.depth.get(), local.inside_left.get());
        if !local.slot_is_fresh.get() || depth >= DEPTH_MAX || left == 0 {
            return None;
        }
        local.inside_left.set(left - 1);
        local.depth.set(depth + 1);
        local.slot_is_fresh.set(false);
        if let Some(runnable) = local.slot.take() {
            let shown = local.pulse.running().load(Ordering::Relaxed);
            local.pulse.run_begins();
            run_caught(|| runnable.run(local.pulse.running()));
            local.pulse.show_running(shown);
        }
        local.depth.set(local.depth.get() - 1);
        Some(())
    });
}

impl Local {
    #[inline]
    pub(super) fn push(&self, runnable: Runnable, turn: Turn) {
        match turn {
            Turn::Next(number) if self.at_work.get() => {
                self.slot_is_fresh.set(true);
                self.pulse.show_slot(number);
                if let Some(before) = self.slot.replace(Some(runnable)) {
                    self.push_behind(before);
                }
            }
            Turn::AfterOthers(number) if self.at_work.get() => self.push_after_others(runnable, number),
            Turn::Next(_) | Turn::AfterOthers(_) | Turn::Last => self.push_behind(runnable),
        }
    }

    /// Puts a task behind those that wait here, into the slot where none does.
    #[inline(never)]
    fn push_after_others(&self, runnable: Runnable, number: u64) {
        let next = self.slot.take();
        if next.is_none() && self.queue.is_empty() {
            return self.push(runnable, Turn::Next(number));
        }
        self.slot.set(next);
        self.push_behind(runnable);
    }

    /// Puts a task behind the others, and sees to it that somebody comes to it.
    #[inline(never)]
    fn push_behind(&self, runnable: Runnable) {
        if self.at_work.get() {
            self.queue.push(runnable);
            self.threads.wake_one();
        } else if self.is_retired.get() {
            self.threads.push_common(runnable);
        } else {
            self.was_reached.set(true);
            self.queue.push(runnable);
            self.threads.wake_worker(self.index);
        }
    }

    /// When to look at the sockets again instead of sleeping: at once, where something was sent or came so short a time
    /// ago that more may come at once, since being woken takes longer than many an answer; after a while, where what came
    /// is of a stream, since that is best taken in many at a time.
    fn next_look(&self) -> Option<u64> {
        let now = self.clock.now();
        let later = now.saturating_add(self.threads.busy_wait_nanos);
        if self.expects.take() {
            self.eager_until.set(later);
        }
        let streams = self.streams.take();
        if self.was_reached.take() {
            let until = if streams { &self.busy_until } else { &self.eager_until };
            until.set(later);
        }
        if now < self.eager_until.get() {
            Some(now)
        } else if now < self.busy_until.get() {
            Some(self.looked.get().saturating_add(LOOK_NANOS))
        } else {
            None
        }
    }

    /// Whether there is something to do, or no reason to look at the sockets once more; otherwise it is time to. An earlier
    /// timer than `due` rings the bell.
    fn has_looked_enough(&self, due: Option<Instant>) -> bool {
        let now = self.clock.now();
        if self.threads.workers[self.index].bell.is_rung()
            || self.threads.has_work_for_others()
            || due.is_some_and(|due| due.as_nanos() <= now)
        {
            return true;
        }
        self.looked.set(now);
        let Some(next_look) = self.next_look() else { return true };
        self.wait_busily(next_look);
        false
    }

    /// Lets other programs of the machine go first until it is time to look at the sockets.
    fn wait_busily(&self, next_look: u64) {
        match next_look.saturating_sub(self.clock.now()) {
            0 => std::thread::yield_now(),
            nanos => std::thread::sleep(Duration::from_nanos(nanos)),
        }
    }

    /// Runs a task that the worker chose.
    #[inline]
    fn run(&self, runnable: Runnable) {
        self.slot_is_fresh.set(false);
        self.inside_left.set(INSIDE_MAX);
        self.pulse.run_begins();
        run_caught(|| runnable.run(self.pulse.running()));
    }

    fn next(&self) -> Option<Runnable> {
        if self.pulse.runs().is_multiple_of(COMMON_QUEUE_EVERY)
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

    /// Wakes others for what has come from sockets and is more than this worker takes next.
    fn share_out(&self) {
        for _ in 1..self.queue.len() {
            if !self.threads.wake_one() {
                break;
            }
        }
    }

    /// Drops what will not be run any more; whether there was anything.
    fn clear(&self) -> bool {
        let mut had_any = false;
        while let Some(runnable) = self.slot.take().or_else(|| self.queue.pop()) {
            had_any = true;
            drop(runnable);
        }
        had_any
    }

    /// Gives all that is to be run to others.
    fn give_away(&self) {
        while let Some(runnable) = self.slot.take().or_else(|| self.queue.pop()) {
            self.threads.push_common(runnable);
        }
    }

    fn take_common(&self) -> Option<Runnable> {
        retry(|| self.threads.common.steal_batch_and_pop(&self.queue))
    }

    fn steal(&self) -> Option<Runnable> {
        let workers = self.threads.started();
        let stolen = (1..workers.len()).find_map(|step| {
            let victim = &workers[(self.index + step) % workers.len()];
            retry(|| victim.stealer.steal_batch_and_pop(&self.queue))
        });
        if stolen.is_some() {
            self.pulse.stole();
        }
        stolen
    }

    /// Fires the timers that are due: this worker's, and those of workers that are stuck; how many it were.
    fn fire_due(&self) -> u32 {
        let threads = &*self.threads;
        let mut fired = threads.fire_due(self.index, &self.pulse);
        let stuck = threads.stuck.load(Ordering::Relaxed);
        if stuck != 0 {
            for index in bits(stuck & !(1 << self.index)) {
                let taken_over = threads.fire_due(index, &self.pulse);
                threads.dog.rescued(taken_over);
                fired += taken_over;
            }
        }
        fired
    }
}

/// What a worker does when it has run what there was.
enum Rest {
    /// Lets tokio look at the sockets and goes on.
    Look,
    /// Looks at them at this time, and on until there is something to do, no reason any more, or this timer is due.
    Watch(u64, Option<Instant>),
    /// Sleeps until it is woken, something has come, or this timer is due.
    Sleep(Option<Instant>),
}

/// Works and rests until the scheduler stops.
fn live(local: &Local, io: &Io) {
    // So tokio's sockets and timers work inside processes.
    let _context = io.enter();
    let mut sleep = Sleep {
        thread: Waker::from(Arc::new(Unpark(std::thread::current()))),
        alarm: Alarm::new(&local.threads),
    };
    while let Some(rest) = turn(local) {
        sleep.rest(local, io, rest);
    }
}

/// Does what there is to do; how to rest afterwards, `None` at the end.
fn turn(local: &Local) -> Option<Rest> {
    let (threads, index) = (&*local.threads, local.index);
    let now = local.clock.now();
    local.looked.set(now);
    local.pulse.wakes(now);
    threads.workers[index].bell.answer();
    threads.parked.leave(index);
    threads.dog.notice();
    let takes_work = threads.active.load(Ordering::SeqCst) & (1 << index) != 0;
    local.is_retired.set(!takes_work);
    local.at_work.set(takes_work);
    let rest = match threads.stopping.load(Ordering::Relaxed) {
        true => None,
        false if takes_work => work(local),
        false => Some(serve(local)),
    };
    local.at_work.set(false);
    local.slot_is_fresh.set(false);
    local.pulse.show_running(NOTHING);
    local.pulse.rests(local.clock.now());
    rest
}

/// Runs what there is to run, until there is nothing or tokio must have its turn.
fn work(local: &Local) -> Option<Rest> {
    let (threads, index) = (&*local.threads, local.index);
    // Spent in all turns together: whatever turns up, tokio gets its look at the sockets.
    let mut left = RUNS_PER_POLL;
    loop {
        if threads.stopping.load(Ordering::Relaxed) {
            return None;
        }
        run_some(local, &mut left);
        if left == 0 {
            // Others may have work too; tokio gets a look at the sockets first.
            return Some(Rest::Look);
        }
        if let Some(next_look) = local.next_look()
            && threads.leader.index().is_none()
        {
            return Some(Rest::Watch(next_look, first_due(threads, index)));
        }
        if !park(threads, index) {
            // Others may be faster and take it all: looking is not free either.
            left -= 1;
            continue;
        }
        let due = first_due(threads, index);
        if due.is_none_or(|due| due > threads.now()) {
            local.pulse.parks();
            return Some(Rest::Sleep(due));
        }
        // Whoever has work must not wake this worker in vain, and so no other.
        threads.parked.leave(index);
    }
}

/// What a spare worker does that is not needed: its timers fire, and all that is to be run goes to others.
fn serve(local: &Local) -> Rest {
    let (threads, index) = (&*local.threads, local.index);
    let mut left = RUNS_PER_POLL;
    loop {
        local.give_away();
        // It may have been woken for work before it knew that it is to take none.
        if threads.has_work_for_others() {
            threads.wake_one();
        }
        let fired = threads.fire_due(index, &local.pulse);
        left = left.saturating_sub(fired);
        // Those of stuck workers are for who takes work.
        let due = threads.workers[index].timers.lock().wheels.poll_timeout();
        if left == 0 || fired == 0 && due.is_none_or(|due| due > threads.now()) {
            return Rest::Sleep(due);
        }
    }
}

/// The next timer of a worker, or of one that is stuck.
fn first_due(threads: &Threads, index: usize) -> Option<Instant> {
    let stuck = threads.stuck.load(Ordering::Relaxed);
    let first = |index: usize| threads.workers[index].timers.lock().wheels.poll_timeout();
    bits(stuck | 1 << index).filter_map(first).min()
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
        let fired = local.fire_due();
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

/// What a worker sleeps with.
struct Sleep {
    /// Wakes the worker where it sleeps as any thread.
    thread: Waker,
    /// Wakes it where it sleeps in tokio's epoll.
    alarm: Alarm,
}

impl Sleep {
    fn rest(&mut self, local: &Local, io: &Io, rest: Rest) {
        let threads = &*local.threads;
        // What comes is for others, where the worker takes no work: one of them sleeps over the sockets from now on.
        let lead = if local.is_retired.get() { None } else { io.lead(&threads.leader, local.index) };
        if local.is_retired.get() && threads.leader.index().is_none() {
            threads.wake_one();
        }
        match (rest, lead) {
            (Rest::Look, Some(lead)) => lead.look(|| true),
            (Rest::Watch(at, due), Some(lead)) => {
                local.wait_busily(at);
                lead.look(|| local.has_looked_enough(due));
            }
            (Rest::Sleep(due), Some(lead)) => {
                let bell = &threads.workers[local.index].bell;
                lead.sleep(|task| bell.has_rung(task.waker()) || self.alarm.rings(threads, due, task));
            }
            // Another looks after the sockets.
            (Rest::Look | Rest::Watch(..), None) => return,
            (Rest::Sleep(due), None) => return self.sleep_beside(threads, local.index, due),
        }
        local.share_out();
    }

    /// Sleeps while another worker looks after the sockets.
    fn sleep_beside(&self, threads: &Threads, index: usize, due: Option<Instant>) {
        if threads.workers[index].bell.has_rung(&self.thread) {
            return;
        }
        match due {
            Some(due) => std::thread::park_timeout(due.saturating_duration_since(threads.now())),
            None => std::thread::park(),
        }
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Ends the sleep of a worker in tokio's epoll when its next timer is due.
struct Alarm {
    sleep: Pin<Box<tokio::time::Sleep>>,
    due: Option<Instant>,
}

impl Alarm {
    fn new(threads: &Threads) -> Self {
        Self { sleep: Box::pin(alarm_at(threads, Instant::from_nanos(u64::MAX / 4))), due: None }
    }

    /// Sets the alarm to this time; whether it rings already.
    fn rings(&mut self, threads: &Threads, due: Option<Instant>, task: &mut Context<'_>) -> bool {
        if due != self.due {
            self.due = due;
            if let Some(due) = due {
                self.sleep.set(alarm_at(threads, due));
            }
        }
        let rings = self.due.is_some() && self.sleep.as_mut().poll(task).is_ready();
        if rings {
            self.due = None;
        }
        rings
    }
}

fn alarm_at(threads: &Threads, due: Instant) -> tokio::time::Sleep {
    let at = threads.epoch + Duration::from_nanos(due.as_nanos());
    tokio::time::sleep_until(at.into())
}
