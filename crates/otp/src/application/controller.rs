//! The application controller: the process around [`super::core`].

use super::core::{Core, Effect, Ending};
use super::handle::{Applications, Asked, ControllerMsg, Envs};
use super::master::{self, MasterMsg, ToMaster};
use super::{APPLICATIONS_MAX, AppError, Config};
use crate::gen_server::{StartError, Starting};
use crate::launch;
use crate::reply::Reply;
use crate::supervisor::spec::Restart;
use crate::sys::{Desk, Inspect, Served};
use engset_process::{Behaviour, Cx, ExitReason, Mail, Processes, Protocol, set_deadline};
use engset_term::{Atom, Pid, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The name of a node's application controller.
pub const CONTROLLER: Atom = Atom::from_static("application_controller");

pub(super) type ControllerCx = Cx<ControllerMsg>;

/// What runs when a controller begins to end, see [`Controller::on_shutdown`].
type OnShutdown = Arc<dyn Fn(&ExitReason) + Send + Sync>;

/// An application controller to be started: one for a node, registered as [`CONTROLLER`].
///
/// It ends when a permanent application ends, when a transient one ends for another reason than `normal`, or when one
/// of them could not start; with reason `{application_terminated, Name, Reason}` or
/// `{application_start_failure, Name, Reason}`. At its end it stops all applications. What a node does without its
/// applications is for whoever monitors or started the controller to say; OTP's ends.
///
/// ```
/// use engset_otp::application::Controller;
/// use std::time::Duration;
///
/// let controller = Controller::default().shutdown_timeout(Duration::from_secs(30)).max_applications(100);
/// # drop(controller);
/// ```
#[derive(Clone)]
#[must_use = "a controller does nothing until started"]
pub struct Controller {
    config: Config,
    permissions: BTreeMap<Atom, bool>,
    shutdown_timeout: Option<Duration>,
    on_shutdown: Option<OnShutdown>,
    max_applications: usize,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            config: Config::new(),
            permissions: BTreeMap::new(),
            shutdown_timeout: None,
            on_shutdown: None,
            max_applications: APPLICATIONS_MAX,
        }
    }
}

impl Controller {
    /// Sets the values that go before those of the applications' own environments.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Says whether an application may run, see [`Applications::permit`]; it may without.
    pub fn permission(mut self, name: Atom, may_run: bool) -> Self {
        self.permissions.insert(name, may_run);
        self
    }

    /// Lets each application stop for `timeout` at most when the controller ends; then it is killed. Without, it takes
    /// as long as it takes.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        Self { shutdown_timeout: Some(timeout), ..self }
    }

    /// Lets `run` run in the controller when it begins to end, with the reason, before applications are stopped. A
    /// panic in it is reported and changes nothing.
    pub fn on_shutdown(self, run: impl Fn(&ExitReason) + Send + Sync + 'static) -> Self {
        Self { on_shutdown: Some(Arc::new(run)), ..self }
    }

    /// Allows at most `applications` to be loaded; [`APPLICATIONS_MAX`] without.
    pub fn max_applications(self, applications: usize) -> Self {
        Self { max_applications: applications, ..self }
    }

    /// Starts the controller, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when the node has one already, or it was not spawned.
    pub async fn start(self) -> Result<Applications, StartError> {
        let envs = Envs::default();
        let of_process = envs.clone();
        let body = move |cx, parent, starting| run(self, of_process, cx, parent, starting);
        launch::start(launch::of::<Self>(Some(CONTROLLER)), body)
            .await
            .map(|addr| Applications::new(addr, envs))
    }

    /// Like [`Controller::start`], on the node of `processes`.
    ///
    /// # Errors
    /// [`StartError`] as for [`Controller::start`].
    pub async fn start_on(self, processes: &Arc<Processes>) -> Result<Applications, StartError> {
        let envs = Envs::default();
        let of_process = envs.clone();
        let body = move |cx, parent, starting| run(self, of_process, cx, parent, starting);
        let options = launch::of::<Self>(Some(CONTROLLER));
        launch::start_on(processes, options, body).await.map(|addr| Applications::new(addr, envs))
    }

    /// Like [`Controller::start`], linked to the running process: it ends with that one, after all applications.
    ///
    /// # Errors
    /// [`StartError`] as for [`Controller::start`].
    pub async fn start_link<M: Protocol>(self, parent: &mut Cx<M>) -> Result<Applications, StartError> {
        let envs = Envs::default();
        let of_process = envs.clone();
        let body = move |cx, parent, starting| run(self, of_process, cx, parent, starting);
        let options = launch::of::<Self>(Some(CONTROLLER));
        launch::start_link(parent, options, body).await.map(|addr| Applications::new(addr, envs))
    }
}

