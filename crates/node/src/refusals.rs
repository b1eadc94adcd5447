//! Signals for nodes to which no connection may be begun: the log tells of them, once in [`REFUSALS_TOLD_EVERY`] and with
//! a count, since there are as many of them as the program sends.

use crate::node::Node;
use crate::peers::DialError;
use engset_term::{Instant, NodeName};
use std::sync::Arc;
use std::time::Duration;

/// The log tells of signals that go nowhere, because no connection may be begun for them, this often at most.
pub const REFUSALS_TOLD_EVERY: Duration = Duration::from_secs(1);

/// When the log was told last, and of how many signals it was not told since.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    quiet_until: Option<Instant>,
    withheld: u64,
}

/// What is to be done about a signal that goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Tell of it.
    Tell,
    /// Nothing now; the time has something to say at this instant.
    Later(Instant),
    /// Nothing: it is counted.
    Nothing,
}

impl Refusals {
    pub(crate) fn handle_refusal(&mut self, now: Instant) -> Duty {
        match self.quiet_until {
            Some(until) if now < until => {
                self.withheld = self.withheld.saturating_add(1);
                if self.withheld == 1 { Duty::Later(until) } else { Duty::Nothing }
            }
            _ => {
                self.quiet_until = Some(now.saturating_add(REFUSALS_TOLD_EVERY));
                Duty::Tell
            }
        }
    }

    /// How many signals are to be told of now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> u64 {
        self.quiet_until = Some(now.saturating_add(REFUSALS_TOLD_EVERY));
        std::mem::take(&mut self.withheld)
    }
}

impl Node {
    /// Tells of a signal that goes nowhere, as often as the log may be told.
    pub(crate) fn tell_refusal(&self, peer: NodeName, error: &DialError) {
        let scheduler = self.processes().scheduler();
        let duty = self.refusals.lock().handle_refusal(scheduler.now());
        match duty {
            Duty::Tell => tracing::warn!(%peer, "a signal goes nowhere: {error}"),
            Duty::Later(due) => {
                let Some(node) = self.this() else { return };
                let (node, error) = (Arc::downgrade(&node), Arc::clone(error));
                scheduler.run_at(due, move || {
                    let Some(node) = node.upgrade() else { return };
                    let signals = node.refusals.lock().handle_timeout(node.processes().scheduler().now());
                    tracing::warn!(
                        signals,
                        "{signals} more signals went nowhere, the first of them to {peer}: {error}"
                    );
                });
            }
            Duty::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_as_often_as_the_limit_says() {
        let mut refusals = Refusals::default();
        let at = |since: Duration| Instant::ZERO.saturating_add(since);
        let just_before = REFUSALS_TOLD_EVERY - Duration::from_nanos(1);
        assert_eq!(refusals.handle_refusal(at(Duration::ZERO)), Duty::Tell);
        assert_eq!(refusals.handle_refusal(at(Duration::ZERO)), Duty::Later(at(REFUSALS_TOLD_EVERY)));
        assert_eq!(refusals.handle_refusal(at(just_before)), Duty::Nothing);
        assert_eq!(refusals.handle_timeout(at(REFUSALS_TOLD_EVERY)), 2);
        // The count was a line of the log, too.
        assert_eq!(
            refusals.handle_refusal(at(REFUSALS_TOLD_EVERY)),
            Duty::Later(at(2 * REFUSALS_TOLD_EVERY))
        );
        assert_eq!(refusals.handle_timeout(at(2 * REFUSALS_TOLD_EVERY)), 1);
        assert_eq!(refusals.handle_refusal(at(3 * REFUSALS_TOLD_EVERY)), Duty::Tell);
    }
}
