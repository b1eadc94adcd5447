//! gen_statem: a process that is in one of several states, and may put off what the state cannot serve.
//!
//! Messages: as for `gen_server`, see [`crate::Server`]: requests of the machine's protocol, and everything else as
//! [`Info`]. A request to stop, as OTP's `sys` sends it, ends the machine after `terminate`. Time-outs are no messages:
//! the machine looks at the clock whenever it is about to receive, so one that is cancelled cannot come any more.
//!
//! What OTP's `gen_statem` has for lack of types is something else here: the machine's data is `self`; a module that
//! handles other states is another function, see [`state_functions!`](crate::state_functions); an action that makes no
//! sense where it is returned does not compile, see [`Step`].
//!
//! A door that locks itself again, and a caller that waits until it is open:
//!
//! ```
//! use engset_otp::gen_statem::{self, Beginning, Event, StateMachine, Step};
//! use engset_otp::{CallTarget, Reply};
//! use engset_process::{Cx, Exit, Protocol, Target};
//! # use engset_process::{Identity, Processes, Scheduler};
//! # use engset_term::{NodeName, Term};
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! struct Door {
//!     code: u32,
//! }
//!
//! #[derive(PartialEq)]
//! enum State {
//!     Locked,
//!     Open,
//! }
//!
//! enum Request {
//!     /// Opens the door if the code is right.
//!     Code(u32),
//!     /// Answered by whoever gets through the open door: how often is not said.
//!     Enter(Reply<&'static str>),
//! }
//! impl Protocol for Request {}
//!
//! impl StateMachine for Door {
//!     type State = State;
//!     type Msg = Request;
//!     type Own = ();
//!     type Timer = Infallible;
//!
//!     async fn init(&mut self, _cx: &mut Cx<Request>) -> Result<Step<Self, Beginning>, Exit> {
//!         Ok(Step::next(State::Locked))
//!     }
//!
//!     async fn handle(
//!         &mut self,
//!         state: &State,
//!         event: Event<Self>,
//!         _cx: &mut Cx<Request>,
//!     ) -> Result<Step<Self>, Exit> {
//!         Ok(match (state, event) {
//!             (State::Locked, Event::Message(Request::Code(code))) if code == self.code => {
//!                 Step::next(State::Open).state_timeout(Duration::from_secs(10), ())
//!             }
//!             (State::Open, Event::StateTimeout(())) => Step::next(State::Locked),
//!             (State::Open, Event::Message(Request::Enter(reply))) => Step::keep().reply(reply, "welcome"),
//!             // Whoever wants to enter waits for the door to open.
//!             (State::Locked, event @ Event::Message(Request::Enter(_))) => Step::keep().postpone(event),
//!             _ => Step::keep(),
//!         })
//!     }
//! }
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let entered = processes.block_on(|cx: Cx<Term>| async move {
//! let door = gen_statem::start(Door { code: 1234 }).await.expect("it starts");
//! cx.send_after(Duration::from_secs(1), door, Request::Code(1234));
//! let entered = door.call(Request::Enter).await;
//! assert_eq!(entered, Ok("welcome"));
//! # entered });
//! # assert_eq!(entered, Ok(Ok("welcome")));
//! ```

mod core;
#[cfg(test)]
mod core_tests;
mod run;
mod start;
mod step;
mod timeouts;

pub use core::Limits;
pub use start::{
    child, enter_loop, named_child, start, start_link, start_monitor, start_named, start_on, start_within,
    stop,
};
pub use step::{Beginning, ChoosesState, Entering, Handling, HasState, Step, Stop};
pub use timeouts::When;

use crate::gen_server::Info;
use engset_process::{Cx, Exit, ExitReason, Protocol};
use engset_term::Term;
use std::fmt;
use std::future::Future;

/// A state machine: data with a handler for the events of each state.
///
/// See the [module](self) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state machine",
    label = "a state machine is expected here",
    note = "implement `StateMachine` for `{Self}`: its `State`, `Msg`, `Own` and `Timer` types, `init` and `handle`"
)]
pub trait StateMachine: Sized + Send + 'static {
    /// The states, normally an enum. What is in a state counts: two values that differ are two states.
    type State: PartialEq + Send + Sync + 'static;

    /// The requests: calls (which hold a [`crate::Reply`]) and casts. [`crate::Dynamic`] for a machine that takes any
    /// term, from Erlang too.
    type Msg: Protocol;

    /// What the machine tells itself with internal events and time-outs. `()` where their kinds say enough,
    /// [`std::convert::Infallible`] for a machine that has none.
    type Own: Send + 'static;

    /// The names of time-outs, beside the event time-out and the state time-out, which have none.
    /// [`std::convert::Infallible`] for a machine that has no others.
    type Timer: Clone + PartialEq + Send + 'static;

    /// How many events may be kept for later.
    const LIMITS: Limits = Limits::DEFAULT;

    /// Runs in the new process before anything else; the starter waits for it. Says in which state the machine begins.
    ///
    /// # Errors
    /// The reason with which the machine ends; the starter gets it as [`crate::StartError::Init`].
    fn init(
        &mut self,
        cx: &mut Cx<Self::Msg>,
    ) -> impl Future<Output = Result<Step<Self, Beginning>, Exit>> + Send;

    /// Serves one event in `state`. What serves calls by hand calls [`crate::Reply::begin`] before it executes one.
    ///
    /// # Errors
    /// The reason with which the machine ends, after `terminate`; an answer that says no is not an `Err`.
    fn handle(
        &mut self,
        state: &Self::State,
        event: Event<Self>,
        cx: &mut Cx<Self::Msg>,
    ) -> impl Future<Output = Result<Step<Self>, Exit>> + Send;

    /// Runs when `state` is entered, before any other event (OTP's state-enter call). `before` is the state that was
    /// left; it is `state` itself for the first state, and when a step repeats the state.
    ///
    /// # Errors
    /// The reason with which the machine ends, after `terminate`.
    fn enter(
        &mut self,
        before: &Self::State,
        state: &Self::State,
        cx: &mut Cx<Self::Msg>,
    ) -> impl Future<Output = Result<Step<Self, Entering>, Exit>> + Send {
        let _ = (before, state, cx);
        async { Ok(Step::keep()) }
    }

    /// What the machine shows of itself to system messages ([`crate::sys`]); OTP's is `{State, Data}`.
    fn inspect(&self, state: &Self::State) -> Option<Term> {
        let _ = state;
        None
    }

    /// Takes other data, as [`crate::sys::replace_state`] gives it. The term may come from anywhere.
    ///
    /// # Errors
    /// Why it cannot be; nothing is changed then.
    fn replace(&mut self, state: &Term) -> Result<(), String> {
        let _ = state;
        Err(format!("{} takes no other state", std::any::type_name::<Self>()))
    }

    /// Runs before the machine ends with `reason` in `state`, unless it was killed or panicked, or ended in `init`.
    fn terminate(
        &mut self,
        reason: &ExitReason,
        state: &Self::State,
        cx: &mut Cx<Self::Msg>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, state, cx);
        async {}
    }

    /// What kind of request a message is, for the report of a crash.
    fn message_name(message: &Self::Msg) -> &'static str {
        let _ = message;
        std::any::type_name::<Self::Msg>()
    }

    /// An event in full, for the report of a crash while it is served. Reports do not say it without an own version: an
    /// event may hold secrets. It is asked for before each event: what it costs, each event costs more.
    fn format_event(event: &Event<Self>) -> Option<String> {
        let _ = event;
        None
    }

    /// State and data, for the report of a crash. Reports do not say them without an own version: they may hold
    /// secrets. After a panic they may be torn.
    fn format_state(&self, state: &Self::State) -> Option<String> {
        let _ = state;
        None
    }
}

