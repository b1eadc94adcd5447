//! The answer to a call: a value that the callee holds, may keep, move and forward, and uses once.

use crate::term_reply::{EncodeReply, TermReply};
use crate::wire::{self, Caller};
use bytes::Bytes;
use engset_process::{Dest, EncodeError, ExitReason, Outgoing, Processes, ReplySink, Scheduler, dying};
use engset_term::{Instant, Pid, Reference};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// The right and the duty to answer one call with a `T` (or, for calls that can fail, with an `E`).
///
/// It may be stored, moved into another process's message, and sent on; whoever holds it answers. Dropping it
/// answers too: the caller gets [`crate::CallError::NoReply`], or [`crate::CallError::Down`] where the process that
/// held it ended. A caller on the BEAM sees its monitor fire, with `{no_reply, Text}` or the reason of the end. An
/// answer that comes after the caller has given up goes nowhere.
///
/// What serves requests by hand calls [`Reply::begin`] before it executes one, as `#[server]` does: so none is executed
/// whose caller has given up. For the messages of a `#[server]` it must: a caller takes a request that is not begun for
/// one that did not run. Calls made otherwise ([`crate::Call::new`]) take every request that was sent for begun.
#[must_use = "dropping a Reply answers the caller with CallError::NoReply"]
pub struct Reply<T, E = Infallible> {
    to: Option<To<T, E>>,
}

enum To<T, E> {
    /// A caller on this node, which waits at the slot.
    Slot(Arc<Slot<T, E>>),
    /// A caller that awaits a term.
    Term(Box<TermReply<T, E>>),
}

pub(crate) type DecodeReply<T, E> = fn(&[u8]) -> Result<Result<T, E>, engset_etf::DeError>;

impl<T> Reply<T> {
    /// Answers the call.
    pub fn send(self, value: T) {
        self.answer(Ok(value));
    }

    /// The reply to a call that arrived as a term.
    #[doc(hidden)]
    pub fn from_term(caller: Caller, processes: &Arc<Processes>) -> Self
    where
        T: Serialize,
    {
        let encode: EncodeReply<T, Infallible> = |answer, out| match answer {
            Ok(value) => engset_etf::to_body(value, out),
            Err(never) => match *never {},
        };
        Self { to: Some(To::Term(TermReply::new(caller, processes, encode))) }
    }
}

impl<T, E> Reply<T, E> {
    /// Answers the call with a value or the callee's own error.
    pub fn answer(mut self, answer: Result<T, E>) {
        match self.to.take() {
            Some(To::Slot(slot)) => slot.fill(Answer::Value(answer)),
            Some(To::Term(to)) => to.send(&answer),
            None => {}
        }
    }

    /// The reply to a call that can fail and arrived as a term.
    #[doc(hidden)]
    pub fn from_term_fallible(caller: Caller, processes: &Arc<Processes>) -> Self
    where
        T: Serialize,
        E: Serialize,
    {
        Self { to: Some(To::Term(TermReply::new(caller, processes, engset_etf::to_body))) }
    }

    /// Marks the request as begun, and lets calls made meanwhile inherit its deadline. `None` where nobody waits for
    /// the answer any more: the request must not be executed then.
    pub fn begin(self) -> Option<Self> {
        let deadline = match &self.to {
            Some(To::Slot(slot)) => slot.begin()?,
            Some(To::Term(_)) | None => None,
        };
        engset_process::set_deadline(deadline);
        Some(self)
    }

    /// Whether the caller has given up: its deadline is over or it dropped the call. A caller on another node is
    /// taken to wait.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match &self.to {
            Some(To::Slot(slot)) => !slot.is_wanted(),
            Some(To::Term(_)) => false,
            None => true,
        }
    }

    /// Sends the call on to a process that takes terms; whoever serves it there answers the caller.
    #[doc(hidden)]
    pub fn send_request(
        mut self,
        out: &Outgoing<'_>,
        request: &impl Serialize,
        decode: DecodeReply<T, E>,
    ) -> Result<(), EncodeError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        match self.to.take() {
            Some(To::Slot(slot)) => slot.send_request(out, request, decode),
            Some(To::Term(to)) => {
                out.send(wire::call(&to.caller, request)?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn to_slot(slot: &Arc<Slot<T, E>>) -> Self {
        Self { to: Some(To::Slot(Arc::clone(slot))) }
    }
}

impl<T, E> Drop for Reply<T, E> {
    fn drop(&mut self) {
        match self.to.take() {
            Some(To::Slot(slot)) => slot.fill(dying().map_or(Answer::Dropped, Answer::Down)),
            Some(To::Term(to)) => to.give_up(),
            None => {}
        }
    }
}

impl<T, E> fmt::Debug for Reply<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.to {
            Some(To::Slot(_)) => "a process of this node",
            Some(To::Term(_)) => "a process that takes terms",
            None => "nobody",
        };
        write!(f, "Reply(to {to})")
    }
}

/// Where a caller waits: filled at most once.
pub(crate) struct Slot<T, E> {
    state: Mutex<SlotState<T, E>>,
    scheduler: Scheduler,
}

struct SlotState<T, E> {
    answer: Option<Answer<T, E>>,
    waker: Option<Waker>,
    deadline: Option<Instant>,
    /// Of no account where sending fails.
    begun: bool,
    abandoned: bool,
    sent: Option<SentRequest<T, E>>,
}

