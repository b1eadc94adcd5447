//! Handlers of different types behind one interface; requests to them, and what takes their places.

use super::{AnyHandlerId, EventHandler, HandleCall, HandlerError, Leaving, ManagerCx, Next};
use crate::gen_server::Info;
use crate::reply::Reply;
use engset_process::Exit;
use std::any::Any;
use std::future::Future;
use std::pin::Pin;

pub(super) type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, Exit>> + Send + 'a>>;

/// A handler of some type for events of type `E`.
pub(super) trait Erased<E: Send + Sync + 'static>: Send {
    fn init<'a>(&'a mut self, cx: &'a mut ManagerCx<E>) -> Working<'a, ()>;
    fn event<'a>(&'a mut self, event: &'a E, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>>;
    fn info<'a>(&'a mut self, info: &'a Info, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>>;
    fn terminate<'a>(&'a mut self, why: &'a Leaving, cx: &'a mut ManagerCx<E>) -> Working<'a, ()>;
    /// See [`EventHandler::format_event`].
    fn format_event(&self, event: &E) -> Option<String>;
    /// See [`EventHandler::format_state`].
    fn format_state(&self) -> Option<String>;
    fn as_any(&mut self) -> &mut (dyn Any + Send);
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

pub(super) type Handler<E> = Box<dyn Erased<E>>;

/// What becomes of a handler that served something.
pub(super) enum After<E: Send + Sync + 'static> {
    Stay,
    Remove,
    Swap(Swap<E>),
}

/// What takes a handler's place.
pub(super) struct Swap<E: Send + Sync + 'static> {
    pub(super) id: AnyHandlerId,
    /// Makes it of the handler that was there, if one was.
    pub(super) make: Box<dyn FnOnce(Option<Handler<E>>) -> Handler<E> + Send>,
}

impl<E: Send + Sync + 'static, H: EventHandler<Event = E>> Erased<E> for H {
    fn init<'a>(&'a mut self, cx: &'a mut ManagerCx<E>) -> Working<'a, ()> {
        Box::pin(async move { EventHandler::init(self, cx).await })
    }

    fn event<'a>(&'a mut self, event: &'a E, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>> {
        Box::pin(async move { self.handle_event(event, cx).await.map(Next::erase) })
    }

    fn info<'a>(&'a mut self, info: &'a Info, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>> {
        Box::pin(async move { self.handle_info(info, cx).await.map(Next::erase) })
    }

    fn terminate<'a>(&'a mut self, why: &'a Leaving, cx: &'a mut ManagerCx<E>) -> Working<'a, ()> {
        Box::pin(async move {
            EventHandler::terminate(self, why, cx).await;
            Ok(())
        })
    }

    fn format_event(&self, event: &E) -> Option<String> {
        H::format_event(event)
    }

    fn format_state(&self) -> Option<String> {
        EventHandler::format_state(self)
    }

    fn as_any(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// A request to a handler of some type.
pub(super) trait Request<E: Send + Sync + 'static>: Send {
    /// Whether somebody still waits for the answer.
    fn begin(&mut self) -> bool;
    /// Its type.
    fn kind(&self) -> &'static str;
    /// It in full, where the handler says it; before it is run.
    fn text(&self) -> Option<String>;
    fn run<'a>(&'a mut self, handler: &'a mut Handler<E>, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>>;
    /// Answers it where the handler did not.
    fn fail(self: Box<Self>, error: HandlerError);
}

/// A request of type `Q` to a handler of type `H`.
pub(super) struct TypedRequest<H: HandleCall<Q>, Q> {
    request: Option<Q>,
    reply: Option<Reply<H::Answer, HandlerError>>,
}

impl<H: HandleCall<Q>, Q> TypedRequest<H, Q> {
    pub(super) fn new(request: Q, reply: Reply<H::Answer, HandlerError>) -> Self {
        Self { request: Some(request), reply: Some(reply) }
    }
}

impl<E, H, Q> Request<E> for TypedRequest<H, Q>
where
    E: Send + Sync + 'static,
    H: EventHandler<Event = E> + HandleCall<Q>,
    Q: Send + 'static,
{
    fn begin(&mut self) -> bool {
        self.reply = self.reply.take().and_then(Reply::begin);
        self.reply.is_some()
    }

    fn kind(&self) -> &'static str {
        std::any::type_name::<Q>()
    }

    fn text(&self) -> Option<String> {
        self.request.as_ref().and_then(H::format_request)
    }

    fn run<'a>(&'a mut self, handler: &'a mut Handler<E>, cx: &'a mut ManagerCx<E>) -> Working<'a, After<E>> {
        Box::pin(async move {
            // The handler's type is part of the id by which it was found.
            let handler = (**handler).as_any().downcast_mut::<H>();
            let (Some(handler), Some(request)) = (handler, self.request.take()) else {
                return Ok(After::Stay);
            };
            let (answer, next) = handler.handle_call(request, cx).await?;
            if let Some(reply) = self.reply.take() {
                reply.answer(Ok(answer));
            }
            Ok(next.erase())
        })
    }

    fn fail(mut self: Box<Self>, error: HandlerError) {
        if let Some(reply) = self.reply.take() {
            reply.answer(Err(error));
        }
    }
}

impl<E: Send + Sync + 'static> Swap<E> {
    pub(super) fn new<Old, New>(
        id: AnyHandlerId,
        make: impl FnOnce(Option<Old>) -> New + Send + 'static,
    ) -> Self
    where
        Old: EventHandler<Event = E>,
        New: EventHandler<Event = E>,
    {
        let make = move |old: Option<Handler<E>>| {
            let old = old.and_then(|old| old.into_any().downcast().ok()).map(|old: Box<Old>| *old);
            Box::new(make(old)) as Handler<E>
        };
        Self { id, make: Box::new(make) }
    }
}
