//! Child specifications: how a child is started, when it is restarted, how it is stopped.

use super::SupervisorMsg;
use crate::gen_server::{Server, StartError, start_link_addr};
use crate::supervisor::{Supervisor, start_below};
use engset_process::{Cx, Exit, ExitReason, IntoExit, Protocol, SpawnOptions};
use engset_term::{Atom, Pid};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// When it ended for a reason other than `normal`, `shutdown` or `{shutdown, _}`.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// By `kill`, at once.
    BrutalKill,
    /// By `shutdown`; killed when it has not ended after this long.
    Timeout(Duration),
    /// By `shutdown`, waiting as long as it takes; for children that are supervisors.
    Infinity,
}

/// How long a worker has to stop unless its specification says otherwise, as in OTP.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a child is itself a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// It does the work.
    Worker,
    /// It supervises others.
    Supervisor,
}

/// What a supervisor runs to start a child: any way to a pid that is linked to the supervisor.
pub type Start = Arc<dyn for<'a> Fn(&'a mut Cx<SupervisorMsg>) -> Starting<'a> + Send + Sync>;

/// A child being started. An error with [`StartError::ignored`] says that it is not to be run.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send + 'a>>;

/// How a child is started.
#[derive(Clone)]
pub(crate) enum StartBy {
    /// By a function that tells the pid.
    Function(Start),
    /// As a supervisor, which learns of its place.
    Supervisor(Arc<dyn Fn() -> Supervisor + Send + Sync>),
}

/// A child specification.
///
/// ```
/// use engset_otp::{Child, Restart, Shutdown};
/// # use engset_process::Cx;
/// use std::time::Duration;
/// # async fn work(mut cx: Cx<engset_term::Term>) { cx.recv().await; }
/// let job = Child::process("job", || work)
///     .restart(Restart::Transient)
///     .significant(true)
///     .shutdown(Shutdown::Timeout(Duration::from_secs(1)));
/// # drop(job);
/// ```
///
/// A child may ask not to be run: a server whose `init` returns [`crate::ignore`] (or a [`Child::by`] whose start fails
/// with [`StartError::ignored`]) is no failure. It is kept as not running, unless it is temporary or its supervisor
/// dynamic, and others are started as if it ran.
#[derive(Clone)]
pub struct Child {
    pub(crate) id: Arc<str>,
    /// None for a temporary child that was started: it never is again.
    pub(crate) start: Option<StartBy>,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) shutdown: Shutdown,
    pub(crate) kind: ChildKind,
}

/// Makes a server as often as it must be started.
#[diagnostic::on_unimplemented(
    message = "a supervisor cannot start `{Self}` again",
    label = "a value can be started only once",
    note = "pass what makes a new one for each start: a closure such as `|| {Self}::new()`, or `{Self}::default` without parentheses"
)]
pub trait Factory: Send + Sync + 'static {
    /// What it makes.
    type Server: Server;
    /// Makes one.
    fn make(&self) -> Self::Server;
}

impl<F: Fn() -> S + Send + Sync + 'static, S: Server> Factory for F {
    type Server = S;
    fn make(&self) -> S {
        self()
    }
}

impl Child {
    /// A server, made anew by `factory` for each start.
    pub fn server(id: &str, factory: impl Factory) -> Self {
        Self::server_as(id, None, factory)
    }

    /// A server that is registered as `name`, so that its successors are found under the same name.
    pub fn named_server(name: Atom, factory: impl Factory) -> Self {
        let id = name.as_str().to_owned();
        Self::server_as(&id, Some(name), factory)
    }