/// A request that left as a term.
pub(crate) struct SentRequest<T, E> {
    pub(crate) alias: Reference,
    pub(crate) to: Dest,
    pub(crate) decode: DecodeReply<T, E>,
}

/// From when on a request counts as begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// From when it was sent: the server need not tell.
    WhenSent,
    /// From when the server says so with [`Reply::begin`].
    WhenTold,
}

/// What a slot is filled with.
pub(crate) enum Answer<T, E> {
    /// The callee's answer.
    Value(Result<T, E>),
    /// The callee's answer as a message `{Tag, Reply}`.
    Encoded(Bytes),
    /// The holder of the reply dropped it and lives.
    Dropped,
    /// The holder of the reply, or the connection to it, ended.
    Down(ExitReason),
    /// The request was not sent: there is no connection to the callee's node.
    Unreachable,
}

/// An answer with what is known of the request.
pub(crate) struct Answered<T, E> {
    pub(crate) answer: Answer<T, E>,
    pub(crate) begun: bool,
    pub(crate) sent: Option<SentRequest<T, E>>,
}

impl<T, E> Slot<T, E> {
    pub(crate) fn new(scheduler: Scheduler, begun: Begun) -> Arc<Self> {
        let state = SlotState {
            answer: None,
            waker: None,
            deadline: None,
            begun: begun == Begun::WhenSent,
            abandoned: false,
            sent: None,
        };
        Arc::new(Self { state: Mutex::new(state), scheduler })
    }

    pub(crate) fn set_deadline(&self, deadline: Instant) {
        self.state.lock().deadline = Some(deadline);
    }

    /// The answer, if it is there; otherwise `waker` is woken when it comes.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<Answered<T, E>> {
        let mut state = self.state.lock();
        if let Some(answer) = state.answer.take() {
            return Some(Answered { answer, begun: state.begun, sent: state.sent.take() });
        }
        if state.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        None
    }

    /// Gives up: a later answer goes nowhere. Whether the request may have been executed, and how it was sent.
    pub(crate) fn abandon(&self) -> (bool, Option<SentRequest<T, E>>) {
        let mut state = self.state.lock();
        state.abandoned = true;
        let sent = state.sent.take();
        (state.begun || sent.is_some(), sent)
    }

    fn fill(&self, answer: Answer<T, E>) {
        let waker = {
            let mut state = self.state.lock();
            if state.abandoned || state.answer.is_some() {
                return;
            }
            state.answer = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// `None` when nobody waits any more, otherwise the deadline.
    fn begin(&self) -> Option<Option<Instant>> {
        let mut state = self.state.lock();
        let expired = state.deadline.is_some_and(|deadline| deadline <= self.scheduler.now());
        // An expired call ends as a timeout, not as a dropped reply, even if its caller has not noticed yet.
        state.abandoned |= expired;
        if state.abandoned {
            return None;
        }
        state.begun = true;
        Some(state.deadline)
    }

    fn is_wanted(&self) -> bool {
        let state = self.state.lock();
        !state.abandoned && state.deadline.is_none_or(|deadline| self.scheduler.now() < deadline)
    }

    fn send_request(
        self: &Arc<Self>,
        out: &Outgoing<'_>,
        request: &impl Serialize,
        decode: DecodeReply<T, E>,
    ) -> Result<(), EncodeError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let processes = out.processes();
        let alias = processes.new_reference();
        let payload = wire::call(&Caller::alias(out.from(), alias), request)?;
        self.state.lock().sent = Some(SentRequest { alias, to: out.to().clone(), decode });
        let node = out.to().node().unwrap_or_else(|| processes.node());
        processes.aliases().open(alias, node, Box::new(SlotSink(Arc::clone(self))));
        wire::monitor(processes, out.from(), out.to(), alias);
        out.send(payload);
        Ok(())
    }
}

struct SlotSink<T, E>(Arc<Slot<T, E>>);

impl<T: Send, E: Send> ReplySink for SlotSink<T, E> {
    fn reply(self: Box<Self>, payload: Bytes) {
        self.0.fill(Answer::Encoded(payload));
    }

    fn down(self: Box<Self>, reason: ExitReason) {
        self.0.fill(Answer::Down(reason));
    }

    fn unreachable(self: Box<Self>) {
        self.0.fill(Answer::Unreachable);
    }
}

/// How a reply that arrived as a term is read.
#[doc(hidden)]
pub fn decode_reply<T: DeserializeOwned>(body: &[u8]) -> Result<Result<T, Infallible>, engset_etf::DeError> {
    engset_etf::from_body(body).map(Ok)
}

/// How a reply `{ok, T}` or `{error, E}` that arrived as a term is read.
#[doc(hidden)]
pub fn decode_fallible_reply<T: DeserializeOwned, E: DeserializeOwned>(
    body: &[u8],
) -> Result<Result<T, E>, engset_etf::DeError> {
    engset_etf::from_body(body)
}

impl<T, E> SentRequest<T, E> {
    /// Takes the alias and the monitor back.
    pub(crate) fn close(&self, processes: &Processes, me: Pid) {
        processes.aliases().close(self.alias);
        wire::demonitor(processes, me, &self.to, self.alias);
    }
}
