//! `rex`: the server of `rpc`, for what does not go by spawn requests.
//!
//! Calls: `{call, M, F, A, GroupLeader}` runs in a process of its own, `{block_call, ...}` one after the other; the cast
//! `{cast, ...}` is not answered. C nodes send `{From, {call, M, F, A, GroupLeader}}` and are answered by
//! `{rex, Result}`; `{From, {sbcast, Name, Msg}}` and `{From, {send, Name, Msg}}` pass a message on. Who asks whether this
//! node has `erpc` (`{From, features_request}`) is told that it has. Each function that runs is a process under the same
//! limits as those of spawn requests; `rex` monitors the one of a block call.

use super::user;
use crate::functions::{Refusal, RemoteCall, rpc_value, wanted};
use crate::node::Node;
use engset_otp::{Child, Dynamic, Info, Reply, Server};
use engset_process::{Addr, Cx, Dest, Exit, SpawnOptions, SpawnedFor};
use engset_term::{Atom, Pid, Term};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

const NAME: Atom = Atom::from_static("rex");
/// So many block calls wait for their turn; one more is answered with `{badrpc, {'EXIT', system_limit}}`.
const BLOCK_CALLS_MAX: usize = 1_000;

pub(super) fn child(node: &Weak<Node>) -> Child {
    let node = Weak::clone(node);
    let rex = move || Rex { node: Weak::clone(&node), blocked: VecDeque::new(), running: None };
    Child::named_server(NAME, rex)
}

struct Rex {
    node: Weak<Node>,
    /// Block calls that wait for their turn.
    blocked: VecDeque<(Request, Back)>,
    /// The process of the block call that runs.
    running: Option<engset_term::Reference>,
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

/// What is to run, for whom, and for what group leader.
struct Request {
    from: Pid,
    parts: [Term; 3],
    group_leader: Option<Pid>,
    /// Whether what is written goes to the caller, in messages.
    to_caller: bool,
}

impl Request {
    /// From `{Tag, M, F, A, GroupLeader}`.
    fn new(from: Pid, parts: &[Term], processes: &engset_process::Processes) -> Option<Self> {
        let [_, module, function, args, leader] = parts else { return None };
        let group_leader = match leader {
            Term::Pid(pid) => Some(*pid),
            _ => processes.whereis(&Atom::from_static("user")),
        };
        let to_caller = leader.is_atom("send_stdout_to_caller");
        let parts = [module.clone(), function.clone(), args.clone()];
        Some(Self { from, parts, group_leader, to_caller })
    }
}

impl Back {
    fn give(self, value: Term, cx: &Cx<impl engset_process::Protocol>) {
        match self {
            Self::Call(reply) => reply.send(value),
            // One that is gone needs none.
            Self::Message(to) => drop(cx.send(to, Term::tuple([Term::atom("rex"), value]))),
            Self::Nobody => {}
        }
    }
}

/// The value of a call that is refused: `{badrpc, {'EXIT', Reason}}`.
fn refused(refusal: Refusal) -> Term {
    let exit = Term::tuple([Term::atom("EXIT"), Term::Atom(refusal.atom())]);
    Term::tuple([Term::atom("badrpc"), exit])
}

impl Server for Rex {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            Dynamic::Call(request, reply) => {
                let from = reply.caller().unwrap_or_else(|| cx.pid());
                self.called(from, &request, Back::Call(reply), cx);
            }
            Dynamic::Cast(request) => {
                let caller = cx.pid();
                self.called(caller, &request, Back::Nobody, cx);
            }
        }
        Ok(())
    }

    async fn info(&mut self, info: Info, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match info {
            Info::Down(down) if self.running == Some(down.reference) => {
                self.running = None;
                self.next(cx);
            }
            Info::Message(message) => {
                if let Some([from, request]) = message.as_tuple()
                    && let Some(from) = from.as_pid()
                {
                    self.told(from, request, cx);
                }
            }
            Info::Down(_) | Info::Exit(_) | Info::Timeout => {}
        }
        Ok(())
    }
}

