//! The supervisor: the process around the restart plan.
//!
//! Messages: each child is linked to the supervisor, which traps exits; a trapped exit of a child is what triggers a
//! restart. To stop a child the supervisor sends `shutdown` (or `kill`) and waits for the exit signal; `stop.rs` says
//! what it does about one that does not come. A restart that fails is tried again by a message of the supervisor to
//! itself, counted like any restart, so that requests and exits that arrive meanwhile get their turn; so is one that a
//! back-off delays, by a timer. When the intensity is exceeded, or the end of a significant child shuts the supervisor
//! down, all children are stopped in reverse order and the supervisor ends with `shutdown`. A supervisor that cannot
//! start its first children ends with `{shutdown, {failed_to_start_child, Id, Reason}}`.

pub(crate) mod back_off;
mod children;
pub(crate) mod flags;
mod pid_map;
mod report;
mod requests;
pub(crate) mod restart;
mod running;
mod serve;
pub(crate) mod spec;
mod stop;
mod stopping;
mod terms;

use crate::gen_server::{StartError, Started, Starting};
use back_off::BackOff;
use engset_process::{Addr, Cx, ExitReason, Processes, current};
use engset_term::{Atom, Pid};
use flags::AutoShutdown;
use restart::Strategy;
use running::Running;
use spec::{Child, spawn_as};
use std::sync::Arc;
use std::time::Duration;

pub use requests::{
    ChildError, ChildId, ChildInfo, ChildSpec, ChildState, Counts, Retry, SupervisorMsg, SupervisorRef,
};

/// A supervisor to be started: strategy, intensity and children.
///
/// ```
/// use engset_otp::{Child, Supervisor};
/// use std::time::Duration;
/// # use engset_process::{Cx, Exit, Mail};
/// # async fn worker(mut cx: Cx<engset_term::Term>) { cx.recv().await; }
/// let shop = Supervisor::one_for_one()
///     .intensity(3, Duration::from_secs(5))
///     .child(Child::process("worker", || worker));
/// # drop(shop);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a supervisor does nothing until started"]
pub struct Supervisor {
    name: Option<Atom>,
    strategy: Strategy,
    restarts: usize,
    period: Duration,
    auto_shutdown: AutoShutdown,
    back_off: Option<BackOff>,
    max_children: usize,
    children: Vec<Child>,
    dynamic: bool,
    /// The ids on the way from the top of the tree, for reports.
    path: Option<String>,
}

impl Supervisor {
    /// Restarts only the child that ended.
    pub fn one_for_one() -> Self {
        Self::with_strategy(Strategy::OneForOne)
    }

    /// Restarts all children when one ended.
    pub fn one_for_all() -> Self {
        Self::with_strategy(Strategy::OneForAll)
    }

    /// Restarts the child that ended and those started after it.
    pub fn rest_for_one() -> Self {
        Self::with_strategy(Strategy::RestForOne)
    }

    /// A supervisor with the given strategy, intensity 1 within 5 seconds (as in OTP), and no children.
    pub fn with_strategy(strategy: Strategy) -> Self {
        Self {
            name: None,
            strategy,
            restarts: 1,
            period: Duration::from_secs(5),
            auto_shutdown: AutoShutdown::default(),
            back_off: None,
            max_children: usize::MAX,
            children: Vec::new(),
            dynamic: false,
            path: None,
        }
    }

    /// A supervisor whose children come and go at run time and are known by their pids, OTP's `simple_one_for_one`:
    /// children are started with [`SupervisorRef::start_child`], restarted one for one, stopped all at once at its
    /// end, and forgotten when they will not be restarted. Each has a specification of its own, whose id need not
    /// differ from others.
    ///
    /// ```
    /// use engset_otp::{Child, ChildError, CallError, Restart, Supervisor};
    /// # use engset_process::{Cx, Identity, Processes, Scheduler};
    /// # use engset_term::{NodeName, Term};
    /// # async fn session(mut cx: Cx<Term>) { cx.recv().await; }
    /// # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(7));
    /// # let result = processes.block_on(|_cx: Cx<Term>| async move {
    /// let sessions = Supervisor::dynamic().max_children(1).start().await.expect("it has no children yet");
    /// let child = || Child::process("session", || session).restart(Restart::Temporary);
    /// let pid = sessions.start_child(child()).await.expect("there is room for one");
    /// assert_eq!(sessions.start_child(child()).await, Err(CallError::App(ChildError::MaxChildren)));
    /// sessions.terminate_child(pid).await.expect("it runs");
    /// # });
    /// # assert_eq!(result, Ok(()));
    /// ```
    pub fn dynamic() -> Self {
        Self { dynamic: true, ..Self::one_for_one() }
    }

