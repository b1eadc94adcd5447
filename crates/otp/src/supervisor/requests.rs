//! What a supervisor can be asked, from Rust and, as OTP's `supervisor` module asks it, from any node.

use super::Running;
use super::children::{Key, State};
use super::spec::{Child, ChildKind};
use crate::call::Call;
use crate::gen_server::StartError;
use crate::reply::Reply;
use crate::wire;
use engset_process::{
    Addr, Cx, EncodeError, Encoded, ExitReason, Mail, Outgoing, Processes, Protocol, Rejected,
};
use engset_term::{Atom, Pid, Term};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A request to a supervisor.
#[derive(Debug)]
pub enum SupervisorMsg {
    /// The children, the one started last first.
    WhichChildren(Reply<Vec<ChildInfo>>),
    /// How many there are.
    CountChildren(Reply<Counts>),
    /// Start one more.
    StartChild(Child, Reply<Pid, ChildError>),
    /// Stop one; it stays in the list, unless the supervisor is dynamic.
    TerminateChild(ChildId, Reply<(), ChildError>),
    /// Start one that was stopped.
    RestartChild(ChildId, Reply<Pid, ChildError>),
    /// Forget one that was stopped.
    DeleteChild(ChildId, Reply<(), ChildError>),
    /// From the supervisor to itself: a restart failed.
    #[doc(hidden)]
    TryAgain(Retry),
}

/// Which restart is to be tried again.
#[doc(hidden)]
#[derive(Debug)]
pub struct Retry(pub(super) Key);

/// Which child is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildId {
    /// By the id in its specification.
    Id(String),
    /// By its pid.
    Pid(Pid),
}

/// What a supervisor says about one child. As a term `{Id, Pid | restarting | undefined, worker | supervisor, []}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildInfo {
    /// The id in its specification.
    pub id: String,
    /// Where it stands.
    pub state: ChildState,
    /// Whether it is itself a supervisor.
    pub kind: ChildKind,
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// It runs.
    Running(Pid),
    /// It is about to be started again.
    Restarting,
    /// It is not running.
    Stopped,
}

/// How many children a supervisor has. As a term a property list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All in the list.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors.
    pub supervisors: usize,
    /// Those that are workers.
    pub workers: usize,
}

/// Why a supervisor did not do what it was asked. As a term what OTP's `supervisor` has in `{error, Error}`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildError {
    /// No child has this id.
    NotFound,
    /// The child runs.
    Running,
    /// The child is being restarted.
    Restarting,
    /// A child with this id is there already, not running.
    AlreadyPresent,
    /// A child with this id is there already, running as this process.
    AlreadyStarted(Pid),
    /// It could not be started, for this reason.
    Start(Term),
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the supervisor has no such child"),
            Self::Running => f.write_str("the child is running"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::AlreadyPresent => {
                f.write_str("the supervisor has a child with this id, which is not running")
            }
            Self::AlreadyStarted(pid) => {
                write!(f, "the supervisor has a child with this id, running as {pid}")
            }
            Self::Start(reason) => write!(f, "the child could not be started: {reason}"),
        }
    }
}

impl std::error::Error for ChildError {}

/// A handle on a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SupervisorRef {
    addr: Addr<SupervisorMsg>,
}

impl SupervisorRef {
    /// The handle on the supervisor at `addr`.
    #[must_use]
    pub const fn new(addr: Addr<SupervisorMsg>) -> Self {
        Self { addr }
    }

    /// The supervisor's pid.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.addr.pid()
    }

    /// The children, the one started last first.
    pub fn which_children(&self) -> Call<SupervisorMsg, Vec<ChildInfo>> {
        Call::tracked(&self.addr, SupervisorMsg::WhichChildren)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Call<SupervisorMsg, Counts> {
        Call::tracked(&self.addr, SupervisorMsg::CountChildren)
    }

    /// Starts one more child. Only on this node: how to start it is code.
    pub fn start_child(&self, child: Child) -> Call<SupervisorMsg, Pid, ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::StartChild(child, reply))
    }

    /// Stops a child; waits until it has ended, which may take longer than the default timeout of a call.
    pub fn terminate_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, (), ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::TerminateChild(id.into(), reply))
    }

    /// Starts a child that was stopped.
    pub fn restart_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, Pid, ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::RestartChild(id.into(), reply))
    }

    /// Forgets a child that was stopped.
    pub fn delete_child(&self, id: impl Into<ChildId>) -> Call<SupervisorMsg, (), ChildError> {
        Call::tracked(&self.addr, |reply| SupervisorMsg::DeleteChild(id.into(), reply))
    }
}

impl From<Addr<SupervisorMsg>> for SupervisorRef {
    fn from(addr: Addr<SupervisorMsg>) -> Self {
        Self::new(addr)
    }
}

