//! The client's handle of an event manager, and what it can be asked.

use super::erased::{Handler, Request, Swap, TypedRequest};
use super::run::run;
use super::{AnyHandlerId, EventHandler, HandleCall, HandlerError, HandlerId};
use crate::call::Call;
use crate::gen_server::StartError;
use crate::launch;
use crate::reply::Reply;
use crate::stop::{self, StopError};
use crate::supervisor::spec::Child;
use engset_process::{Addr, Cx, Dest, ExitReason, Processes, Protocol, SendError, Service, Target, current};
use engset_term::{Atom, Pid, Reference};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The client's handle of an event manager: one process, or whoever holds a name.
///
/// Requests about handlers are [calls](Call): they wait for what the manager does at the time, and fail as calls fail.
pub struct EventManager<E: Send + Sync + 'static> {
    to: To<E>,
}

enum To<E: Send + Sync + 'static> {
    Addr(Addr<ManagerMsg<E>>),
    Service(Service<ManagerMsg<E>>),
}

/// What an event manager is sent; made by the methods of [`EventManager`].
pub struct ManagerMsg<E: Send + Sync + 'static>(pub(super) Asked<E>);

pub(super) enum Asked<E: Send + Sync + 'static> {
    Notify(E),
    SyncNotify(E, Reply<()>),
    Add(Box<Adding<E>>),
    Delete(AnyHandlerId, Box<dyn Deletion<E>>),
    Swap(Box<Swapping<E>>),
    Call(AnyHandlerId, Box<dyn Request<E>>),
    Which(Reply<Vec<AnyHandlerId>>),
}

/// A handler to be added.
pub(super) struct Adding<E: Send + Sync + 'static> {
    pub(super) id: AnyHandlerId,
    pub(super) handler: Handler<E>,
    pub(super) supervisor: Option<Pid>,
    pub(super) reply: Reply<(), HandlerError>,
}

/// A handler to be replaced.
pub(super) struct Swapping<E: Send + Sync + 'static> {
    pub(super) old: AnyHandlerId,
    pub(super) swap: Swap<E>,
    pub(super) supervisor: NewSupervisor,
    pub(super) reply: Reply<(), HandlerError>,
}

/// Who supervises the handler that takes another's place.
pub(super) enum NewSupervisor {
    /// Who supervises the one that was there.
    AsBefore,
    This(Option<Pid>),
}

#[diagnostic::do_not_recommend]
impl<E: Send + Sync + 'static> Protocol for ManagerMsg<E> {}

