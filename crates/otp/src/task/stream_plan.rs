//! Pure: which tasks of a stream may be started, are overdue, and whose value is next.

use engset_term::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// The state of a stream whose values are `T`.
#[derive(Debug)]
pub(super) struct Plan<T> {
    concurrency: usize,
    buffered: usize,
    ordered: bool,
    timeout: Option<Duration>,
    /// The index of the next task.
    started: usize,
    /// When each task that runs is overdue. Those started first are overdue first.
    running: BTreeMap<usize, Option<Instant>>,
    /// Values that nobody has taken, in the order in which they are taken.
    done: BTreeMap<usize, (usize, T)>,
    /// How many tasks were done.
    done_ever: usize,
    /// How many values were taken.
    taken: usize,
}

impl<T> Plan<T> {
    pub(super) fn new(concurrency: usize, buffered: usize, ordered: bool, timeout: Option<Duration>) -> Self {
        let (running, done) = (BTreeMap::new(), BTreeMap::new());
        Self { concurrency, buffered, ordered, timeout, started: 0, running, done, done_ever: 0, taken: 0 }
    }

    /// Whether one more task may run now.
    pub(super) fn has_room(&self) -> bool {
        self.running.len() < self.concurrency
            && self.running.len() + self.done.len() < self.concurrency.saturating_add(self.buffered)
    }

    /// One more task runs from `now` on; its index.
    pub(super) fn start(&mut self, now: Instant) -> usize {
        let index = self.started;
        self.started += 1;
        self.running.insert(index, self.timeout.map(|timeout| now.saturating_add(timeout)));
        index
    }

    /// A task is done, or will not be.
    pub(super) fn done(&mut self, index: usize, value: T) {
        self.running.remove(&index);
        let place = if self.ordered { index } else { self.done_ever };
        self.done_ever += 1;
        self.done.insert(place, (index, value));
    }

    /// The next value with the index of its input, if it is there.
    pub(super) fn take(&mut self) -> Option<(usize, T)> {
        let next = self.done.remove(&self.taken)?;
        self.taken += 1;
        Some(next)
    }

    /// Whether a task runs or a value is there.
    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.done.is_empty()
    }

    /// A task whose time is over at `now`.
    pub(super) fn overdue(&self, now: Instant) -> Option<usize> {
        let (index, due) = self.running.first_key_value()?;
        due.filter(|due| *due <= now).map(|_| *index)
    }

    /// When the next task is overdue.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.running.first_key_value().and_then(|(_, due)| *due)
    }

    /// Forgets all that runs and all that is done.
    pub(super) fn end(&mut self) {
        self.running.clear();
        self.done.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn as_many_run_as_may() {
        let mut plan = Plan::new(2, 10, true, None);
        plan.start(at(0));
        assert!(plan.has_room());
        plan.start(at(0));
        assert!(!plan.has_room());
        plan.done(1, 'b');
        assert!(plan.has_room(), "one is done, though its value cannot be taken yet");
    }

    #[test]
    fn as_many_values_wait_as_may() {
        let mut plan = Plan::new(2, 1, true, None);
        for _ in 0..2 {
            plan.start(at(0));
        }
        plan.done(1, 'b');
        assert!(plan.has_room(), "one value waits, one task runs: one more");
        plan.start(at(0));
        plan.done(2, 'c');
        assert!(!plan.has_room(), "that would be more than one value beside two tasks");
        plan.done(0, 'a');
        assert_eq!(plan.take(), Some((0, 'a')));
        assert!(plan.has_room());
    }

    #[test]
    fn values_come_in_the_order_of_the_inputs_or_of_the_ends() {
        for (ordered, expected) in [(true, [(0, 'a'), (1, 'b')]), (false, [(1, 'b'), (0, 'a')])] {
            let mut plan = Plan::new(2, 0, ordered, None);
            plan.start(at(0));
            plan.start(at(0));
            plan.done(1, 'b');
            assert_eq!(plan.take().is_none(), ordered);
            let mut plan = Plan::new(2, 0, ordered, None);
            plan.start(at(0));
            plan.start(at(0));
            plan.done(1, 'b');
            plan.done(0, 'a');
            assert_eq!([plan.take(), plan.take()], expected.map(Some));
            assert!(!plan.is_busy());
        }
    }

    #[test]
    fn each_task_has_its_own_time() {
        let mut plan: Plan<()> = Plan::new(9, 0, false, Some(Duration::from_secs(5)));
        plan.start(at(0));
        plan.start(at(1));
        assert_eq!((plan.next_due(), plan.overdue(at(4))), (Some(at(5)), None));
        assert_eq!(plan.overdue(at(5)), Some(0));
        plan.done(0, ());
        assert_eq!((plan.next_due(), plan.overdue(at(5)), plan.overdue(at(6))), (Some(at(6)), None, Some(1)));
        plan.end();
        assert_eq!((plan.next_due(), plan.is_busy()), (None, false));
    }
}
