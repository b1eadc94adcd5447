//! The one place that reads the clock, for the durations of stages and their limits.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "stages are timed for the person who waits")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
