//! Supervisors against a model of a few lines: random events, the same children and the same starts.

use crate::node::{settle, with_seed};
use crate::worker::{Yard, crash, end, exit};
use engset_otp::{
    AutoShutdown, CallError, ChildError, ChildState, Restart, SpecError, Strategy, Supervisor, SupervisorRef,
};
use engset_process::{Cx, ExitReason};
use engset_term::Term;
use std::collections::BTreeMap;
use std::time::Duration;

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const EVENTS: usize = 60;
const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const AUTO_SHUTDOWNS: [AutoShutdown; 3] =
    [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];

/// What a supervisor is taken to be.
struct Model {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    has_shut_down: bool,
    children: Vec<Entry>,
    starts: BTreeMap<&'static str, usize>,
    failing: BTreeMap<&'static str, usize>,
}

struct Entry {
    id: &'static str,
    restart: Restart,
    significant: bool,
    running: bool,
}

impl Model {
    fn place(&self, id: &str) -> Option<usize> {
        self.children.iter().position(|entry| entry.id == id)
    }

    /// Whether the start succeeds.
    fn start(&mut self, id: &'static str) -> bool {
        match self.failing.get_mut(id) {
            Some(times) if *times > 0 => {
                *times -= 1;
                false
            }
            _ => {
                *self.starts.entry(id).or_default() += 1;
                true
            }
        }
    }

    fn ended(&mut self, id: &'static str, orderly: bool) {
        let Some(place) = self.place(id).filter(|place| self.children[*place].running) else { return };
        self.children[place].running = false;
        let significant = self.children[place].significant;
        match self.children[place].restart {
            Restart::Temporary => drop(self.children.remove(place)),
            Restart::Transient if orderly => {}
            Restart::Transient | Restart::Permanent => return self.restart_with_others(id),
        }
        let is_left = self.children.iter().any(|entry| entry.significant && entry.running);
        self.has_shut_down = significant
            && match self.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !is_left,
            };
    }

    fn restart_with_others(&mut self, because_of: &'static str) {
        let mut failed = Some(because_of);
        while let Some(id) = failed.take() {
            let place = self.place(id).unwrap();
            let affected = match self.strategy {
                Strategy::OneForOne => place..place + 1,
                Strategy::OneForAll => 0..self.children.len(),
                Strategy::RestForOne => place..self.children.len(),
            };
            let ids: Vec<_> = self.children[affected].iter().map(|entry| entry.id).collect();
            for other in &ids {
                let place = self.place(other).unwrap();
                self.children[place].running = false;
            }
            for next in ids {
                let place = self.place(next).unwrap();
                if self.children[place].restart == Restart::Temporary {
                    self.children.remove(place);
                } else if self.start(next) {
                    self.children[place].running = true;
                } else {
                    failed = Some(next);
                    break;
                }
            }
        }
    }

    fn terminate(&mut self, id: &'static str) -> Result<(), ChildError> {
        let place = self.place(id).ok_or(ChildError::NotFound)?;
        self.children[place].running = false;
        if self.children[place].restart == Restart::Temporary {
            self.children.remove(place);
        }
        Ok(())
    }

    fn stopped(&self, id: &'static str) -> Result<usize, ChildError> {
        let place = self.place(id).ok_or(ChildError::NotFound)?;
        if self.children[place].running { Err(ChildError::Running) } else { Ok(place) }
    }

    fn restart(&mut self, id: &'static str) -> Result<(), ChildError> {
        let place = self.stopped(id)?;
        self.start_new(id)?;
        self.children[place].running = true;
        Ok(())
    }

    fn delete(&mut self, id: &'static str) -> Result<(), ChildError> {
        let place = self.stopped(id)?;
        self.children.remove(place);
        Ok(())
    }

    /// `None` where the child runs already.
    fn add(
        &mut self,
        id: &'static str,
        restart: Restart,
        significant: bool,
    ) -> Option<Result<(), ChildError>> {
        if significant && self.auto_shutdown == AutoShutdown::Never {
            return Some(Err(ChildError::Refused(SpecError::SignificantForNothing(id.into()))));
        }
        if significant && restart == Restart::Permanent {
            return Some(Err(ChildError::Refused(SpecError::SignificantPermanent(id.into()))));
        }
        match self.place(id) {
            Some(place) if self.children[place].running => None,
            Some(_) => Some(Err(ChildError::AlreadyPresent)),
            None => Some(self.start_new(id).map(|()| {
                self.children.push(Entry { id, restart, significant, running: true });
            })),
        }
    }

    fn start_new(&mut self, id: &'static str) -> Result<(), ChildError> {
        if self.start(id) { Ok(()) } else { Err(ChildError::Start(Term::atom("no_luck"))) }
    }
}

