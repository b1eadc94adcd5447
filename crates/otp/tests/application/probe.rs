//! An application that does as it is told, and records it.

use crate::node::{Record, atom, yield_now};
use engset_otp::application::{
    AppBehaviour, AppCx, AppError, AppInfo, Application, Applications, ConfigChange, Controller, Env,
};
use engset_otp::{CallError, StartError};
use engset_process::{Cx, Exit, ExitReason, Mail, SpawnOptions};
use engset_term::{Atom, Pid, Term};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How an application behaves.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    name: &'static str,
    record: Record,
    /// Why its start fails.
    pub(crate) start_fails: Option<ExitReason>,
    /// The phase that fails.
    pub(crate) failing_phase: Option<&'static str>,
    /// How long its start takes.
    pub(crate) start_takes: Duration,
    /// How long its top process takes to stop; for ever without.
    pub(crate) stop_takes: Option<Duration>,
    /// Whether it panics before it is stopped.
    pub(crate) prep_stop_panics: bool,
    /// Why it cannot use a new configuration.
    pub(crate) config_fails: Option<ExitReason>,
}

impl Probe {
    pub(crate) fn new(name: &'static str, record: &Record) -> Self {
        Self {
            name,
            record: record.clone(),
            start_fails: None,
            failing_phase: None,
            start_takes: Duration::ZERO,
            stop_takes: Some(Duration::ZERO),
            prep_stop_panics: false,
            config_fails: None,
        }
    }

    pub(crate) fn app(&self) -> Application {
        let probe = self.clone();
        Application::new(atom(self.name), move || probe.clone())
    }

    fn add(&self, what: &str) {
        self.record.add(format!("{} {what}", self.name));
    }
}

impl AppBehaviour for Probe {
    async fn start(&mut self, _: &Env, cx: &mut AppCx) -> Result<Pid, StartError> {
        cx.sleep(self.start_takes).await;
        if let Some(reason) = &self.start_fails {
            self.add("fails");
            return Err(StartError::Init(reason.clone()));
        }
        self.add("start");
        let probe = self.clone();
        let options = SpawnOptions { name: Some(atom(self.name)), ..SpawnOptions::default() };
        let ready = Flag::default();
        let is_ready = ready.clone();
        let top = cx.spawn_link(options, |cx| top(cx, probe, is_ready)).map_err(StartError::Spawn)?;
        ready.wait().await;
        Ok(top.pid())
    }

    async fn start_phase(&mut self, phase: &Atom, argument: &Term, _: &mut AppCx) -> Result<(), Exit> {
        self.add(&format!("phase {phase} {argument}"));
        if self.failing_phase.is_some_and(|failing| phase.as_str() == failing) {
            return Err(Exit(ExitReason::from(atom("phase_failed"))));
        }
        Ok(())
    }

    async fn prep_stop(&mut self, _: &mut AppCx) {
        self.add("prep_stop");
        assert!(!self.prep_stop_panics, "told to");
    }

    async fn stop(&mut self, _: &mut AppCx) {
        self.add("stop");
    }

    async fn config_change(&mut self, change: &ConfigChange, _: &mut AppCx) -> Result<(), Exit> {
        let pairs = |pairs: &[(Atom, Term)]| {
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        let (changed, new) = (pairs(&change.changed), pairs(&change.new));
        let removed: Vec<&str> = change.removed.iter().map(Atom::as_str).collect();
        self.add(&format!("changed {changed}, new {new}, removed {}", removed.join(" ")));
        self.config_fails.clone().map_or(Ok(()), |reason| Err(Exit(reason)))
    }
}

/// Ends with the reason that it is sent, or when it is told to stop.
async fn top(mut cx: Cx<Term>, probe: Probe, ready: Flag) -> ExitReason {
    cx.trap_exit(true);
    ready.set();
    loop {
        match cx.recv().await {
            Mail::Message(reason) => return ExitReason::from_term(reason),
            Mail::Exit(trapped) => {
                if let Some(duration) = probe.stop_takes {
                    cx.sleep(duration).await;
                    probe.add(&format!("ends {}", trapped.reason));
                    return trapped.reason;
                }
            }
            Mail::Down(_) | Mail::Other(_) => {}
        }
    }
}

/// Whether something has happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Lets others run until it is set.
    pub(crate) async fn wait(&self) {
        while !self.0.load(Ordering::Acquire) {
            yield_now().await;
        }
    }
}

/// A controller with applications that were loaded.
pub(crate) async fn with(
    controller: Controller,
    apps: impl IntoIterator<Item = Application>,
) -> Applications {
    let applications = controller.start().await.unwrap();
    for app in apps {
        applications.load(app).await.unwrap();
    }
    applications
}

/// The names of the applications that run, the one that started last first.
pub(crate) async fn which(applications: &Applications) -> Vec<Atom> {
    names(applications.which_applications().await.unwrap())
}

pub(crate) fn names(infos: Vec<AppInfo>) -> Vec<Atom> {
    infos.into_iter().map(|info| info.name).collect()
}

pub(crate) fn no<T>(error: AppError) -> Result<T, CallError<AppError>> {
    Err(CallError::App(error))
}

/// No application.
pub(crate) const NOBODY: [Atom; 0] = [];
