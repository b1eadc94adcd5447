//! gen_server: a process that serves one request after the other.
//!
//! Messages: `start` waits until `init` is done, over a slot that the new process fills. Afterwards the process takes
//! what arrives, in order: requests of its protocol go to `handle`, everything else to `info`. It ends when a handler
//! returns an [`Exit`] (after `terminate`), panics (without `terminate`: the state may be torn), or an exit signal
//! ends it. A server that traps exits and is told to exit by its parent runs `terminate` and ends with that reason.

use crate::sys::{Desk, Inspect, Served};
use engset_process::{
    Addr, Cx, Down, Exit, ExitReason, Mail, Processes, Protocol, SpawnError, SpawnOptions, Trapped, Wait,
    current, dying, set_deadline,
};
use engset_term::{Atom, Pid, Term};
use parking_lot::Mutex;
use std::any::TypeId;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A server: state with handlers. `#[server]` on an `impl` block writes this; by hand it is as short.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a server",
    label = "a server is expected here",
    note = "put `#[server]` on an `impl {Self}` block with `#[call]` and `#[cast]` methods"
)]
pub trait Server: Sized + Send + 'static {
    /// The requests.
    type Msg: Protocol;
    /// The client handle; `Addr<Self::Msg>` itself when written by hand.
    type Ref: From<Addr<Self::Msg>>;

    /// Runs in the new process before anything else; the starter waits for it.
    fn init(&mut self, cx: &mut Cx<Self::Msg>) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Serves one request. `Err` ends the server; an answer that says no is not an `Err`.
    ///
    /// By hand, [`crate::Reply::begin`] comes first: it says whether the caller still waits.
    fn handle(
        &mut self,
        message: Self::Msg,
        cx: &mut Cx<Self::Msg>,
    ) -> impl Future<Output = Result<(), Exit>> + Send;

    /// Takes what is no request of the protocol. Without an own version it is logged and forgotten.
    fn info(&mut self, info: Info, cx: &mut Cx<Self::Msg>) -> impl Future<Output = Result<(), Exit>> + Send {
        tracing::warn!(pid = %cx.pid(), ?info, "server got something it does not handle");
        async { Ok(()) }
    }

    /// What the server shows of itself to system messages ([`crate::sys`]): nothing, unless it has an own version.
    fn inspect(&self) -> Option<Term> {
        None
    }

    /// Takes another state, as [`crate::sys::replace_state`] gives it. The term may come from anywhere.
    ///
    /// # Errors
    /// Why it cannot be; nothing is changed then.
    fn replace(&mut self, state: &Term) -> Result<(), String> {
        let _ = state;
        Err(format!("{} takes no other state", std::any::type_name::<Self>()))
    }

    /// Runs before the server ends with `reason`, unless it was killed or panicked.
    fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<Self::Msg>) -> impl Future<Output = ()> + Send {
        let _ = (reason, cx);
        async {}
    }

    /// When nothing arrives for this long, `info` gets [`Info::Timeout`]. Asked for after each message.
    fn idle_timeout(&self) -> Option<Duration> {
        None
    }
}

/// What arrives at a server beside its requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Info {
    /// A monitored process ended.
    Down(Down),
    /// A linked process ended, and the server traps exits.
    Exit(Trapped),
    /// A term that is no request of the protocol.
    Message(Term),
    /// Nothing arrived for the server's idle timeout.
    Timeout,
}

/// A process could not be started, or ended in its `init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// It was not spawned.
    Spawn(SpawnError),
    /// Its `init` ended it with this reason.
    Init(ExitReason),
}

