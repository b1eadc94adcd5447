//! What the two programs say to each other, as terms, so that either may be Erlang's.

use engset::{Pid, Term};

/// To a sink: tell `from` your pid.
pub(crate) fn where_are_you(from: Pid) -> Term {
    Term::tuple([Term::atom("where"), Term::Pid(from)])
}

/// To a sink: tell `from` when everything before this has arrived, and how many messages that was.
pub(crate) fn done(from: Pid) -> Term {
    Term::tuple([Term::atom("done"), Term::Pid(from)])
}

/// Whom to answer, where the message is one of these two.
pub(crate) fn asked(message: &Term) -> Option<(&str, Pid)> {
    match message.as_tuple() {
        Some([Term::Atom(what), Term::Pid(from)]) => Some((what.as_str(), *from)),
        _ => None,
    }
}
