//! What an application is, and what it does at its start, at its stop, and between.

use super::master::MasterMsg;
use super::plan::Needs;
use super::{ConfigChange, Env};
use crate::gen_server::StartError;
use crate::supervisor::Supervisor;
use engset_process::{Cx, Exit};
use engset_term::{Atom, Pid, Term};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The context of the process that starts and stops an application; its top process is linked to it.
pub type AppCx = Cx<MasterMsg>;

/// What an application does when it starts and stops (OTP's behaviour `application`).
///
/// All of it runs in one process, which is the parent of the application's top process. An application that only has
/// a supervisor needs none: [`Application::supervisor`].
pub trait AppBehaviour: Send + 'static {
    /// Starts the top process, linked to this one: as a rule a supervisor. The end of that process is the end of the
    /// application.
    ///
    /// # Errors
    /// Why it could not be started; whoever starts the application gets it.
    fn start(&mut self, env: &Env, cx: &mut AppCx) -> impl Future<Output = Result<Pid, StartError>> + Send;

    /// Runs one of the application's [start phases](Application::start_phase), after `start`, in their order.
    ///
    /// # Errors
    /// Why it failed: the top process is stopped again, and the application is not started.
    fn start_phase(
        &mut self,
        phase: &Atom,
        argument: &Term,
        cx: &mut AppCx,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = (phase, argument, cx);
        async { Ok(()) }
    }

    /// Runs before the top process is stopped, or when it has ended by itself.
    fn prep_stop(&mut self, cx: &mut AppCx) -> impl Future<Output = ()> + Send {
        let _ = cx;
        async {}
    }

    /// Runs when the top process has ended. A panic here or in `prep_stop` is reported and changes nothing.
    fn stop(&mut self, cx: &mut AppCx) -> impl Future<Output = ()> + Send {
        let _ = cx;
        async {}
    }

    /// Learns that the configuration has changed; the environment has the new values already.
    ///
    /// # Errors
    /// Why it cannot be used; whoever changed the configuration gets it. The application goes on.
    fn config_change(
        &mut self,
        change: &ConfigChange,
        cx: &mut AppCx,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = (change, cx);
        async { Ok(()) }
    }
}

type Working<'a, T, E = Exit> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A behaviour of some type.
pub(super) trait Erased: Send {
    fn start<'a>(&'a mut self, env: &'a Env, cx: &'a mut AppCx) -> Working<'a, Pid, StartError>;
    fn start_phase<'a>(
        &'a mut self,
        phase: &'a Atom,
        argument: &'a Term,
        cx: &'a mut AppCx,
    ) -> Working<'a, ()>;
    fn prep_stop<'a>(&'a mut self, cx: &'a mut AppCx) -> Working<'a, ()>;
    fn stop<'a>(&'a mut self, cx: &'a mut AppCx) -> Working<'a, ()>;
    fn config_change<'a>(&'a mut self, change: &'a ConfigChange, cx: &'a mut AppCx) -> Working<'a, ()>;
}

impl<B: AppBehaviour> Erased for B {
    fn start<'a>(&'a mut self, env: &'a Env, cx: &'a mut AppCx) -> Working<'a, Pid, StartError> {
        Box::pin(AppBehaviour::start(self, env, cx))
    }

    fn start_phase<'a>(
        &'a mut self,
        phase: &'a Atom,
        argument: &'a Term,
        cx: &'a mut AppCx,
    ) -> Working<'a, ()> {
        Box::pin(AppBehaviour::start_phase(self, phase, argument, cx))
    }

    fn prep_stop<'a>(&'a mut self, cx: &'a mut AppCx) -> Working<'a, ()> {
        Box::pin(async move {
            AppBehaviour::prep_stop(self, cx).await;
            Ok(())
        })
    }

    fn stop<'a>(&'a mut self, cx: &'a mut AppCx) -> Working<'a, ()> {
        Box::pin(async move {
            AppBehaviour::stop(self, cx).await;
            Ok(())
        })
    }

    fn config_change<'a>(&'a mut self, change: &'a ConfigChange, cx: &'a mut AppCx) -> Working<'a, ()> {
        Box::pin(AppBehaviour::config_change(self, change, cx))
    }
}

