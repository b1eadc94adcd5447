//! How a worker that sleeps is woken, wherever it sleeps.
//!
//! Both sides write first and look afterwards: who rings notes that and looks whom to wake, who goes to sleep notes how to
//! be woken and looks whether it rang. So at least one of them sees what the other wrote.

use crate::sync::{AtomicBool, Ordering};
use parking_lot::Mutex;
use std::task::Waker;

/// What wakes one worker.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    has_rung: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// Wakes the worker, or keeps it from falling asleep next.
    pub(crate) fn ring(&self) {
        // Whoever rang before wakes it.
        if !self.has_rung.swap(true, Ordering::SeqCst)
            && let Some(waker) = &*self.waker.lock()
        {
            waker.wake_by_ref();
        }
    }

    /// The worker is awake and looks for what it was woken for.
    pub(crate) fn answer(&self) {
        if self.has_rung.load(Ordering::Relaxed) {
            self.has_rung.swap(false, Ordering::SeqCst);
        }
    }

    /// Whether it has rung since the worker looked last; a worker that is awake may see it late.
    pub(crate) fn is_rung(&self) -> bool {
        self.has_rung.load(Ordering::Relaxed)
    }

    /// Whether the worker must not fall asleep; otherwise `waker` is what wakes it from now on.
    pub(crate) fn has_rung(&self, waker: &Waker) -> bool {
        {
            let mut known = self.waker.lock();
            match &mut *known {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        self.has_rung.swap(false, Ordering::SeqCst)
    }
}
