//! The primitives of `process/src/sync.rs` and `otp/src/sync.rs`, as a model sees them.

pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Sizes with which a model is through soon, and two threads meet at every edge of the table.
pub(crate) mod sizes {
    pub(crate) const SPINS_FIRST: u32 = 1;
    pub(crate) const SPINS_MAX: u32 = 1;
    pub(crate) const CHUNK: usize = 2;
    pub(crate) const SHELVES: usize = 2;
    pub(crate) const BATCH: usize = 2;
}

/// The fence that it is on machines whose locks are none.
pub(crate) fn fence_before_lock() {
    fence(Ordering::SeqCst);
}

/// Lets the other side go on: the model runs this thread again when another has done a step.
pub(crate) fn relax() {
    loom::thread::yield_now();
}

/// As [`relax`].
pub(crate) fn give_way() {
    loom::thread::yield_now();
}

/// A cell that finds two accesses of which neither comes before the other, also when it is dropped.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    #[track_caller]
    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(body)
    }
}

impl<T> Drop for UnsafeCell<T> {
    fn drop(&mut self) {
        // A second panic would hide the first.
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

/// Values of the threads of a model.
macro_rules! of_each_thread {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const $value:block;) => {
        loom::thread_local! {
            $(#[$attribute])* static $name: $type = $value;
        }
    };
}

pub(crate) use of_each_thread as thread_local;
