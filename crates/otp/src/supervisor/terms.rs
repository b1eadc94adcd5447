//! Supervisors over the network: the requests as OTP's `supervisor` module sends them, from and to any node.

use super::requests::{
    ChildError, ChildId, ChildInfo, ChildSpec, ChildState, Counts, SupervisorMsg, id_term,
};
use super::spec::{ChildKind, Restart, Shutdown};
use crate::reply::{DecodeReply, Reply, decode_fallible_reply, decode_reply};
use crate::wire;
use engset_etf::Payload;
use engset_process::{EncodeError, Encoded, Mail, Outgoing, Processes, Protocol, Rejected};
use engset_term::{Atom, Pid, Term};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The requests as OTP's `supervisor` module sends them.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    WhichChildren,
    CountChildren,
    TerminateChild(Term),
    RestartChild(Term),
    DeleteChild(Term),
    // As OTP's word is, in one.
    #[serde(rename = "get_childspec")]
    GetChildspec(Term),
}

/// A supervisor takes no casts.
#[derive(Debug, Serialize, Deserialize)]
enum NoCast {}

#[diagnostic::do_not_recommend]
impl Protocol for SupervisorMsg {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        match self {
            Self::WhichChildren(reply) => reply.send_request(out, &Request::WhichChildren, decode_reply),
            Self::CountChildren(reply) => reply.send_request(out, &Request::CountChildren, decode_reply),
            Self::TerminateChild(id, reply) => {
                reply.send_request(out, &Request::TerminateChild(id.into_term()), decode_fallible_reply)
            }
            Self::RestartChild(id, reply) => {
                reply.send_request(out, &Request::RestartChild(id.into_term()), decode_pid)
            }
            Self::DeleteChild(id, reply) => {
                reply.send_request(out, &Request::DeleteChild(id.into_term()), decode_fallible_reply)
            }
            Self::GetChildspec(id, reply) => {
                let request = Request::GetChildspec(id.into_term());
                reply.send_request(out, &request, decode_fallible_reply)
            }
            Self::StartChild(..) | Self::Update(..) | Self::TryAgain(_) => {
                Err(EncodeError::LocalOnly { protocol: std::any::type_name::<Self>() })
            }
        }
    }

    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let call = |request, caller, at: &Arc<Processes>| match request {
            Request::WhichChildren => Self::WhichChildren(Reply::from_term(caller, at)),
            Request::CountChildren => Self::CountChildren(Reply::from_term(caller, at)),
            Request::TerminateChild(id) => {
                Self::TerminateChild(ChildId::from_term(&id), Reply::from_term_fallible(caller, at))
            }
            Request::RestartChild(id) => {
                Self::RestartChild(ChildId::from_term(&id), Reply::from_term_as(caller, at, encode_pid))
            }
            Request::DeleteChild(id) => {
                Self::DeleteChild(ChildId::from_term(&id), Reply::from_term_fallible(caller, at))
            }
            Request::GetChildspec(id) => {
                Self::GetChildspec(ChildId::from_term(&id), Reply::from_term_fallible(caller, at))
            }
        };
        wire::decode(&encoded, at, call, |none: NoCast| match none {})
    }
}

/// A supervisor says to other nodes `{ok, undefined}` of a child that asked not to be run.
fn decode_pid(body: &Payload) -> Result<Result<Pid, ChildError>, engset_etf::DeError> {
    let decode: DecodeReply<Term, ChildError> = decode_fallible_reply;
    let answer = decode(body)?;
    if answer.as_ref().is_ok_and(|pid| pid.is_atom("undefined")) {
        return Ok(Err(ChildError::Ignored));
    }
    decode_fallible_reply(body)
}

/// As [`decode_pid`] reads it.
fn encode_pid(answer: &Result<Pid, ChildError>, out: &mut Vec<u8>) -> Result<(), engset_etf::SerError> {
    match answer {
        Err(ChildError::Ignored) => engset_etf::to_body(&Ok::<_, ChildError>(Term::atom("undefined")), out),
        answer => engset_etf::to_body(answer, out),
    }
}

impl ChildId {
    fn into_term(self) -> Term {
        match self {
            Self::Id(id) => id_term(&id),
            Self::Pid(pid) => Term::Pid(pid),
        }
    }

    fn from_term(term: &Term) -> Self {
        match (term.as_pid(), term.as_atom(), term.as_binary()) {
            (Some(pid), _, _) => Self::Pid(pid),
            (_, Some(atom), _) => Self::Id(atom.as_str().to_owned()),
            (_, _, Some(text)) => Self::Id(String::from_utf8_lossy(text).into_owned()),
            _ => Self::Id(term.to_string()),
        }
    }
}