impl fmt::Debug for Controller {
    /// Says nothing of the configuration: secrets may be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller")
            .field("permissions", &self.permissions)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("max_applications", &self.max_applications)
            .finish_non_exhaustive()
    }
}

/// From its start to its end.
async fn run(
    options: Controller,
    envs: Envs,
    mut cx: ControllerCx,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    cx.trap_exit(true);
    starting.done(Ok(()));
    let core = Core::new(options.config, options.permissions, options.max_applications);
    let mut running = Running { core, envs, parent, ending: None };
    let reason = running.work(&mut cx).await;
    if let Some(on_shutdown) = &options.on_shutdown
        && let Err(panic) = crate::caught::guarded(|| on_shutdown(&reason))
    {
        tracing::error!(reason = %panic, "what a controller runs at its end failed: {panic}");
    }
    running.end_all(&mut cx, options.shutdown_timeout).await;
    Processes::set_dying(reason.clone());
    reason
}

/// A controller at work.
struct Running {
    core: Core<Reply<(), AppError>>,
    envs: Envs,
    parent: Option<Pid>,
    ending: Option<ExitReason>,
}

impl Running {
    /// Serves until the controller must end; why.
    async fn work(&mut self, cx: &mut ControllerCx) -> ExitReason {
        let mut desk = Desk::of(cx, Behaviour::GenServer);
        loop {
            let mail = cx.recv().await;
            desk.took(cx, &mail);
            let mail = match desk.serve(cx, self.parent, mail, self).await {
                Served::Other(mail) => mail,
                Served::Done => continue,
                Served::End(reason) => return reason,
            };
            match mail {
                Mail::Message(ControllerMsg(asked)) => self.serve(asked),
                Mail::Exit(trapped) if Some(trapped.from) == self.parent => return trapped.reason,
                Mail::Exit(trapped) => self.core.handle_ended(trapped.from, trapped.reason),
                Mail::Down(_) => {}
                Mail::Other(term) => {
                    tracing::warn!(%term, "a controller got what it does not handle: {term}");
                }
            }
            set_deadline(None);
            self.act(cx);
            if let Some(reason) = self.ending.take() {
                return reason;
            }
        }
    }

    fn serve(&mut self, asked: Asked) {
        match asked {
            Asked::Handle(reply) => answer(reply, || Ok(self.envs.clone())),
            Asked::Load(app, reply) => answer(reply, || {
                let name = app.name.clone();
                let env = self.core.handle_load(*app)?;
                self.envs.insert(name, env);
                Ok(())
            }),
            Asked::Unload(name, reply) => answer(reply, || {
                self.core.handle_unload(&name)?;
                self.envs.remove(&name);
                Ok(())
            }),
            Asked::Start(name, restart, asker, reply) => {
                if let Some(reply) = reply.begin() {
                    self.core.handle_start(&name, restart, asker, reply);
                }
            }
            Asked::Stop(name, asker, reply) => {
                if let Some(reply) = reply.begin() {
                    self.core.handle_stop(&name, asker, reply);
                }
            }
            Asked::Permit(name, may_run, asker, reply) => {
                if let Some(reply) = reply.begin() {
                    self.core.handle_permit(&name, may_run, asker, reply);
                }
            }
            Asked::Order(wanted, reply) => answer(reply, || self.core.order(&wanted)),
            Asked::Which(reply) => answer(reply, || Ok(self.core.which())),
            Asked::Loaded(reply) => answer(reply, || Ok(self.core.loaded())),
            Asked::Top(name, reply) => answer(reply, || Ok(self.core.top(&name))),
            Asked::Config(config, reply) => answer(reply, || Ok(self.core.handle_config(config))),
            Asked::Started { master, top } => self.core.handle_started(master, top),
        }
    }

