//! Spawn requests: those of peers, which run an allowed function, and the answers to our own.
//!
//! A peer sends SPAWN_REQUEST and waits for SPAWN_REPLY; then it may hear of the process by a link or a monitor, and
//! takes the exit reason for the answer of a call. The new process sends the reply itself before anything else, so that
//! nothing of it can come first; one that ends before it ever runs does so when its code is dropped.

use crate::functions::{
    CALLED_BY_PEER, Entry, Place, Raised, Refusal, RemoteCall, SpawnPlan, entry, exit_reason, plan,
};
use crate::node::Node;
use crate::outbound::Outbound;
use crate::peers::Link;
use engset_dist::control::{Control, Mfa, Spawn, SpawnResult};
use engset_etf::{Body, Payload};
use engset_process::{
    ControlSignal, Cx, Dest, Encoded, ExitReason, SpawnOptions, SpawnedFor, TraceToken, current_pid,
};
use engset_term::{Atom, Pid, Reference, Term};
use std::sync::Arc;

/// A wish of a process, of a peer or of this node, that a process be started here.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) request: Reference,
    pub(crate) from: Pid,
    pub(crate) spawn: Spawn,
    /// The trace token of a peer's process that asks; one of this node hands its own on.
    pub(crate) token: Option<Box<Term>>,
    pub(crate) args: Payload,
}

impl Node {
    /// Starts what a process wants started, or tells it why not. `link` is the connection that it came over.
    pub(crate) fn spawn_wished(self: &Arc<Self>, link: Option<&Arc<Link>>, wish: Wish) {
        let mut answer = Answer {
            node: Arc::clone(self),
            link: link.cloned(),
            request: wish.request,
            to: wish.from,
            plan: SpawnPlan::default(),
            token: wish.token,
            is_given: false,
        };
        let Mfa { module, function, arity } = &wish.spawn.function;
        let in_vain = self.functions().is_awaited_in_vain(module, function, usize::from(*arity));
        let entered = match plan(&wish.spawn.options) {
            Some(_) if in_vain => Err(Refusal::Undefined),
            Some(plan) => {
                answer.plan = plan;
                self.functions().enter(wish.from.node(), wish.args.len())
            }
            None => Err(Refusal::BadOptions),
        };
        let place = match entered {
            Ok(place) => place,
            Err(refusal) => {
                self.functions().count_refusal(refusal);
                tracing::debug!(from = %wish.from, ?refusal, "a spawn request is refused");
                answer.give(SpawnResult::Error(refusal.atom()));
                return;
            }
        };
        let plan = answer.plan;
        let client =
            SpawnedFor { from: wish.from, link: plan.link, monitor: plan.monitor.then_some(wish.request) };
        let token = answer.token.as_deref().and_then(TraceToken::from_term);
        let options = SpawnOptions {
            group_leader: Some(wish.spawn.group_leader),
            trace_token: token.map(Box::new),
            initial_call: Some(|| CALLED_BY_PEER),
            ..SpawnOptions::default()
        };
        let work = Work { answer, place, from: wish.from, function: wish.spawn.function, args: wish.args };
        // Where there is no room for a process, the answer says so as it is dropped.
        drop(self.processes().spawn_for(options, client, move |cx| work.run(cx)));
    }

    /// The answer to a request of ours.
    pub(crate) fn spawn_replied(
        &self,
        link: Option<&Arc<Link>>,
        (request, to): (Reference, Pid),
        (linked, monitored): (bool, bool),
        result: SpawnResult,
    ) {
        let node = link.map_or_else(|| self.here(), |link| link.peer);
        let pid = match result {
            SpawnResult::Spawned(pid) => pid,
            SpawnResult::Error(error) => {
                // Nobody waits for a cast.
                self.processes().aliases().reply(request, encoded(&Term::Atom(error)));
                return;
            }
        };
        match self.processes().aliases().spawned(request, node, pid) {
            Some(true) => {}
            Some(false) => {
                self.relate(link, (request, to, pid), (linked, monitored));
                self.processes().aliases().reply(request, encoded(&Term::Pid(pid)));
            }
            None => self.spawned_in_vain((request, to, pid), (linked, monitored)),
        }
    }

    /// Begins the links and monitors that a new process and who asked for it have.
    fn relate(
        &self,
        link: Option<&Arc<Link>>,
        (request, to, pid): (Reference, Pid, Pid),
        (linked, monitored): (bool, bool),
    ) {
        if !linked && !monitored {
            return;
        }
        let is_up = link.is_none_or(|link| link.concern(to));
        let epoch = link.map_or(engset_process::Epoch::NONE, |link| link.epoch);
        let spawned = ControlSignal::Spawned { request, pid, linked, monitored, epoch };
        self.processes().signal(pid, &Dest::Pid(to), spawned);
        if let Some(link) = link.filter(|_| !is_up) {
            self.processes().node_down(to, link.peer, link.epoch);
        }
    }

