//! System messages: hold a process still, look at its state, put another in its place, count, trace (OTP's `sys`).
//!
//! Every behaviour's process answers them, asked from Rust by these functions or from any node of a cluster by OTP's
//! `sys`. A state is shown only where the behaviour's trait was told how, for instance by [`crate::Server::inspect`]:
//! otherwise it is `{opaque, Type}`.
//!
//! ```
//! use engset_otp::{Server, start, sys};
//! use engset_process::{Cx, Exit, Protocol};
//! use engset_term::Term;
//! # use engset_process::{Addr, Identity, Processes, Scheduler};
//!
//! struct Counter(u64);
//! struct Add(u64);
//! impl Protocol for Add {}
//! impl Server for Counter {
//!     type Msg = Add;
//!     type Ref = engset_process::Addr<Add>;
//!     async fn handle(&mut self, Add(by): Add, _cx: &mut Cx<Add>) -> Result<(), Exit> {
//!         self.0 += by;
//!         Ok(())
//!     }
//!     fn inspect(&self) -> Option<Term> {
//!         Some(Term::from(self.0))
//!     }
//! }
//!
//! # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(1));
//! # processes.block_on(|_cx: Cx<Term>| async move {
//! let counter = start(Counter(7)).await.expect("there is room");
//! assert_eq!(sys::get_state(counter).await, Ok(Term::from(7)));
//! # }).unwrap();
//! ```

mod core;
mod desk;

use crate::call::{Call, CallError};
use crate::reply::{Reply, decode_reply};
use engset_process::{Dest, EncodeError, Outgoing, Protocol, Target};
use engset_term::Term;

pub use core::{LOG_DEFAULT, LOG_MAX};
pub(crate) use desk::{Desk, Inspect, Served};

/// Holds the process still: it takes nothing but system messages and its parent's exit until [`resume`].
///
/// # Errors
/// [`CallError`] as for any call; [`CallError::App`] with what the process says against it.
pub async fn suspend(process: impl Into<Dest>) -> Result<(), CallError<Term>> {
    ask(process, Term::atom("suspend")).await.and_then(is_ok)
}

/// Lets a suspended process go on.
///
/// # Errors
/// As [`suspend`].
pub async fn resume(process: impl Into<Dest>) -> Result<(), CallError<Term>> {
    ask(process, Term::atom("resume")).await.and_then(is_ok)
}

/// The state of the process, as it shows it.
///
/// # Errors
/// As [`suspend`].
pub async fn get_state(process: impl Into<Dest>) -> Result<Term, CallError<Term>> {
    ask(process, Term::atom("get_state")).await.and_then(state)
}

/// Puts another state in the place of the one that the process has; the new one, as it shows it.
///
/// From the BEAM `sys:replace_state` sends a function, which no process here runs.
///
/// # Errors
/// As [`suspend`].
pub async fn replace_state(process: impl Into<Dest>, state: Term) -> Result<Term, CallError<Term>> {
    ask(process, Term::tuple([Term::atom("replace_state"), state])).await.and_then(self::state)
}

/// What OTP's `sys:get_status` gives: `{status, Pid, {module, Module}, [Dictionary, SysState, Parent, Debug, Misc]}`.
///
/// # Errors
/// As [`suspend`].
pub async fn get_status(process: impl Into<Dest>) -> Result<Term, CallError<Term>> {
    ask(process, Term::atom("get_status")).await
}

/// Counts messages from now on, or no longer.
///
/// # Errors
/// As [`suspend`].
pub async fn statistics(process: impl Into<Dest>, on: bool) -> Result<(), CallError<Term>> {
    ask(process, debug("statistics", truth(on))).await.and_then(is_ok)
}

/// What has been counted, as OTP's property list: `start_time` and `current_time` in local time, `reductions` between the
/// two, which are time slices here, `messages_in`, and `messages_out`: the answers to calls that the process itself gave,
/// its own and those that others had passed on to it. The atom `no_statistics` where nothing was counted.
///
/// # Errors
/// As [`suspend`].
pub async fn get_statistics(process: impl Into<Dest>) -> Result<Term, CallError<Term>> {
    ask(process, debug("statistics", Term::atom("get"))).await.and_then(value)
}

/// Tells of each message by `tracing`, or no longer.
///
/// # Errors
/// As [`suspend`].
pub async fn trace(process: impl Into<Dest>, on: bool) -> Result<(), CallError<Term>> {
    ask(process, debug("trace", truth(on))).await.and_then(is_ok)
}

/// Keeps the last so many events ([`LOG_MAX`] at most); 0 ends it.
///
/// # Errors
/// As [`suspend`].
pub async fn log(process: impl Into<Dest>, events: u32) -> Result<(), CallError<Term>> {
    let what = match events {
        0 => truth(false),
        events => Term::tuple([truth(true), Term::from(events)]),
    };
    ask(process, debug("log", what)).await.and_then(is_ok)
}

/// The events that were kept, the oldest first.
///
/// # Errors
/// As [`suspend`].
pub async fn get_log(process: impl Into<Dest>) -> Result<Term, CallError<Term>> {
    ask(process, debug("log", Term::atom("get"))).await.and_then(value)
}

fn truth(on: bool) -> Term {
    Term::atom(if on { "true" } else { "false" })
}

fn debug(what: &'static str, value: Term) -> Term {
    Term::tuple([Term::atom("debug"), Term::tuple([Term::atom(what), value])])
}

async fn ask(process: impl Into<Dest>, request: Term) -> Result<Term, CallError<Term>> {
    let to = AnyProcess(process.into());
    Call::new(&to, |reply| SystemMsg { request, reply }).await.map_err(CallError::with_app)
}

fn is_ok(answer: Term) -> Result<(), CallError<Term>> {
    if answer.is_atom("ok") { Ok(()) } else { Err(CallError::App(answer)) }
}

/// A state goes as it is; what is `{error, Reason}` is none, as in OTP.
fn state(answer: Term) -> Result<Term, CallError<Term>> {
    match answer.as_tuple() {
        Some([error, _reason]) if error.is_atom("error") => Err(CallError::App(answer)),
        _ => Ok(answer),
    }
}

fn value(answer: Term) -> Result<Term, CallError<Term>> {
    match answer.as_tuple() {
        Some([ok, value]) if ok.is_atom("ok") => Ok(value.clone()),
        _ => Err(CallError::App(answer)),
    }
}

/// A request that every behaviour's process understands as a term.
struct SystemMsg {
    request: Term,
    reply: Reply<Term>,
}

#[diagnostic::do_not_recommend]
impl Protocol for SystemMsg {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        self.reply.send_request_as("system", out, &self.request, decode_reply)
    }
}

/// A process of any kind.
#[derive(Clone)]
struct AnyProcess(Dest);

impl Target<SystemMsg> for AnyProcess {
    fn dest(&self) -> Dest {
        self.0.clone()
    }
}
