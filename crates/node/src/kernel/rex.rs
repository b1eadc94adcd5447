//! `rex`: the server of `rpc`, for what does not go by spawn requests.
//!
//! Calls: `{call, M, F, A, GroupLeader}` runs in a process of its own, `{block_call, ...}` one after the other; the cast
//! `{cast, ...}` is not answered. C nodes send `{From, {call, M, F, A, GroupLeader}}` and are answered by
//! `{rex, Result}`; `{From, {sbcast, Name, Msg}}` and `{From, {send, Name, Msg}}` pass a message on. Who asks whether this
//! node has `erpc` (`{From, features_request}`) is told that it has. Each function that runs is a process under the same
//! limits as those of spawn requests; `rex` monitors the one of a block call.
//!
//! Answers go to whom a request names. It runs for the process that sent it, which its connection tells: a peer that may
//! call nothing could name another.

use super::user;
use crate::functions::{Refusal, RemoteCall, rpc_value, wanted};
use crate::node::Node;
use engset_otp::wire::{self as envelope, Envelope};
use engset_otp::{Child, Info, Reply, Server};
use engset_process::{
    Addr, ControlSignal, Cx, Dest, EncodeError, Encoded, Exit, ExitReason, Mail, Mark, Outgoing, Processes,
    Protocol, Rejected, SendError, SpawnOptions, SpawnedFor,
};
use engset_term::{Atom, Pid, Term};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

const NAME: Atom = Atom::from_static("rex");
/// So many block calls wait for their turn; one more is answered with `{badrpc, {'EXIT', system_limit}}`.
const BLOCK_CALLS_MAX: usize = 1_000;
/// So many bytes they have together while they wait; one that would make it more is refused in the same way.
const BLOCK_CALLS_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn child(node: &Weak<Node>) -> Child {
    let node = Weak::clone(node);
    let rex =
        move || Rex { node: Weak::clone(&node), blocked: VecDeque::new(), blocked_bytes: 0, running: None };
    Child::named_server(NAME, rex)
}

struct Rex {
    node: Weak<Node>,
    /// Block calls that wait for their turn.
    blocked: VecDeque<(Request, Back)>,
    blocked_bytes: usize,
    /// The process of the block call that runs.
    running: Option<engset_term::Reference>,
}

/// What `rex` is sent, with who sent it and its length in bytes.
struct RexMsg {
    sender: Option<Pid>,
    bytes: usize,
    told: Told,
}

enum Told {
    Call(Term, Reply<Term>),
    Cast(Term),
    Plain(Term),
}

impl Protocol for RexMsg {
    fn encode(self, _out: &Outgoing<'_>) -> Result<(), EncodeError> {
        Err(EncodeError::LocalOnly { protocol: "RexMsg" })
    }

    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let Encoded { from: sender, payload } = encoded;
        let bytes = payload.len();
        let term = |payload| Encoded { from: sender, payload }.term();
        let opened = envelope::open(&payload).map_err(|error| Rejected::Malformed(Box::new(error)))?;
        let told = match opened {
            Envelope::Call(caller, request) => Told::Call(term(request)?, Reply::from_term(caller, at)),
            Envelope::Cast(request) => Told::Cast(term(request)?),
            Envelope::Other(whole) => match term(whole)? {
                pair if pair.as_tuple().is_some_and(|parts| parts.len() == 2) => Told::Plain(pair),
                // A system message, or nothing that is known here.
                other => return Ok(Mail::Other(Box::new(other))),
            },
        };
        Ok(Mail::Message(Self { sender, bytes, told }))
    }
}

/// Where the value goes.
enum Back {
    /// To who called `rex`.
    Call(Reply<Term>),
    /// To a C node: as `{rex, Value}`.
    Message(Pid),
    /// Nowhere.
    Nobody,
}

/// Where the value goes, where whatever was to give one may end before.
struct Owed {
    processes: Arc<Processes>,
    rex: Pid,
    back: Option<Back>,
    /// The group leader of this call alone.
    leader: Option<Pid>,
}

/// What is to run, for whom, and for what group leader.
struct Request {
    /// Who sent it.
    sender: Pid,
    bytes: usize,
    parts: [Term; 3],
    group_leader: Option<Pid>,
    /// To whom goes what is written, in messages.
    stdout_to: Option<Pid>,
}

impl Request {
    /// From `{Tag, M, F, A, GroupLeader}`, in the name of `from`.
    fn new((sender, bytes): (Pid, usize), from: Pid, parts: &[Term], processes: &Processes) -> Option<Self> {
        let [_, module, function, args, leader] = parts else { return None };
        let group_leader = match leader {
            Term::Pid(pid) => Some(*pid),
            _ => processes.whereis(&Atom::from_static("user")),
        };
        let stdout_to = leader.is_atom("send_stdout_to_caller").then_some(from);
        let parts = [module.clone(), function.clone(), args.clone()];
        Some(Self { sender, bytes, parts, group_leader, stdout_to })
    }
}

