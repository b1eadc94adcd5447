//! The time of day, the end of the node, and trace tokens.

use super::Processes;
use crate::trace_token::TraceToken;
use engset_term::Pid;
use std::sync::atomic::Ordering;

impl Processes {
    /// Whether all processes are being killed, since the node ends.
    #[must_use]
    pub fn is_halting(&self) -> bool {
        self.halting.load(Ordering::Relaxed)
    }

    /// Says which time it was at the scheduler's beginning, in seconds since 1970: for what is shown to people. Without,
    /// that was in 1970.
    pub fn set_started_at(&self, unix_seconds: u64) {
        self.started_at.store(unix_seconds, Ordering::Relaxed);
    }

    /// The time by the scheduler's clock, in seconds since 1970.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        let started_at = self.started_at.load(Ordering::Relaxed);
        started_at.saturating_add(self.scheduler.now().as_millis() / 1_000)
    }

    /// For routers: the trace token that goes along with what `from` sends to another node now, where it has one.
    #[inline]
    pub fn trace_token(&self, from: Pid) -> Option<TraceToken> {
        self.traced.sends(from)
    }
}
