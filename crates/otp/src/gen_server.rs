//! gen_server: a process that serves one request after the other.
//!
//! Messages: `start` waits until `init` is done, over a slot that the new process fills. Afterwards the process takes
//! what arrives, in order: requests of its protocol go to `handle`, everything else to `info`. It ends when a handler
//! returns an [`Exit`] (after `terminate`), panics (without `terminate`: the state may be torn), or an exit signal
//! ends it. A server that traps exits and is told to exit by its parent runs `terminate` and ends with that reason.

mod serve;
mod start;
mod starting;

use engset_process::{Addr, Cx, Down, Exit, ExitReason, Protocol, SpawnError, Trapped};
use engset_term::Term;
use std::fmt;
use std::future::Future;
use std::time::Duration;

pub(crate) use start::start_link_addr;
pub use start::{enter_loop, start, start_link, start_monitor, start_named, start_on, start_within, stop};
pub(crate) use starting::{Started, Starting};

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

    /// When nothing arrives for this long, the server gives back memory that it does not need while it waits, and
    /// [`Server::hibernate`] runs. Asked for after each message, as OTP's `hibernate_after`.
    fn hibernate_after(&self) -> Option<Duration> {
        None
    }

    /// Runs when nothing has arrived for [`Server::hibernate_after`]: gives back what the state does not need.
    fn hibernate(&mut self) {}

    /// Whether [`Server::handle_continue`] is to run before anything else is taken. Asked for after `init` and after
    /// each message.
    fn wants_continue(&self) -> bool {
        false
    }

    /// The second half of an `init` or of a request, after the starter or the caller has gone on; for as long as
    /// [`Server::wants_continue`] says so (OTP's `{continue, _}`). Others run in between, and exit signals act.
    fn handle_continue(&mut self, cx: &mut Cx<Self::Msg>) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// What kind of request a message is, for the report of a crash.
    fn message_name(message: &Self::Msg) -> &'static str {
        let _ = message;
        std::any::type_name::<Self::Msg>()
    }

    /// The message in full, for the report of a crash while it is served. Reports do not say it without an own version:
    /// a message may hold secrets. It is asked for before each request: what it costs, each request costs more.
    fn format_message(message: &Self::Msg) -> Option<String> {
        let _ = message;
        None
    }

    /// The state, for the report of a crash. Reports do not say it without an own version: a state may hold secrets.
    /// After a panic it may be torn.
    fn format_state(&self) -> Option<String> {
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
