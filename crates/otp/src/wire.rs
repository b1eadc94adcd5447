//! How calls and casts look as Erlang terms: the `$gen_call` and `$gen_cast` envelopes, both ways.
//!
//! A call is `{'$gen_call', {Pid, Tag}, Request}` and its reply `{Tag, Reply}`. A tag `[alias | Ref]` asks for the
//! reply to be sent to the alias `Ref`, which is also the caller's monitor. Tags are echoed unchanged.

use engset_etf::{
    Body, DecodeError, Payload, Reader, put_atom, put_list_header, put_pid, put_reference, put_tuple_header,
};
use engset_process::{
    ControlSignal, Dest, EncodeError, Encoded, ExitReason, Mail, Processes, Protocol, Rejected,
};
use engset_term::{Pid, Reference, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How the text begins that a caller is told whose request was not understood.
const NOT_RUN: &str = "request not understood and not run: ";

/// What a caller is told whose request was dropped.
const NO_REPLY: &str = "the server dropped the request without an answer";

/// Who called, as the envelope says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The calling process.
    pub pid: Pid,
    /// To be echoed in the reply.
    pub tag: Term,
}

impl Caller {
    /// A caller that awaits the reply at `alias`.
    #[must_use]
    pub fn alias(pid: Pid, alias: Reference) -> Self {
        Self { pid, tag: Term::improper_list([Term::atom("alias")], Term::from(alias)) }
    }

    /// Where the reply goes.
    #[must_use]
    pub fn dest(&self) -> Dest {
        self.alias_reference().map_or(Dest::Pid(self.pid), Dest::Alias)
    }

    /// The next term, if it is a caller.
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let start = reader.clone();
        if reader.tuple_header() == Ok(2)
            && let Ok(pid) = reader.pid()
        {
            return Ok(Some(Self { pid, tag: reader.term()? }));
        }
        *reader = start;
        reader.skip_term()?;
        Ok(None)
    }

    /// The alias in a tag `[alias | Ref]`, or `[[alias | Ref] | Payload]` of a caller that keeps something in it.
    fn alias_reference(&self) -> Option<Reference> {
        let list = self.tag.as_list()?;
        let first = list.elements().first()?;
        if first.is_atom("alias") {
            return list.tail().as_ref_id();
        }
        let inner = first.as_list()?;
        let is_alias = inner.elements().first().is_some_and(|first| first.is_atom("alias"));
        if is_alias { inner.tail().as_ref_id() } else { None }
    }

    /// The reference that identifies the caller's monitor on the callee, where the tag tells.
    pub(crate) fn monitor_reference(&self) -> Option<Reference> {
        self.alias_reference().or_else(|| self.tag.as_ref_id())
    }
}

/// The envelope of a message that arrived as a term.
#[derive(Debug)]
pub enum Envelope {
    /// A call; the bytes are the request's.
    Call(Caller, Payload),
    /// A cast; the bytes are the request's.
    Cast(Payload),
    /// Anything else, whole.
    Other(Payload),
}

/// Takes a message apart without decoding the request.
///
/// # Errors
/// When the bytes are no term.
pub fn open(payload: &Payload) -> Result<Envelope, DecodeError> {
    let mut reader = payload.reader();
    let arity = reader.tuple_header().ok();
    let tag = arity.and_then(|_| reader.atom().ok());
    let tag = tag.as_ref().map(engset_term::Atom::as_str);
    match (arity, tag) {
        (Some(3), Some("$gen_call")) => match Caller::read(&mut reader)? {
            Some(caller) => Ok(Envelope::Call(caller, payload.slice(reader.position()..))),
            None => Ok(Envelope::Other(payload.clone())),
        },
        (Some(2), Some("$gen_cast")) => Ok(Envelope::Cast(payload.slice(reader.position()..))),
        _ => Ok(Envelope::Other(payload.clone())),
    }
}