impl Back {
    fn give(self, value: Term, rex: Pid, processes: &Arc<Processes>) {
        match self {
            Self::Call(reply) => reply.send(value),
            Self::Message(to) => {
                // One that is gone needs none.
                drop(processes.send(rex, &Dest::Pid(to), Term::tuple([Term::atom("rex"), value])));
            }
            Self::Nobody => {}
        }
    }
}

impl Owed {
    fn give(mut self, value: Term) {
        self.stop_leader();
        if let Some(back) = self.back.take() {
            back.give(value, self.rex, &self.processes);
        }
    }

    fn stop_leader(&mut self) {
        let Some(leader) = self.leader.take() else { return };
        // It has served what was asked of it before.
        let told = self.processes.send(self.rex, &Dest::Pid(leader), Term::atom("stop"));
        if let Err(SendError::Overloaded(_)) = told {
            // So much waits for it that it would not hear of it.
            let exit = ControlSignal::Exit { from: self.rex, reason: ExitReason::Kill };
            self.processes.signal(self.rex, &Dest::Pid(leader), exit);
        }
    }
}

impl Drop for Owed {
    /// The function was killed or has panicked, or there was no room for it. Who called hears so by the reply's end.
    fn drop(&mut self) {
        self.stop_leader();
        if let Some(back @ Back::Message(_)) = self.back.take() {
            back.give(badrpc(Atom::from_static("killed")), self.rex, &self.processes);
        }
    }
}

/// The value of a call that has none: `{badrpc, {'EXIT', Reason}}`.
fn badrpc(reason: Atom) -> Term {
    let exit = Term::tuple([Term::atom("EXIT"), Term::Atom(reason)]);
    Term::tuple([Term::atom("badrpc"), exit])
}

fn not_supported() -> Term {
    Term::tuple([Term::atom("error"), Term::atom("notsup")])
}

impl Server for Rex {
    type Msg = RexMsg;
    type Ref = Addr<RexMsg>;

    async fn handle(&mut self, message: RexMsg, cx: &mut Cx<RexMsg>) -> Result<(), Exit> {
        let RexMsg { sender, bytes, told } = message;
        let Some(sender) = sender else {
            // Nobody knows for whom it would run.
            cx.processes().count_dropped();
            if let Told::Call(_, reply) = told {
                reply.send(not_supported());
            }
            return Ok(());
        };
        match told {
            Told::Call(request, reply) => {
                let from = reply.caller().unwrap_or(sender);
                self.called((sender, bytes), from, &request, Back::Call(reply), cx);
            }
            Told::Cast(request) => self.called((sender, bytes), sender, &request, Back::Nobody, cx),
            Told::Plain(message) => {
                if let Some([from, request]) = message.as_tuple()
                    && let Some(from) = from.as_pid()
                {
                    self.told((sender, bytes), from, request, cx);
                }
            }
        }
        Ok(())
    }

    async fn info(&mut self, info: Info, cx: &mut Cx<RexMsg>) -> Result<(), Exit> {
        match info {
            Info::Down(down) if self.running == Some(down.reference) => {
                self.running = None;
                self.next(cx);
            }
            Info::Down(_) | Info::Exit(_) | Info::Message(_) | Info::Timeout => {}
        }
        Ok(())
    }
}

impl Rex {
    fn called(&mut self, sent: (Pid, usize), from: Pid, request: &Term, back: Back, cx: &mut Cx<RexMsg>) {
        let parts = request.as_tuple().unwrap_or_default();
        let tag = parts.first().and_then(Term::as_atom).map_or("", Atom::as_str);
        let Some(wish) = Request::new(sent, from, parts, cx.processes()) else {
            // An answer keeps who calls from waiting.
            back.give(not_supported(), cx.pid(), cx.processes());
            return;
        };
        match tag {
            "call" | "cast" => drop(self.run(wish, back, cx)),
            "block_call" if !self.has_room(wish.bytes) => {
                tracing::warn!(%from, "too many block calls wait: one is refused");
                if let Some(node) = self.node.upgrade() {
                    node.functions().count_refusal(Refusal::OverLimit);
                }
                back.give(badrpc(Refusal::OverLimit.atom()), cx.pid(), cx.processes());
            }
            "block_call" => {
                self.blocked_bytes = self.blocked_bytes.saturating_add(wish.bytes);
                self.blocked.push_back((wish, back));
                self.next(cx);
            }
            _ => back.give(not_supported(), cx.pid(), cx.processes()),
        }
    }

