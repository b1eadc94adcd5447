//! Pure: which workers are stuck in one run, and how many spare workers that asks for, from what is seen at each look.

use super::pulse::{NOTHING, Shown};
use engset_term::Instant;
use std::time::Duration;

/// What a watch knows of each worker, the regular ones first, then the spare ones.
#[derive(Debug)]
pub(super) struct Watch {
    limit: Duration,
    regular: usize,
    workers: Vec<Watched>,
    /// The spare workers that take work: one bit for each.
    active: u64,
}

#[derive(Debug, Clone)]
struct Watched {
    shown: Shown,
    /// When this was seen first.
    since: Instant,
    is_stuck: bool,
}

/// What a look finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// The worker has been in one run, of the task with this number, for at least so long.
    Stuck(usize, u64, Duration),
    /// The worker's run of this task is over; it took about so long.
    Back(usize, u64, Duration),
    /// One more spare worker must take up work: the one with this index.
    StartSpare(usize),
    /// Spare workers are not needed any more: all of them.
    RetireSpares,
}

impl Watch {
    /// A watch over `regular` workers and at most `spares_max` spare ones, where a run may take `limit`.
    pub(super) fn new(limit: Duration, regular: usize, spares_max: usize) -> Self {
        let shown = Shown { running: NOTHING, runs: 0, slot: 0 };
        let watched = Watched { shown, since: Instant::ZERO, is_stuck: false };
        Self { limit, regular, workers: vec![watched; regular + spares_max], active: 0 }
    }

    /// One look at what all workers show; what it finds goes into `findings`. Whether anything has moved since the last
    /// look, or is running still.
    pub(super) fn look(&mut self, now: Instant, shown: &[Shown], findings: &mut Vec<Finding>) -> bool {
        let mut is_alive = false;
        for (index, (watched, shown)) in self.workers.iter_mut().zip(shown).enumerate() {
            let before = watched.shown;
            let is_same = (before.runs, before.running) == (shown.runs, shown.running);
            is_alive |= !is_same || shown.running != NOTHING;
            let lasts = now.saturating_duration_since(watched.since);
            if !is_same {
                if watched.is_stuck {
                    findings.push(Finding::Back(index, before.running, lasts));
                }
                *watched = Watched { shown: *shown, since: now, is_stuck: false };
            } else if shown.running != NOTHING && !watched.is_stuck && lasts >= self.limit {
                watched.is_stuck = true;
                findings.push(Finding::Stuck(index, shown.running, lasts));
            }
            watched.shown.slot = shown.slot;
        }
        self.provide(findings);
        is_alive
    }

    /// The workers that are stuck: one bit for each.
    pub(super) fn stuck(&self) -> u64 {
        let stuck = self.workers.iter().enumerate().filter(|(_, worker)| worker.is_stuck);
        stuck.fold(0, |bits, (index, _)| bits | 1 << index)
    }

    /// How long to wait for the next look while anything moves.
    pub(super) fn pause(&self) -> Duration {
        // While a worker is stuck, its end is seen sooner, and what the task that runs does to its slot and timers.
        if self.stuck() == 0 { self.limit } else { self.limit / 4 }
    }

