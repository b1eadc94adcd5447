//! Starts of processes that say themselves when they are ready (OTP's `proc_lib`), for behaviours written by hand.
//!
//! The starter waits over a slot that the new process fills with [`Init::ack`] or [`Init::fail`]; its end fills it, too.
//! Races: a process that is not ready in time is killed, and its starter waits until it has ended, so that its name is
//! free.
//!
//! ```
//! use engset_otp::proc_lib::{self, Init, StartOptions};
//! # use engset_process::{Cx, Identity, Processes, Scheduler};
//! # use engset_term::{NodeName, Term};
//!
//! async fn clock(mut cx: Cx<Term>, init: Init) {
//!     // Whatever must be done before others may use it comes here.
//!     init.ack();
//!     cx.recv().await;
//! }
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let result = processes.block_on(|mut cx: Cx<Term>| async move {
//! let clock = proc_lib::start_link(&mut cx, StartOptions::default(), clock).await.expect("it is ready");
//! # drop(clock);
//! # });
//! # assert_eq!(result, Ok(()));
//! ```

use crate::gen_server::{StartError, Started, Starting};
use crate::launch::{init_within, kill_slow};
use engset_process::{
    Addr, Cx, ExitReason, IntoExit, Processes, Protocol, SpawnError, SpawnOptions, current,
};
use engset_term::{Pid, Reference};
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How a process is started.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Its name, label and mailbox.
    pub spawn: SpawnOptions,
    /// How long it has until it says that it is ready; as long as it takes without.
    pub timeout: Option<Duration>,
}

/// With what a new process says whether it is ready. Dropped without a word, the starter waits for the process's end.
#[must_use = "the starter waits until the process says that it is ready"]
pub struct Init(Arc<Mutex<Option<Starting>>>);

impl Init {
    /// Says that the process is ready: its starter goes on (OTP's `init_ack`).
    pub fn ack(self) {
        say(&self.0, Ok(()));
    }

    /// Says that the process is not to be used, and is about to end (OTP's `init_fail`): its names are free, and its
    /// starter gets `reason` as [`StartError::Init`]. What is returned is the reason with which it should end.
    pub fn fail(self, reason: ExitReason) -> ExitReason {
        say(&self.0, Err(reason.clone()));
        reason
    }
}

impl fmt::Debug for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Init")
    }
}

/// Starts a process that nothing is linked to, from inside a node, and waits until it is ready.
///
/// Dropped while it waits, the process lives on, and is not killed when it takes too long.
///
/// # Errors
/// [`StartError::Spawn`] when it was not spawned; [`StartError::Init`] with its reason when it failed or ended before it
/// was ready, with `timeout` when it took too long and was killed.
pub async fn start<M, B, F>(options: StartOptions, body: B) -> Result<Addr<M>, StartError>
where
    M: Protocol,
    B: FnOnce(Cx<M>, Init) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (processes, _) = current().ok_or(StartError::Spawn(SpawnError::OutsideNode))?;
    let (started, starting) = Started::new();
    let body = move |cx| live(cx, starting, body);
    let addr = processes.spawn(options.spawn, body).map_err(StartError::Spawn)?;
    match wait(&processes, addr.pid(), &started, options.timeout).await {
        Some(result) => result.map(|()| addr),
        None => Err(kill_slow(&processes, addr.pid(), &started).await),
    }
}

/// Like [`start`], linked to the running process.
///
/// When the process fails, the link's exit signal comes too; when it is killed because it took too long, none does.
///
/// # Errors
/// [`StartError`] as for [`start`].
pub async fn start_link<P, M, B, F>(
    parent: &mut Cx<P>,
    options: StartOptions,
    body: B,
) -> Result<Addr<M>, StartError>
where
    P: Protocol,
    M: Protocol,
    B: FnOnce(Cx<M>, Init) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let body = move |cx| live(cx, starting, body);
    let addr = parent.spawn_link(options.spawn, body).map_err(StartError::Spawn)?;
    if let Some(result) = wait(parent.processes(), addr.pid(), &started, options.timeout).await {
        return result.map(|()| addr);
    }
    parent.unlink(addr.pid());
    Err(kill_slow(parent.processes(), addr.pid(), &started).await)
}

/// Like [`start`], monitored by the running process from its first moment. When the process fails, the monitor is taken
/// back.
///
/// # Errors
/// [`StartError`] as for [`start`].
pub async fn start_monitor<P, M, B, F>(
    watcher: &mut Cx<P>,
    options: StartOptions,
    body: B,
) -> Result<(Addr<M>, Reference), StartError>
where
    P: Protocol,
    M: Protocol,
    B: FnOnce(Cx<M>, Init) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let body = move |cx| live(cx, starting, body);
    let (addr, monitor) = watcher.spawn_monitor(options.spawn, body).map_err(StartError::Spawn)?;
    let error = match wait(watcher.processes(), addr.pid(), &started, options.timeout).await {
        Some(Ok(())) => return Ok((addr, monitor)),
        Some(Err(error)) => error,
        None => kill_slow(watcher.processes(), addr.pid(), &started).await,
    };
    watcher.demonitor(monitor);
    Err(error)
}

/// The life of a process, which tells the starter of its end where it has said nothing before.
async fn live<M, B, F>(cx: Cx<M>, starting: Starting, body: B) -> ExitReason
where
    M: Protocol,
    B: FnOnce(Cx<M>, Init) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let starting = Arc::new(Mutex::new(Some(starting)));
    let reason = body(cx, Init(Arc::clone(&starting))).await.into_exit();
    say(&starting, Err(reason.clone()));
    reason
}

fn say(starting: &Mutex<Option<Starting>>, word: Result<(), ExitReason>) {
    let starting = starting.lock().take();
    if let Some(starting) = starting {
        starting.done(word);
    }
}

/// The word of a process on whether it is ready; none where it takes too long.
async fn wait(
    processes: &Processes,
    pid: Pid,
    started: &Started,
    timeout: Option<Duration>,
) -> Option<Result<(), StartError>> {
    match timeout {
        Some(timeout) => init_within(processes, pid, started, timeout).await,
        None => Some(started.wait_for(pid).await),
    }
}
