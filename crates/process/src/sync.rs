//! The primitives that unsafe code here is made of, in one place, so that models can put others in their place.

pub(crate) use std::cell::UnsafeCell as StdUnsafeCell;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// Lets the other side of a lock go on.
pub(crate) fn relax() {
    std::hint::spin_loop();
}

/// Gives the processor away: whoever holds the lock may not be running.
pub(crate) fn give_way() {
    std::thread::yield_now();
}

/// A cell without checks, with the interface that models need to see each access.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(StdUnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(StdUnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        body(self.0.get())
    }
}
