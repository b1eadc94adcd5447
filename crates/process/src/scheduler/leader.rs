//! Which worker looks after the sockets.
//!
//! Somebody does whenever all sleep: each worker tries to take the lead before it sleeps, and who has it then either
//! sleeps in it or tries again. One that takes no work any more does not try: it wakes another where nobody leads.

use crate::sync::{AtomicUsize, Ordering};

/// Which worker leads now, if any does.
#[derive(Debug)]
pub(crate) struct Leader(AtomicUsize);

/// No worker's index.
const NOBODY: usize = usize::MAX;

/// The right to look after the sockets, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lead<'a>(&'a Leader);

impl Leader {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(NOBODY))
    }

    /// Who it is, a moment ago.
    pub(crate) fn index(&self) -> Option<usize> {
        Some(self.0.load(Ordering::SeqCst)).filter(|index| *index != NOBODY)
    }

    /// The lead for worker `index`, unless another has it.
    pub(crate) fn take(&self, index: usize) -> Option<Lead<'_>> {
        // A look costs less than an exchange that fails.
        let is_free = self.index().is_none()
            && self.0.compare_exchange(NOBODY, index, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        is_free.then(|| Lead(self))
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.0.store(NOBODY, Ordering::SeqCst);
    }
}