/// Starts a supervisor, and does nothing else.
struct OnlySupervisor<F>(Arc<F>);

impl<F: Fn(&Env) -> Supervisor + Send + Sync + 'static> AppBehaviour for OnlySupervisor<F> {
    async fn start(&mut self, env: &Env, cx: &mut AppCx) -> Result<Pid, StartError> {
        let supervisor = (self.0)(env);
        supervisor.start_link(cx).await.map(|supervisor| supervisor.pid())
    }
}

/// Makes an application's behaviour, anew for each start.
type Make = Arc<dyn Fn() -> Box<dyn Erased> + Send + Sync>;

/// An application to be loaded: what in OTP is in its `.app` file.
///
/// ```
/// use engset_otp::application::Application;
/// use engset_otp::{Child, Supervisor};
/// use engset_term::Atom;
/// # use engset_process::Cx;
/// # async fn till(mut cx: Cx<engset_term::Term>) { cx.recv().await; }
///
/// let shop = Application::supervisor(Atom::from_static("shop"), |_env| {
///     Supervisor::one_for_one().child(Child::process("till", || till))
/// })
/// .description("sells things")
/// .depends_on(Atom::from_static("storage"))
/// .optionally_depends_on(Atom::from_static("metrics"))
/// .env(Atom::from_static("tcp_port"), 8080);
/// # drop(shop);
/// ```
#[derive(Clone)]
#[must_use = "an application does nothing until loaded"]
pub struct Application {
    pub(super) name: Atom,
    pub(super) description: String,
    pub(super) version: String,
    pub(super) needs: Needs,
    pub(super) env: BTreeMap<Atom, Term>,
    pub(super) phases: Vec<(Atom, Term)>,
    pub(super) max_time: Option<Duration>,
    /// None for a library.
    pub(super) make: Option<Make>,
}

impl Application {
    /// An application without processes: it can be started, so that others can depend on it, and be configured.
    pub fn library(name: Atom) -> Self {
        Self {
            name,
            description: String::new(),
            version: String::new(),
            needs: Needs::default(),
            env: BTreeMap::new(),
            phases: Vec::new(),
            max_time: None,
            make: None,
        }
    }

    /// An application whose top process is the supervisor that `make` makes of its environment, anew for each start.
    pub fn supervisor(name: Atom, make: impl Fn(&Env) -> Supervisor + Send + Sync + 'static) -> Self {
        let make = Arc::new(make);
        Self::new(name, move || OnlySupervisor(Arc::clone(&make)))
    }

    /// An application with a behaviour of its own, which `make` makes anew for each start.
    pub fn new<B: AppBehaviour>(name: Atom, make: impl Fn() -> B + Send + Sync + 'static) -> Self {
        let make: Make = Arc::new(move || Box::new(make()));
        Self { make: Some(make), ..Self::library(name) }
    }

    /// Says what it is, in one line.
    pub fn description(self, description: &str) -> Self {
        Self { description: description.to_owned(), ..self }
    }

    /// Says which version it is.
    pub fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    /// Adds an application that must run before this one.
    pub fn depends_on(mut self, name: Atom) -> Self {
        self.needs.required.push(name);
        self
    }

    /// Adds an application that, where it is loaded, is started before this one (OTP's `optional_applications`).
    pub fn optionally_depends_on(mut self, name: Atom) -> Self {
        self.needs.optional.push(name);
        self
    }

    /// Adds a value to its environment, which a controller's configuration may replace.
    pub fn env(mut self, key: Atom, value: impl Into<Term>) -> Self {
        self.env.insert(key, value.into());
        self
    }

    /// Adds a phase that its start goes through when the top process runs, see [`AppBehaviour::start_phase`].
    pub fn start_phase(mut self, phase: Atom, argument: impl Into<Term>) -> Self {
        self.phases.push((phase, argument.into()));
        self
    }

    /// Lets it run for `max_time` at most, from its start on: then it ends with reason `normal`.
    pub fn max_time(self, max_time: Duration) -> Self {
        Self { max_time: Some(max_time), ..self }
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .field("phases", &self.phases)
            .finish_non_exhaustive()
    }
}