/// What a state machine is given.
#[expect(clippy::enum_variant_names, reason = "OTP calls it the event time-out")]
pub enum Event<M: StateMachine> {
    /// A call or a cast.
    Message(M::Msg),
    /// What is no request of the protocol: the end of another process, or a foreign term. Never [`Info::Timeout`].
    Info(Info),
    /// What the machine queued with [`Step::internal`].
    Internal(M::Own),
    /// No other event came for as long as [`Step::event_timeout`] said.
    EventTimeout(M::Own),
    /// The state has been the same for as long as [`Step::state_timeout`] said.
    StateTimeout(M::Own),
    /// The time of [`Step::timeout`] is over.
    Timeout(M::Timer, M::Own),
}

impl<M: StateMachine> Event<M> {
    /// What kind of event it is, for reports.
    fn kind(&self) -> &'static str {
        match self {
            Self::Message(message) => M::message_name(message),
            Self::Info(Info::Exit(_)) => "a trapped exit signal",
            Self::Info(Info::Down(_)) => "a down message",
            Self::Info(Info::Message(_) | Info::Timeout) => "a message that is no request",
            Self::Internal(_) => "an internal event",
            Self::EventTimeout(_) => "the event time-out",
            Self::StateTimeout(_) => "the state time-out",
            Self::Timeout(..) => "a time-out",
        }
    }
}

