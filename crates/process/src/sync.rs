//! The primitives that unsafe code here is made of, in one place, so that models can put others in their place.

pub(crate) use std::cell::UnsafeCell as StdUnsafeCell;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use std::thread_local;

/// Sizes that models make small.
pub(crate) mod sizes {
    /// Looks at a taken lock after this many spins at first, and twice as many each time.
    pub(crate) const SPINS_FIRST: u32 = 4;
    /// From this many spins on the thread also gives the processor away: the holder may not be running.
    pub(crate) const SPINS_MAX: u32 = 256;
    /// Doors are allocated in chunks of this many.
    pub(crate) const CHUNK: usize = 1024;
    /// So many shelves of free doors: each worker has its own, the first ones.
    pub(crate) const SHELVES: usize = 8;
    /// A shelf is filled with this many doors when it is empty, and gives as many away when it has twice as many.
    pub(crate) const BATCH: usize = 128;
}

/// What this thread wrote before is seen by whoever comes after it in the order of fences, if this thread takes a lock
/// next: where the exchange that a lock is taken with is such a fence, nothing else is needed.
#[inline]
pub(crate) fn fence_before_lock() {
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
    fence(Ordering::SeqCst);
}

/// Lets the other side of a lock go on.
#[inline]
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

    #[inline]
    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        body(self.0.get())
    }
}
