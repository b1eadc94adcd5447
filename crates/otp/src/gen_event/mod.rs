//! gen_event: a process that hands each event to all of its handlers.
//!
//! Messages: events by cast ([`EventManager::notify`]) or by call ([`EventManager::sync_notify`]); requests to one
//! handler, and about handlers, by call. Everything else goes to all handlers as [`Info`]. The manager traps exits. Who
//! adds a handler under its own supervision is linked to the manager: when it ends, the handler is removed; when the
//! handler ends, it is sent `{gen_event_EXIT, Handler, Reason}`, see [`HandlerExit`]. A handler that fails or panics is
//! removed and reported; the manager and the other handlers go on.
//!
//! Handlers get events in OTP's order: the one that was added last comes first. Messages stay on the manager's node.
//!
//! ```
//! use engset_otp::gen_event::{EventHandler, EventManager, HandleCall, HandlerId, ManagerCx, Next};
//! use engset_process::Exit;
//! # use engset_process::{Cx, Identity, Processes, Scheduler};
//! # use engset_term::{NodeName, Term};
//!
//! struct Alarm(&'static str);
//!
//! #[derive(Default)]
//! struct Counter {
//!     alarms: u64,
//! }
//!
//! impl EventHandler for Counter {
//!     type Event = Alarm;
//!
//!     async fn handle_event(&mut self, _: &Alarm, _: &mut ManagerCx<Alarm>) -> Result<Next<Self>, Exit> {
//!         self.alarms += 1;
//!         Ok(Next::Stay)
//!     }
//! }
//!
//! /// "How many?" is a request that the counter answers.
//! struct HowMany;
//!
//! impl HandleCall<HowMany> for Counter {
//!     type Answer = u64;
//!
//!     async fn handle_call(&mut self, _: HowMany, _: &mut ManagerCx<Alarm>) -> Result<(u64, Next<Self>), Exit> {
//!         Ok((self.alarms, Next::Stay))
//!     }
//! }
//!
//! const COUNTER: HandlerId<Counter> = HandlerId::of_type();
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let alarms = processes.block_on(|_: Cx<Term>| async move {
//! let alarms = EventManager::start().await.expect("it starts");
//! alarms.add_handler(&COUNTER, Counter::default()).await.expect("it is the first");
//! alarms.notify(Alarm("fire")).expect("the manager lives");
//! assert_eq!(alarms.call(&COUNTER, HowMany).await, Ok(1));
//! // What is deleted comes back.
//! assert_eq!(alarms.delete_handler(&COUNTER).await.expect("it is there").alarms, 1);
//! # }).expect("nothing fails");
//! ```

mod erased;
mod handlers;
mod id;
mod manager;
mod report;
mod run;

pub use id::{AnyHandlerId, HandlerExit, HandlerId, WhyExit};
pub use manager::{EventManager, ManagerMsg};

use crate::gen_server::Info;
use engset_process::{Cx, Exit, ExitReason};
use erased::{After, Swap};
use std::fmt;
use std::future::Future;

/// How many handlers a manager may have. One more is refused with [`HandlerError::TooMany`].
pub const HANDLERS_MAX: usize = 10_000;

/// The context of an event manager, which its handlers share.
pub type ManagerCx<E> = Cx<ManagerMsg<E>>;

/// Handles events of one type inside an event manager.
///
/// See the [module](self) for an example. All handlers of a manager run in its process, one after the other: what one
/// waits for, all wait for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event handler",
    label = "an event handler is expected here",
    note = "implement `EventHandler` for `{Self}`: the type of its `Event`, and `handle_event`"
)]
pub trait EventHandler: Sized + Send + 'static {
    /// What it handles.
    type Event: Send + Sync + 'static;

    /// Runs in the manager before the handler is added.
    ///
    /// # Errors
    /// Why it is not to be added; whoever adds it gets it as [`HandlerError::Failed`].
    fn init(&mut self, cx: &mut ManagerCx<Self::Event>) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Handles one event.
    ///
    /// # Errors
    /// Why the handler has failed: it is removed, after `terminate`.
    fn handle_event(
        &mut self,
        event: &Self::Event,
        cx: &mut ManagerCx<Self::Event>,
    ) -> impl Future<Output = Result<Next<Self>, Exit>> + Send;

    /// Takes what is no event: the end of another process, or a foreign term. Never [`Info::Timeout`]. Without an own
    /// version it is forgotten.
    ///
    /// # Errors
    /// Why the handler has failed: it is removed, after `terminate`.
    fn handle_info(
        &mut self,
        info: &Info,
        cx: &mut ManagerCx<Self::Event>,
    ) -> impl Future<Output = Result<Next<Self>, Exit>> + Send {
        let _ = (info, cx);
        async { Ok(Next::Stay) }
    }

    /// Runs when the handler is removed, unless it panicked. A panic in here is reported and changes nothing.
    fn terminate(
        &mut self,
        why: &Leaving,
        cx: &mut ManagerCx<Self::Event>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (why, cx);
        async {}
    }

    /// An event in full, for the report of this handler's failure. Reports do not say it without an own version: an event
    /// may hold secrets. It is asked for when the handler has failed, not before.
    fn format_event(event: &Self::Event) -> Option<String> {
        let _ = event;
        None
    }

    /// The handler's state, for the report of its failure. Reports do not say it without an own version: a state may hold
    /// secrets. After a panic it may be torn.
    fn format_state(&self) -> Option<String> {
        None
    }
}