impl Serialize for ChildInfo {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = match self.state {
            ChildState::Running(pid) => Term::Pid(pid),
            ChildState::Restarting => Term::atom("restarting"),
            ChildState::Stopped => Term::atom("undefined"),
        };
        let kind = match self.kind {
            ChildKind::Worker => Term::atom("worker"),
            ChildKind::Supervisor => Term::atom("supervisor"),
        };
        (id_term(&self.id), state, kind, Vec::<Term>::new()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChildInfo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, state, kind, _modules) = <(Term, Term, Term, Term)>::deserialize(deserializer)?;
        let id = match ChildId::from_term(&id) {
            ChildId::Id(id) => id,
            ChildId::Pid(pid) => pid.to_string(),
        };
        let state = match state.as_pid() {
            Some(pid) => ChildState::Running(pid),
            None if state.is_atom("restarting") => ChildState::Restarting,
            None => ChildState::Stopped,
        };
        let kind = if kind.is_atom("supervisor") { ChildKind::Supervisor } else { ChildKind::Worker };
        Ok(Self { id, state, kind })
    }
}

impl Serialize for ChildError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let term = match self {
            Self::NotFound => Term::atom("not_found"),
            Self::Running => Term::atom("running"),
            Self::Restarting => Term::atom("restarting"),
            Self::AlreadyPresent => Term::atom("already_present"),
            Self::AlreadyStarted(pid) => Term::tuple([Term::atom("already_started"), Term::Pid(*pid)]),
            Self::MaxChildren => Term::atom("max_children"),
            Self::Dynamic => Term::atom("simple_one_for_one"),
            Self::Ignored => Term::atom("ignore"),
            Self::Refused(error) => error.to_term(),
            Self::Start(reason) => return reason.serialize(serializer),
        };
        term.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChildError {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let term = Term::deserialize(deserializer)?;
        if let Some([tag, pid]) = term.as_tuple()
            && let (true, Some(pid)) = (tag.is_atom("already_started"), pid.as_pid())
        {
            return Ok(Self::AlreadyStarted(pid));
        }
        Ok(match term.as_atom().map(Atom::as_str) {
            Some("not_found") => Self::NotFound,
            Some("running") => Self::Running,
            Some("restarting") => Self::Restarting,
            Some("already_present") => Self::AlreadyPresent,
            Some("max_children") => Self::MaxChildren,
            Some("simple_one_for_one") => Self::Dynamic,
            Some("ignore") => Self::Ignored,
            _ => Self::Start(term),
        })
    }
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |name: &'static str, number: usize| (Term::atom(name), number);
        [
            pair("specs", self.specs),
            pair("active", self.active),
            pair("supervisors", self.supervisors),
            pair("workers", self.workers),
        ]
        .as_slice()
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut counts = Self::default();
        for (name, number) in Vec::<(Atom, usize)>::deserialize(deserializer)? {
            match name.as_str() {
                "specs" => counts.specs = number,
                "active" => counts.active = number,
                "supervisors" => counts.supervisors = number,
                "workers" => counts.workers = number,
                _ => {}
            }
        }
        Ok(counts)
    }
}

/// A specification as OTP's map has it. What is started how is code, and does not travel.
#[derive(Serialize, Deserialize)]
struct SpecMap {
    id: Term,
    #[serde(default = "undefined")]
    start: Term,
    restart: Term,
    significant: bool,
    shutdown: Term,
    #[serde(rename = "type")]
    kind: Term,
    #[serde(default = "undefined")]
    modules: Term,
}

fn undefined() -> Term {
    Term::atom("undefined")
}

impl Serialize for ChildSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = SpecMap {
            id: id_term(&self.id),
            start: undefined(),
            restart: Term::atom(match self.restart {
                Restart::Permanent => "permanent",
                Restart::Transient => "transient",
                Restart::Temporary => "temporary",
            }),
            significant: self.significant,
            shutdown: match self.shutdown {
                Shutdown::BrutalKill => Term::atom("brutal_kill"),
                Shutdown::Infinity => Term::atom("infinity"),
                Shutdown::Timeout(patience) => {
                    Term::from(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX))
                }
            },
            kind: Term::atom(match self.kind {
                ChildKind::Worker => "worker",
                ChildKind::Supervisor => "supervisor",
            }),
            modules: Term::Nil,
        };
        map.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChildSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = SpecMap::deserialize(deserializer)?;
        let id = match ChildId::from_term(&map.id) {
            ChildId::Id(id) => id,
            ChildId::Pid(pid) => pid.to_string(),
        };
        let restart = match map.restart.as_atom().map(Atom::as_str) {
            Some("temporary") => Restart::Temporary,
            Some("transient") => Restart::Transient,
            _ => Restart::Permanent,
        };
        let shutdown = match map.shutdown.as_int().and_then(|millis| u64::try_from(millis).ok()) {
            Some(millis) => Shutdown::Timeout(Duration::from_millis(millis)),
            None if map.shutdown.is_atom("brutal_kill") => Shutdown::BrutalKill,
            None => Shutdown::Infinity,
        };
        let kind = if map.kind.is_atom("supervisor") { ChildKind::Supervisor } else { ChildKind::Worker };
        Ok(Self { id, restart, significant: map.significant, shutdown, kind })
    }
}
