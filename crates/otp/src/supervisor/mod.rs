//! The supervisor: the process around the restart plan.
//!
//! Messages: each child is linked to the supervisor, which traps exits; a trapped exit of a child is what triggers a
//! restart. To stop a child the supervisor monitors it, sends `shutdown` (or `kill`), and waits for the DOWN. A
//! restart that fails is tried again by a message of the supervisor to itself, counted like any restart, so that
//! requests and exits that arrive meanwhile get their turn. When the intensity is exceeded all children are stopped
//! in reverse order and the supervisor ends with `shutdown`. A supervisor that cannot start its first children ends with
//! `{shutdown, {failed_to_start_child, Id, Reason}}`.

mod children;
mod requests;
pub(crate) mod restart;
pub(crate) mod spec;

use crate::gen_server::{StartError, Started, Starting};
use children::{Children, Key, State};
use engset_process::{Addr, Cx, Dest, ExitReason, Mail, Processes, SpawnOptions, Trapped, current};
use engset_term::{Atom, Instant, Pid, Reference, Term};
use restart::{Intensity, Strategy, Verdict, verdict};
use spec::{Child, Restart, Shutdown};
use std::sync::Arc;
use std::time::Duration;

pub use requests::{ChildError, ChildId, ChildInfo, ChildState, Counts, Retry, SupervisorMsg, SupervisorRef};

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
    children: Vec<Child>,
    dynamic: bool,
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
            children: Vec::new(),
            dynamic: false,
        }
    }

    /// A supervisor whose children come and go at run time and are known by their pids: children are started with
    /// [`SupervisorRef::start_child`], restarted one for one, stopped all at once at its end, and forgotten when they
    /// will not be restarted.
    pub fn dynamic() -> Self {
        Self { dynamic: true, ..Self::one_for_one() }
    }

    /// Registers the supervisor as `name`.
    pub fn named(self, name: Atom) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Allows at most `restarts` restarts within any `period`; with one more the supervisor gives up.
    pub fn intensity(self, restarts: usize, period: Duration) -> Self {
        Self { restarts, period, ..self }
    }

    /// Adds a child; children start in the order in which they are added and stop in reverse.
    pub fn child(mut self, child: Child) -> Self {
        self.children.push(child);
        self
    }

    /// Starts the supervisor and its children, from inside a node; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when a child could not be started, or two have the same id: those started before are stopped
    /// again.
    pub async fn start(self) -> Result<SupervisorRef, StartError> {
        let (processes, _) = current().ok_or(StartError::Spawn(engset_process::SpawnError::OutsideNode))?;
        self.start_on(&processes).await
    }

    /// Starts the supervisor and its children on the node of `processes`; nothing is linked to it.
    ///
    /// # Errors
    /// [`StartError`] when a child could not be started, or two have the same id: those started before are stopped
    /// again.
    pub async fn start_on(self, processes: &Arc<Processes>) -> Result<SupervisorRef, StartError> {
        let (started, starting) = Started::new();
        let options = SpawnOptions { name: self.name.clone(), ..SpawnOptions::default() };
        let addr = processes
            .spawn(options, move |cx| supervise(self, cx, None, starting))
            .map_err(StartError::Spawn)?;
        started.wait().await?;
        Ok(SupervisorRef::new(addr))
    }

    /// Starts the supervisor and its children, linked to the running process.
    ///
    /// # Errors
    /// [`StartError`] when a child could not be started; the link's exit signal comes too.
    pub async fn start_link<M: engset_process::Protocol>(
        self,
        parent: &mut Cx<M>,
    ) -> Result<SupervisorRef, StartError> {
        start_linked(parent, self).await.map(SupervisorRef::new)
    }
}

pub(crate) async fn start_child_supervisor(
    parent: &mut Cx<SupervisorMsg>,
    supervisor: Supervisor,
) -> Result<Pid, StartError> {
    start_linked(parent, supervisor).await.map(|addr| addr.pid())
}