impl<M: StateMachine> fmt::Debug for Event<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message(_) => "Message(..)",
            Self::Info(info) => return f.debug_tuple("Info").field(info).finish(),
            Self::Internal(_) => "Internal(..)",
            Self::EventTimeout(_) => "EventTimeout(..)",
            Self::StateTimeout(_) => "StateTimeout(..)",
            Self::Timeout(..) => "Timeout(..)",
        })
    }
}

/// Writes [`StateMachine::handle`] for a machine that has one function for each state.
///
/// Each state is a pattern, with the method that serves its events. A state without a method does not compile.
///
/// ```
/// use engset_otp::gen_statem::{Beginning, Event, StateMachine, Step};
/// use engset_process::{Cx, Exit};
/// use engset_term::Term;
/// use std::convert::Infallible;
///
/// struct Lamp;
///
/// #[derive(PartialEq)]
/// enum State {
///     Off,
///     On { brightness: u8 },
/// }
///
/// impl StateMachine for Lamp {
///     type State = State;
///     type Msg = Term;
///     type Own = ();
///     type Timer = Infallible;
///
///     async fn init(&mut self, _cx: &mut Cx<Term>) -> Result<Step<Self, Beginning>, Exit> {
///         Ok(Step::next(State::Off))
///     }
///
///     engset_otp::state_functions! {
///         State::Off => off,
///         State::On { .. } => on,
///     }
/// }
///
/// impl Lamp {
///     async fn off(&mut self, _: &State, _: Event<Self>, _: &mut Cx<Term>) -> Result<Step<Self>, Exit> {
///         Ok(Step::next(State::On { brightness: 1 }))
///     }
///
///     async fn on(&mut self, state: &State, _: Event<Self>, _: &mut Cx<Term>) -> Result<Step<Self>, Exit> {
///         Ok(match state {
///             State::On { brightness: 3 } | State::Off => Step::next(State::Off),
///             State::On { brightness } => Step::next(State::On { brightness: brightness + 1 }),
///         })
///     }
/// }
/// ```
#[macro_export]
macro_rules! state_functions {
    ($($state:pat => $function:ident),+ $(,)?) => {
        async fn handle(
            &mut self,
            state: &Self::State,
            event: $crate::gen_statem::Event<Self>,
            cx: &mut $crate::__private::Cx<Self::Msg>,
        ) -> ::core::result::Result<$crate::gen_statem::Step<Self>, $crate::__private::Exit> {
            match state {
                $($state => self.$function(state, event, cx).await,)+
            }
        }
    };
}
