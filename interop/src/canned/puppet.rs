//! A puppet: a process that does as it is told by messages.

use engset::{
    Atom, CallError, Cx, Dest, Down, Dynamic, ExitReason, Mail, NodeName, Pid, Reference, Service,
    SpawnOptions, Term, Trapped,
};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

const CALL_PATIENCE: Duration = Duration::from_secs(2);

/// The life of a puppet.
pub(super) async fn run(cx: Cx<Term>) -> ExitReason {
    let mut puppet = Puppet { cx, exits_to: None, monitors: BTreeMap::new() };
    loop {
        match puppet.cx.recv().await {
            Mail::Message(message) => {
                if message.is_atom("stop") {
                    return ExitReason::Normal;
                }
                if let Some(reason) = exit_order(&message) {
                    return reason;
                }
                puppet.obey(&message).await;
            }
            Mail::Down(down) => puppet.tell_down(&down),
            Mail::Exit(trapped) => puppet.tell_exit(&trapped),
            Mail::Other(_) => {}
        }
    }
}

/// The life of a puppet that a puppet starts; boxed, since it would otherwise contain itself.
fn run_boxed(cx: Cx<Term>) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> {
    Box::pin(run(cx))
}

/// A destination as it is written in a message: a pid, an alias reference, `{Name, Node}`, or a local name.
pub(super) fn dest(term: &Term) -> Option<Dest> {
    if let Some(pid) = term.as_pid() {
        return Some(Dest::Pid(pid));
    }
    if let Some(alias) = term.as_ref_id() {
        return Some(Dest::Alias(alias));
    }
    if let Some(name) = term.as_atom() {
        return Some(Dest::Name(name.clone()));
    }
    match term.as_tuple()? {
        [name, node] => {
            let node = NodeName::new(node.as_atom()?.as_str()).ok()?;
            Some(Dest::RemoteName(name.as_atom()?.clone(), node))
        }
        _ => None,
    }
}

struct Puppet {
    cx: Cx<Term>,
    /// Whom trapped exits are told.
    exits_to: Option<Pid>,
    /// Whom the DOWN of each monitor is told.
    monitors: BTreeMap<Reference, Pid>,
}

impl Puppet {
    /// Does what a message says, as far as it is understood.
    async fn obey(&mut self, message: &Term) -> Option<()> {
        let (order, arguments) = message.as_tuple()?.split_first()?;
        match (order.as_atom()?.as_str(), arguments) {
            ("link", [pid]) => self.cx.link(pid.as_pid()?),
            ("unlink", [pid]) => self.cx.unlink(pid.as_pid()?),
            ("monitor", [target, rep]) => {
                let (target, rep) = (dest(target)?, rep.as_pid()?);
                let reference = self.cx.monitor(target);
                self.monitors.insert(reference, rep);
                self.tell(rep, "monitored", [Term::from(reference)]);
            }
            ("demonitor", [reference]) => {
                let reference = reference.as_ref_id()?;
                self.monitors.remove(&reference);
                self.cx.demonitor(reference);
            }
            ("trap", [trap, rep]) => {
                let (trap, rep) = (trap.as_bool()?, rep.as_pid()?);
                self.cx.trap_exit(trap);
                self.exits_to = trap.then_some(rep);
                self.tell(rep, "trapping", [Term::from(trap)]);
            }
            ("exit2", [pid, reason]) => self.cx.exit(pid.as_pid()?, ExitReason::from_term(reason.clone())),
            ("send", [to, what]) => {
                // As in Erlang, a receiver that is gone is no error.
                drop(self.cx.send(dest(to)?, what.clone()));
            }
            ("register", [name, rep]) => {
                let (name, rep) = (name.as_atom()?, rep.as_pid()?);
                let registered = self.cx.register(name).is_ok();
                self.tell(rep, "registered", [Term::from(registered)]);
            }
            ("unregister", [name, rep]) => {
                let (name, rep) = (name.as_atom()?, rep.as_pid()?);
                let unregistered = self.cx.processes().unregister(name);
                self.tell(rep, "unregistered", [Term::from(unregistered)]);
            }
            ("info", [from]) => self.tell_info(from.as_pid()?)?,
            ("spawn", [from]) => {
                let from = from.as_pid()?;
                let spawned = self.cx.spawn(run_boxed).ok()?;
                self.tell(from, "spawned", [Term::from(spawned.pid())]);
            }
            ("spawn_link", [from]) => {
                let from = from.as_pid()?;
                let spawned = self.cx.spawn_link(SpawnOptions::default(), run_boxed).ok()?;
                self.tell(from, "spawned", [Term::from(spawned.pid())]);
            }
            ("call", [to, request, rep]) => {
                let (server, rep) = (dest(to)?, rep.as_pid()?);
                let reply = match self.call(server.clone(), request.clone()).await {
                    Ok(reply) => reply,
                    Err(error) => exit_term(&error, &server, to, request),
                };
                self.tell(rep, "called", [reply]);
            }
            _ => {}
        }
        Some(())
    }

