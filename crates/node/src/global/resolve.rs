//! Who keeps a name that two nodes have each given to a process of their own.
//!
//! Each name has a method, a fun of three arguments. The three of OTP's `global` are done here, wherever the processes
//! are; a fun of the BEAM is asked of the node of the process that it came with.

use super::tables::{Entry, Tables};
use super::wire::Op;
use engset_otp::{CallError, Dynamic};
use engset_process::{ControlSignal, Dest, ExitReason, Processes, Service};
use engset_term::{Atom, Pid, Term};
use std::sync::Arc;
use std::time::Duration;

/// How long the node of a name's holder may take to decide.
const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of the two holders of a name when parts of a cluster find each other, as in OTP's `global`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Resolve {
    /// One keeps the name, the other is killed (`global:random_exit_name/3`).
    #[default]
    RandomExit,
    /// One keeps the name, the other gets `{global_name_conflict, Name}` (`global:random_notify_name/3`).
    RandomNotify,
    /// Nobody keeps the name, and both get `{global_name_conflict, Name, OtherPid}` (`global:notify_all_name/3`).
    NotifyAll,
}

impl Resolve {
    const ALL: [Self; 3] = [Self::RandomExit, Self::RandomNotify, Self::NotifyAll];

    const fn name(self) -> &'static str {
        match self {
            Self::RandomExit => "random_exit_name",
            Self::RandomNotify => "random_notify_name",
            Self::NotifyAll => "notify_all_name",
        }
    }

    /// The fun by which other nodes know it.
    pub(super) fn term(self) -> Term {
        Term::export(Atom::from_static("global"), Atom::from_static(self.name()), 3)
    }

    /// The method that a term stands for: a fun of OTP's `global`, or a pair `{global, Name}`.
    fn from_term(term: &Term) -> Option<Self> {
        let (module, function) = match term {
            Term::Export(export) if export.arity == 3 => (export.module.clone(), export.function.clone()),
            Term::Tuple(pair) => match pair.as_slice() {
                [Term::Atom(module), Term::Atom(function)] => (module.clone(), function.clone()),
                _ => return None,
            },
            _ => return None,
        };
        Self::ALL
            .into_iter()
            .find(|resolve| module.as_str() == "global" && function.as_str() == resolve.name())
    }
}

/// What is to be done about one name of a peer's.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// It is new here.
    Take(Entry),
    /// Both have it, for different processes, and this side decides.
    Decide { his: Entry, ours: Entry },
}

/// Pure: what is to be done about a peer's names. The lesser node decides where both have one.
pub(super) fn plan(names: Vec<Entry>, tables: &Tables, decides: bool) -> Vec<Step> {
    let step = |his: Entry| match tables.entry(&his.name) {
        None => Some(Step::Take(his)),
        Some(ours) if ours.pid != his.pid && decides => Some(Step::Decide { his, ours }),
        Some(_) => None,
    };
    names.into_iter().filter_map(step).collect()
}

/// Does what was planned; what is to be changed here, and at the peer.
pub(super) async fn compare(processes: &Arc<Processes>, me: Pid, steps: Vec<Step>) -> (Vec<Op>, Vec<Op>) {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for step in steps {
        let (his, ours) = match step {
            Step::Take(his) => {
                here.push(Op::Insert(his));
                continue;
            }
            Step::Decide { his, ours } => (his, ours),
        };
        match decide(processes, me, &his, &ours).await {
            Kept::His => here.push(Op::Insert(his)),
            Kept::Ours => there.push(Op::Insert(ours)),
            Kept::Nobody => {
                here.push(Op::Delete(his.name.clone()));
                there.push(Op::Delete(his.name));
            }
        }
    }
    (here, there)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    His,
    Ours,
    Nobody,
}

/// Asks the method of the name known here.
async fn decide(processes: &Arc<Processes>, me: Pid, his: &Entry, ours: &Entry) -> Kept {
    let is_here = ours.pid.node() == me.node();
    let kept = match Resolve::from_term(&ours.method) {
        Some(resolve) => apply(processes, me, resolve, &his.name, his.pid, ours.pid),
        // A fun of the BEAM for a process of this node: it cannot be called here.
        None if is_here => apply(processes, me, Resolve::RandomExit, &his.name, his.pid, ours.pid),
        None => match ask(me, his, ours).await {
            Some(kept) => kept,
            None => {
                tracing::info!(name = %his.name, node = %ours.pid.node(), "the node of a name's holder did not decide");
                return Kept::His;
            }
        },
    };
    match kept {
        Term::Pid(pid) if pid == his.pid => Kept::His,
        Term::Pid(pid) if pid == ours.pid => Kept::Ours,
        _ => Kept::Nobody,
    }
}

/// `global:resolve_it/4` at the node of the holder known here.
async fn ask(me: Pid, his: &Entry, ours: &Entry) -> Option<Term> {
    let rex = Service::<Dynamic>::at(Atom::from_static("rex"), ours.pid.node());
    let args = [ours.method.clone(), his.name.clone(), Term::Pid(his.pid), Term::Pid(ours.pid)];
    let words =
        [Term::atom("call"), Term::atom("global"), Term::atom("resolve_it"), Term::list(args), Term::Pid(me)];
    let answer: Result<Term, CallError> = Dynamic::call(&rex, Term::tuple(words)).timeout(PATIENCE).await;
    let answer = answer.ok()?;
    let is_bad =
        answer.as_tuple().is_some_and(|parts| parts.first().is_some_and(|word| word.is_atom("badrpc")));
    if is_bad { None } else { Some(answer) }
}

/// As [`super::Global::resolve_it`].
pub(super) fn resolve_it(processes: &Arc<Processes>, me: Pid, args: &[Term]) -> Option<Term> {
    let [method, name, first, second] = args else { return None };
    let resolve = Resolve::from_term(method).unwrap_or_default();
    Some(apply(processes, me, resolve, name, first.as_pid()?, second.as_pid()?))
}

/// Does what the method says, from the process `me`; who keeps the name, or `none`.
fn apply(
    processes: &Arc<Processes>,
    me: Pid,
    resolve: Resolve,
    name: &Term,
    first: Pid,
    second: Pid,
) -> Term {
    let (least, greatest) = if first.node() < second.node() { (first, second) } else { (second, first) };
    let conflict = Term::atom("global_name_conflict");
    // Whoever has ended meanwhile needs to know nothing.
    let tell = |pid: Pid, message: Term| drop(processes.send(me, &Dest::Pid(pid), message));
    match resolve {
        Resolve::RandomExit => {
            tracing::info!(%name, pid = %greatest, "two processes have one global name, and one is killed");
            let exit = ControlSignal::Exit { from: me, reason: ExitReason::Kill };
            processes.signal(me, &Dest::Pid(greatest), exit);
            Term::Pid(least)
        }
        Resolve::RandomNotify => {
            tell(greatest, Term::tuple([conflict, name.clone()]));
            Term::Pid(least)
        }
        Resolve::NotifyAll => {
            tell(first, Term::tuple([conflict.clone(), name.clone(), Term::Pid(second)]));
            tell(second, Term::tuple([conflict, name.clone(), Term::Pid(first)]));
            Term::atom("none")
        }
    }
}
