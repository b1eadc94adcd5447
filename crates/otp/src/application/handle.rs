//! The handle of an application controller, and what it can be asked.

use super::controller::CONTROLLER;
use super::master::{MasterMsg, ToMaster};
use super::{AppError, AppInfo, Application, Config, ConfigChange, Env};
use crate::call::{Call, CallError};
use crate::reply::Reply;
use crate::stop::{self, StopError};
use crate::supervisor::spec::Restart;
use engset_process::{Addr, Dest, ExitReason, Processes, Protocol, Target, current_pid};
use engset_term::{Atom, Pid};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The handle of a node's application controller, made by [`super::Controller::start`].
///
/// Requests that start or stop something wait without limit, unless told otherwise: it takes what it takes.
#[derive(Clone)]
pub struct Applications {
    addr: Addr<ControllerMsg>,
    envs: Envs,
}

/// What an application controller is sent; made by the methods of [`Applications`].
pub struct ControllerMsg(pub(super) Asked);

#[diagnostic::do_not_recommend]
impl Protocol for ControllerMsg {}

pub(super) enum Asked {
    Handle(Reply<Envs, AppError>),
    Load(Box<Application>, Reply<(), AppError>),
    Unload(Atom, Reply<(), AppError>),
    Start(Atom, Restart, Asker, Reply<(), AppError>),
    Stop(Atom, Asker, Reply<(), AppError>),
    Permit(Atom, bool, Asker, Reply<(), AppError>),
    Order(Vec<Atom>, Reply<Vec<Atom>, AppError>),
    Which(Reply<Vec<AppInfo>, AppError>),
    Loaded(Reply<Vec<AppInfo>, AppError>),
    Top(Atom, Reply<Option<Pid>, AppError>),
    Config(Config, Reply<Vec<Changed>, AppError>),
    /// From the process of an application: it has started.
    Started {
        master: Pid,
        top: Pid,
    },
}

/// The process that asks.
pub(super) type Asker = Option<Pid>;

/// Whom to tell of a new configuration.
type Changed = (Atom, Pid, ConfigChange);

/// The environments of all applications that are loaded.
#[derive(Clone, Default)]
pub(super) struct Envs(Arc<RwLock<BTreeMap<Atom, Env>>>);

impl Envs {
    pub(super) fn insert(&self, name: Atom, env: Env) {
        self.0.write().insert(name, env);
    }

    pub(super) fn remove(&self, name: &Atom) {
        self.0.write().remove(name);
    }
}

impl Applications {
    pub(super) const fn new(addr: Addr<ControllerMsg>, envs: Envs) -> Self {
        Self { addr, envs }
    }

    /// The handle of the controller of the node that `processes` are of, asked from one of them.
    ///
    /// # Errors
    /// [`CallError`] where it has none.
    pub async fn find(processes: &Processes) -> Result<Self, CallError<AppError>> {
        let pid = processes.whereis(&CONTROLLER).ok_or(CallError::NoProcess)?;
        let addr = Addr::new(pid);
        let envs = Call::tracked(&addr, |reply| ControllerMsg(Asked::Handle(reply))).await?;
        Ok(Self { addr, envs })
    }

