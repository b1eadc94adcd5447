//! Pure: when a node that is at odds with this one about who knows whom is asked to leave it.
//!
//! Once may be in the middle of it: who has told the one is about to tell the other. Who is at odds again after it was asked
//! is waited for twice as long each time: it may be a node with rules of its own.

use engset_term::NodeName;
use std::collections::BTreeMap;

/// So often a node has to be at odds, one time after the other, before it is asked to leave for the first time.
const LOOKS: u32 = 2;
/// So often that number is doubled at most.
const DOUBLED_MAX: u32 = 10;

/// What was seen of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    AtOdds,
    /// Both know each other.
    Agrees,
    /// It has not answered, or something is being agreed on, or neither knows the other.
    Open,
}

/// How often nodes were asked to leave that have not agreed since.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    asked: BTreeMap<NodeName, u32>,
}

impl Doubts {
    /// Notes what was seen; whether the node is asked to leave now. `at_odds` is how often it was at odds over this connection,
    /// one time after the other.
    pub(super) fn look(&mut self, node: NodeName, at_odds: &mut u32, look: Look) -> bool {
        match look {
            Look::AtOdds => {
                let asked = self.asked.get(&node).copied().unwrap_or(0);
                *at_odds += 1;
                let is_sure = *at_odds >= LOOKS << asked.min(DOUBLED_MAX);
                if is_sure {
                    *at_odds = 0;
                    self.asked.insert(node, asked.saturating_add(1));
                }
                is_sure
            }
            Look::Agrees => {
                *at_odds = 0;
                self.asked.remove(&node);
                false
            }
            Look::Open => {
                *at_odds = 0;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubts, Look};
    use engset_term::NodeName;

    fn node() -> NodeName {
        NodeName::new("odd@h").unwrap()
    }

    /// At which looks it is asked to leave.
    fn asked_at(doubts: &mut Doubts, looks: u32) -> Vec<u32> {
        let mut at_odds = 0;
        (1..=looks).filter(|_| doubts.look(node(), &mut at_odds, Look::AtOdds)).collect()
    }

    #[test]
    fn who_stays_at_odds_is_asked_to_leave_less_and_less_often() {
        let mut doubts = Doubts::default();
        assert_eq!(asked_at(&mut doubts, 62), [2, 6, 14, 30, 62]);
        // The next connection is no news.
        assert_eq!(asked_at(&mut doubts, 64), [64]);
        // The number is not doubled for ever.
        let all = asked_at(&mut Doubts::default(), 4_094 + 2 * 2_048);
        assert_eq!(all[10..], [4_094, 6_142, 8_190]);
        doubts.look(node(), &mut 0, Look::Agrees);
        assert_eq!(asked_at(&mut doubts, 2), [2]);
    }

    #[test]
    fn only_who_is_at_odds_twice_in_a_row_is_asked() {
        let (mut doubts, mut at_odds) = (Doubts::default(), 0);
        let looks = [Look::AtOdds, Look::Open, Look::AtOdds, Look::Agrees, Look::AtOdds, Look::AtOdds];
        let asked = looks.map(|look| doubts.look(node(), &mut at_odds, look));
        assert_eq!(asked, [false, false, false, false, false, true]);
    }
}