/// Lets one random thing happen to both.
async fn step(
    rng: &mut fastrand::Rng,
    cx: &Cx<Term>,
    model: &mut Model,
    yard: &Yard,
    supervisor: SupervisorRef,
) {
    let id = IDS[rng.usize(..IDS.len())];
    let app = |result: Result<_, CallError<ChildError>>| match result {
        Ok(_) => Ok(()),
        Err(CallError::App(error)) => Err(error),
        Err(error) => panic!("the supervisor does not answer: {error}"),
    };
    match rng.u32(..9) {
        0..3 => {
            let (reason, orderly) = match rng.u32(..3) {
                0 => (ExitReason::Normal, true),
                1 => (ExitReason::Shutdown, true),
                _ => (crash(), false),
            };
            if model.place(id).is_some_and(|place| model.children[place].running) {
                end(id, reason);
                model.ended(id, orderly);
            }
        }
        3 => {
            let times = rng.usize(1..3);
            yard.fail(id, times);
            *model.failing.entry(id).or_default() += times;
        }
        4 => assert_eq!(app(supervisor.terminate_child(id).await), model.terminate(id)),
        5 => assert_eq!(app(supervisor.restart_child(id).await.map(drop)), model.restart(id)),
        6 => assert_eq!(app(supervisor.delete_child(id).await), model.delete(id)),
        7 if rng.u32(..4) == 0 => {
            model.strategy = STRATEGIES[rng.usize(..3)];
            model.auto_shutdown = AUTO_SHUTDOWNS[rng.usize(..3)];
            assert_eq!(supervisor.update(patient(model)).await, Ok(()));
        }
        _ => {
            let restart = [Restart::Permanent, Restart::Transient, Restart::Temporary][rng.usize(..3)];
            let significant = rng.bool();
            let child = yard.child(id).restart(restart).significant(significant);
            let added = app(supervisor.start_child(child).await.map(drop));
            match model.add(id, restart, significant) {
                Some(expected) => assert_eq!(added, expected),
                None => assert!(matches!(added, Err(ChildError::AlreadyStarted(_))), "{added:?}"),
            }
        }
    }
    settle(cx).await;
}

async fn compare(model: &Model, seen: &mut BTreeMap<String, usize>, yard: &Yard, supervisor: SupervisorRef) {
    for fact in yard.record.take() {
        if let Some(id) = fact.strip_prefix("start ") {
            *seen.entry(id.to_owned()).or_default() += 1;
        }
    }
    let starts: BTreeMap<String, usize> =
        model.starts.iter().map(|(id, times)| ((*id).to_owned(), *times)).collect();
    assert_eq!(*seen, starts);
    let children = supervisor.which_children().await.unwrap();
    let children: Vec<(String, bool)> = children
        .into_iter()
        .rev()
        .map(|child| (child.id, matches!(child.state, ChildState::Running(_))))
        .collect();
    let expected: Vec<(String, bool)> =
        model.children.iter().map(|entry| (entry.id.to_owned(), entry.running)).collect();
    assert_eq!(children, expected);
}

/// A supervisor as the model is, that does not give up.
fn patient(model: &Model) -> Supervisor {
    Supervisor::with_strategy(model.strategy)
        .auto_shutdown(model.auto_shutdown)
        .intensity(10_000, Duration::from_secs(60))
}

async fn compare_life(seed: u64, mut cx: Cx<Term>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let yard = Yard::default();
    let mut model = Model {
        strategy: STRATEGIES[usize::try_from(seed % 3).unwrap()],
        auto_shutdown: AUTO_SHUTDOWNS[usize::try_from(seed / 3 % 3).unwrap()],
        has_shut_down: false,
        children: Vec::new(),
        starts: BTreeMap::new(),
        failing: BTreeMap::new(),
    };
    let mut seen = BTreeMap::new();
    cx.trap_exit(true);
    let supervisor = patient(&model).start_link(&mut cx).await.unwrap();
    for event in 0..EVENTS {
        step(&mut rng, &cx, &mut model, &yard, supervisor).await;
        if model.has_shut_down {
            assert_eq!(exit(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown), "after event {event}");
            assert_eq!(cx.processes().count(), 2, "the watcher and the test are left");
            return;
        }
        compare(&model, &mut seen, &yard, supervisor).await;
        let running = model.children.iter().filter(|entry| entry.running).count();
        // The watcher, the test, the supervisor and its children.
        assert_eq!(cx.processes().count(), 3 + running, "after event {event}");
    }
}

#[test]
fn random_events_leave_a_supervisor_as_the_model_says() {
    for seed in 0..600 {
        with_seed(seed, move |cx| compare_life(seed, cx));
    }
}
