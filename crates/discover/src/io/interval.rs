//! Waiting between polls, by the node's clock.

use engset_process::Scheduler;
use std::future::Future;
use std::time::Duration;

/// The shortest interval there is; shorter ones are taken as this.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(50);

/// An interval whose first turn comes at once.
#[derive(Debug, Clone)]
pub(crate) struct Interval {
    every: Duration,
    begun: bool,
}

impl Interval {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every: every.max(INTERVAL_MIN), begun: false }
    }

    pub(crate) fn set(&mut self, every: Duration) {
        self.every = every.max(INTERVAL_MIN);
    }

    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// Waits for the next turn; `least` is the shortest wait after the first.
    pub(crate) async fn turn(&mut self, clock: &Scheduler, least: Duration) {
        if self.begun {
            clock.sleep(self.every.max(least)).await;
        }
        self.begun = true;
    }

    /// The next turn comes at once: the last one gave no answer, and whoever asks has waited already.
    pub(crate) fn again(&mut self) {
        self.begun = false;
    }
}

/// What `future` gives, unless `limit` is over before.
pub(crate) async fn within<T>(
    clock: &Scheduler,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let patience = clock.sleep(limit);
    tokio::select! {
        value = future => Some(value),
        () = patience => None,
    }
}
