//! Measures time per operation; the one place of this package that reads the clock.

use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { start: now() }
    }

    /// Nanoseconds since the start, divided by the number of operations.
    #[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
    pub(crate) fn ns_per_op(self, ops: u64) -> f64 {
        now().duration_since(self.start).as_nanos() as f64 / ops as f64
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring time is the purpose of this package")]
fn now() -> Instant {
    Instant::now()
}
