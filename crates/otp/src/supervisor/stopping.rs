//! Pure: children that are being stopped, one or many at a time: whom to ask how, whom to kill when, and whom to
//! watch.
//!
//! A child that was asked to stop is known to have ended by the exit signal of the link that it has with its
//! supervisor, so that stopping it costs one signal each way. A child that removed its link sends none: when nothing
//! ended for [`WATCH_AFTER`], those that are still waited for are monitored too. There is one alarm for all, however
//! many children are stopped.

use super::children::Key;
use super::pid_map::PidMap;
use super::spec::{Child, Restart, Shutdown};
use engset_process::ExitReason;
use engset_term::{Instant, Pid};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// For how long no exit signal must come from the children that are being stopped until they are monitored as well.
pub(super) const WATCH_AFTER: Duration = Duration::from_millis(10);

/// What is to be done about a child that has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Monitor it.
    Watch(Pid),
    /// Kill it.
    Kill(Pid),
}

/// How a child was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) key: Key,
    shutdown: Shutdown,
    restart: Restart,
}

impl Asked {
    pub(super) const fn new(key: Key, child: &Child) -> Self {
        Self { key, shutdown: child.shutdown, restart: child.restart }
    }

    /// Whether `reason` is how it should end; otherwise it is reported.
    pub(super) fn is_met_by(&self, reason: &ExitReason) -> bool {
        let expected = match self.shutdown {
            Shutdown::BrutalKill => *reason == ExitReason::Killed,
            Shutdown::Timeout(_) | Shutdown::Infinity => *reason == ExitReason::Shutdown,
        };
        expected || self.restart != Restart::Permanent && reason.is_orderly()
    }
}

/// Children that are being stopped.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    waiting: PidMap<Asked>,
    /// When which child is killed; may name some that have ended.
    kills: BinaryHeap<Reverse<(Instant, Pid)>>,
    /// When to look whether any has ended since the last look; none once they are monitored.
    look: Option<Instant>,
    has_progressed: bool,
}

impl Stopping {
    /// Enters a child that is to stop; the reason with which it is asked.
    pub(super) fn ask(&mut self, pid: Pid, asked: Asked, now: Instant) -> ExitReason {
        if self.waiting.is_empty() {
            self.kills.clear();
            self.has_progressed = false;
            self.look = Some(now.saturating_add(WATCH_AFTER));
        }
        self.waiting.insert(pid, asked);
        match asked.shutdown {
            Shutdown::BrutalKill => ExitReason::Kill,
            Shutdown::Infinity => ExitReason::Shutdown,
            Shutdown::Timeout(patience) => {
                self.kills.push(Reverse((now.saturating_add(patience), pid)));
                ExitReason::Shutdown
            }
        }
    }

    /// Notes that a process ended; how it was asked to, if it was.
    pub(super) fn ended(&mut self, pid: Pid) -> Option<Asked> {
        let asked = self.waiting.remove(&pid);
        self.has_progressed |= asked.is_some();
        asked
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When [`Stopping::wake`] is to be called next, if ever.
    pub(super) fn alarm(&self) -> Option<Instant> {
        let kill = self.kills.peek().map(|Reverse((due, _))| *due);
        [kill, self.look].into_iter().flatten().min()
    }

    /// What is to be done at `now`.
    pub(super) fn wake(&mut self, now: Instant) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.look.is_some_and(|look| look <= now) {
            if std::mem::take(&mut self.has_progressed) {
                self.look = Some(now.saturating_add(WATCH_AFTER));
            } else {
                self.look = None;
                acts.extend(self.waiting.keys().map(|pid| Act::Watch(*pid)));
                // A set has no order of its own that a seed could repeat.
                acts.sort_unstable_by_key(|act| act.pid());
            }
        }
        while let Some(Reverse((due, pid))) = self.kills.peek().copied() {
            if due > now {
                break;
            }
            self.kills.pop();
            if self.waiting.contains_key(&pid) {
                acts.push(Act::Kill(pid));
            }
        }
        acts
    }
}

