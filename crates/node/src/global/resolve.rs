//! Who keeps a name that two nodes have each given to a process of their own.
//!
//! Each name has a method, a fun of three arguments. The three of OTP's `global` are done here, wherever the processes
//! are; a fun of the BEAM is asked of the node of the process that it came with. All names are asked for at once, since
//! the lock is held meanwhile on all nodes of both parts.

use super::tables::{Entry, Tables};
use super::wire::Op;
use engset_otp::{Call, Calls, Dynamic};
use engset_process::{ControlSignal, Dest, ExitReason, Processes, Service};
use engset_term::{Atom, NodeName, Pid, Term};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How long the node of a name's holder may take to decide about one name.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long deciding about all names may take; whoever has not decided by then has not decided.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(60);

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
    /// It is known already, for a process of the peer: others of this part may not know it.
    TellHere(Entry),
    /// It is of this node: others of the peer's part may not know it.
    TellThere(Entry),
}

/// Pure: what is to be done about the names of `peer`. The lesser node decides where both have one.
///
/// Names of processes of one of both are new to the other, as a rule. Where they are not, a third node told of them, which
/// had lost that one; who else of a part lost it, and has the name no more, is not known, so all of the part are told.
/// Of nodes that were `left` the peer is told no names: they are nobody's.
pub(super) fn plan(
    names: Vec<Entry>,
    (tables, left): (&Tables, &BTreeSet<NodeName>),
    (me, peer): (NodeName, NodeName),
) -> Vec<Step> {
    let told: HashSet<&Term> = names.iter().map(|his| &his.name).collect();
    let mut ours_of_his = tables.entries_of(peer);
    ours_of_his.retain(|ours| !told.contains(&ours.name));
    let mut steps: Vec<Step> = ours_of_his.into_iter().map(Step::TellHere).collect();
    for his in names {
        match tables.entry(&his.name).filter(|ours| !left.contains(&ours.pid.node())) {
            None => {
                let is_mine = his.pid.node() == me;
                steps.extend(is_mine.then(|| Step::TellThere(his.clone())));
                steps.push(Step::Take(his));
            }
            Some(ours) if ours.pid != his.pid && me < peer => steps.push(Step::Decide { his, ours }),
            Some(ours) if ours.pid != his.pid => {}
            Some(ours) if ours.pid.node() == peer => steps.push(Step::TellHere(ours)),
            Some(ours) if ours.pid.node() == me => steps.push(Step::TellThere(ours)),
            Some(_) => {}
        }
    }
    steps
}

/// Does what was planned; what is to be changed here, and at the peer.
pub(super) async fn compare(processes: &Arc<Processes>, me: Pid, steps: Vec<Step>) -> (Vec<Op>, Vec<Op>) {
    let mut changes = Changes::default();
    let mut asked = Calls::new().timeout(PATIENCE_IN_ALL);
    for step in steps {
        match step {
            Step::Take(entry) | Step::TellHere(entry) => changes.here.push(Op::Insert(entry)),
            Step::TellThere(ours) => changes.there.push(Op::Insert(ours)),
            Step::Decide { his, ours } => match decider(&ours, me) {
                Some(resolve) => {
                    let kept = apply(processes, me, resolve, &his.name, his.pid, ours.pid);
                    changes.decided(his, ours, &kept);
                }
                None => {
                    let question = question(me, &his, &ours);
                    asked.push((his, ours), question);
                }
            },
        }
    }
    while let Some(((his, ours), answer)) = asked.next().await {
        match answer.ok().filter(|answer| !is_bad(answer)) {
            Some(kept) => changes.decided(his, ours, &kept),
            None => {
                tracing::info!(name = %his.name, node = %ours.pid.node(), "the node of a name's holder did not decide");
                changes.here.push(Op::Insert(his));
            }
        }
    }
    (changes.here, changes.there)
}

/// What is to be changed here, and at the peer.
#[derive(Debug, Default)]
struct Changes {
    here: Vec<Op>,
    there: Vec<Op>,
}