/// Answers requests of type `Q`, see [`EventManager::call`].
#[diagnostic::on_unimplemented(
    message = "handlers of type `{Self}` do not answer `{Q}`",
    label = "this request has no answer",
    note = "implement `HandleCall<{Q}>` for `{Self}`"
)]
pub trait HandleCall<Q>: EventHandler {
    /// What the caller gets.
    type Answer: Send + 'static;

    /// Answers one request.
    ///
    /// # Errors
    /// Why the handler has failed: it is removed, after `terminate`, and the caller gets [`HandlerError::Failed`].
    fn handle_call(
        &mut self,
        request: Q,
        cx: &mut ManagerCx<Self::Event>,
    ) -> impl Future<Output = Result<(Self::Answer, Next<Self>), Exit>> + Send;

    /// The request in full, for the report of a failure while it is served. Reports do not say it without an own version:
    /// a request may hold secrets. It is asked for before each request: what it costs, each request costs more.
    fn format_request(request: &Q) -> Option<String> {
        let _ = request;
        None
    }
}

/// What becomes of a handler that served something.
pub enum Next<H: EventHandler> {
    /// It stays.
    Stay,
    /// It is removed (OTP's `remove_handler`).
    Remove,
    /// Another takes its place, see [`Next::swap`].
    Swap(SwapHandler<H>),
}

/// What takes a handler's place; made by [`Next::swap`].
pub struct SwapHandler<H: EventHandler> {
    swap: Swap<H::Event>,
}

impl<H: EventHandler> Next<H> {
    /// Removes the handler, after `terminate`, and adds what `make` makes of it as `id` (OTP's `swap_handler`). Who
    /// supervises the one supervises the other. Where the new one fails to begin, neither is there any more.
    ///
    /// ```
    /// use engset_otp::gen_event::{EventHandler, HandlerId, Next};
    ///
    /// fn replace<A: EventHandler, B: EventHandler<Event = A::Event> + From<A>>() -> Next<A> {
    ///     Next::swap(&HandlerId::of_type(), B::from)
    /// }
    /// ```
    pub fn swap<New>(id: &HandlerId<New>, make: impl FnOnce(H) -> New + Send + 'static) -> Self
    where
        New: EventHandler<Event = H::Event>,
    {
        let make = move |old: Option<H>| make(old.expect("the handler that is swapped is there"));
        Self::Swap(SwapHandler { swap: Swap::new(id.any(), make) })
    }

    fn erase(self) -> After<H::Event> {
        match self {
            Self::Stay => After::Stay,
            Self::Remove => After::Remove,
            Self::Swap(SwapHandler { swap }) => After::Swap(swap),
        }
    }
}

impl<H: EventHandler> fmt::Debug for Next<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stay => f.write_str("Stay"),
            Self::Remove => f.write_str("Remove"),
            Self::Swap(swap) => fmt::Debug::fmt(swap, f),
        }
    }
}

impl<H: EventHandler> fmt::Debug for SwapHandler<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Swap").field(&self.swap.id).finish()
    }
}

/// Why a handler is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// By [`EventManager::delete_handler`].
    Deleted,
    /// It said so itself.
    Removed,
    /// This one takes its place.
    Swapped(AnyHandlerId),
    /// The manager ends.
    Stopped(ExitReason),
    /// The process that supervises it ended, or sent the manager an exit signal.
    SupervisorEnded(ExitReason),
    /// It failed.
    Failed(ExitReason),
}

/// What was asked of or for a handler was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerError {
    /// The manager has no handler of this type and name.
    NoHandler,
    /// The manager has a handler of this type and name already.
    AlreadyPresent,
    /// The manager has this many handlers and may not have more: [`HANDLERS_MAX`].
    TooMany(usize),
    /// The handler failed with this reason, or panicked. It is removed, or was not added.
    Failed(ExitReason),
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandler => f.write_str("the event manager has no handler of this type and name"),
            Self::AlreadyPresent => {
                f.write_str("the event manager has a handler of this type and name: give it another name")
            }
            Self::TooMany(max) => write!(f, "the event manager has {max} handlers and may not have more"),
            Self::Failed(reason) => write!(f, "the event handler failed and is not there any more: {reason}"),
        }
    }
}

impl std::error::Error for HandlerError {}