    /// A process that runs what `body` makes, without an `init` to wait for.
    pub fn process<M, B, C, F>(id: &str, body: B) -> Self
    where
        M: Protocol,
        B: Fn() -> C + Send + Sync + 'static, // makes what runs, for each start: `|| work`
        C: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        Self::by(id, move |supervisor| {
            let body = body();
            let addr = supervisor.spawn_link(SpawnOptions::default(), body);
            Box::pin(async move { addr.map(|addr| addr.pid()).map_err(StartError::Spawn) })
        })
    }

    /// A process registered as `name`.
    pub fn named_process<M, B, C, F>(name: Atom, body: B) -> Self
    where
        M: Protocol,
        B: Fn() -> C + Send + Sync + 'static, // makes what runs, for each start: `|| work`
        C: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let id = name.as_str().to_owned();
        Self::by(&id, move |supervisor| {
            let addr = supervisor.spawn_link(spawn_as(Some(&name)), body());
            Box::pin(async move { addr.map(|addr| addr.pid()).map_err(StartError::Spawn) })
        })
    }

    /// A supervisor below this one. It is stopped with [`Shutdown::Infinity`] unless told otherwise.
    pub fn supervisor(id: &str, make: impl Fn() -> Supervisor + Send + Sync + 'static) -> Self {
        let start = StartBy::Supervisor(Arc::new(make));
        Self {
            kind: ChildKind::Supervisor,
            shutdown: Shutdown::Infinity,
            ..Self::started_by(id, Some(start))
        }
    }

    /// Anything that can be started, linked to, and stopped by exit signals.
    ///
    /// `start` runs in the supervisor; the pid that it returns must be linked to the supervisor. What else it makes it
    /// may hand out by what it captured.
    pub fn by(
        id: &str,
        start: impl for<'a> Fn(&'a mut Cx<SupervisorMsg>) -> Starting<'a> + Send + Sync + 'static,
    ) -> Self {
        Self::started_by(id, Some(StartBy::Function(Arc::new(start))))
    }

    /// Sets when the child is restarted; [`Restart::Permanent`] without.
    #[must_use]
    pub fn restart(self, restart: Restart) -> Self {
        Self { restart, ..self }
    }

    /// Sets how the child is stopped; [`SHUTDOWN_TIMEOUT`] for workers without.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// Sets whether the child is itself a supervisor, for one that was not made by [`Child::supervisor`].
    #[must_use]
    pub fn kind(self, kind: ChildKind) -> Self {
        Self { kind, ..self }
    }

    /// Sets whether the end of the child counts for its supervisor's [`crate::AutoShutdown`]; it does not without.
    ///
    /// Refused for permanent children, and by supervisors that never shut themselves down.
    #[must_use]
    pub fn significant(self, significant: bool) -> Self {
        Self { significant, ..self }
    }

    fn started_by(id: &str, start: Option<StartBy>) -> Self {
        Self {
            id: id.into(),
            start,
            restart: Restart::default(),
            significant: false,
            shutdown: Shutdown::Timeout(SHUTDOWN_TIMEOUT),
            kind: ChildKind::Worker,
        }
    }

    #[cfg(test)]
    pub(super) fn named_only(id: &str) -> Self {
        Self::started_by(id, None)
    }

    fn server_as(id: &str, name: Option<Atom>, factory: impl Factory) -> Self {
        Self::by(id, move |supervisor| {
            let server = factory.make();
            let name = name.clone();
            Box::pin(async move { start_link_addr(supervisor, name, server).await.map(|addr| addr.pid()) })
        })
    }
}

impl StartBy {
    /// Starts the child in the supervisor `cx`, which has this `path`.
    pub(super) fn start<'a>(&self, cx: &'a mut Cx<SupervisorMsg>, path: &str, id: &str) -> Starting<'a> {
        match self {
            Self::Function(start) => start(cx),
            Self::Supervisor(make) => start_below(cx, make().below(path, id)),
        }
    }
}

impl StartError {
    /// The error that says: this child is not to be run, and that is no failure. OTP's `ignore`.
    #[must_use]
    pub const fn ignored() -> Self {
        Self::Init(ExitReason::Normal)
    }

    /// Whether it says that the child is not to be run: its `init` ended it with reason `normal`.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        *self == Self::ignored()
    }
}

/// What a server's `init` returns in `Err` when it is not to be run, and that is no failure. OTP's `ignore`.
///
/// ```
/// use engset_otp::{StartError, ignore};
/// use engset_process::Exit;
///
/// fn init(has_work: bool) -> Result<(), Exit> {
///     if has_work { Ok(()) } else { Err(ignore()) }
/// }
/// assert_eq!(init(false), Err(ignore()));
/// assert!(StartError::Init(ignore().0).is_ignored());
/// ```
#[must_use]
pub const fn ignore() -> Exit {
    Exit(ExitReason::Normal)
}

/// How a process is spawned that is to have this name.
pub(super) fn spawn_as(name: Option<&Atom>) -> SpawnOptions {
    // What keeps others alive may be started when nothing else may.
    SpawnOptions { name: name.cloned(), from_reserve: true, ..SpawnOptions::default() }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("significant", &self.significant)
            .field("shutdown", &self.shutdown)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
