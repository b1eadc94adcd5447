//! Pure: locks that may still be set at nodes which were lost before they answered that they are given back.
//!
//! A name server of Erlang watches who holds a lock. Where a request comes to it over a connection that is lost and made
//! anew by then, the holder is watched over the later one: that this node gives the lock back has to be said again when
//! the node is connected again, or nobody changes names there until the next loss.

use engset_term::{NodeName, PinnedNodeName, Term};
use std::collections::VecDeque;

/// How many locks are remembered. The oldest is forgotten for one more: its node has been away for long.
pub(super) const OWED_MAX: usize = 1_000;

/// Which locks are to be given back once more, the oldest first.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Owed {
    locks: VecDeque<(NodeName, PinnedNodeName, Term)>,
}

impl Owed {
    /// A node did not answer that the lock of this requester is given back. False where another one is forgotten for it.
    pub(super) fn add(&mut self, node: NodeName, requester: &Term) -> bool {
        if self.locks.iter().any(|(of, _, by)| *of == node && by == requester) {
            return true;
        }
        let has_room = self.locks.len() < OWED_MAX;
        if !has_room {
            self.locks.pop_front();
        }
        self.locks.push_back((node, node.pin(), requester.clone()));
        has_room
    }

    /// Takes a lock that is to be given back at one of the nodes that are connected again.
    pub(super) fn take(&mut self, is_up: impl Fn(NodeName) -> bool) -> Option<(NodeName, Term)> {
        let place = self.locks.iter().position(|(node, ..)| is_up(*node))?;
        self.locks.remove(place).map(|(node, _, requester)| (node, requester))
    }

    pub(super) fn len(&self) -> usize {
        self.locks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_owed_once_and_at_its_node() {
        let node = |name| NodeName::new(name).expect("a name");
        let mut owed = Owed::default();
        for requester in [1, 2, 1] {
            assert!(owed.add(node("b@g"), &Term::Int(requester)));
        }
        assert_eq!(owed.take(|of| of == node("c@g")), None);
        for requester in [1, 2] {
            assert_eq!(owed.take(|of| of == node("b@g")), Some((node("b@g"), Term::Int(requester))));
        }
        assert_eq!(owed.len(), 0);
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let node = NodeName::new("b@g").expect("a name");
        let mut owed = Owed::default();
        for number in 0..OWED_MAX {
            assert!(owed.add(node, &Term::int(number)));
        }
        assert!(!owed.add(node, &Term::int(OWED_MAX)));
        assert_eq!(owed.len(), OWED_MAX);
        assert_eq!(owed.take(|_| true), Some((node, Term::Int(1))), "the first was forgotten");
    }
}