    /// Who asked has given up meanwhile.
    fn spawned_in_vain(&self, (request, to, pid): (Reference, Pid, Pid), (linked, monitored): (bool, bool)) {
        if linked {
            let reason = ExitReason::from(Atom::from_static("abandoned"));
            self.processes().signal(to, &Dest::Pid(pid), ControlSignal::LinkExit { from: to, reason });
        }
        if monitored {
            let demonitor = ControlSignal::Demonitor { watcher: to, reference: request };
            self.processes().signal(to, &Dest::Pid(pid), demonitor);
        }
    }
}

/// What the new process does.
struct Work {
    answer: Answer,
    place: Place,
    from: Pid,
    function: Mfa,
    args: Payload,
}

impl Work {
    async fn run(self, mut cx: Cx<Term>) -> ExitReason {
        let Self { mut answer, place, from, function, args } = self;
        let node = Arc::clone(&answer.node);
        answer.give(SpawnResult::Spawned(cx.pid()));
        drop(answer);
        let args = Encoded { from: Some(from), payload: args };
        let args = match args.term().ok().as_ref().and_then(Term::as_proper_list) {
            Some(args) if args.len() == usize::from(function.arity) => args.to_vec(),
            _ => return ExitReason::from(Atom::from_static("badarg")),
        };
        cx.end_quietly();
        let processes = Arc::clone(cx.processes());
        let me = cx.pid();
        let (entry, wanted) = entry(function.module, function.function, args);
        let outcome = match wanted {
            Ok(wanted) => {
                cx.set_label(format!("{}:{}/{}", wanted.module, wanted.function, wanted.args.len()));
                let (module, function, args) = (wanted.module, wanted.function, wanted.args);
                let call = RemoteCall { node: Arc::clone(&node), caller: from, module, function, args, cx };
                node.functions().run(call).await
            }
            Err(raised) => Err(raised),
        };
        drop(place);
        end(&node, &processes, me, &entry, outcome)
    }
}

/// The reason to end with; what is a crash is told of as one, where the group leader is.
fn end(
    node: &Node,
    processes: &engset_process::Processes,
    me: Pid,
    entry: &Entry,
    outcome: Result<Term, Raised>,
) -> ExitReason {
    let (reason, is_quiet) = exit_reason(entry, outcome);
    if !is_quiet {
        let (leader, label) = processes.info(me).map_or((None, None), |info| (info.group_leader, info.label));
        if leader.is_some_and(|leader| node.log_at_leader(me, leader, &reason)) {
            return reason;
        }
        let label = label.unwrap_or_default();
        tracing::error!(pid = %me, function = label, %reason, "a function called by another process failed");
    }
    reason
}

/// The answer to a request, which is given in any case.
#[derive(Debug)]
struct Answer {
    node: Arc<Node>,
    link: Option<Arc<Link>>,
    request: Reference,
    to: Pid,
    plan: SpawnPlan,
    token: Option<Box<Term>>,
    is_given: bool,
}

impl Answer {
    fn give(&mut self, result: SpawnResult) {
        if std::mem::replace(&mut self.is_given, true) {
            return;
        }
        let is_there = matches!(result, SpawnResult::Spawned(_));
        let (linked, monitored) = (self.plan.link && is_there, self.plan.monitor && is_there);
        let Some(link) = &self.link else {
            self.node.spawn_replied(None, (self.request, self.to), (linked, monitored), result);
            return;
        };
        if let SpawnResult::Spawned(pid) = result
            && (linked || monitored)
            && !link.concern(pid)
        {
            self.node.processes().node_down(pid, link.peer, link.epoch);
        }
        if link.is_silent() {
            // Who asked has been told so.
            return;
        }
        let asked_with = self.token.take();
        let token = match &result {
            // The process has the token from its beginning, and this is the first that it sends.
            SpawnResult::Spawned(pid) => {
                self.node.processes().trace_token(*pid).map(|token| Box::new(token.to_term()))
            }
            SpawnResult::Error(_) => asked_with,
        };
        let (request, to) = (self.request, self.to);
        let reply = Control::SpawnReply { request, to, linked, monitored, result, token };
        self.node.transmit_over(link, None, &mut Some(Outbound::new(reply, None)));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // The process that was started was ended before it ran; or, outside of it, there was no room for one.
        let started = current_pid().filter(|pid| *pid != self.to);
        self.give(match started {
            Some(pid) => SpawnResult::Spawned(pid),
            None => SpawnResult::Error(Refusal::OverLimit.atom()),
        });
    }
}

fn encoded(term: &Term) -> Payload {
    Body::of(term).into_bytes().into()
}

/// The control message for a request of ours.
pub(crate) fn request_control(
    from: Pid,
    request: engset_process::SpawnRequest,
    token: Option<Box<Term>>,
) -> (Control, Body) {
    let engset_process::SpawnRequest { request, group_leader, module, function, arity, options, args } =
        request;
    let function = Mfa { module, function, arity };
    let spawn = Box::new(Spawn { group_leader, function, options });
    (Control::SpawnRequest { request, from, spawn, token }, args)
}