impl Act {
    const fn pid(self) -> Pid {
        match self {
            Self::Watch(pid) | Self::Kill(pid) => pid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::{NodeName, Term};

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    const fn within(millis: u64) -> Shutdown {
        Shutdown::Timeout(Duration::from_millis(millis))
    }

    fn asked(shutdown: Shutdown) -> Asked {
        asked_of(shutdown, Restart::Permanent)
    }

    fn asked_of(shutdown: Shutdown, restart: Restart) -> Asked {
        Asked::new(Key::first(), &Child::named_only("c").shutdown(shutdown).restart(restart))
    }

    #[test]
    fn each_child_is_asked_as_its_specification_says() {
        let mut stopping = Stopping::default();
        assert_eq!(stopping.ask(pid(1), asked(Shutdown::BrutalKill), at(0)), ExitReason::Kill);
        assert_eq!(stopping.ask(pid(2), asked(Shutdown::Infinity), at(0)), ExitReason::Shutdown);
        assert_eq!(stopping.ask(pid(3), asked(within(5)), at(0)), ExitReason::Shutdown);
        assert_eq!(stopping.alarm(), Some(at(5)));
        assert_eq!(stopping.wake(at(5)), [Act::Kill(pid(3))]);
        assert!(stopping.ended(pid(1)).is_some() && stopping.ended(pid(2)).is_some() && !stopping.is_done());
        assert_eq!(stopping.ended(pid(3)), Some(asked(within(5))));
        assert!(stopping.is_done());
        assert_eq!(stopping.ended(pid(3)), None, "it has ended already");
    }

    #[test]
    fn who_has_ended_is_not_killed() {
        let mut stopping = Stopping::default();
        stopping.ask(pid(1), asked(within(5)), at(0));
        stopping.ask(pid(2), asked(within(5)), at(0));
        stopping.ended(pid(2));
        assert_eq!(stopping.wake(at(5)), [Act::Kill(pid(1))]);
        assert_eq!(stopping.wake(at(6)), []);
    }

    #[test]
    fn children_are_watched_only_when_none_ended_for_a_while() {
        let mut stopping = Stopping::default();
        for number in [3, 1, 2] {
            stopping.ask(pid(number), asked(Shutdown::Infinity), at(0));
        }
        assert_eq!(stopping.alarm(), Some(at(10)));
        stopping.ended(pid(2));
        assert_eq!(stopping.wake(at(10)), [], "one has ended meanwhile");
        assert_eq!(stopping.wake(at(19)), []);
        assert_eq!(stopping.wake(at(20)), [Act::Watch(pid(1)), Act::Watch(pid(3))]);
        assert_eq!(stopping.alarm(), None, "once is enough");
    }

    #[test]
    fn a_new_round_forgets_the_one_before() {
        let mut stopping = Stopping::default();
        stopping.ask(pid(1), asked(within(5)), at(0));
        stopping.ended(pid(1));
        stopping.ask(pid(2), asked(within(500)), at(3));
        assert_eq!(stopping.alarm(), Some(at(13)));
        assert_eq!(stopping.wake(at(13)), [Act::Watch(pid(2))]);
        assert_eq!(stopping.alarm(), Some(at(503)));
    }

    #[test]
    fn permanent_children_must_end_exactly_as_asked() {
        let upgrade = ExitReason::from_term(Term::tuple([Term::atom("shutdown"), Term::from(1)]));
        for shutdown in [within(1), Shutdown::Infinity] {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                let asked = asked_of(shutdown, restart);
                assert!(asked.is_met_by(&ExitReason::Shutdown));
                assert!(!asked.is_met_by(&ExitReason::Killed));
                assert!(!asked.is_met_by(&ExitReason::NoProc));
                for reason in [&ExitReason::Normal, &upgrade] {
                    assert_eq!(asked.is_met_by(reason), restart != Restart::Permanent);
                }
            }
        }
        let killed = |restart| asked_of(Shutdown::BrutalKill, restart);
        assert!(killed(Restart::Permanent).is_met_by(&ExitReason::Killed));
        assert!(!killed(Restart::Permanent).is_met_by(&ExitReason::Shutdown));
        assert!(killed(Restart::Transient).is_met_by(&ExitReason::Shutdown));
    }
}
