//! Tokio's sockets, timers and tasks, which all workers share: one that has nothing to run looks after them.
//!
//! The runtime has no thread of its own. A worker that rests takes the lead, if no other has it, and then looks at the
//! sockets or sleeps until one of them has something; the others sleep beside it. What comes wakes tasks, which go to the
//! queue of the leading worker; it gives up the lead before it runs any. So a worker that is in one run for long holds up
//! no sockets: another that rests meanwhile takes the lead, and where all others sleep the watchdog wakes one.
//!
//! Somebody leads whenever all sleep: each worker tries to take the lead before it sleeps, and who has it then either
//! sleeps in it or tries again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// The runtime that all workers share.
#[derive(Debug)]
pub(super) struct Io {
    /// There until the drop.
    runtime: Option<Runtime>,
}

impl Io {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Lets sockets and timers that are made on this thread be looked after here.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.runtime.as_ref().map(Runtime::enter)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // Wherever the last of it is dropped, also within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Which worker looks after the sockets now, if any does.
#[derive(Debug)]
pub(super) struct Leader(AtomicUsize);

/// No worker's index.
const NOBODY: usize = usize::MAX;

impl Leader {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(NOBODY))
    }

    /// Who it is, a moment ago.
    pub(super) fn index(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|index| *index != NOBODY)
    }

    /// The lead for worker `index`, unless another has it.
    pub(super) fn take<'a>(&'a self, index: usize, io: &'a Io) -> Option<Lead<'a>> {
        let runtime = io.runtime.as_ref()?;
        // A look costs less than an exchange that fails.
        let is_free = self.index().is_none()
            && self.0.compare_exchange(NOBODY, index, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        is_free.then_some(Lead { leader: self, runtime })
    }
}

/// The right to look after the sockets.
pub(super) struct Lead<'a> {
    leader: &'a Leader,
    runtime: &'a Runtime,
}

impl Lead<'_> {
    /// Lets tokio look at the sockets without waiting for anything, and once more until it `is_enough`.
    pub(super) fn look(self, mut is_enough: impl FnMut() -> bool) {
        let mut has_looked = false;
        self.runtime.block_on(poll_fn(|task| {
            if std::mem::replace(&mut has_looked, true) && is_enough() {
                return Poll::Ready(());
            }
            // Tokio looks at the sockets before it goes on with who yields.
            pin!(tokio::task::yield_now()).poll(task)
        }));
    }

    /// Sleeps until `is_over` says that it is over; it is asked first, and whenever its waker is woken.
    pub(super) fn sleep(self, mut is_over: impl FnMut(&mut Context<'_>) -> bool) {
        let over = |task: &mut Context<'_>| if is_over(task) { Poll::Ready(()) } else { Poll::Pending };
        self.runtime.block_on(poll_fn(over));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.leader.0.store(NOBODY, Ordering::SeqCst);
    }
}
