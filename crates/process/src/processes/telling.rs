//! The time of day, the end of the node, and trace tokens.

use super::Processes;
use crate::current;
use crate::signal::ControlSignal;
use crate::trace_token::TraceToken;
use engset_term::Pid;
use std::sync::Arc;
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

    /// Says how the local time differs from UTC, in seconds, at a time given in seconds since 1970; only the first call
    /// counts. Without, the two are the same.
    pub fn set_utc_offset(&self, offset_at: fn(u64) -> i32) {
        if self.utc_offset.set(offset_at).is_err() {
            tracing::warn!("a node's local time is set once; the second one is ignored");
        }
    }

    /// The local time by the scheduler's clock, in seconds since the beginning of 1970 as the clocks on the walls had it.
    #[must_use]
    pub fn local_seconds(&self) -> u64 {
        let now = self.unix_seconds();
        let offset = self.utc_offset.get().map_or(0, |offset_at| offset_at(now));
        now.saturating_add_signed(offset.into())
    }

    /// For routers: the trace token that goes along with what `from` sends to another node now, where it has one. Its clock
    /// is counted on.
    #[inline]
    pub fn trace_token(&self, from: Pid) -> Option<TraceToken> {
        self.traced().sends(from)
    }

    /// The trace token that a process of this node has, if it has one: `seq_trace:get_token/0`.
    #[must_use]
    pub fn has_trace_token(&self, pid: Pid) -> Option<TraceToken> {
        self.traced().of(pid)
    }

    /// The running process, where it has a trace token. The others do not wait for each other at the table for it.
    #[cold]
    pub(super) fn traced_sender(&self) -> Option<Pid> {
        current::with(|current| {
            let current = current.filter(|current| current.is_traced.get())?;
            std::ptr::eq(Arc::as_ptr(current.processes), self).then_some(current.pid)
        })
    }

    /// What `from` tells of its own end, with its trace token where that goes along.
    pub(crate) fn with_token(&self, from: Pid, signal: ControlSignal) -> ControlSignal {
        match signal {
            ControlSignal::LinkExit { from: ended, reason }
                if let Some(token) = self.traced().sends(from) =>
            {
                ControlSignal::TracedLinkExit { from: ended, reason, token: Box::new(token) }
            }
            signal => signal,
        }
    }
}