async fn start_linked<M: engset_process::Protocol>(
    parent: &mut Cx<M>,
    supervisor: Supervisor,
) -> Result<Addr<SupervisorMsg>, StartError> {
    let (started, starting) = Started::new();
    let parent_pid = parent.pid();
    let options = SpawnOptions { name: supervisor.name.clone(), ..SpawnOptions::default() };
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
    let mut running = Running {
        parent,
        strategy: supervisor.strategy,
        intensity: Intensity::new(supervisor.restarts, supervisor.period),
        children: Children::new(supervisor.dynamic),
    };
    if let Err(reason) = running.start_all(&mut cx, supervisor.children).await {
        running.stop_all(&mut cx).await;
        starting.done(Err(reason.clone()));
        return reason;
    }
    starting.done(Ok(()));
    loop {
        let ended = match cx.recv().await {
            Mail::Message(message) => running.serve(&mut cx, message).await,
            Mail::Exit(trapped) => running.handle_exit(&mut cx, *trapped).await,
            Mail::Down(_) => Ok(()),
            Mail::Other(term) => {
                tracing::warn!(pid = %cx.pid(), %term, "supervisor got something it does not handle");
                Ok(())
            }
        };
        engset_process::set_deadline(None);
        if let Err(reason) = ended {
            running.stop_all(&mut cx).await;
            return reason;
        }
    }
}

/// A supervisor at work.
struct Running {
    parent: Option<Pid>,
    strategy: Strategy,
    intensity: Intensity,
    children: Children,
}

impl Running {
    /// Starts the children that the supervisor has from its beginning; an error is the end of the supervisor.
    async fn start_all(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        children: Vec<Child>,
    ) -> Result<(), ExitReason> {
        for child in children {
            let id = requests::id_term(&child.id);
            if !self.children.is_dynamic() && self.children.find(&child.id).is_some() {
                return Err(not_started("duplicate_child_name", [id]));
            }
            if let Err(error) = self.add(cx, child).await {
                return Err(not_started("failed_to_start_child", [id, error.reason().to_term()]));
            }
        }
        Ok(())
    }

    /// Starts a new child and enters it.
    async fn add(&mut self, cx: &mut Cx<SupervisorMsg>, child: Child) -> Result<Pid, StartError> {
        let pid = (child.start)(cx).await?;
        self.children.insert(child, pid);
        Ok(pid)
    }

    async fn handle_exit(&mut self, cx: &mut Cx<SupervisorMsg>, trapped: Trapped) -> Result<(), ExitReason> {
        match self.children.key_of(trapped.from) {
            Some(key) => self.child_ended(cx, key, &trapped.reason).await,
            None if Some(trapped.from) == self.parent => Err(trapped.reason),
            None => Ok(()),
        }
    }

    async fn child_ended(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        key: Key,
        reason: &ExitReason,
    ) -> Result<(), ExitReason> {
        let Some(entry) = self.children.entry(key) else { return Ok(()) };
        match verdict(entry.child.restart, reason) {
            Verdict::Restart => {
                tracing::error!(supervisor = %cx.pid(), child = %entry.child.id, %reason, "child ended, restarting");
                self.children.set(key, State::Restarting);
                self.restart(cx, key).await
            }
            Verdict::Keep if !self.children.is_dynamic() => {
                self.children.set(key, State::Stopped);
                Ok(())
            }
            Verdict::Keep | Verdict::Remove => {
                self.children.remove(key);
                Ok(())
            }
        }
    }

    /// Restarts whom the strategy says because of `key`; an error is the end of the supervisor.
    async fn restart(&mut self, cx: &mut Cx<SupervisorMsg>, key: Key) -> Result<(), ExitReason> {
        let now = cx.processes().scheduler().now();
        if !self.intensity.allows(now) {
            let (restarts, period) = (self.intensity.restarts(), self.intensity.period());
            tracing::error!(supervisor = %cx.pid(), "more than {restarts} restarts within {period:?}: giving up");
            return Err(ExitReason::Shutdown);
        }
        let affected = self.children.affected(self.strategy, key);
        for other in affected.iter().rev().filter(|other| **other != key) {
            self.stop_child(cx, *other).await;
        }
        self.children.set(key, State::Stopped);
        for next in affected {
            let Some(entry) = self.children.entry(next) else { continue };
            if entry.child.restart == Restart::Temporary && next != key {
                self.children.remove(next);
                continue;
            }
            let (start, id) = (Arc::clone(&entry.child.start), entry.child.id.clone());
            match start(cx).await {
                Ok(pid) => self.children.set(next, State::Running(pid)),
                Err(error) => {
                    tracing::error!(supervisor = %cx.pid(), child = %id, "restart failed: {error}");
                    self.children.set(next, State::Restarting);
                    return self.try_again(cx, next);
                }
            }
        }
        Ok(())
    }

