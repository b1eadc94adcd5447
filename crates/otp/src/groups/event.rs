//! What a process that watches groups is told.

use super::peer::{pids_of, pids_term};
use engset_term::{Pid, Reference, Term};

/// Processes joined a group, or left it: the message `{Ref, join | leave, Group, [Pid]}`.
///
/// It comes as a term: as [`engset_process::Mail::Other`], or as a message where the process takes terms, or as
/// [`crate::Info::Message`].
///
/// ```
/// use engset_otp::groups::{GroupEvent, Membership};
/// use engset_term::Term;
/// # use engset_term::{NodeName, Pid, Reference};
/// # let monitor = Reference::new(NodeName::NONODE, 1, &[1, 2, 3]).expect("three words");
/// # let pid = Pid::new(NodeName::NONODE, 1, 7, 0);
///
/// let members = Term::list([Term::Pid(pid)]);
/// let message = Term::tuple([Term::Ref(monitor), Term::atom("join"), Term::atom("printers"), members]);
/// let event = GroupEvent::from_term(&message).expect("it is one");
/// assert_eq!((event.monitor, event.what), (monitor, Membership::Joined));
/// assert_eq!((event.group, event.pids), (Term::atom("printers"), vec![pid]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEvent {
    /// The monitor, as returned when it was made.
    pub monitor: Reference,
    /// What they did.
    pub what: Membership,
    /// The group.
    pub group: Term,
    /// Who did, each as often as it joined or left.
    pub pids: Vec<Pid>,
}

/// How a membership changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It began.
    Joined,
    /// It ended: by request, or with the process, or with its node.
    Left,
}

impl GroupEvent {
    /// The message, if `term` is one.
    #[must_use]
    pub fn from_term(term: &Term) -> Option<Self> {
        let [monitor, what, group, pids] = term.as_tuple()? else { return None };
        let what = match what.as_atom()?.as_str() {
            "join" => Membership::Joined,
            "leave" => Membership::Left,
            _ => return None,
        };
        let Term::Ref(monitor) = monitor else { return None };
        Some(Self { monitor: *monitor, what, group: group.clone(), pids: pids_of(pids)? })
    }

    pub(super) fn into_term(self) -> Term {
        let what = match self.what {
            Membership::Joined => "join",
            Membership::Left => "leave",
        };
        Term::tuple([Term::Ref(self.monitor), Term::atom(what), self.group, pids_term(self.pids)])
    }
}
