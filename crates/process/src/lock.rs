//! A lock for a few instructions: one atomic exchange to take it, one store to give it back.
//!
//! Who finds it taken waits for longer and longer: so whoever has it gets a row of turns before the cache line moves to
//! another core, which is what makes many senders to one process cheap. Nothing that can block, allocate much, or run a
//! user's code belongs under it.

#![expect(unsafe_code, reason = "a value given to one thread at a time")]

use crate::sync::sizes::{SPINS_FIRST, SPINS_MAX};
use crate::sync::{AtomicBool, Ordering, UnsafeCell, give_way, relax};

/// A value behind a spin lock.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `with` gives out the value to one thread at a time.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above; the value moves between threads, so it must be `Send`, and is never shared.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Calls `body` with the value, alone.
    #[inline]
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        self.take();
        let release = Release(&self.taken);
        // SAFETY: between `take` and the drop of `release` no other thread has the value, and `body` cannot take the
        // lock a second time without waiting for ever.
        let result = self.value.with_mut(|value| body(unsafe { &mut *value }));
        drop(release);
        result
    }

    #[inline]
    fn take(&self) {
        if self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.take_slowly();
        }
    }

    #[cold]
    fn take_slowly(&self) {
        let mut spins = SPINS_FIRST;
        loop {
            (0..spins).for_each(|_| relax());
            let is_free = !self.taken.load(Ordering::Relaxed);
            if is_free
                && self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            if spins < SPINS_MAX {
                spins *= 2;
            } else {
                give_way();
            }
        }
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Gives the lock back also when `body` panics.
struct Release<'a>(&'a AtomicBool);

impl Drop for Release<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
