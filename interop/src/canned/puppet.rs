//! A puppet: a process that does as it is told by messages, and says what it sees.
//!
//! `stop` and `{exit, Reason}` end it, `{do, Orders}` is several orders in one message, `{hear, To}` lets it pass on to
//! `To` what is no order. The other orders are in [`Puppet::obey`] and, for those about terms, in `terms.rs`. One that
//! has an answer names last whom to tell it.

mod terms;

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
    let mut puppet =
        Puppet { cx, exits_to: None, heard_by: None, monitors: BTreeMap::new(), kept: BTreeMap::new() };
    loop {
        match puppet.cx.recv().await {
            Mail::Message(message) => {
                for order in orders(&message) {
                    if order.is_atom("stop") {
                        return ExitReason::Normal;
                    }
                    if let Some(reason) = exit_order(order) {
                        return reason;
                    }
                    puppet.obey(order).await;
                }
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
    /// Whom is told what is no order.
    heard_by: Option<Pid>,
    /// Whom the DOWN of each monitor is told.
    monitors: BTreeMap<Reference, Pid>,
    /// Terms that it was told to keep, by their keys.
    kept: BTreeMap<Term, Term>,
}

impl Puppet {
    /// Does what a message says, as far as it is understood.
    async fn obey(&mut self, message: &Term) {
        let order = message.as_tuple().and_then(<[Term]>::split_first);
        let order = order.and_then(|(order, arguments)| Some((order.as_atom()?.as_str(), arguments)));
        let understood = match order {
            Some((order, arguments)) => {
                self.obey_about_terms(order, arguments).is_some()
                    || self.obey_about_names(order, arguments).is_some()
                    || self.obey_about_processes(order, arguments).is_some()
                    || self.obey_and_wait(order, arguments).await.is_some()
            }
            None => false,
        };
        if let (false, Some(to)) = (understood, self.heard_by) {
            self.tell(to, "heard", [Term::from(self.cx.pid()), message.clone()]);
        }
    }

    /// `register`, `unregister`, `whereis`, `registered`, and `hear`.
    fn obey_about_names(&mut self, order: &str, arguments: &[Term]) -> Option<()> {
        match (order, arguments) {
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
            ("whereis", [name, rep]) => {
                let (name, rep) = (name.as_atom()?, rep.as_pid()?);
                let found = self.cx.processes().whereis(name).map_or(Term::atom("undefined"), Term::from);
                self.tell(rep, "whereis", [found]);
            }
            ("registered", [rep]) => {
                let names = self.cx.processes().registered().into_iter().map(|(name, _)| Term::Atom(name));
                self.tell(rep.as_pid()?, "registered", [Term::list(names)]);
            }
            ("hear", [to]) => self.heard_by = Some(to.as_pid()?),
            _ => return None,
        }
        Some(())
    }

    /// Links, monitors, exits, sends and spawns.
    fn obey_about_processes(&mut self, order: &str, arguments: &[Term]) -> Option<()> {
        match (order, arguments) {
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
            ("alive", [pid, rep]) => {
                let alive = self.cx.processes().is_alive(pid.as_pid()?);
                self.tell(rep.as_pid()?, "alive", [Term::from(alive)]);
            }
            ("monitored_by", [rep]) => {
                let watchers = self.cx.processes().info(self.cx.pid())?.monitored_by;
                let watchers = Term::list(watchers.into_iter().map(Term::from));
                self.tell(rep.as_pid()?, "monitored_by", [watchers]);
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
            _ => return None,
        }
        Some(())
    }

    /// What takes its time: `compute`, `receive`, `call`, `rpc`.
    async fn obey_and_wait(&mut self, order: &str, arguments: &[Term]) -> Option<()> {
        match (order, arguments) {
            ("compute", []) => self.compute().await,
            ("receive", [ms, rep]) => {
                let patience = Duration::from_millis(u64::try_from(ms.as_int()?).ok()?);
                let received = match self.cx.recv_timeout(patience).await {
                    Some(Mail::Message(message)) => message,
                    Some(_) => Term::atom("signal"),
                    None => Term::atom("timeout"),
                };
                self.tell(rep.as_pid()?, "received", [received]);
            }
            ("rpc", [node, module, function, args, rep]) => {
                let (node, module, function) = (node.as_atom()?, module.as_atom()?, function.as_atom()?);
                let node = NodeName::new(node.as_str()).ok()?;
                let args = args.as_proper_list().unwrap_or_default().to_vec();
                let called = engset::rpc::call(node, module.as_str(), function.as_str(), args);
                let value = called.timeout(CALL_PATIENCE).await;
                let value = value.unwrap_or_else(|error| {
                    Term::tuple([Term::atom("badrpc"), Term::string(&error.to_string())])
                });
                self.tell(rep.as_pid()?, "called", [value]);
            }
            ("call", [to, request, rep]) => {
                let (server, rep) = (dest(to)?, rep.as_pid()?);
                let reply = match self.call(server.clone(), request.clone()).await {
                    Ok(reply) => reply,
                    Err(error) => exit_term(&error, &server, to, request),
                };
                self.tell(rep, "called", [reply]);
            }
            _ => return None,
        }
        Some(())
    }

    /// Computes without end; signals act between its time slices.
    async fn compute(&self) {
        loop {
            for _ in 0..10_000 {
                std::hint::spin_loop();
            }
            engset::yield_now().await;
        }
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

/// The orders of a message: those of `{do, Orders}`, or the message.
fn orders(message: &Term) -> &[Term] {
    match message.as_tuple() {
        Some([tag, orders]) if tag.is_atom("do") => orders.as_proper_list().unwrap_or_default(),
        _ => std::slice::from_ref(message),
    }
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
