//! Pure: which losses of connections between other nodes this node has heard of, so that it tells of each once.

use engset_term::{Instant, Term};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many losses are remembered.
pub(super) const LOST_MAX: usize = 10_000;
/// How long a loss is remembered.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// Losses by the two nodes, the one that noticed first.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Lost {
    heard: BTreeMap<(Term, Term), Heard>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Heard {
    incarnation: Term,
    number: i64,
    until: Instant,
}

impl Lost {
    /// Whether this loss is news: of this incarnation of the node nothing later was heard.
    pub(super) fn is_news(
        &mut self,
        now: Instant,
        nodes: (Term, Term),
        incarnation: Term,
        number: i64,
    ) -> bool {
        if self.heard.len() >= LOST_MAX {
            self.heard.retain(|_, heard| heard.until > now);
        }
        let known = self.heard.get(&nodes).filter(|heard| heard.until > now);
        if known.is_some_and(|heard| heard.incarnation == incarnation && number <= heard.number) {
            return false;
        }
        if self.heard.len() >= LOST_MAX && !self.heard.contains_key(&nodes) {
            let oldest =
                self.heard.iter().min_by_key(|(_, heard)| heard.until).map(|(nodes, _)| nodes.clone());
            oldest.map(|nodes| self.heard.remove(&nodes));
        }
        self.heard.insert(nodes, Heard { incarnation, number, until: now.saturating_add(MEMORY) });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_secs(seconds))
    }

    fn nodes(number: usize) -> (Term, Term) {
        (Term::int(number), Term::Nil)
    }

    #[test]
    fn a_loss_is_news_once() {
        let mut lost = Lost::default();
        assert!(lost.is_news(at(0), nodes(1), Term::int(7), 3));
        assert!(!lost.is_news(at(1), nodes(1), Term::int(7), 3));
        assert!(!lost.is_news(at(1), nodes(1), Term::int(7), 2));
        assert!(lost.is_news(at(1), nodes(2), Term::int(7), 2));
        assert!(lost.is_news(at(2), nodes(1), Term::int(7), 4));
        assert!(lost.is_news(at(2), nodes(1), Term::int(8), 1), "the node was restarted");
        assert!(!lost.is_news(at(3_601), nodes(1), Term::int(8), 1));
        assert!(lost.is_news(at(3_602), nodes(1), Term::int(8), 1), "forgotten after an hour");
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let mut lost = Lost::default();
        for number in 0..LOST_MAX {
            assert!(lost.is_news(at(number as u64 / 100), nodes(number), Term::Nil, 1));
        }
        assert!(!lost.is_news(at(101), nodes(0), Term::Nil, 1));
        assert!(lost.is_news(at(101), nodes(LOST_MAX), Term::Nil, 1));
        assert_eq!(lost.heard.len(), LOST_MAX);
        assert!(lost.is_news(at(101), nodes(0), Term::Nil, 1));
    }
}