impl Changes {
    fn decided(&mut self, his: Entry, ours: Entry, kept: &Term) {
        match kept {
            Term::Pid(pid) if *pid == his.pid => self.here.push(Op::Insert(his)),
            Term::Pid(pid) if *pid == ours.pid => self.there.push(Op::Insert(ours)),
            _ => {
                self.here.push(Op::Delete(his.name.clone()));
                self.there.push(Op::Delete(his.name));
            }
        }
    }
}

/// The method by which it is decided here; none where the node of the holder known here is to be asked.
fn decider(ours: &Entry, me: Pid) -> Option<Resolve> {
    let is_here = ours.pid.node() == me.node();
    // A fun of the BEAM for a process of this node cannot be called here.
    Resolve::from_term(&ours.method).or_else(|| is_here.then_some(Resolve::RandomExit))
}

/// `global:resolve_it/4` at the node of the holder known here.
fn question(me: Pid, his: &Entry, ours: &Entry) -> Call<Dynamic, Term> {
    let rex = Service::<Dynamic>::at(Atom::from_static("rex"), ours.pid.node());
    let args = [ours.method.clone(), his.name.clone(), Term::Pid(his.pid), Term::Pid(ours.pid)];
    let words =
        [Term::atom("call"), Term::atom("global"), Term::atom("resolve_it"), Term::list(args), Term::Pid(me)];
    Dynamic::call(&rex, Term::tuple(words)).timeout(PATIENCE)
}

fn is_bad(answer: &Term) -> bool {
    answer.as_tuple().is_some_and(|parts| parts.first().is_some_and(|word| word.is_atom("badrpc")))
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

#[cfg(test)]
mod tests {
    use super::super::tables::{GLOBAL, Says};
    use super::*;
    use engset_term::Instant;

    fn pid(node: &str, number: u32) -> Pid {
        Pid::new(NodeName::new(node).expect("a name"), 1, number, 0)
    }

    fn entry(name: i64, pid: Pid) -> Entry {
        Entry { name: Term::Int(name), pid, method: Term::Nil }
    }

    /// The names of `a@r`, as it meets `b@r`.
    fn planned(ours: &[Entry], his: &[Entry]) -> Vec<Step> {
        let mut tables = Tables::new(super::super::GlobalLimits::default());
        let me = pid("a@r", 1);
        tables.set_lock(Instant::ZERO, &GLOBAL, &Term::Nil, me);
        for ours in ours {
            assert!(tables.insert(ours.clone(), None, Says::Process(me)));
        }
        let left = BTreeSet::from([pid("d@r", 1).node()]);
        plan(his.to_vec(), (&tables, &left), (me.node(), pid("b@r", 1).node()))
    }

    #[test]
    fn a_name_is_new_or_decided_about_by_the_lesser() {
        let (ours, his) = (entry(1, pid("a@r", 5)), entry(1, pid("b@r", 5)));
        assert_eq!(planned(&[], std::slice::from_ref(&his)), [Step::Take(his.clone())]);
        assert_eq!(planned(std::slice::from_ref(&ours), &[]), []);
        let decide = Step::Decide { his: his.clone(), ours: ours.clone() };
        assert_eq!(planned(std::slice::from_ref(&ours), std::slice::from_ref(&his)), [decide]);
    }

    /// A node in between told of it, which had lost the holder's node, and may have the name no more.
    #[test]
    fn what_was_known_too_early_is_told_to_all() {
        let (mine, his) = (entry(1, pid("a@r", 5)), entry(2, pid("b@r", 5)));
        let other = entry(3, pid("c@r", 5));
        let both = [mine.clone(), his.clone(), other.clone()];
        let steps = planned(&both, &both);
        assert_eq!(steps, [Step::TellThere(mine.clone()), Step::TellHere(his.clone())]);
        // The peer has freed it meanwhile, and gets it back: so do those that did.
        assert_eq!(planned(std::slice::from_ref(&his), &[]), [Step::TellHere(his)]);
        assert_eq!(
            planned(&[], std::slice::from_ref(&mine)),
            [Step::TellThere(mine.clone()), Step::Take(mine)]
        );
        assert_eq!(planned(std::slice::from_ref(&other), &[]), []);
    }
}
