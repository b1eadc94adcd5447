//! The answer to a call: a value that the callee holds, may keep, move and forward, and uses once.

use crate::slot::CalleeHalf;
use crate::term_reply::{EncodeReply, TermReply};
use crate::wire::{self, Caller};
use engset_etf::Payload;
use engset_etf::conventions::Nil;
use engset_process::{Dest, EncodeError, ExitReason, Outgoing, Processes, ReplySink, dying};
use engset_term::{Instant, Pid, Reference};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

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
    Slot(CalleeHalf<Answer<T, E>, SentRequest<T, E>>),
    /// A caller that awaits a term.
    Term(Box<TermReply<T, E>>),
}

pub(crate) type DecodeReply<T, E> = fn(&Payload) -> Result<Result<T, E>, engset_etf::DeError>;

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

    /// As [`Reply::from_term`], where no value is `nil`.
    #[doc(hidden)]
    pub fn from_term_nil(caller: Caller, processes: &Arc<Processes>) -> Self
    where
        T: Serialize,
    {
        Self::from_term_as(caller, processes, |answer, out| match answer {
            Ok(value) => engset_etf::to_body(&Nil(value), out),
            Err(never) => match *never {},
        })
    }
}

impl<T, E> Reply<T, E> {
    /// Answers the call with a value or the callee's own error.
    pub fn answer(mut self, answer: Result<T, E>) {
        engset_process::gives_answer();
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
        Self::from_term_as(caller, processes, engset_etf::to_body)
    }

    /// As [`Reply::from_term_fallible`], where no value is `nil`.
    #[doc(hidden)]
    pub fn from_term_fallible_nil(caller: Caller, processes: &Arc<Processes>) -> Self
    where
        T: Serialize,
        E: Serialize,
    {
        Self::from_term_as(caller, processes, |answer, out| engset_etf::to_body(&Nil(answer), out))
    }

    /// The reply to a call that arrived as a term, where the answer has a form of its own.
    pub(crate) fn from_term_as(
        caller: Caller,
        processes: &Arc<Processes>,
        encode: EncodeReply<T, E>,
    ) -> Self {
        Self { to: Some(To::Term(TermReply::new(caller, processes, encode))) }
    }

    /// Marks the request as begun, and lets calls made meanwhile inherit its deadline. `None` where nobody waits for
    /// the answer any more: the request must not be executed then.
    #[must_use = "a request that is begun must be answered: `None` says that nobody waits for it"]
    pub fn begin(mut self) -> Option<Self> {
        match self.to.take() {
            Some(To::Slot(slot)) => {
                let deadline = slot.deadline();
                if is_over(deadline) {
                    // The caller may not have noticed yet.
                    slot.fill(Answer::Expired);
                    return None;
                }
                if !slot.begin() {
                    return None;
                }
                let caller = slot.caller();
                self.to = Some(To::Slot(slot));
                engset_process::request_begins(caller, deadline);
            }
            Some(To::Term(to)) => {
                engset_process::request_begins_from(to.caller.pid);
                self.to = Some(To::Term(to));
            }
            None => engset_process::request_begins(0, None),
        }
        Some(self)
    }

    /// The process that called, where it is one of those that sent a term: any of another node.
    #[must_use]
    pub fn caller(&self) -> Option<Pid> {
        match &self.to {
            Some(To::Term(to)) => Some(to.caller.pid),
            Some(To::Slot(_)) | None => None,
        }
    }

    /// Whether the caller has given up: its deadline is over or it dropped the call. A caller on another node is
    /// taken to wait.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match &self.to {
            Some(To::Slot(slot)) => slot.is_abandoned() || is_over(slot.deadline()),
            Some(To::Term(_)) => false,
            None => true,
        }
    }

    /// Sends the call on to a process that takes terms; whoever serves it there answers the caller.
    #[doc(hidden)]
    pub fn send_request(
        self,
        out: &Outgoing<'_>,
        request: &impl Serialize,
        decode: DecodeReply<T, E>,
    ) -> Result<(), EncodeError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.send_request_as("$gen_call", out, request, decode)
    }

    /// As [`Reply::send_request`], with another first word than a call has.
    pub(crate) fn send_request_as(
        mut self,
        label: &str,
        out: &Outgoing<'_>,
        request: &impl Serialize,
        decode: DecodeReply<T, E>,
    ) -> Result<(), EncodeError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        match self.to.take() {
            Some(To::Slot(slot)) => send_request(slot, label, out, request, decode),
            Some(To::Term(to)) => {
                out.send(wire::call_as(label, &to.caller, request)?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn to_slot(slot: CalleeHalf<Answer<T, E>, SentRequest<T, E>>) -> Self {
        Self { to: Some(To::Slot(slot)) }
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

/// A request that left as a term.
pub(crate) struct SentRequest<T, E> {
    processes: Arc<Processes>,
    me: Pid,
    pub(crate) alias: Reference,
    pub(crate) to: Dest,
    pub(crate) decode: DecodeReply<T, E>,
}

/// What a slot is filled with.
pub(crate) enum Answer<T, E> {
    /// The callee's answer.
    Value(Result<T, E>),
    /// The callee's answer as a message `{Tag, Reply}`.
    Encoded(Payload),
    /// The holder of the reply dropped it and lives.
    Dropped,
    /// The holder of the reply, or the connection to it, ended.
    Down(ExitReason),
    /// The deadline had passed before the request was begun.
    Expired,
    /// The request was not sent: there is no connection to the callee's node.
    Unreachable,
}

/// Sends a request on as a term; the answer comes to the slot.
fn send_request<T, E>(
    slot: CalleeHalf<Answer<T, E>, SentRequest<T, E>>,
    label: &str,
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
    let payload = wire::call_by_alias(label, out.from(), &alias, request)?;
    let (to, me) = (out.to().clone(), out.from());
    slot.set_note(SentRequest { processes: Arc::clone(processes), me, alias, to, decode });
    let node = out.to().node().unwrap_or_else(|| processes.node());
    processes.aliases().open(alias, node, Box::new(SlotSink(slot)));
    wire::monitor(processes, out.from(), out.to(), alias);
    out.send(payload);
    Ok(())
}

struct SlotSink<T, E>(CalleeHalf<Answer<T, E>, SentRequest<T, E>>);

impl<T: Send, E: Send> ReplySink for SlotSink<T, E> {
    fn reply(self: Box<Self>, payload: Payload) {
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
pub fn decode_reply<T: DeserializeOwned>(
    body: &Payload,
) -> Result<Result<T, Infallible>, engset_etf::DeError> {
    body.deserialize().map(Ok)
}

/// How a reply `{ok, T}` or `{error, E}` that arrived as a term is read.
#[doc(hidden)]
pub fn decode_fallible_reply<T: DeserializeOwned, E: DeserializeOwned>(
    body: &Payload,
) -> Result<Result<T, E>, engset_etf::DeError> {
    body.deserialize()
}

impl<T, E> SentRequest<T, E> {
    /// Takes the monitor back: the answer is there.
    pub(crate) fn demonitor(&self) {
        wire::demonitor(&self.processes, self.me, &self.to, self.alias);
    }

    /// Takes the alias and the monitor back.
    pub(crate) fn close(&self) {
        self.processes.aliases().close(self.alias);
        self.demonitor();
    }
}

/// Whether this deadline has passed, by the clock of the running process's node. Outside of processes nobody knows.
fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| engset_process::now().is_some_and(|now| deadline <= now))
}