    /// A spare worker when nobody else is left; none when no regular worker is stuck any more.
    fn provide(&mut self, findings: &mut Vec<Finding>) {
        let is_stuck = |index: usize| self.workers[index].is_stuck;
        let mut spares = self.regular..self.workers.len();
        let is_active = |index: usize| self.active & (1 << index) != 0;
        let no_regular_is = (0..self.regular).all(|index| !is_stuck(index));
        let all_are = (0..self.workers.len())
            .all(|index| is_stuck(index) || index >= self.regular && !is_active(index));
        if all_are && let Some(spare) = spares.find(|index| !is_active(*index) && !is_stuck(*index)) {
            findings.push(Finding::StartSpare(spare));
            self.active |= 1 << spare;
        } else if self.active != 0 && no_regular_is {
            findings.push(Finding::RetireSpares);
            self.active = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn shown(running: u64, runs: u64) -> Shown {
        Shown { running, runs, slot: 0 }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn look(watch: &mut Watch, millis: u64, workers: &[Shown]) -> Vec<Finding> {
        let mut findings = Vec::new();
        watch.look(at(millis), workers, &mut findings);
        findings
    }

    #[test]
    fn a_run_is_stuck_from_its_limit_on_and_told_of_once_and_at_its_end() {
        let mut watch = Watch::new(LIMIT, 2, 0);
        let idle = shown(NOTHING, 0);
        assert_eq!(look(&mut watch, 10, &[shown(7, 1), idle]), []);
        assert_eq!(look(&mut watch, 109, &[shown(7, 1), idle]), []);
        assert_eq!(watch.pause(), LIMIT);
        assert_eq!(look(&mut watch, 110, &[shown(7, 1), idle]), [Finding::Stuck(0, 7, LIMIT)]);
        assert_eq!((watch.stuck(), watch.pause()), (1, LIMIT / 4));
        assert_eq!(look(&mut watch, 500, &[shown(7, 1), idle]), []);
        let lasted = Duration::from_millis(600);
        assert_eq!(look(&mut watch, 610, &[shown(7, 2), idle]), [Finding::Back(0, 7, lasted)]);
        assert_eq!(watch.stuck(), 0);
    }

    #[test]
    fn who_runs_nothing_is_never_stuck() {
        let mut watch = Watch::new(LIMIT, 1, 1);
        assert_eq!(look(&mut watch, 0, &[shown(NOTHING, 9)]), []);
        assert_eq!(look(&mut watch, 10_000, &[shown(NOTHING, 9)]), []);
    }

    #[test]
    fn many_short_runs_of_one_process_are_not_one_long_run() {
        let mut watch = Watch::new(LIMIT, 1, 1);
        for run in 0..100 {
            assert_eq!(look(&mut watch, run * 100, &[shown(7, run)]), []);
        }
    }

    #[test]
    fn spare_workers_come_when_all_are_stuck_and_go_when_no_regular_one_is() {
        let mut watch = Watch::new(LIMIT, 2, 2);
        let idle = shown(NOTHING, 0);
        look(&mut watch, 0, &[shown(7, 1), shown(8, 1), idle, idle]);
        let found = look(&mut watch, 100, &[shown(7, 1), shown(8, 1), idle, idle]);
        let stuck = [Finding::Stuck(0, 7, LIMIT), Finding::Stuck(1, 8, LIMIT)];
        assert_eq!(found, [stuck[0], stuck[1], Finding::StartSpare(2)]);
        // The first spare one is stuck as well.
        look(&mut watch, 110, &[shown(7, 1), shown(8, 1), shown(9, 1), idle]);
        let found = look(&mut watch, 210, &[shown(7, 1), shown(8, 1), shown(9, 1), idle]);
        assert_eq!(found, [Finding::Stuck(2, 9, LIMIT), Finding::StartSpare(3)]);
        // One more than there may be.
        look(&mut watch, 220, &[shown(7, 1), shown(8, 1), shown(9, 1), shown(6, 1)]);
        let found = look(&mut watch, 320, &[shown(7, 1), shown(8, 1), shown(9, 1), shown(6, 1)]);
        assert_eq!(found, [Finding::Stuck(3, 6, LIMIT)]);
        // One of the regular workers is not enough.
        let found = look(&mut watch, 330, &[shown(7, 2), shown(8, 1), shown(9, 1), shown(6, 1)]);
        assert_eq!(found.len(), 1, "{found:?}");
        let found = look(&mut watch, 340, &[shown(7, 3), shown(8, 2), shown(9, 1), shown(6, 1)]);
        assert_eq!(found.last(), Some(&Finding::RetireSpares));
        // The next time one that is not stuck itself is taken.
        look(&mut watch, 350, &[shown(7, 4), shown(8, 3), shown(9, 1), shown(6, 2)]);
        let found = look(&mut watch, 450, &[shown(7, 4), shown(8, 3), shown(9, 1), shown(NOTHING, 2)]);
        assert_eq!(found.last(), Some(&Finding::StartSpare(3)));
    }

    #[test]
    fn says_whether_anything_is_alive() {
        let mut watch = Watch::new(LIMIT, 1, 0);
        let mut none = Vec::new();
        assert!(watch.look(at(0), &[shown(NOTHING, 5)], &mut none), "it has run");
        assert!(!watch.look(at(100), &[shown(NOTHING, 5)], &mut none), "nothing moves");
        assert!(watch.look(at(200), &[shown(3, 6)], &mut none));
        assert!(watch.look(at(250), &[shown(3, 6)], &mut none), "it runs still");
    }
}
