//! What the processes of one scope on different nodes send each other, as OTP's `pg` does.
//!
//! `{discover, Peer}`: tell me of your groups. `{'$gen_cast', {sync, Peer, [{Group, [Pid]}]}}`: these are mine.
//! `{join, Peer, Group, Pid | [Pid]}` and `{leave, Peer, Pid | [Pid], [Group]}`: they have changed.

use engset_term::{Pid, Term};

/// A message between processes of one scope.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PeerMessage {
    Discover { peer: Pid },
    Sync { peer: Pid, groups: Vec<(Term, Vec<Pid>)> },
    Join { peer: Pid, group: Term, pids: Vec<Pid> },
    Leave { peer: Pid, pids: Vec<Pid>, groups: Vec<Term> },
}

impl PeerMessage {
    /// The message, if `term` is one.
    pub(super) fn from_term(term: &Term) -> Option<Self> {
        let parts = term.as_tuple()?;
        let (tag, rest) = parts.split_first()?;
        match (tag.as_atom()?.as_str(), rest) {
            // Later versions of OTP say which version of these messages they speak.
            ("discover", [peer] | [peer, _]) => Some(Self::Discover { peer: peer.as_pid()? }),
            ("$gen_cast", [cast]) => {
                let [sync, peer, groups] = cast.as_tuple()? else { return None };
                if !sync.is_atom("sync") {
                    return None;
                }
                let groups = groups.as_proper_list()?.iter().map(group_of).collect::<Option<_>>()?;
                Some(Self::Sync { peer: peer.as_pid()?, groups })
            }
            ("join", [peer, group, who]) => {
                Some(Self::Join { peer: peer.as_pid()?, group: group.clone(), pids: pids_of(who)? })
            }
            ("leave", [peer, who, groups]) => {
                let groups = groups.as_proper_list()?.to_vec();
                Some(Self::Leave { peer: peer.as_pid()?, pids: pids_of(who)?, groups })
            }
            _ => None,
        }
    }

    /// Who tells it.
    pub(super) fn peer(&self) -> Pid {
        match self {
            Self::Discover { peer }
            | Self::Sync { peer, .. }
            | Self::Join { peer, .. }
            | Self::Leave { peer, .. } => *peer,
        }
    }

    pub(super) fn into_term(self) -> Term {
        match self {
            Self::Discover { peer } => Term::tuple([Term::atom("discover"), Term::Pid(peer)]),
            Self::Sync { peer, groups } => {
                let groups = groups.into_iter().map(|(group, pids)| Term::tuple([group, pids_term(pids)]));
                let sync = Term::tuple([Term::atom("sync"), Term::Pid(peer), Term::list(groups)]);
                Term::tuple([Term::atom("$gen_cast"), sync])
            }
            Self::Join { peer, group, pids } => {
                Term::tuple([Term::atom("join"), Term::Pid(peer), group, pids_term(pids)])
            }
            Self::Leave { peer, pids, groups } => {
                Term::tuple([Term::atom("leave"), Term::Pid(peer), pids_term(pids), Term::list(groups)])
            }
        }
    }
}

fn group_of(term: &Term) -> Option<(Term, Vec<Pid>)> {
    let [group, pids] = term.as_tuple()? else { return None };
    Some((group.clone(), pids_of(pids)?))
}

/// One process or a list of them.
pub(super) fn pids_of(term: &Term) -> Option<Vec<Pid>> {
    match term.as_pid() {
        Some(pid) => Some(vec![pid]),
        None => term.as_proper_list()?.iter().map(Term::as_pid).collect(),
    }
}

pub(super) fn pids_term(pids: impl IntoIterator<Item = Pid>) -> Term {
    Term::list(pids.into_iter().map(Term::Pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    #[test]
    fn messages_are_read_as_they_are_written() {
        let (peer, group) = (pid(1), Term::atom("g"));
        let messages = [
            PeerMessage::Discover { peer },
            PeerMessage::Sync {
                peer,
                groups: vec![(group.clone(), vec![pid(2), pid(2)]), (Term::Nil, vec![])],
            },
            PeerMessage::Join { peer, group: group.clone(), pids: vec![pid(3)] },
            PeerMessage::Leave { peer, pids: vec![pid(3), pid(4)], groups: vec![group.clone(), group] },
        ];
        for message in messages {
            assert_eq!(PeerMessage::from_term(&message.clone().into_term()), Some(message));
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for text in [
            "hello",
            "{}",
            "{discover, 1}",
            "{'$gen_cast', {sync, 1, []}}",
            "{'$gen_cast', stop}",
            "{join, a, b}",
        ] {
            let term = Term::parse(text).expect("a term");
            assert_eq!(PeerMessage::from_term(&term), None, "{text}");
        }
    }

    /// A single process is as good as a list, and a version is not looked at.
    #[test]
    fn reads_the_other_forms_of_otp() {
        let join = Term::tuple([Term::atom("join"), Term::Pid(pid(1)), Term::Nil, Term::Pid(pid(2))]);
        let expected = PeerMessage::Join { peer: pid(1), group: Term::Nil, pids: vec![pid(2)] };
        assert_eq!(PeerMessage::from_term(&join), Some(expected));
        let discover = Term::tuple([Term::atom("discover"), Term::Pid(pid(1)), Term::from(1)]);
        assert_eq!(PeerMessage::from_term(&discover), Some(PeerMessage::Discover { peer: pid(1) }));
    }
}
