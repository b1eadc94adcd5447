//! Where a behaviour's process has its system messages served: it stands still here while it is suspended.

use super::core::{Action, Moment, Request, Sys};
use crate::wire::{self, Caller};
use engset_process::{Behaviour, Cx, ExitReason, Mail, ProcessInfo, Protocol};
use engset_term::{Atom, Pid, Term};
use std::any::Any;

/// What a behaviour shows of itself.
pub(crate) trait Inspect {
    /// What the process is, as OTP names the module of a behaviour.
    fn module(&self) -> &'static str;
    /// Its state, where it shows it.
    fn state(&self) -> Option<Term>;
    /// Puts another state in its place; why not.
    fn replace_state(&mut self, state: &Term) -> Result<(), String>;
}

/// The module of OTP that serves processes of this kind, and what it calls them.
fn words(behaviour: Option<Behaviour>) -> (&'static str, &'static str) {
    match behaviour {
        Some(Behaviour::GenStatem) => ("gen_statem", "state machine"),
        Some(Behaviour::GenEvent) => ("gen_event", "event handler"),
        // A supervisor is a server of OTP's.
        _ => ("gen_server", "generic server"),
    }
}

/// What was done with a piece of mail.
pub(crate) enum Served<M> {
    /// It is none of this desk's.
    Other(Mail<M>),
    /// It was a system message.
    Done,
    /// The process must end.
    End(ExitReason),
}

/// The system side of one process. Takes no memory of its own until somebody asks.
#[derive(Debug)]
pub(crate) struct Desk(Option<Box<Sys>>);

/// A system message.
struct Asked {
    caller: Caller,
    request: Request,
}

impl Desk {
    /// The desk of a process that is served by `behaviour` from now on.
    pub(crate) fn of<M: Protocol>(cx: &Cx<M>, behaviour: Behaviour) -> Self {
        cx.set_behaviour(behaviour);
        Self(None)
    }

    /// Notes that the process took a message, where somebody wants to know; system messages are not told of, as in OTP.
    #[inline]
    pub(crate) fn took<M: Protocol>(&mut self, cx: &Cx<M>, mail: &Mail<M>) {
        if self.0.as_ref().is_some_and(|sys| sys.is_watching()) {
            self.note(cx, mail);
        }
    }

    #[inline(never)]
    fn note<M: Protocol>(&mut self, cx: &Cx<M>, mail: &Mail<M>) {
        let Some(sys) = &mut self.0 else { return };
        if Asked::of(mail).is_some() {
            return;
        }
        sys.took(|| {
            let what = match mail {
                Mail::Message(_) => format!("message {}", std::any::type_name::<M>()),
                Mail::Down(down) => format!("{down:?}"),
                Mail::Exit(trapped) => format!("{trapped:?}"),
                Mail::Other(term) => format!("info {term}"),
            };
            format!("*DBG* {} got {what}", cx.pid())
        });
    }

    /// Serves `mail` if it is a system message; while that suspends the process, only further ones and its parent's
    /// exit are taken.
    pub(crate) async fn serve<M: Protocol>(
        &mut self,
        cx: &mut Cx<M>,
        parent: Option<Pid>,
        mail: Mail<M>,
        process: &mut impl Inspect,
    ) -> Served<M> {
        let Some(asked) = Asked::of(&mail) else { return Served::Other(mail) };
        let mut next = Some(asked);
        loop {
            if let Some(asked) = next.take()
                && let Err(reason) = self.answer(cx, parent, asked, process)
            {
                return Served::End(reason);
            }
            if !self.0.as_ref().is_some_and(|sys| sys.is_suspended()) {
                return Served::Done;
            }
            let only_system = |mail: Mail<M>| match (Asked::of(&mail), mail) {
                (Some(asked), _) => Ok(Ok(asked)),
                (None, Mail::Exit(trapped)) if Some(trapped.from) == parent => Ok(Err(trapped.reason)),
                (None, mail) => Err(mail),
            };
            match cx.receive(only_system).await {
                Ok(asked) => next = Some(asked),
                Err(reason) => return Served::End(reason),
            }
        }
    }