    /// The controller's pid.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.addr.pid()
    }

    /// Makes an application known, which gives it its environment. It does not start.
    ///
    /// Answers [`AppError::AlreadyLoaded`] or [`AppError::TooMany`].
    pub fn load(&self, application: Application) -> Call<ControllerMsg, (), AppError> {
        self.ask(|reply| Asked::Load(Box::new(application), reply))
    }

    /// Forgets an application, with its environment.
    ///
    /// Answers [`AppError::NotLoaded`] or [`AppError::Running`].
    pub fn unload(&self, name: Atom) -> Call<ControllerMsg, (), AppError> {
        self.ask(|reply| Asked::Unload(name, reply))
    }

    /// Starts an application, all that it needs running; answered when it has started, its phases included. `restart`
    /// says what its end means, see [`super::Controller`]; nothing restarts it.
    ///
    /// Answers [`AppError::Start`] where it could not start, or why it was not tried. One that is starting already is
    /// waited for, with the `restart` that it was given first. Dropped while it waits, it goes on starting.
    pub fn start(&self, name: Atom, restart: Restart) -> Call<ControllerMsg, (), AppError> {
        let asker = current_pid();
        self.ask(|reply| Asked::Start(name, restart, asker, reply)).no_timeout()
    }

    /// Starts an application unless it is started.
    ///
    /// # Errors
    /// As [`Applications::start`] answers, but for [`AppError::AlreadyStarted`].
    pub async fn ensure_started(&self, name: Atom, restart: Restart) -> Result<(), CallError<AppError>> {
        match self.start(name, restart).await {
            Err(CallError::App(AppError::AlreadyStarted(_))) => Ok(()),
            result => result,
        }
    }

    /// Starts applications and all that they need, unless they are started, each after those that it needs; which ones
    /// it started, in that order. Where one does not start, those that were started for it are stopped again, in
    /// reverse order.
    ///
    /// Dropped while it waits, what it has started stays.
    ///
    /// # Errors
    /// [`AppError::Cycle`], [`AppError::NotLoaded`] and [`AppError::DependencyNotLoaded`] before anything was started;
    /// otherwise the error of the one that did not start.
    pub async fn ensure_all_started(
        &self,
        names: impl IntoIterator<Item = Atom>,
        restart: Restart,
    ) -> Result<Vec<Atom>, CallError<AppError>> {
        let wanted = names.into_iter().collect();
        let order = self.ask(|reply| Asked::Order(wanted, reply)).await?;
        let mut started = Vec::new();
        for name in order {
            match self.start(name.clone(), restart).await {
                Ok(()) => started.push(name),
                Err(CallError::App(AppError::AlreadyStarted(_))) => {}
                Err(error) => {
                    for name in started.into_iter().rev() {
                        // One that has ended meanwhile needs no stop.
                        drop(self.stop(name).await);
                    }
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    /// Stops an application; answered when it has stopped. Others that need it go on.
    ///
    /// Answers [`AppError::NotLoaded`], [`AppError::NotStarted`], or [`AppError::WaitingForSelf`]. Dropped while it waits,
    /// it goes on stopping.
    pub fn stop(&self, name: Atom) -> Call<ControllerMsg, (), AppError> {
        let asker = current_pid();
        self.ask(|reply| Asked::Stop(name, asker, reply)).no_timeout()
    }

    /// Says whether an application may run. One that runs and may not is stopped, and counts as started: it starts
    /// again when it may. One that may not run is not started by [`Applications::start`] until it may. Answered when
    /// that is done.
    ///
    /// One that may not run any more while it starts is stopped when it has started. The answer waits for both, so that
    /// no process may wait for it that the start itself waits for. (OTP answers at once then, and lets it run.)
    ///
    /// Answers [`AppError::NotLoaded`], or [`AppError::Start`].
    pub fn permit(&self, name: Atom, may_run: bool) -> Call<ControllerMsg, (), AppError> {
        let asker = current_pid();
        self.ask(|reply| Asked::Permit(name, may_run, asker, reply)).no_timeout()
    }

    /// The applications that run, the one that started last first.
    pub fn which_applications(&self) -> Call<ControllerMsg, Vec<AppInfo>, AppError> {
        self.ask(Asked::Which)
    }

    /// The applications that are loaded, in the order of their names.
    pub fn loaded_applications(&self) -> Call<ControllerMsg, Vec<AppInfo>, AppError> {
        self.ask(Asked::Loaded)
    }

    /// The top process of an application; none where it does not run, or is a library.
    pub fn supervisor_of(&self, name: Atom) -> Call<ControllerMsg, Option<Pid>, AppError> {
        self.ask(|reply| Asked::Top(name, reply))
    }

    /// The environment of an application that is loaded. Asks nobody.
    #[must_use]
    pub fn env(&self, name: &Atom) -> Option<Env> {
        self.envs.0.read().get(name).cloned()
    }

    /// Puts another configuration in force. The environment of each application that is loaded becomes its own with
    /// the configuration over it; what was put otherwise is gone. Applications that run, and for which something has
    /// changed, are told, one after the other.
    ///
    /// Dropped while it waits, the configuration is in force, and not all may be told.
    ///
    /// # Errors
    /// [`AppError::Config`] with those that could not use it; all are told in any case.
    pub async fn change_config(&self, config: Config) -> Result<(), CallError<AppError>> {
        let changed = self.ask(|reply| Asked::Config(config, reply)).await?;
        let mut failed = Vec::new();
        for (name, master, change) in changed {
            let to = Addr::<MasterMsg>::new(master);
            let told = Call::new(&to, |reply| MasterMsg(ToMaster::ConfigChange(change, reply))).no_timeout();
            match told.await {
                Err(CallError::App(reason)) => failed.push((name, reason)),
                // One that has ended meanwhile reads the new values at its next start.
                Ok(()) | Err(CallError::NoProcess | CallError::Down { .. } | CallError::NoReply) => {}
                Err(error) => failed.push((name, ExitReason::from_term(error.to_string().as_str().into()))),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(CallError::App(AppError::Config(failed))) }
    }

    /// Lets the controller end with `reason`, after all applications, and waits for its end for `timeout` at most.
    ///
    /// Dropping this while it waits takes nothing back: it has been asked.
    ///
    /// # Errors
    /// [`StopError`] when it does not run, or has not ended in time.
    pub async fn shut_down(&self, reason: ExitReason, timeout: Duration) -> Result<(), StopError> {
        stop::stop(self, reason, timeout).await
    }

    fn ask<T>(&self, make: impl FnOnce(Reply<T, AppError>) -> Asked) -> Call<ControllerMsg, T, AppError> {
        Call::tracked(&self.addr, |reply| ControllerMsg(make(reply)))
    }
}

impl Asked {
    /// Answers that the controller is about to end.
    pub(super) fn refuse(self) {
        match self {
            Self::Handle(reply) => reply.answer(Err(AppError::Ending)),
            Self::Load(_, reply)
            | Self::Unload(_, reply)
            | Self::Start(.., reply)
            | Self::Stop(.., reply)
            | Self::Permit(.., reply) => reply.answer(Err(AppError::Ending)),
            Self::Order(_, reply) => reply.answer(Err(AppError::Ending)),
            Self::Which(reply) | Self::Loaded(reply) => reply.answer(Err(AppError::Ending)),
            Self::Top(_, reply) => reply.answer(Err(AppError::Ending)),
            Self::Config(_, reply) => reply.answer(Err(AppError::Ending)),
            Self::Started { .. } => {}
        }
    }
}

impl Target<ControllerMsg> for Applications {
    fn dest(&self) -> Dest {
        self.addr.dest()
    }
}

impl From<&Applications> for Dest {
    fn from(applications: &Applications) -> Self {
        applications.dest()
    }
}

impl fmt::Debug for Applications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Applications").field(&self.pid()).finish()
    }
}

impl fmt::Debug for ControllerMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match &self.0 {
            Asked::Handle(_) => ("handle", None),
            Asked::Load(app, _) => ("load", Some(&app.name)),
            Asked::Unload(name, _) => ("unload", Some(name)),
            Asked::Start(name, ..) => ("start", Some(name)),
            Asked::Stop(name, ..) => ("stop", Some(name)),
            Asked::Permit(name, ..) => ("permit", Some(name)),
            Asked::Order(..) => ("order", None),
            Asked::Which(_) => ("which_applications", None),
            Asked::Loaded(_) => ("loaded_applications", None),
            Asked::Top(name, _) => ("supervisor_of", Some(name)),
            Asked::Config(..) => ("change_config", None),
            Asked::Started { .. } => ("started", None),
        };
        f.debug_tuple("ControllerMsg").field(&what).field(&name).finish()
    }
}
