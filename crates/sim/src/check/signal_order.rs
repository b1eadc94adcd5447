//! Messages between two processes arrive in the order of sending; a gap is explained by a lost connection.

use super::{Fault, lost_between};
use crate::ledger::{Ledger, Loss, Pair};
use engset_term::{Instant, Pid};

/// Checks every pair.
///
/// What arrives between two losses of the connection is a prefix of what was sent between them. So whenever a message
/// is missing, the sender's node must have lost the connection after it was sent and before the next one arrived.
///
/// # Errors
/// The first fault found.
pub fn signal_order(ledger: &Ledger, losses: &[Loss], is_alive: impl Fn(Pid) -> bool) -> Result<(), Fault> {
    for (pair, sent) in &ledger.sent {
        let received = ledger.received.get(pair).map_or(&[][..], Vec::as_slice);
        let mut next = 0;
        for (number, at) in received {
            if *number < next {
                return Err(Fault::OutOfOrder { pair: *pair, before: next - 1, number: *number });
            }
            explain_gap(*pair, sent, next..*number, losses, Some(*at))?;
            next = number + 1;
        }
        if is_alive(pair.to) {
            explain_gap(*pair, sent, next..sent.len(), losses, None)?;
        }
    }
    Ok(())
}

fn explain_gap(
    pair: Pair,
    sent: &[Instant],
    missing: std::ops::Range<usize>,
    losses: &[Loss],
    until: Option<Instant>,
) -> Result<(), Fault> {
    let last = missing.clone().next_back();
    match last.and_then(|last| sent.get(last)) {
        Some(sent_at) if !lost_between(losses, pair, *sent_at, until) => {
            Err(Fault::Lost { pair, first: missing.start })
        }
        Some(_) | None => Ok(()),
    }
}