    async fn call(&self, to: Dest, request: Term) -> Result<Term, CallError> {
        match to {
            Dest::Pid(pid) => Dynamic::call(&engset::Addr::new(pid), request).timeout(CALL_PATIENCE).await,
            Dest::Name(name) => Dynamic::call(&Service::local(name), request).timeout(CALL_PATIENCE).await,
            Dest::RemoteName(name, node) => {
                Dynamic::call(&Service::at(name, node), request).timeout(CALL_PATIENCE).await
            }
            Dest::Alias(_) => Err(CallError::NoProcess),
        }
    }

    fn tell_info(&self, to: Pid) -> Option<()> {
        let info = self.cx.processes().info(self.cx.pid())?;
        let links = Term::list(info.links.into_iter().map(Term::from));
        let items = [
            Term::tuple([Term::atom("links"), links]),
            Term::tuple([Term::atom("trap_exit"), Term::from(info.trap_exit)]),
        ];
        self.tell(to, "info", [Term::list(items)]);
        Some(())
    }

    fn tell_down(&mut self, down: &Down) {
        let Some(rep) = self.monitors.remove(&down.reference) else { return };
        let process = match &down.process {
            Dest::Pid(pid) => Term::from(*pid),
            Dest::Name(name) => named(name, self.cx.node()),
            Dest::RemoteName(name, node) => named(name, *node),
            Dest::Alias(alias) => Term::from(*alias),
        };
        let message = Term::tuple([
            Term::atom("DOWN"),
            Term::from(down.reference),
            Term::atom("process"),
            process,
            down.reason.to_term(),
        ]);
        self.tell(rep, "down", [Term::from(self.cx.pid()), message]);
    }

    fn tell_exit(&self, trapped: &Trapped) {
        if let Some(rep) = self.exits_to {
            let from = Term::from(trapped.from);
            self.tell(rep, "exit", [Term::from(self.cx.pid()), from, trapped.reason.to_term()]);
        }
    }

    fn tell<const N: usize>(&self, to: Pid, tag: &'static str, rest: [Term; N]) {
        let message = Term::tuple(std::iter::once(Term::atom(tag)).chain(rest));
        // Whoever asked and is gone needs no answer.
        drop(self.cx.send(to, message));
    }
}

fn named(name: &Atom, node: NodeName) -> Term {
    let node = Atom::new(&node.text()).map_or(Term::Nil, Term::Atom);
    Term::tuple([Term::Atom(name.clone()), node])
}

fn exit_order(message: &Term) -> Option<ExitReason> {
    match message.as_tuple()? {
        [order, reason] if order.is_atom("exit") => Some(ExitReason::from_term(reason.clone())),
        _ => None,
    }
}

/// A failed call as Erlang's `catch gen_server:call(To, Request, 2000)` shows it.
fn exit_term(error: &CallError, server: &Dest, to: &Term, request: &Term) -> Term {
    let reason = match (error, server.node()) {
        (CallError::NoProcess, _) => Term::atom("noproc"),
        (CallError::Down { reason, .. }, _) => reason.to_term(),
        (CallError::Timeout { .. }, _) => Term::atom("timeout"),
        (CallError::NodeDown | CallError::Unreachable, Some(node)) => {
            let node = Atom::new(&node.text()).map_or(Term::Nil, Term::Atom);
            Term::tuple([Term::atom("nodedown"), node])
        }
        (CallError::NotUnderstood(why), _) => Term::tuple([Term::atom("bad_request"), Term::string(why)]),
        (other, _) => Term::string(&other.to_string()),
    };
    let patience = Term::from(CALL_PATIENCE.as_secs() * 1_000);
    let arguments = Term::list([to.clone(), request.clone(), patience]);
    let call = Term::tuple([Term::atom("gen_server"), Term::atom("call"), arguments]);
    Term::tuple([Term::atom("EXIT"), Term::tuple([reason, call])])
}