    fn answer<M: Protocol>(
        &mut self,
        cx: &mut Cx<M>,
        parent: Option<Pid>,
        asked: Asked,
        process: &mut impl Inspect,
    ) -> Result<(), ExitReason> {
        let Asked { caller, request } = asked;
        let now = Moment {
            local_seconds: cx.processes().local_seconds(),
            reductions: cx.processes().info(cx.pid()).map_or(0, |info| info.reductions),
            answers: cx.answers(),
        };
        let mut ends = Ok(());
        let answer = match self.0.get_or_insert_default().handle(now, request) {
            Action::Reply(answer) => answer,
            Action::CountAnswers(count) => {
                cx.count_answers(count);
                Term::atom("ok")
            }
            Action::GetState => shown(process),
            Action::ReplaceState(state) => match process.replace_state(&state) {
                Ok(()) => shown(process),
                Err(why) => Term::tuple([Term::atom("error"), Term::string(&why)]),
            },
            Action::GetStatus { is_suspended, debug } => {
                let (info, parent) = (cx.processes().info(cx.pid()), parent.unwrap_or_else(|| cx.pid()));
                status(process, cx.pid(), info.as_ref(), parent, is_suspended, debug)
            }
            Action::Terminate(reason) => {
                ends = Err(reason);
                Term::atom("ok")
            }
        };
        let mut body = Vec::new();
        engset_etf::encode_body(&answer, &mut body);
        cx.processes().send_encoded(cx.pid(), &caller.dest(), wire::reply(&caller, &body));
        ends
    }
}

/// `{status, Pid, {module, Module}, [Dictionary, SysState, Parent, Debug, Misc]}`, with what OTP's behaviours show by
/// default as the last.
fn status(
    process: &impl Inspect,
    pid: Pid,
    info: Option<&ProcessInfo>,
    parent: Pid,
    is_suspended: bool,
    debug: Term,
) -> Term {
    let pair = |key: &'static str, value: Term| Term::tuple([Term::atom(key), value]);
    let shown_pair = |key: &str, value: Term| Term::tuple([Term::charlist(key), value]);
    let (module, kind) = words(info.and_then(|info| info.behaviour));
    let is = Term::atom(if is_suspended { "suspended" } else { "running" });
    let name = info.and_then(|info| info.names.first()).map(|name| name.as_str().to_owned());
    let header = format!("Status for {kind} {}", name.unwrap_or_else(|| pid.to_string()));
    let facts = [("Status", is.clone()), ("Parent", Term::Pid(parent)), ("Logged events", Term::Nil)];
    let misc = Term::list([
        pair("header", Term::charlist(&header)),
        pair("data", Term::list(facts.map(|(key, value)| shown_pair(key, value)))),
        pair("data", Term::list([shown_pair("State", shown(process))])),
    ]);
    let ancestors = info.into_iter().flat_map(|info| info.ancestors.iter().copied().map(Term::Pid));
    let init = [Term::Atom(module_atom(process.module())), Term::atom("init"), Term::from(1)];
    let dictionary =
        Term::list([pair("$ancestors", Term::list(ancestors)), pair("$initial_call", Term::tuple(init))]);
    let parts = [dictionary, is, Term::Pid(parent), debug, misc];
    let module = pair("module", Term::atom(module));
    Term::tuple([Term::atom("status"), Term::Pid(pid), module, Term::list(parts)])
}

/// The name of a type as an atom; a longer one than an atom may be is cut.
fn module_atom(name: &str) -> Atom {
    let cut: String = name.chars().take(ATOM_CHARS_MAX).collect();
    Atom::new(&cut).unwrap_or(Atom::from_static("undefined"))
}

/// How many characters an atom has at most.
const ATOM_CHARS_MAX: usize = 255;

/// The state of a process, or that it does not show it.
fn shown(process: &impl Inspect) -> Term {
    process.state().unwrap_or_else(|| Term::tuple([Term::atom("opaque"), Term::string(process.module())]))
}

impl Asked {
    /// The system message that `mail` is, if it is one: a term, which is a message of its own only to a process that
    /// takes all terms.
    fn of<M: Protocol>(mail: &Mail<M>) -> Option<Self> {
        let term: &Term = match mail {
            Mail::Other(term) => term,
            Mail::Message(message) => (message as &dyn Any).downcast_ref()?,
            Mail::Down(_) | Mail::Exit(_) => return None,
        };
        let [tag, from, request] = term.as_tuple()? else { return None };
        let [pid, reply_tag] = from.as_tuple()? else { return None };
        if !tag.is_atom("system") {
            return None;
        }
        let caller = Caller { pid: pid.as_pid()?, tag: reply_tag.clone() };
        Some(Self { caller, request: Request::from_term(request) })
    }
}
