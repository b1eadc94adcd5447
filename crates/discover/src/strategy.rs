//! The trait for a way of finding peers.

use crate::candidate::{Snapshot, StrategyError};
use engset_process::Scheduler;
use std::future::Future;
use std::pin::Pin;

/// What [`Strategy::next`] returns.
pub type Next<'a> = Pin<Box<dyn Future<Output = Result<Snapshot, StrategyError>> + Send + 'a>>;

/// A way of finding peers: a stream of snapshots, each with all that is known at its time.
///
/// Runs as a process of the node. One that panics is told of and asked no more; what it found stays.
///
/// A strategy of one's own, here one that knows a single node:
///
/// ```
/// use engset_discover::{Candidate, Next, Snapshot, Strategy};
/// use engset_process::Scheduler;
///
/// struct Lighthouse {
///     told: bool,
/// }
///
/// impl Strategy for Lighthouse {
///     fn source(&self) -> String {
///         "lighthouse".to_owned()
///     }
///
///     fn next<'a>(&'a mut self, _clock: &'a Scheduler) -> Next<'a> {
///         Box::pin(async move {
///             if self.told {
///                 // Nothing changes any more.
///                 std::future::pending::<()>().await;
///             }
///             self.told = true;
///             let candidates = vec![Candidate::named("light@10.0.0.1", "the chart")];
///             Ok(Snapshot { candidates, ..Snapshot::default() })
///         })
///     }
/// }
/// # let _ = Lighthouse { told: false }.source();
/// ```
pub trait Strategy: Send + 'static {
    /// What is asked, for people: `dns app.internal`. Says no secrets.
    fn source(&self) -> String;

    /// Waits for the next snapshot. The first comes as soon as it can; after that a strategy waits for a change or for
    /// its interval, by `clock`. Is called again after each answer, after an error only when a back-off is over.
    ///
    /// It must be safe to drop the future: discovery does so when it is stopped.
    ///
    /// # Errors
    /// [`StrategyError`] when there is no answer. That is never the same as an empty snapshot: what was found before
    /// stays.
    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a>;
}

impl<S: Strategy + ?Sized> Strategy for Box<S> {
    fn source(&self) -> String {
        (**self).source()
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        (**self).next(clock)
    }
}