    /// Whether one more block call of so many bytes may wait. One alone may be of any size that may run.
    fn has_room(&self, bytes: usize) -> bool {
        let fits = self.blocked_bytes.saturating_add(bytes) <= BLOCK_CALLS_BYTES_MAX;
        self.blocked.is_empty() || (fits && self.blocked.len() < BLOCK_CALLS_MAX)
    }

    /// Runs the next block call, if none runs.
    fn next(&mut self, cx: &mut Cx<RexMsg>) {
        while self.running.is_none()
            && let Some((wish, back)) = self.blocked.pop_front()
        {
            self.blocked_bytes = self.blocked_bytes.saturating_sub(wish.bytes);
            self.running = self.run(wish, back, cx).map(|pid| cx.monitor(pid));
        }
    }

    /// Runs a function in a process of its own; its pid.
    fn run(&self, wish: Request, back: Back, cx: &Cx<RexMsg>) -> Option<Pid> {
        let Request { sender, bytes, parts: [module, function, args], group_leader, stdout_to } = wish;
        let node = self.node.upgrade()?;
        let place = match node.functions().enter(sender.node(), bytes) {
            Ok(place) => place,
            Err(refusal) => {
                node.functions().count_refusal(refusal);
                back.give(badrpc(refusal.atom()), cx.pid(), cx.processes());
                return None;
            }
        };
        let processes = Arc::clone(cx.processes());
        let leader = stdout_to.and_then(|to| user::start_for(cx, to));
        let owed = Owed { processes: Arc::clone(&processes), rex: cx.pid(), back: Some(back), leader };
        let options = SpawnOptions { group_leader: leader.or(group_leader), ..SpawnOptions::default() };
        let client = SpawnedFor { from: sender, link: false, monitor: None };
        let spawned = processes.spawn_for(options, client, move |mut cx: Cx<Term>| async move {
            cx.end_quietly();
            let outcome = match wanted(&module, &function, &args) {
                Ok(wanted) => {
                    let (module, function, args) = (wanted.module, wanted.function, wanted.args);
                    let call =
                        RemoteCall { node: Arc::clone(&node), caller: sender, module, function, args, cx };
                    node.functions().run(call).await
                }
                Err(raised) => Err(raised),
            };
            drop(place);
            owed.give(rpc_value(outcome));
        });
        spawned.ok().map(|addr: Addr<Term>| addr.pid())
    }

    /// A plain message.
    fn told(&self, sent: (Pid, usize), from: Pid, request: &Term, cx: &Cx<RexMsg>) {
        let answer = |answer: [Term; 3]| drop(cx.send(from, Term::tuple(answer)));
        let name = self.node.upgrade().map_or_else(|| cx.node(), |node| node.name());
        let node = || Term::Atom(Atom::from(name));
        if request.is_atom("features_request") {
            answer([Term::atom("features_reply"), node(), Term::list([Term::atom("erpc")])]);
            return;
        }
        let parts = request.as_tuple().unwrap_or_default();
        match (parts.first().and_then(Term::as_atom).map_or("", Atom::as_str), parts) {
            ("call", parts) => {
                if let Some(wish) = Request::new(sent, from, parts, cx.processes()) {
                    self.run(wish, Back::Message(from), cx);
                }
            }
            ("sbcast", [_, name, message]) => {
                let is_there = pass_on(sent.0, name, message, cx);
                let nobody = || Term::tuple([Term::atom("nonexisting_name"), name.clone()]);
                answer([Term::atom("rex"), node(), if is_there { node() } else { nobody() }]);
            }
            ("send", [_, name, message])
                if !pass_on(sent.0, name, &Term::tuple([Term::Pid(from), message.clone()]), cx) =>
            {
                let nobody = Term::tuple([Term::atom("nonexisting_name"), name.clone()]);
                answer([Term::atom("rex"), node(), nobody]);
            }
            _ => {}
        }
    }
}

/// Sends a message to whoever holds `name` here; false where nobody does. It is `sender`'s still: in `rex`'s own name it
/// would be a word of this node, which has more rights here than a peer.
fn pass_on(sender: Pid, name: &Term, message: &Term, cx: &Cx<RexMsg>) -> bool {
    let Some(pid) = name.as_atom().and_then(|name| cx.processes().whereis(name)) else { return false };
    let mut body = Vec::new();
    engset_etf::encode_body(message, &mut body);
    let mark = Mark { token: cx.processes().trace_token(cx.pid()), priority: false };
    cx.processes().deliver_with(Some(sender), &Dest::Pid(pid), body.into(), mark);
    true
}
