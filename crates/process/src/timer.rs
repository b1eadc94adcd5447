//! Pure: timers by due time; whoever owns them says what time it is.

use engset_term::Instant;
use std::collections::BTreeMap;

/// Identifies a timer among those of one [`Timers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId {
    due: Instant,
    number: u64,
}

/// Timers with what each does when due. Equal due times fire in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    waiting: BTreeMap<TimerId, T>,
    last_number: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), last_number: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer.
    pub(crate) fn insert(&mut self, due: Instant, action: T) -> TimerId {
        self.last_number += 1;
        let id = TimerId { due, number: self.last_number };
        self.waiting.insert(id, action);
        id
    }

    /// Takes a timer back; its action, if it has not fired.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.waiting.remove(&id)
    }

    /// When the next timer is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(id, _)| id.due)
    }

    /// The next timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.waiting.first_entry()?;
        if entry.key().due > now { None } else { Some(entry.remove()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_by_due_time_then_by_order_of_setting() {
        let mut timers = Timers::default();
        let at = Instant::from_nanos;
        timers.insert(at(20), "late");
        timers.insert(at(10), "first");
        timers.insert(at(10), "second");
        assert_eq!(timers.poll_timeout(), Some(at(10)));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(10)), Some("first"));
        assert_eq!(timers.pop_due(at(10)), Some("second"));
        assert_eq!(timers.pop_due(at(10)), None);
        assert_eq!(timers.pop_due(at(20)), Some("late"));
        assert_eq!(timers.poll_timeout(), None);
    }

    #[test]
    fn cancels_once() {
        let mut timers = Timers::default();
        let id = timers.insert(Instant::from_nanos(5), ());
        assert_eq!(timers.cancel(id), Some(()));
        assert_eq!(timers.cancel(id), None);
        assert_eq!(timers.pop_due(Instant::from_nanos(9)), None);
    }
}
