//! Child specifications: how a child is started, when it is restarted, how it is stopped.

use super::SupervisorMsg;
use crate::gen_server::{Server, StartError, start_link_addr};
use crate::supervisor::{Supervisor, start_child_supervisor};
use engset_process::{Cx, IntoExit, Protocol, SpawnOptions};
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

/// A child being started.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send + 'a>>;

/// A child specification.
#[derive(Clone)]
pub struct Child {
    pub(crate) id: String,
    pub(crate) start: Start,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) kind: ChildKind,
}

/// Makes a server as often as it must be started.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be restarted",
    label = "a value can be started only once",
    note = "pass a closure that makes it: `|| MyServer::new()`"
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
        B: Fn() -> C + Send + Sync + 'static,
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
        B: Fn() -> C + Send + Sync + 'static,
        C: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let id = name.as_str().to_owned();
        Self::by(&id, move |supervisor| {
            let addr = supervisor
                .spawn_link(SpawnOptions { name: Some(name.clone()), ..SpawnOptions::default() }, body());
            Box::pin(async move { addr.map(|addr| addr.pid()).map_err(StartError::Spawn) })
        })
    }

    /// A supervisor below this one. It is stopped with [`Shutdown::Infinity`] unless told otherwise.
    pub fn supervisor(id: &str, make: impl Fn() -> Supervisor + Send + Sync + 'static) -> Self {
        let child = Self::by(id, move |parent| {
            let supervisor = make();
            Box::pin(start_child_supervisor(parent, supervisor))
        });
        Self { kind: ChildKind::Supervisor, shutdown: Shutdown::Infinity, ..child }
    }

    /// Anything that can be started, linked to, and stopped by exit signals.
    ///
    /// `start` runs in the supervisor; the pid that it returns must be linked to the supervisor.
    pub fn by(
        id: &str,
        start: impl for<'a> Fn(&'a mut Cx<SupervisorMsg>) -> Starting<'a> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.to_owned(),
            start: Arc::new(start),
            restart: Restart::default(),
            shutdown: Shutdown::Timeout(SHUTDOWN_TIMEOUT),
            kind: ChildKind::Worker,
        }
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

    fn server_as(id: &str, name: Option<Atom>, factory: impl Factory) -> Self {
        Self::by(id, move |supervisor| {
            let server = factory.make();
            let name = name.clone();
            Box::pin(async move { start_link_addr(supervisor, name, server).await.map(|addr| addr.pid()) })
        })
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