impl StartError {
    /// The error as the exit reason that OTP would give.
    #[must_use]
    pub fn reason(&self) -> ExitReason {
        match self {
            Self::Spawn(error) => {
                ExitReason::from_term(Term::tuple([Term::atom("error"), Term::string(&error.to_string())]))
            }
            Self::Init(reason) => reason.clone(),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => write!(f, "not started: {error}"),
            Self::Init(reason) => write!(f, "ended in its init: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Starts a server that nothing is linked to, from inside a node.
///
/// # Errors
/// [`StartError`] when it was not spawned or its `init` failed; it is gone then.
pub async fn start<S: Server>(server: S) -> Result<S::Ref, StartError> {
    start_named(None, server).await
}

/// Like [`start`], registered as `name` before its `init` runs.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_named<S: Server>(name: Option<Atom>, server: S) -> Result<S::Ref, StartError> {
    let (processes, _) = current().ok_or(StartError::Spawn(SpawnError::OutsideNode))?;
    start_on(&processes, name, server).await
}

/// Like [`start_named`], on the node of `processes`.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_on<S: Server>(
    processes: &Arc<Processes>,
    name: Option<Atom>,
    server: S,
) -> Result<S::Ref, StartError> {
    let (started, starting) = Started::new();
    let options = SpawnOptions { name, ..SpawnOptions::default() };
    let addr =
        processes.spawn(options, move |cx| serve(server, cx, None, starting)).map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(S::Ref::from(addr))
}

/// Starts a server linked to the running process.
///
/// # Errors
/// [`StartError`] as for [`start_named`]. When `init` fails, the link's exit signal comes too.
pub async fn start_link<M: Protocol, S: Server>(
    parent: &mut Cx<M>,
    name: Option<Atom>,
    server: S,
) -> Result<S::Ref, StartError> {
    start_link_addr(parent, name, server).await.map(S::Ref::from)
}

pub(crate) async fn start_link_addr<M: Protocol, S: Server>(
    parent: &mut Cx<M>,
    name: Option<Atom>,
    server: S,
) -> Result<Addr<S::Msg>, StartError> {
    let (started, starting) = Started::new();
    let parent_pid = parent.pid();
    let addr = parent
        .spawn_link(SpawnOptions { name, ..SpawnOptions::default() }, move |cx| {
            serve(server, cx, Some(parent_pid), starting)
        })
        .map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(addr)
}

/// The life of a server process.
async fn serve<S: Server>(
    mut server: S,
    mut cx: Cx<S::Msg>,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    if let Err(Exit(reason)) = server.init(&mut cx).await {
        starting.done(Err(reason.clone()));
        return reason;
    }
    starting.done(Ok(()));
    let mut desk = Desk::default();
    loop {
        let mail = next(server.idle_timeout(), &mut cx).await;
        let result = match mail {
            None => server.info(Info::Timeout, &mut cx).await,
            Some(mail) => {
                desk.took(&cx, &mail);
                match mail {
                    Mail::Message(message) if !is_term::<S::Msg>() => server.handle(message, &mut cx).await,
                    mail => match desk.serve(&mut cx, parent, mail, &mut Seen(&mut server)).await {
                        Served::Done => Ok(()),
                        Served::End(reason) => Err(Exit(reason)),
                        Served::Other(mail) => take(mail, parent, &mut server, &mut cx).await,
                    },
                }
            }
        };
        set_deadline(None);
        if let Err(Exit(reason)) = result {
            server.terminate(&reason, &mut cx).await;
            // Whoever waits for a reply that the server keeps hears of its end.
            Processes::set_dying(reason.clone());
            return reason;
        }
    }
}

/// Whether any term is a message of this protocol.
fn is_term<M: Protocol>() -> bool {
    TypeId::of::<M>() == TypeId::of::<Term>()
}

async fn take<S: Server>(
    mail: Mail<S::Msg>,
    parent: Option<Pid>,
    server: &mut S,
    cx: &mut Cx<S::Msg>,
) -> Result<(), Exit> {
    match mail {
        Mail::Message(message) => server.handle(message, cx).await,
        Mail::Exit(trapped) if Some(trapped.from) == parent => Err(Exit(trapped.reason)),
        Mail::Exit(trapped) => server.info(Info::Exit(*trapped), cx).await,
        Mail::Down(down) => server.info(Info::Down(*down), cx).await,
        Mail::Other(term) => server.info(Info::Message(term), cx).await,
    }
}

/// What system messages see of a server.
struct Seen<'a, S>(&'a mut S);

impl<S: Server> Inspect for Seen<'_, S> {
    fn module(&self) -> &'static str {
        std::any::type_name::<S>()
    }

    fn state(&self) -> Option<Term> {
        self.0.inspect()
    }

    fn replace_state(&mut self, state: &Term) -> Result<(), String> {
        self.0.replace(state)
    }
}

async fn next<M: Protocol>(idle_timeout: Option<Duration>, cx: &mut Cx<M>) -> Option<Mail<M>> {
    match idle_timeout {
        Some(patience) => cx.recv_timeout(patience).await,
        None => Some(cx.recv().await),
    }
}

/// Where a starter waits for the new process's `init`.
pub(crate) struct Started {
    state: Mutex<InitState>,
}

#[derive(Default)]
struct InitState {
    result: Option<Result<(), ExitReason>>,
    waker: Option<Waker>,
}

impl Started {
    pub(crate) fn new() -> (Arc<Self>, Starting) {
        let started = Arc::new(Self { state: Mutex::default() });
        (Arc::clone(&started), Starting(Some(started)))
    }

    pub(crate) async fn wait(&self) -> Result<(), StartError> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Waits for the process `starting`, and tells it so if it calls back meanwhile.
    pub(crate) async fn wait_for(&self, starting: Pid) -> Result<(), StartError> {
        let wait = Wait::on(starting);
        poll_fn(|task| {
            let polled = self.poll(task);
            if polled.is_pending() {
                wait.goes_on();
            }
            polled
        })
        .await
    }

    fn poll(&self, task: &Context<'_>) -> Poll<Result<(), StartError>> {
        let mut state = self.state.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result.map_err(StartError::Init)),
            None => {
                state.waker = Some(task.waker().clone());
                Poll::Pending
            }
        }
    }

    fn fill(&self, result: Result<(), ExitReason>) {
        let waker = {
            let mut state = self.state.lock();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Held by a process up to the end of its `init`: tells the starter also when the process ends there, or before.
pub(crate) struct Starting(Option<Arc<Started>>);

impl Starting {
    pub(crate) fn done(mut self, result: Result<(), ExitReason>) {
        if let Some(started) = self.0.take() {
            if result.is_err() {
                free_names();
            }
            started.fill(result);
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(started) = self.0.take() else { return };
        match dying() {
            Some(reason) => {
                free_names();
                started.fill(Err(reason));
            }
            // It was not spawned; the starter knows already.
            None => started.fill(Err(ExitReason::NoProc)),
        }
    }
}

/// Frees the running process's names before its end, so that a starter that hears of the end finds them free.
fn free_names() {
    let Some((processes, me)) = current() else { return };
    for name in processes.info(me).map(|info| info.names).unwrap_or_default() {
        processes.unregister(&name);
    }
}