impl<E: Send + Sync + 'static> EventManager<E> {
    /// Whoever holds `name` on this node.
    #[must_use]
    pub const fn named(name: Atom) -> Self {
        Self { to: To::Service(Service::local(name)) }
    }

    /// Starts a manager that nothing is linked to, from inside a node.
    ///
    /// # Errors
    /// [`StartError`] when it was not spawned.
    pub async fn start() -> Result<Self, StartError> {
        Self::start_named(None).await
    }

    /// Like [`EventManager::start`], registered as `name`.
    ///
    /// # Errors
    /// [`StartError`] when the name is taken or it was not spawned.
    pub async fn start_named(name: Option<Atom>) -> Result<Self, StartError> {
        launch::start(launch::of::<Self>(name), run).await.map(Self::from)
    }

    /// Like [`EventManager::start_named`], on the node of `processes`.
    ///
    /// # Errors
    /// [`StartError`] when the name is taken or it was not spawned.
    pub async fn start_on(processes: &Arc<Processes>, name: Option<Atom>) -> Result<Self, StartError> {
        launch::start_on(processes, launch::of::<Self>(name), run).await.map(Self::from)
    }

    /// Starts a manager that is linked to the running process and ends with it.
    ///
    /// # Errors
    /// [`StartError`] when the name is taken or it was not spawned.
    pub async fn start_link<P: Protocol>(parent: &mut Cx<P>, name: Option<Atom>) -> Result<Self, StartError> {
        launch::start_link(parent, launch::of::<Self>(name), run).await.map(Self::from)
    }

    /// Starts a manager that the running process monitors from its first moment.
    ///
    /// # Errors
    /// [`StartError`] when the name is taken or it was not spawned.
    pub async fn start_monitor<P: Protocol>(
        watcher: &mut Cx<P>,
        name: Option<Atom>,
    ) -> Result<(Self, Reference), StartError> {
        let started = launch::start_monitor(watcher, launch::of::<Self>(name), run).await;
        started.map(|(addr, monitor)| (Self::from(addr), monitor))
    }

    /// A manager as a supervisor's child that is registered as `name`. A new one has no handlers: who wants its own to
    /// survive adds them with [`EventManager::add_sup_handler`] and ends with the manager.
    ///
    /// ```
    /// use engset_otp::Supervisor;
    /// use engset_otp::gen_event::EventManager;
    /// use engset_term::Atom;
    ///
    /// const ALARMS: Atom = Atom::from_static("alarms");
    /// let shop = Supervisor::one_for_one().child(EventManager::<String>::child(ALARMS));
    /// # drop(shop);
    /// ```
    pub fn child(name: Atom) -> Child {
        let id = name.as_str().to_owned();
        Child::by(&id, move |supervisor| {
            let name = name.clone();
            Box::pin(async move {
                let options = launch::of::<Self>(Some(name));
                launch::start_link(supervisor, options, run::<E>).await.map(|addr| addr.pid())
            })
        })
    }

    /// Hands `event` to all handlers. Never waits, and does not tell whether it arrived.
    ///
    /// # Errors
    /// [`SendError`] when there is no such manager, or this is no process; the event comes back in it.
    pub fn notify(&self, event: E) -> Result<(), SendError<ManagerMsg<E>>> {
        self.send(ManagerMsg(Asked::Notify(event)))
    }

    /// Hands `event` to all handlers, and waits until they have handled it.
    pub fn sync_notify(&self, event: E) -> Call<ManagerMsg<E>, ()> {
        Call::tracked(self, |reply| ManagerMsg(Asked::SyncNotify(event, reply)))
    }

    /// Adds a handler, once its [`EventHandler::init`] has succeeded.
    ///
    /// Answers [`HandlerError::AlreadyPresent`] where there is one with the same type and name, and
    /// [`HandlerError::Failed`] where `init` fails.
    pub fn add_handler<H>(&self, id: &HandlerId<H>, handler: H) -> Call<ManagerMsg<E>, (), HandlerError>
    where
        H: EventHandler<Event = E>,
    {
        self.add(id, handler, None)
    }

    /// Adds a handler that the running process supervises: they are linked, the handler is removed when the process
    /// ends, and the process is told when the handler ends, see [`super::HandlerExit`].
    pub fn add_sup_handler<H>(&self, id: &HandlerId<H>, handler: H) -> Call<ManagerMsg<E>, (), HandlerError>
    where
        H: EventHandler<Event = E>,
    {
        self.add(id, handler, me())
    }

    /// Removes a handler after [`EventHandler::terminate`]; the answer is the handler itself.
    ///
    /// Answers [`HandlerError::NoHandler`] where there is none, and [`HandlerError::Failed`] where its `terminate`
    /// panics; it is gone then.
    pub fn delete_handler<H>(&self, id: &HandlerId<H>) -> Call<ManagerMsg<E>, H, HandlerError>
    where
        H: EventHandler<Event = E>,
    {
        Call::tracked(self, |reply| {
            ManagerMsg(Asked::Delete(id.any(), Box::new(TypedDeletion { reply: Some(reply) })))
        })
    }

    /// Removes `old` after its [`EventHandler::terminate`], and adds what `make` makes of it as `new`. Where there is no
    /// `old`, `make` gets `None`. Who supervises the one supervises the other.
    ///
    /// Answers [`HandlerError::AlreadyPresent`] where there is a `new` already: then nothing was done. Answers
    /// [`HandlerError::Failed`] where `make` panics or the new handler's `init` fails: then neither is there any more.
    pub fn swap_handler<Old, New>(
        &self,
        old: &HandlerId<Old>,
        new: &HandlerId<New>,
        make: impl FnOnce(Option<Old>) -> New + Send + 'static,
    ) -> Call<ManagerMsg<E>, (), HandlerError>
    where
        Old: EventHandler<Event = E>,
        New: EventHandler<Event = E>,
    {
        self.swap(old, Swap::new(new.any(), make), NewSupervisor::AsBefore)
    }

    /// Like [`EventManager::swap_handler`], but the running process supervises the new handler.
    pub fn swap_sup_handler<Old, New>(
        &self,
        old: &HandlerId<Old>,
        new: &HandlerId<New>,
        make: impl FnOnce(Option<Old>) -> New + Send + 'static,
    ) -> Call<ManagerMsg<E>, (), HandlerError>
    where
        Old: EventHandler<Event = E>,
        New: EventHandler<Event = E>,
    {
        self.swap(old, Swap::new(new.any(), make), NewSupervisor::This(me()))
    }

    /// Asks one handler.
    ///
    /// Answers [`HandlerError::NoHandler`] where there is none of this type and name, and [`HandlerError::Failed`] where
    /// it fails at this.
    pub fn call<H, Q>(&self, id: &HandlerId<H>, request: Q) -> Call<ManagerMsg<E>, H::Answer, HandlerError>
    where
        H: EventHandler<Event = E> + HandleCall<Q>,
        Q: Send + 'static,
    {
        Call::tracked(self, |reply| {
            ManagerMsg(Asked::Call(id.any(), Box::new(TypedRequest::<H, Q>::new(request, reply))))
        })
    }

    /// The handlers, the newest first.
    pub fn which_handlers(&self) -> Call<ManagerMsg<E>, Vec<AnyHandlerId>> {
        Call::tracked(self, |reply| ManagerMsg(Asked::Which(reply)))
    }

    /// Lets the manager end with `reason`, after all its handlers, and waits for its end for `timeout` at most.
    ///
    /// Dropping this while it waits takes nothing back: the manager has been asked.
    ///
    /// # Errors
    /// [`StopError`] when there is no such manager, or it has not ended, or it ended with another reason.
    pub async fn stop(&self, reason: ExitReason, timeout: Duration) -> Result<(), StopError> {
        stop::stop(self, reason, timeout).await
    }

    fn add<H>(
        &self,
        id: &HandlerId<H>,
        handler: H,
        supervisor: Option<Pid>,
    ) -> Call<ManagerMsg<E>, (), HandlerError>
    where
        H: EventHandler<Event = E>,
    {
        Call::tracked(self, |reply| {
            let (id, handler) = (id.any(), Box::new(handler));
            ManagerMsg(Asked::Add(Box::new(Adding { id, handler, supervisor, reply })))
        })
    }

    fn swap<Old: 'static>(
        &self,
        old: &HandlerId<Old>,
        swap: Swap<E>,
        supervisor: NewSupervisor,
    ) -> Call<ManagerMsg<E>, (), HandlerError> {
        let old = old.any();
        Call::tracked(self, |reply| {
            ManagerMsg(Asked::Swap(Box::new(Swapping { old, swap, supervisor, reply })))
        })
    }
}

