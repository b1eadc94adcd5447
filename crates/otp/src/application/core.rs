//! Pure: the applications of a node, where each stands, and what follows of requests and ends.
//!
//! After any `handle_*` the owner takes all effects by `poll_effect`. `W` is whoever waits for an answer.

use super::plan::{difference, merged, start_order, takes_all_down};
use super::{AppError, AppInfo, Application, Config, ConfigChange, Env};
use crate::supervisor::spec::Restart;
use engset_process::ExitReason;
use engset_term::{Atom, Pid, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the owner is to do.
#[derive(Debug)]
pub(super) enum Effect<W> {
    /// Spawn the process of an application, and tell of it by `handle_spawned`.
    Spawn(Arc<Application>, Env),
    /// Ask the process of an application to stop.
    Stop(Pid),
    /// Answer.
    Answer(W, Result<(), AppError>),
    /// An application has ended.
    Report(Atom, ExitReason, Restart),
    /// End, and stop all.
    End(ExitReason),
}

/// The applications of a node.
#[derive(Debug)]
pub(super) struct Core<W> {
    apps: BTreeMap<Atom, Entry<W>>,
    /// Those that run, in the order of their starts.
    running: Vec<Atom>,
    /// Which application a process is of.
    masters: BTreeMap<Pid, Atom>,
    config: Config,
    /// Those that may not run.
    forbidden: BTreeSet<Atom>,
    max: usize,
    effects: VecDeque<Effect<W>>,
}

#[derive(Debug)]
struct Entry<W> {
    spec: Arc<Application>,
    env: Env,
    status: Status<W>,
}

#[derive(Debug)]
enum Status<W> {
    Loaded,
    /// Started, without permission to run.
    Held(Restart),
    Starting {
        restart: Restart,
        waiters: Vec<W>,
        /// Who said that it may not run: they wait until it has started and stopped.
        forbidders: Vec<W>,
    },
    /// Without a process where it is a library.
    Running(Restart, Option<Running>),
    Stopping {
        restart: Restart,
        is_held: bool,
        waiters: Vec<W>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Running {
    master: Pid,
    top: Pid,
}

impl<W> Core<W> {
    pub(super) fn new(config: Config, permissions: BTreeMap<Atom, bool>, max: usize) -> Self {
        Self {
            apps: BTreeMap::new(),
            running: Vec::new(),
            masters: BTreeMap::new(),
            config,
            forbidden: permissions
                .into_iter()
                .filter(|(_, may_run)| !may_run)
                .map(|(name, _)| name)
                .collect(),
            max,
            effects: VecDeque::new(),
        }
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect<W>> {
        self.effects.pop_front()
    }

    /// Loads an application; its environment.
    pub(super) fn handle_load(&mut self, spec: Application) -> Result<Env, AppError> {
        let name = spec.name.clone();
        if self.apps.contains_key(&name) {
            return Err(AppError::AlreadyLoaded(name));
        }
        if self.apps.len() >= self.max {
            return Err(AppError::TooMany(self.max));
        }
        let env = Env::new(merged(&spec.env, self.config.get(&name)));
        let entry = Entry { spec: Arc::new(spec), env: env.clone(), status: Status::Loaded };
        self.apps.insert(name, entry);
        Ok(env)
    }

    pub(super) fn handle_unload(&mut self, name: &Atom) -> Result<(), AppError> {
        match self.apps.get(name).map(|entry| &entry.status) {
            None => Err(AppError::NotLoaded(name.clone())),
            Some(Status::Loaded) => {
                self.apps.remove(name);
                Ok(())
            }
            Some(_) => Err(AppError::Running(name.clone())),
        }
    }

    /// An application is to be started, after those that it needs.
    pub(super) fn handle_start(&mut self, name: &Atom, restart: Restart, asker: Option<Pid>, waiter: W) {
        let started = if self.is_own(name, asker) {
            Err((waiter, AppError::WaitingForSelf(name.clone())))
        } else {
            self.try_start(name, restart, waiter)
        };
        if let Err((waiter, error)) = started {
            self.refuse(waiter, error);
        }
    }

    fn try_start(&mut self, name: &Atom, restart: Restart, waiter: W) -> Result<(), (W, AppError)> {
        let missing = self.missing_need(name);
        let is_forbidden = self.forbidden.contains(name);
        let Some(entry) = self.apps.get_mut(name) else {
            return Err((waiter, AppError::NotLoaded(name.clone())));
        };
        match &mut entry.status {
            Status::Starting { waiters, .. } => waiters.push(waiter),
            Status::Running(..) | Status::Held(_) => {
                return Err((waiter, AppError::AlreadyStarted(name.clone())));
            }
            Status::Stopping { .. } => return Err((waiter, AppError::Stopping(name.clone()))),
            Status::Loaded => {
                if let Some(dependency) = missing {
                    return Err((waiter, AppError::DependencyNotStarted { app: name.clone(), dependency }));
                }
                if is_forbidden {
                    entry.status = Status::Held(restart);
                    self.effects.push_back(Effect::Answer(waiter, Ok(())));
                } else {
                    self.begin(name, restart, vec![waiter]);
                }
            }
        }
        Ok(())
    }

    /// Lets an application's process be spawned; a library has none.
    fn begin(&mut self, name: &Atom, restart: Restart, waiters: Vec<W>) {
        let Some(entry) = self.apps.get_mut(name) else { return };
        if entry.spec.make.is_none() {
            entry.status = Status::Running(restart, None);
            self.running.push(name.clone());
            self.answer(waiters, &Ok(()));
        } else {
            entry.status = Status::Starting { restart, waiters, forbidders: Vec::new() };
            self.effects.push_back(Effect::Spawn(Arc::clone(&entry.spec), entry.env.clone()));
        }
    }

    /// An application's process was spawned.
    pub(super) fn handle_spawned(&mut self, name: &Atom, master: Pid) {
        self.masters.insert(master, name.clone());
    }

    /// An application's process was not spawned, for this reason.
    pub(super) fn handle_not_spawned(&mut self, name: &Atom, reason: &ExitReason) {
        self.start_failed(name, reason);
    }

    /// An application has started; `top` is its top process.
    pub(super) fn handle_started(&mut self, master: Pid, top: Pid) {
        let Some(name) = self.masters.get(&master).cloned() else { return };
        let Some(entry) = self.apps.get_mut(&name) else { return };
        let Status::Starting { restart, waiters, forbidders } = &mut entry.status else { return };
        let (restart, waiters, forbidders) = (*restart, std::mem::take(waiters), std::mem::take(forbidders));
        entry.status = Status::Running(restart, Some(Running { master, top }));
        self.running.push(name.clone());
        self.answer(waiters, &Ok(()));
        if self.forbidden.contains(&name) {
            self.stop_running(&name, true, forbidders);
        } else {
            self.answer(forbidders, &Ok(()));
        }
    }

    /// A process has ended: that of an application, perhaps.
    pub(super) fn handle_ended(&mut self, master: Pid, reason: ExitReason) {
        let Some(name) = self.masters.remove(&master) else { return };
        let Some(entry) = self.apps.get_mut(&name) else { return };
        match std::mem::replace(&mut entry.status, Status::Loaded) {
            status @ Status::Starting { .. } => {
                entry.status = status;
                self.start_failed(&name, &reason);
            }
            Status::Running(restart, _) => {
                self.running.retain(|running| *running != name);
                self.effects.push_back(Effect::Report(name.clone(), reason.clone(), restart));
                if takes_all_down(restart, &reason) {
                    self.effects.push_back(Effect::End(because("application_terminated", &name, &reason)));
                }
            }
            Status::Stopping { restart, is_held, waiters } => {
                self.effects.push_back(Effect::Report(name.clone(), reason, restart));
                if !is_held {
                    self.answer(waiters, &Ok(()));
                } else if self.forbidden.contains(&name) {
                    entry.status = Status::Held(restart);
                    self.answer(waiters, &Ok(()));
                } else {
                    self.begin(&name, restart, waiters);
                }
            }
            status @ (Status::Loaded | Status::Held(_)) => entry.status = status,
        }
    }

    fn start_failed(&mut self, name: &Atom, reason: &ExitReason) {
        let Some(entry) = self.apps.get_mut(name) else { return };
        let Status::Starting { restart, waiters, forbidders } =
            std::mem::replace(&mut entry.status, Status::Loaded)
        else {
            return;
        };
        let error = AppError::Start { app: name.clone(), reason: reason.clone() };
        self.answer(waiters, &Err(error));
        self.answer(forbidders, &Ok(()));
        self.effects.push_back(Effect::Report(name.clone(), reason.clone(), restart));
        if takes_all_down(restart, reason) {
            self.effects.push_back(Effect::End(because("application_start_failure", name, reason)));
        }
    }

    /// An application is to be stopped.
    pub(super) fn handle_stop(&mut self, name: &Atom, asker: Option<Pid>, waiter: W) {
        if self.is_own(name, asker) {
            return self.refuse(waiter, AppError::WaitingForSelf(name.clone()));
        }
        let Some(entry) = self.apps.get_mut(name) else {
            return self.refuse(waiter, AppError::NotLoaded(name.clone()));
        };
        match &mut entry.status {
            Status::Loaded | Status::Starting { .. } => {
                self.refuse(waiter, AppError::NotStarted(name.clone()));
            }
            Status::Held(_) => {
                entry.status = Status::Loaded;
                self.effects.push_back(Effect::Answer(waiter, Ok(())));
            }
            Status::Running(..) => self.stop_running(name, false, vec![waiter]),
            Status::Stopping { is_held, waiters, .. } => {
                *is_held = false;
                waiters.push(waiter);
            }
        }
    }

    /// An application may run from now on, or not: one that is started runs as far as it may.
    pub(super) fn handle_permit(&mut self, name: &Atom, may_run: bool, asker: Option<Pid>, waiter: W) {
        if self.is_own(name, asker) {
            return self.refuse(waiter, AppError::WaitingForSelf(name.clone()));
        }
        if !self.apps.contains_key(name) {
            return self.refuse(waiter, AppError::NotLoaded(name.clone()));
        }
        if may_run {
            self.forbidden.remove(name);
        } else {
            self.forbidden.insert(name.clone());
        }
        match self.apps.get_mut(name).map(|entry| &mut entry.status) {
            Some(Status::Held(restart)) if may_run => {
                let restart = *restart;
                self.begin(name, restart, vec![waiter]);
            }
            Some(Status::Running(..)) if !may_run => self.stop_running(name, true, vec![waiter]),
            Some(Status::Starting { forbidders, .. }) if !may_run => forbidders.push(waiter),
            Some(Status::Stopping { is_held: true, waiters, .. }) => waiters.push(waiter),
            _ => self.effects.push_back(Effect::Answer(waiter, Ok(()))),
        }
    }

    fn stop_running(&mut self, name: &Atom, is_held: bool, waiters: Vec<W>) {
        let Some(entry) = self.apps.get_mut(name) else { return };
        let Status::Running(restart, running) = entry.status else { return };
        self.running.retain(|running| running != name);
        if let Some(running) = running {
            entry.status = Status::Stopping { restart, is_held, waiters };
            self.effects.push_back(Effect::Stop(running.master));
        } else {
            entry.status = if is_held { Status::Held(restart) } else { Status::Loaded };
            self.answer(waiters, &Ok(()));
        }
    }

    /// Another configuration is in force: the environments of all applications become what they are by it. Whom to
    /// tell, of those that run.
    pub(super) fn handle_config(&mut self, config: Config) -> Vec<(Atom, Pid, ConfigChange)> {
        self.config = config;
        let mut changes = Vec::new();
        for (name, entry) in &self.apps {
            let after = merged(&entry.spec.env, self.config.get(name));
            let before = entry.env.replace(after.clone());
            let change = difference(&before, &after);
            if let Status::Running(_, Some(running)) = entry.status
                && !change.is_empty()
            {
                changes.push((name.clone(), running.master, change));
            }
        }
        changes
    }

    /// In which order to start what is needed so that all that are `wanted` run.
    pub(super) fn order(&self, wanted: &[Atom]) -> Result<Vec<Atom>, AppError> {
        let needs = |name: &Atom| self.apps.get(name).map(|entry| entry.spec.needs.clone());
        start_order(wanted, needs, |name| self.is_running(name))
    }

    /// Those that run, the one that started last first.
    pub(super) fn which(&self) -> Vec<AppInfo> {
        self.running.iter().rev().filter_map(|name| self.apps.get(name)).map(Entry::info).collect()
    }

    /// All that are loaded, in the order of their names.
    pub(super) fn loaded(&self) -> Vec<AppInfo> {
        self.apps.values().map(Entry::info).collect()
    }

    /// The top process of an application that runs.
    pub(super) fn top(&self, name: &Atom) -> Option<Pid> {
        match self.apps.get(name)?.status {
            Status::Running(_, running) => running.map(|running| running.top),
            _ => None,
        }
    }

    /// The processes of applications in the order in which to end them: those that are starting, then those that run
    /// or stop, the one that started last first. Whoever waits is told that the controller ends.
    pub(super) fn handle_end(&mut self) -> Vec<(Atom, Pid, Ending)> {
        let (mut starting, mut stopping, mut untold) = (Vec::new(), Vec::new(), Vec::new());
        for (master, name) in &self.masters {
            match self.apps.get_mut(name).map(|entry| &mut entry.status) {
                Some(Status::Starting { waiters, forbidders, .. }) => {
                    starting.push((name.clone(), *master, Ending::Kill));
                    let waiters = std::mem::take(waiters).into_iter().chain(std::mem::take(forbidders));
                    let answers = waiters.map(|waiter| Effect::Answer(waiter, Err(AppError::Ending)));
                    self.effects.extend(answers);
                }
                Some(Status::Stopping { waiters, .. }) => {
                    stopping.push((name.clone(), *master, Ending::Shutdown));
                    untold.append(waiters);
                }
                _ => {}
            }
        }
        self.answer(untold, &Err(AppError::Ending));
        let running = self.running.iter().rev().filter_map(|name| match &self.apps.get(name)?.status {
            Status::Running(_, Some(running)) => Some((name.clone(), running.master, Ending::Shutdown)),
            _ => None,
        });
        starting.into_iter().chain(stopping).chain(running).collect()
    }

    /// The values that a report of the state has.
    pub(super) fn to_term(&self) -> Term {
        let names = |names: &mut dyn Iterator<Item = &Atom>| Term::list(names.cloned().map(Term::Atom));
        Term::map([
            (Term::atom("loaded"), names(&mut self.apps.keys())),
            (Term::atom("running"), names(&mut self.running.iter().rev())),
        ])
    }

    /// What must run before an application and does not.
    fn missing_need(&self, name: &Atom) -> Option<Atom> {
        let needs = &self.apps.get(name)?.spec.needs;
        needs.required.iter().find(|dependency| !self.is_running(dependency)).cloned()
    }

    fn is_running(&self, name: &Atom) -> bool {
        self.apps.get(name).is_some_and(|entry| matches!(entry.status, Status::Running(..)))
    }

    /// Whether the process of this application itself asks.
    fn is_own(&self, name: &Atom, asker: Option<Pid>) -> bool {
        asker.is_some_and(|asker| self.masters.get(&asker) == Some(name))
    }

    fn refuse(&mut self, waiter: W, error: AppError) {
        self.effects.push_back(Effect::Answer(waiter, Err(error)));
    }

    fn answer(&mut self, waiters: Vec<W>, answer: &Result<(), AppError>) {
        self.effects.extend(waiters.into_iter().map(|waiter| Effect::Answer(waiter, answer.clone())));
    }
}

/// How the process of an application is ended with its controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It may stop what it runs.
    Shutdown,
    /// It has nothing to stop yet.
    Kill,
}

impl<W> Entry<W> {
    fn info(&self) -> AppInfo {
        let spec = &self.spec;
        AppInfo {
            name: spec.name.clone(),
            description: spec.description.clone(),
            version: spec.version.clone(),
        }
    }
}

fn because(what: &'static str, name: &Atom, reason: &ExitReason) -> ExitReason {
    ExitReason::from_term(Term::tuple([Term::atom(what), Term::Atom(name.clone()), reason.to_term()]))
}