    /// Registers the supervisor as `name`.
    pub fn named(self, name: Atom) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Allows at most `restarts` restarts within any `period`, which must not be zero; with one more the supervisor
    /// gives up: it stops its children and ends with `shutdown`.
    pub fn intensity(self, restarts: usize, period: Duration) -> Self {
        Self { restarts, period, ..self }
    }

    /// Lets the supervisor shut itself down when significant children have ended; [`AutoShutdown::Never`] without.
    /// Not for dynamic supervisors.
    pub fn auto_shutdown(self, auto_shutdown: AutoShutdown) -> Self {
        Self { auto_shutdown, ..self }
    }

    /// Lets restarts wait, longer each time; without, a child that ended is started again at once, as in OTP.
    pub fn back_off(self, back_off: BackOff) -> Self {
        Self { back_off: Some(back_off), ..self }
    }

    /// Allows at most `children` in the list, running or not; one more is refused with [`ChildError::MaxChildren`].
    /// Without, only the node's limit on processes counts.
    pub fn max_children(self, children: usize) -> Self {
        Self { max_children: children, ..self }
    }

    /// Adds a child; children start in the order in which they are added and stop in reverse.
    pub fn child(mut self, child: Child) -> Self {
        self.children.push(child);
        self
    }

    /// Notes where the supervisor is in the tree.
    fn below(self, parent: &str, id: &str) -> Self {
        Self { path: Some(format!("{parent}/{id}")), ..self }
    }

    /// Starts the supervisor and its children, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when a specification is refused (see [`crate::SpecError`]), or a child could not be started:
    /// those started before are stopped again.
    pub async fn start(self) -> Result<SupervisorRef, StartError> {
        let (processes, _) = current().ok_or(StartError::Spawn(engset_process::SpawnError::OutsideNode))?;
        self.start_on(&processes).await
    }

    /// Starts the supervisor and its children on the node of `processes`; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when a specification is refused (see [`crate::SpecError`]), or a child could not be started:
    /// those started before are stopped again.
    pub async fn start_on(self, processes: &Arc<Processes>) -> Result<SupervisorRef, StartError> {
        let (started, starting) = Started::new();
        let options = spawn_as(self.name.as_ref());
        let addr = processes
            .spawn(options, move |cx| supervise(self, cx, None, starting))
            .map_err(StartError::Spawn)?;
        started.wait().await?;
        Ok(SupervisorRef::new(addr))
    }

    /// Starts the supervisor and its children, linked to the running process.
    ///
    /// # Errors
    /// [`StartError`] when a specification is refused or a child could not be started; the link's exit signal comes
    /// too.
    pub async fn start_link<M: engset_process::Protocol>(
        self,
        parent: &mut Cx<M>,
    ) -> Result<SupervisorRef, StartError> {
        start_linked(parent, self).await.map(SupervisorRef::new)
    }
}

/// Starts `supervisor` as a child of the one at `parent`.
fn start_below(parent: &mut Cx<SupervisorMsg>, supervisor: Supervisor) -> spec::Starting<'_> {
    Box::pin(async move { start_linked(parent, supervisor).await.map(|addr| addr.pid()) })
}

async fn start_linked<M: engset_process::Protocol>(
    parent: &mut Cx<M>,
    supervisor: Supervisor,
) -> Result<Addr<SupervisorMsg>, StartError> {
    let (started, starting) = Started::new();
    let parent_pid = parent.pid();
    let options = spawn_as(supervisor.name.as_ref());
    let addr = parent
        .spawn_link(options, move |cx| supervise(supervisor, cx, Some(parent_pid), starting))
        .map_err(StartError::Spawn)?;
    started.wait().await?;
    Ok(addr)
}

/// The life of a supervisor process.
async fn supervise(
    supervisor: Supervisor,
    mut cx: Cx<SupervisorMsg>,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    cx.trap_exit(true);
    let (mut running, children) = Running::new(supervisor, parent, &cx);
    let reason = match running.start_all(&mut cx, children).await {
        Ok(()) => {
            starting.done(Ok(()));
            let reason = running.work(&mut cx).await;
            running.stop_all(&mut cx).await;
            reason
        }
        Err(reason) => {
            running.stop_all(&mut cx).await;
            starting.done(Err(reason.clone()));
            reason
        }
    };
    // Whoever waits for an answer to a request that was kept meanwhile hears of the end.
    Processes::set_dying(reason.clone());
    reason
}