impl Rex {
    fn called(&mut self, from: Pid, request: &Term, back: Back, cx: &mut Cx<Dynamic>) {
        let parts = request.as_tuple().unwrap_or_default();
        let tag = parts.first().and_then(Term::as_atom).map_or("", Atom::as_str);
        let Some(wish) = Request::new(from, parts, cx.processes()) else {
            // An answer keeps who calls from waiting.
            back.give(Term::tuple([Term::atom("error"), Term::atom("notsup")]), cx);
            return;
        };
        match tag {
            "call" | "cast" => drop(self.run(wish, back, cx)),
            "block_call" if self.blocked.len() >= BLOCK_CALLS_MAX => {
                tracing::warn!(%from, "too many block calls wait: one is refused");
                back.give(refused(Refusal::OverLimit), cx);
            }
            "block_call" => {
                self.blocked.push_back((wish, back));
                self.next(cx);
            }
            _ => back.give(Term::tuple([Term::atom("error"), Term::atom("notsup")]), cx),
        }
    }

    /// Runs the next block call, if none runs.
    fn next(&mut self, cx: &mut Cx<Dynamic>) {
        while self.running.is_none()
            && let Some((wish, back)) = self.blocked.pop_front()
        {
            self.running = self.run(wish, back, cx).map(|pid| cx.monitor(pid));
        }
    }

    /// Runs a function in a process of its own; its pid.
    fn run(&self, wish: Request, back: Back, cx: &Cx<Dynamic>) -> Option<Pid> {
        let node = self.node.upgrade()?;
        let place = match node.functions().enter(wish.from.node(), 0) {
            Ok(place) => place,
            Err(refusal) => {
                node.functions().count_refusal(refusal);
                back.give(refused(refusal), cx);
                return None;
            }
        };
        let own = wish.to_caller.then(|| user::start_for(cx, wish.from)).flatten();
        let options = SpawnOptions { group_leader: own.or(wish.group_leader), ..SpawnOptions::default() };
        // Who called is told of its end by the reply that is dropped then.
        let client = SpawnedFor { from: wish.from, link: false, monitor: None };
        let processes = Arc::clone(cx.processes());
        let spawned = processes.spawn_for(options, client, move |mut cx: Cx<Term>| async move {
            cx.end_quietly();
            let [module, function, args] = &wish.parts;
            let me = cx.pid();
            let processes = Arc::clone(cx.processes());
            let outcome = match wanted(module, function, args) {
                Ok(wanted) => {
                    let (module, function, args) = (wanted.module, wanted.function, wanted.args);
                    let call =
                        RemoteCall { node: Arc::clone(&node), caller: wish.from, module, function, args, cx };
                    node.functions().run(call).await
                }
                Err(raised) => Err(raised),
            };
            drop(place);
            if let Some(own) = own {
                // It has served what was asked of it before.
                drop(processes.send(me, &Dest::Pid(own), Term::atom("stop")));
            }
            match back {
                Back::Call(reply) => reply.send(rpc_value(outcome)),
                Back::Message(to) => {
                    let value = Term::tuple([Term::atom("rex"), rpc_value(outcome)]);
                    drop(processes.send(me, &Dest::Pid(to), value));
                }
                Back::Nobody => {}
            }
        });
        spawned.ok().map(|addr: Addr<Term>| addr.pid())
    }

    /// A plain message.
    fn told(&self, from: Pid, request: &Term, cx: &Cx<Dynamic>) {
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
                if let Some(wish) = Request::new(from, parts, cx.processes()) {
                    self.run(wish, Back::Message(from), cx);
                }
            }
            ("sbcast", [_, name, message]) => {
                let is_there = pass_on(from, name, message, cx);
                let nobody = || Term::tuple([Term::atom("nonexisting_name"), name.clone()]);
                answer([Term::atom("rex"), node(), if is_there { node() } else { nobody() }]);
            }
            ("send", [_, name, message])
                if !pass_on(from, name, &Term::tuple([Term::Pid(from), message.clone()]), cx) =>
            {
                let nobody = Term::tuple([Term::atom("nonexisting_name"), name.clone()]);
                answer([Term::atom("rex"), node(), nobody]);
            }
            _ => {}
        }
    }
}

/// Sends a message to whoever holds `name` here; false where nobody does.
fn pass_on(from: Pid, name: &Term, message: &Term, cx: &Cx<Dynamic>) -> bool {
    let Some(pid) = name.as_atom().and_then(|name| cx.processes().whereis(name)) else { return false };
    let mut body = Vec::new();
    engset_etf::encode_body(message, &mut body);
    cx.processes().send_encoded(from, &Dest::Pid(pid), body.into());
    true
}