/// Makes a mailbox entry of what arrived as a term, for a protocol whose requests are serde values.
///
/// # Errors
/// [`Rejected`] where the request is not one of the protocol's.
pub fn decode<P, C, K>(
    encoded: &Encoded,
    processes: &Arc<Processes>,
    call: impl FnOnce(C, Caller, &Arc<Processes>) -> P,
    cast: impl FnOnce(K) -> P,
) -> Result<Mail<P>, Rejected>
where
    P: Protocol,
    C: DeserializeOwned,
    K: DeserializeOwned,
{
    match open(&encoded.payload).map_err(malformed)? {
        Envelope::Call(caller, request) => {
            // Types of the program may panic; its caller must hear of that too.
            match catch_unwind(AssertUnwindSafe(|| request.deserialize::<C>())) {
                Ok(Ok(request)) => Ok(Mail::Message(call(request, caller, processes))),
                Ok(Err(error)) => Err(bad_request(&caller, error)),
                Err(_payload) => Err(bad_request(&caller, ReadPanicked)),
            }
        }
        Envelope::Cast(request) => match request.deserialize::<K>() {
            Ok(request) => Ok(Mail::Message(cast(request))),
            Err(error) => Err(Rejected::NotUnderstood(Box::new(error))),
        },
        Envelope::Other(_) => encoded.term().map(|term| Mail::Other(Box::new(term))),
    }
}

/// A call with `request`.
///
/// # Errors
/// When the request has no Erlang form.
pub fn call(caller: &Caller, request: &impl Serialize) -> Result<Body, EncodeError> {
    call_as("$gen_call", caller, request)
}

/// As [`call`], with another first word: `{Label, {Pid, Tag}, Request}`.
pub(crate) fn call_as(label: &str, caller: &Caller, request: &impl Serialize) -> Result<Body, EncodeError> {
    call_with(label, caller.pid, |out| engset_etf::encode_body(&caller.tag, out), request)
}

/// As [`call_as`], of a caller that awaits the reply at `alias`.
pub(crate) fn call_by_alias(
    label: &str,
    pid: Pid,
    alias: &Reference,
    request: &impl Serialize,
) -> Result<Body, EncodeError> {
    let put_tag = |out: &mut Vec<u8>| {
        put_list_header(out, 1);
        put_atom(out, "alias");
        put_reference(out, alias);
    };
    call_with(label, pid, put_tag, request)
}

fn call_with(
    label: &str,
    pid: Pid,
    put_tag: impl FnOnce(&mut Vec<u8>),
    request: &impl Serialize,
) -> Result<Body, EncodeError> {
    let mut out = Vec::with_capacity(128);
    put_tuple_header(&mut out, 3);
    put_atom(&mut out, label);
    put_tuple_header(&mut out, 2);
    put_pid(&mut out, pid);
    put_tag(&mut out);
    engset_etf::to_body(request, &mut out).map_err(|error| EncodeError::Value(Box::new(error)))?;
    Ok(out.into())
}

/// A cast with `request`.
///
/// # Errors
/// When the request has no Erlang form.
pub fn cast(request: &impl Serialize) -> Result<Body, EncodeError> {
    let mut out = Vec::with_capacity(64);
    put_tuple_header(&mut out, 2);
    put_atom(&mut out, "$gen_cast");
    engset_etf::to_body(request, &mut out).map_err(|error| EncodeError::Value(Box::new(error)))?;
    Ok(out.into())
}

/// The reply `{Tag, Reply}` to `caller`; `reply` is encoded already.
#[must_use]
pub fn reply(caller: &Caller, reply: &[u8]) -> Body {
    let mut out = Vec::with_capacity(64 + reply.len());
    put_tuple_header(&mut out, 2);
    engset_etf::encode_body(&caller.tag, &mut out);
    out.extend_from_slice(reply);
    out.into()
}

/// The reply part of a message `{Tag, Reply}`.
///
/// # Errors
/// When the message is no such pair.
pub fn open_reply(payload: &Payload) -> Result<Payload, DecodeError> {
    let mut reader = payload.reader();
    reader.tuple_header()?;
    reader.skip_term()?;
    Ok(payload.slice(reader.position()..))
}

/// The reason with which the monitor of a caller fires whose request was not understood: `{bad_request, Text}`. The
/// text begins with `NOT_RUN`, by which callers know that it is not a server's own reason to end.
#[must_use]
pub fn bad_request_reason(why: &str) -> ExitReason {
    let text = format!("{NOT_RUN}{why}");
    ExitReason::from_term(Term::tuple([Term::atom("bad_request"), Term::string(&text)]))
}

/// Whether `reason` is [`bad_request_reason`]; why.
pub(crate) fn bad_request_text(reason: &ExitReason) -> Option<String> {
    let term = reason.to_term();
    match term.as_tuple()? {
        [tag, why] if tag.is_atom("bad_request") => {
            Some(String::from_utf8_lossy(why.as_binary()?).strip_prefix(NOT_RUN)?.to_owned())
        }
        _ => None,
    }
}