    /// Does what the core says.
    fn act(&mut self, cx: &mut ControllerCx) {
        while let Some(effect) = self.core.poll_effect() {
            match effect {
                Effect::Spawn(app, env) => {
                    let name = app.name.clone();
                    match master::spawn(cx, app, env) {
                        Ok(master) => self.core.handle_spawned(&name, master),
                        Err(error) => {
                            self.core.handle_not_spawned(&name, &StartError::Spawn(error).reason());
                        }
                    }
                }
                // One that has ended says so by its exit signal.
                Effect::Stop(master) => drop(cx.send(master, MasterMsg(ToMaster::Stop))),
                Effect::Answer(reply, result) => reply.answer(result),
                Effect::Report(name, reason, restart) => report(&name, &reason, restart),
                Effect::End(reason) => {
                    self.ending.get_or_insert(reason);
                }
            }
        }
    }

    /// Ends all applications, each when the one before has ended.
    async fn end_all(&mut self, cx: &mut ControllerCx, timeout: Option<Duration>) {
        let order = self.core.handle_end();
        self.act(cx);
        let mut ended = BTreeSet::new();
        for (name, master, ending) in order {
            let signal = match ending {
                Ending::Shutdown => ExitReason::Shutdown,
                Ending::Kill => ExitReason::Kill,
            };
            cx.exit(master, signal);
            if !await_end(cx, master, timeout, &mut ended).await {
                let application = name.as_str();
                tracing::warn!(
                    application,
                    "the application `{application}` has not stopped in time, and is killed"
                );
                cx.exit(master, ExitReason::Kill);
                await_end(cx, master, None, &mut ended).await;
            }
        }
    }
}

/// Waits for the end of a process, for `timeout` at most; whether it has ended. Requests are refused meanwhile.
async fn await_end(
    cx: &mut ControllerCx,
    master: Pid,
    timeout: Option<Duration>,
    ended: &mut BTreeSet<Pid>,
) -> bool {
    let now = cx.processes().scheduler().now();
    let due = timeout.map(|timeout| now.saturating_add(timeout));
    while !ended.remove(&master) {
        let mail = match due {
            None => Some(cx.recv().await),
            Some(due) => {
                let now = cx.processes().scheduler().now();
                cx.recv_timeout(due.saturating_duration_since(now)).await
            }
        };
        match mail {
            None => return false,
            Some(Mail::Exit(trapped)) => {
                ended.insert(trapped.from);
            }
            Some(Mail::Message(ControllerMsg(asked))) => asked.refuse(),
            Some(Mail::Down(_) | Mail::Other(_)) => {}
        }
    }
    true
}

fn answer<T>(reply: Reply<T, AppError>, work: impl FnOnce() -> Result<T, AppError>) {
    if let Some(reply) = reply.begin() {
        reply.answer(work());
    }
}

fn report(name: &Atom, reason: &ExitReason, restart: Restart) {
    let application = name.as_str();
    if reason.is_orderly() {
        tracing::info!(application, ?restart, %reason, "the application `{application}` has ended: {reason}");
    } else {
        tracing::error!(application, ?restart, %reason, "the application `{application}` has ended: {reason}");
    }
}

/// What system messages see of a controller: what is loaded, and what runs.
impl Inspect for Running {
    fn module(&self) -> &'static str {
        std::any::type_name::<Controller>()
    }

    fn state(&self) -> Option<Term> {
        Some(self.core.to_term())
    }

    fn replace_state(&mut self, _state: &Term) -> Result<(), String> {
        Err("applications are loaded and started, and not replaced as a whole".to_owned())
    }
}