fn me() -> Option<Pid> {
    current().map(|(_, me)| me)
}

impl<E: Send + Sync + 'static> Target<ManagerMsg<E>> for EventManager<E> {
    fn dest(&self) -> Dest {
        match &self.to {
            To::Addr(addr) => addr.dest(),
            To::Service(service) => service.dest(),
        }
    }
}

impl<E: Send + Sync + 'static> From<Addr<ManagerMsg<E>>> for EventManager<E> {
    fn from(addr: Addr<ManagerMsg<E>>) -> Self {
        Self { to: To::Addr(addr) }
    }
}

impl<E: Send + Sync + 'static> From<&EventManager<E>> for Dest {
    fn from(manager: &EventManager<E>) -> Self {
        manager.dest()
    }
}

impl<E: Send + Sync + 'static> Clone for EventManager<E> {
    fn clone(&self) -> Self {
        let to = match &self.to {
            To::Addr(addr) => To::Addr(*addr),
            To::Service(service) => To::Service(service.clone()),
        };
        Self { to }
    }
}

impl<E: Send + Sync + 'static> fmt::Debug for EventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            To::Addr(addr) => write!(f, "EventManager({addr:?})"),
            To::Service(service) => write!(f, "EventManager({service:?})"),
        }
    }
}

impl<E: Send + Sync + 'static> fmt::Debug for ManagerMsg<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, id) = match &self.0 {
            Asked::Notify(_) => ("notify", None),
            Asked::SyncNotify(..) => ("sync_notify", None),
            Asked::Add(adding) => ("add_handler", Some(&adding.id)),
            Asked::Delete(id, _) => ("delete_handler", Some(id)),
            Asked::Swap(swapping) => ("swap_handler", Some(&swapping.old)),
            Asked::Call(id, _) => ("call", Some(id)),
            Asked::Which(_) => ("which_handlers", None),
        };
        f.debug_tuple("ManagerMsg").field(&what).field(&id).finish()
    }
}

/// The request to remove a handler of some type.
pub(super) trait Deletion<E: Send + Sync + 'static>: Send {
    /// Whether somebody still waits for the answer.
    fn begin(&mut self) -> bool;
    fn answer(self: Box<Self>, deleted: Result<Handler<E>, HandlerError>);
}

struct TypedDeletion<H> {
    reply: Option<Reply<H, HandlerError>>,
}

impl<E: Send + Sync + 'static, H: EventHandler<Event = E>> Deletion<E> for TypedDeletion<H> {
    fn begin(&mut self) -> bool {
        self.reply = self.reply.take().and_then(Reply::begin);
        self.reply.is_some()
    }

    fn answer(self: Box<Self>, deleted: Result<Handler<E>, HandlerError>) {
        // The handler's type is part of the id by which it was found.
        let typed = deleted.and_then(|handler| {
            let handler = handler.into_any().downcast::<H>();
            handler.map(|handler| *handler).map_err(|_other| HandlerError::NoHandler)
        });
        if let Some(reply) = self.reply {
            reply.answer(typed);
        }
    }
}