impl From<&str> for ChildId {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl From<Pid> for ChildId {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl Running {
    pub(super) async fn serve(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        message: SupervisorMsg,
    ) -> Result<(), ExitReason> {
        match message {
            SupervisorMsg::WhichChildren(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(self.which_children());
                }
            }
            SupervisorMsg::CountChildren(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(self.count_children());
                }
            }
            SupervisorMsg::StartChild(child, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.start_child(cx, child).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::TerminateChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.terminate_child(cx, &id).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::RestartChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.restart_child(cx, &id).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::DeleteChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    reply.answer(self.delete_child(&id));
                }
            }
            SupervisorMsg::TryAgain(Retry(key)) => {
                if self.children.entry(key).is_some_and(|entry| entry.state == State::Restarting) {
                    return self.restart(cx, key).await;
                }
            }
        }
        Ok(())
    }

    fn which_children(&self) -> Vec<ChildInfo> {
        let mut infos: Vec<ChildInfo> = self
            .children
            .iter()
            .map(|entry| ChildInfo {
                id: entry.child.id.clone(),
                state: match entry.state {
                    State::Running(pid) => ChildState::Running(pid),
                    State::Restarting => ChildState::Restarting,
                    State::Stopped => ChildState::Stopped,
                },
                kind: entry.child.kind,
            })
            .collect();
        infos.reverse();
        infos
    }

    fn count_children(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in self.children.iter() {
            counts.specs += 1;
            counts.active += usize::from(matches!(entry.state, State::Running(_)));
            counts.supervisors += usize::from(entry.child.kind == ChildKind::Supervisor);
            counts.workers += usize::from(entry.child.kind == ChildKind::Worker);
        }
        counts
    }

    async fn start_child(&mut self, cx: &mut Cx<SupervisorMsg>, child: Child) -> Result<Pid, ChildError> {
        if !self.children.is_dynamic()
            && let Some(key) = self.children.find(&child.id)
        {
            return Err(match self.children.running(key) {
                Some((pid, _)) => ChildError::AlreadyStarted(pid),
                None => ChildError::AlreadyPresent,
            });
        }
        self.add(cx, child).await.map_err(|error| start_error(&error))
    }

    async fn terminate_child(&mut self, cx: &mut Cx<SupervisorMsg>, id: &ChildId) -> Result<(), ChildError> {
        let key = self.find(id)?;
        self.stop_child(cx, key).await;
        let is_temporary =
            self.children.entry(key).is_some_and(|entry| entry.child.restart == super::Restart::Temporary);
        if self.children.is_dynamic() || is_temporary {
            self.children.remove(key);
        } else {
            self.children.set(key, State::Stopped);
        }
        Ok(())
    }

    async fn restart_child(&mut self, cx: &mut Cx<SupervisorMsg>, id: &ChildId) -> Result<Pid, ChildError> {
        let key = self.find_stopped(id)?;
        let Some(entry) = self.children.entry(key) else { return Err(ChildError::NotFound) };
        let start = Arc::clone(&entry.child.start);
        let pid = start(cx).await.map_err(|error| start_error(&error))?;
        self.children.set(key, State::Running(pid));
        Ok(pid)
    }

    fn delete_child(&mut self, id: &ChildId) -> Result<(), ChildError> {
        let key = self.find_stopped(id)?;
        self.children.remove(key);
        Ok(())
    }

    fn find(&self, id: &ChildId) -> Result<Key, ChildError> {
        let found = match id {
            ChildId::Id(id) => self.children.find(id),
            ChildId::Pid(pid) => self.children.key_of(*pid),
        };
        found.ok_or(ChildError::NotFound)
    }

    fn find_stopped(&self, id: &ChildId) -> Result<Key, ChildError> {
        let key = self.find(id)?;
        match self.children.entry(key).map(|entry| entry.state) {
            Some(State::Stopped) => Ok(key),
            Some(State::Running(_)) => Err(ChildError::Running),
            Some(State::Restarting) => Err(ChildError::Restarting),
            None => Err(ChildError::NotFound),
        }
    }
}

fn start_error(error: &StartError) -> ChildError {
    ChildError::Start(error.reason().to_term())
}

/// The requests as OTP's `supervisor` module sends them.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    WhichChildren,
    CountChildren,
    TerminateChild(Term),
    RestartChild(Term),
    DeleteChild(Term),
}

/// A supervisor takes no casts.
#[derive(Debug, Serialize, Deserialize)]
enum NoCast {}

impl Protocol for SupervisorMsg {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        let plain = crate::reply::decode_reply;
        match self {
            Self::WhichChildren(reply) => reply.send_request(out, &Request::WhichChildren, plain),
            Self::CountChildren(reply) => {
                reply.send_request(out, &Request::CountChildren, crate::reply::decode_reply)
            }
            Self::TerminateChild(id, reply) => {
                reply.send_request(out, &Request::TerminateChild(id.into_term()), fallible())
            }
            Self::RestartChild(id, reply) => {
                reply.send_request(out, &Request::RestartChild(id.into_term()), fallible())
            }
            Self::DeleteChild(id, reply) => {
                reply.send_request(out, &Request::DeleteChild(id.into_term()), fallible())
            }
            Self::StartChild(..) | Self::TryAgain(_) => {
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
                Self::RestartChild(ChildId::from_term(&id), Reply::from_term_fallible(caller, at))
            }
            Request::DeleteChild(id) => {
                Self::DeleteChild(ChildId::from_term(&id), Reply::from_term_fallible(caller, at))
            }
        };
        wire::decode(&encoded, at, call, |none: NoCast| match none {})
    }
}

fn fallible<T, E>() -> crate::reply::DecodeReply<T, E>
where
    T: serde::de::DeserializeOwned,
    E: serde::de::DeserializeOwned,
{
    crate::reply::decode_fallible_reply
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

/// An id as an atom, as OTP's children have it, where it fits into one.
pub(super) fn id_term(id: &str) -> Term {
    Atom::new(id).map_or_else(|_| Term::string(id), Term::Atom)
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