/// The reason with which the monitor of a caller fires whose request is dropped: `{no_reply, Text}`.
pub(crate) fn no_reply_reason() -> ExitReason {
    ExitReason::from_term(Term::tuple([Term::atom("no_reply"), Term::string(NO_REPLY)]))
}

/// Whether `reason` is [`no_reply_reason`].
pub(crate) fn is_no_reply(reason: &ExitReason) -> bool {
    *reason == no_reply_reason()
}

pub(crate) fn monitor(processes: &Processes, me: Pid, to: &Dest, reference: Reference) {
    let name = match to {
        Dest::Name(name) | Dest::RemoteName(name, _) => Some(name.clone()),
        Dest::Pid(_) | Dest::Alias(_) => None,
    };
    processes.signal(me, to, ControlSignal::Monitor { watcher: me, reference, name });
}

pub(crate) fn demonitor(processes: &Processes, me: Pid, to: &Dest, reference: Reference) {
    processes.signal(me, to, ControlSignal::Demonitor { watcher: me, reference });
}

/// The program's own code panicked while it read a request.
#[derive(Debug)]
pub(crate) struct ReadPanicked;

impl fmt::Display for ReadPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the code that reads the request panicked")
    }
}

impl std::error::Error for ReadPanicked {}

pub(crate) fn bad_request(
    caller: &Caller,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Rejected {
    match caller.monitor_reference() {
        Some(reference) => {
            let reason = bad_request_reason(&error.to_string());
            Rejected::Call { caller: caller.pid, reference, reason }
        }
        None => Rejected::NotUnderstood(Box::new(error)),
    }
}

pub(crate) fn malformed(error: DecodeError) -> Rejected {
    Rejected::Malformed(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;

    /// `gen_server_SUITE`, `gen_statem_SUITE` `reply_by_alias_with_payload`: a tag may hold more than the alias.
    #[test]
    fn reply_by_alias_with_payload() {
        let alias = Reference::from_words(NodeName::NONODE, 1, [1, 2, 3]);
        let pid = Pid::new(NodeName::NONODE, 1, 1, 0);
        let plain = Caller::alias(pid, alias);
        assert_eq!(plain.dest(), Dest::Alias(alias));
        let tag = Term::improper_list([plain.tag], Term::string("payload"));
        assert_eq!(Caller { pid, tag }.dest(), Dest::Alias(alias));
        let tag = Term::list([Term::atom("alias")]);
        assert_eq!(Caller { pid, tag }.dest(), Dest::Pid(pid));
    }

    #[test]
    fn a_call_by_alias_is_that_of_its_caller() {
        let alias = Reference::from_words(NodeName::NONODE, 1, [1, 2, 3]);
        let pid = Pid::new(NodeName::NONODE, 1, 1, 0);
        let by_alias = call_by_alias("$gen_call", pid, &alias, &("add", 3)).expect("it has an Erlang form");
        assert_eq!(call(&Caller::alias(pid, alias), &("add", 3)).expect("it has an Erlang form"), by_alias);
        assert!(by_alias.as_slice().is_some(), "it is in one piece");
        match open(&Payload::new(by_alias.into_bytes())).expect("a term") {
            Envelope::Call(caller, request) => {
                assert_eq!(caller, Caller::alias(pid, alias));
                assert_eq!(
                    request.deserialize::<(String, u8)>().expect("the request"),
                    ("add".to_owned(), 3)
                );
            }
            other => panic!("no call: {other:?}"),
        }
    }

    #[test]
    fn what_is_nearly_a_call_is_no_call() {
        let pid = Term::from(Pid::new(NodeName::NONODE, 1, 1, 0));
        let call = Term::atom("$gen_call");
        for from in [
            Term::tuple([pid.clone()]),
            Term::tuple([pid.clone(), Term::Nil, Term::Nil]),
            Term::tuple([Term::Nil, pid.clone()]),
            Term::list([pid, Term::Nil]),
        ] {
            let bytes = Body::of(&Term::tuple([call.clone(), from, Term::Nil])).into_bytes();
            assert!(matches!(open(&bytes.into()), Ok(Envelope::Other(_))));
        }
        let broken =
            [104, 3, 119, 9, b'$', b'g', b'e', b'n', b'_', b'c', b'a', b'l', b'l', 104, 2, 1, 106, 106];
        assert!(open(&Payload::from(broken.to_vec())).is_err());
    }
}