    fn try_again(&self, cx: &Cx<SupervisorMsg>, key: Key) -> Result<(), ExitReason> {
        let sent = cx.send(cx.pid(), SupervisorMsg::TryAgain(Retry(key)));
        sent.map_err(|_unsent| ExitReason::Shutdown)
    }

    /// Stops all children in reverse start order; a dynamic supervisor stops them together.
    async fn stop_all(&mut self, cx: &mut Cx<SupervisorMsg>) {
        let keys = self.children.keys();
        if self.children.is_dynamic() {
            let stopping: Vec<Stopping> =
                keys.into_iter().filter_map(|key| self.ask_to_stop(cx, key)).collect();
            for asked in stopping {
                self.await_stop(cx, asked).await;
            }
        } else {
            for key in keys.into_iter().rev() {
                self.stop_child(cx, key).await;
            }
        }
    }

    /// Stops one child in the way and within the time that its specification says.
    async fn stop_child(&mut self, cx: &mut Cx<SupervisorMsg>, key: Key) {
        match self.ask_to_stop(cx, key) {
            Some(asked) => self.await_stop(cx, asked).await,
            None => self.children.set(key, State::Stopped),
        }
    }

    fn ask_to_stop(&self, cx: &mut Cx<SupervisorMsg>, key: Key) -> Option<Stopping> {
        let (pid, shutdown) = self.children.running(key)?;
        let watch = cx.monitor(Dest::Pid(pid));
        let (reason, due) = match shutdown {
            Shutdown::BrutalKill => (ExitReason::Kill, None),
            Shutdown::Infinity => (ExitReason::Shutdown, None),
            Shutdown::Timeout(patience) => {
                (ExitReason::Shutdown, Some(cx.processes().scheduler().now().saturating_add(patience)))
            }
        };
        let expected = if reason == ExitReason::Kill { ExitReason::Killed } else { ExitReason::Shutdown };
        cx.exit(pid, reason);
        Some(Stopping { key, pid, watch, expected, due })
    }

    async fn await_stop(&mut self, cx: &mut Cx<SupervisorMsg>, asked: Stopping) {
        let Stopping { key, pid, watch, expected, due } = asked;
        let is_down = |mail| match mail {
            Mail::Down(down) if down.reference == watch => Ok(down.reason),
            mail => Err(mail),
        };
        let reason = match due {
            Some(due) => {
                let patience = due.saturating_duration_since(cx.processes().scheduler().now());
                match cx.receive_timeout(patience, is_down).await {
                    Some(reason) => reason,
                    None => {
                        cx.exit(pid, ExitReason::Kill);
                        cx.receive(is_down).await
                    }
                }
            }
            None => cx.receive(is_down).await,
        };
        if reason != expected && !reason.is_orderly() && reason != ExitReason::NoProc {
            tracing::warn!(supervisor = %cx.pid(), child = %pid, "child did not stop as asked: {reason}");
        }
        // The link's exit message came before the DOWN, or comes with it: it must not count as a crash.
        self.children.set(key, State::Stopped);
        cx.unlink(pid);
        let from_child = |mail| match mail {
            Mail::Exit(trapped) if trapped.from == pid => Ok(()),
            mail => Err(mail),
        };
        cx.receive_timeout(Duration::ZERO, from_child).await;
    }
}

/// A child that was asked to stop.
struct Stopping {
    key: Key,
    pid: Pid,
    watch: Reference,
    /// How it ends if it does what it was asked.
    expected: ExitReason,
    /// When it is killed, if ever.
    due: Option<Instant>,
}

/// The exit reason `{shutdown, {What, …}}` of a supervisor that could not start its children, as in OTP.
fn not_started(what: &'static str, why: impl IntoIterator<Item = Term>) -> ExitReason {
    let what = Term::tuple([Term::atom(what)].into_iter().chain(why));
    ExitReason::from_term(Term::tuple([Term::atom("shutdown"), what]))
}
