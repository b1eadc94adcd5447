//! The primitives that unsafe code here is made of, in one place, so that models can put others in their place.

pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Lets the other side go on.
pub(crate) fn relax() {
    std::hint::spin_loop();
}

/// A cell without checks, with the interface that models need to see each access.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        body(self.0.get())
    }
}
