//! What a supervisor tells the log: one line that says it all, and the same as fields.
//!
//! Fields: `supervisor` is its path from the top of the tree, each supervisor by its id; `child` is the child's id. A
//! child's crash, and only it, has a `reason`, the child's `pid`, and `restart` of `max_restarts` within `period`.

use super::restart::Intensity;
use engset_process::ExitReason;
use engset_term::{Instant, Pid};
use std::time::Duration;

/// Who reports.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) path: String,
}

/// What follows the end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is started again, after this long.
    Restart(Duration),
    /// It is not started again.
    Nothing,
}

impl Reporter {
    /// A child ended by itself, and not in an orderly way or though it is permanent.
    pub(super) fn child_ended(
        &self,
        child: &str,
        pid: Pid,
        reason: &ExitReason,
        then: Then,
        (intensity, now): (&mut Intensity, Instant),
    ) {
        let (max_restarts, period) = (intensity.restarts(), intensity.period());
        let supervisor = self.path.as_str();
        let Then::Restart(delay) = then else {
            tracing::error!(
                supervisor, child, %pid, %reason,
                "child `{child}` of supervisor `{supervisor}` ended: {reason}; it is temporary and not restarted"
            );
            return;
        };
        let restart = intensity.counted(now).saturating_add(1);
        let when = if delay.is_zero() { String::new() } else { format!(" in {delay:?}") };
        tracing::error!(
            supervisor, child, %pid, %reason, restart, max_restarts, ?period,
            "child `{child}` of supervisor `{supervisor}` ended: {reason}; restart{when}, \
             {restart} of {max_restarts} within {period:?}"
        );
    }

    /// A child could not be started again.
    pub(super) fn not_restarted(&self, child: &str, error: &crate::StartError) {
        let supervisor = self.path.as_str();
        tracing::error!(
            supervisor, child, %error,
            "child `{child}` of supervisor `{supervisor}` could not be restarted, which is tried again: {error}"
        );
    }

    /// A child could not be started as the supervisor began.
    pub(super) fn not_started(&self, child: &str, error: &crate::StartError) {
        let supervisor = self.path.as_str();
        tracing::error!(
            supervisor, child, %error,
            "child `{child}` of supervisor `{supervisor}` could not be started, which ends the supervisor: {error}"
        );
    }

    /// There were more restarts than the intensity allows.
    pub(super) fn gives_up(&self, child: &str, intensity: &Intensity) {
        let (max_restarts, period) = (intensity.restarts(), intensity.period());
        let supervisor = self.path.as_str();
        tracing::error!(
            supervisor,
            child,
            max_restarts,
            ?period,
            "supervisor `{supervisor}` gives up: more than {max_restarts} restarts within {period:?}, \
             the last one for child `{child}`"
        );
    }

    /// The supervisor shuts itself down.
    pub(super) fn shuts_down(&self, child: &str) {
        let supervisor = self.path.as_str();
        tracing::info!(
            supervisor,
            child,
            "supervisor `{supervisor}` shuts down: its significant child `{child}` ended"
        );
    }

    /// Children that were asked to stop ended in another way.
    pub(super) fn not_stopped_as_asked(&self, child: &str, pid: Pid, ended: &ExitReason, children: usize) {
        let supervisor = self.path.as_str();
        if children == 1 {
            tracing::error!(
                supervisor, child, %pid, %ended,
                "child `{child}` of supervisor `{supervisor}` did not stop as asked: {ended}"
            );
        } else {
            tracing::error!(
                supervisor, child, %pid, %ended, children,
                "{children} children of supervisor `{supervisor}`, one of them `{child}`, did not stop as asked: {ended}"
            );
        }
    }
}
