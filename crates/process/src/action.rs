//! What a timer does when due: a closure that is called at most once, without an allocation where it is small.

#![expect(unsafe_code, reason = "a closure in place whose type only its function knows")]

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};

/// A closure of up to so many words lies in the action itself: a message of two words to a process fits.
const WORDS: usize = 5;

type Space = MaybeUninit<[usize; WORDS]>;

/// A closure without arguments.
pub(crate) struct Action {
    /// Takes the closure out of the space; calls it, or only drops it.
    take: unsafe fn(*mut Space, Then),
    space: Space,
}

// SAFETY: `new` takes closures only that are `Send`, and gives them out to nobody.
unsafe impl Send for Action {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Call,
    Drop,
}

impl Action {
    #[inline]
    pub(crate) fn new<F: FnOnce() + Send + 'static>(closure: F) -> Self {
        let fits = size_of::<F>() <= size_of::<Space>() && align_of::<F>() <= align_of::<Space>();
        let mut space = Space::uninit();
        if fits {
            // SAFETY: the closure fits.
            unsafe { space.as_mut_ptr().cast::<F>().write(closure) };
            return Self { take: take::<F>, space };
        }
        let boxed = Box::new(closure);
        // SAFETY: a box is a word.
        unsafe { space.as_mut_ptr().cast::<Box<F>>().write(boxed) };
        Self { take: take::<Box<F>>, space }
    }

    /// Calls the closure.
    pub(crate) fn run(self) {
        let mut action = ManuallyDrop::new(self);
        // SAFETY: the closure is there, and is not taken again: the action is not dropped.
        unsafe { (action.take)(&raw mut action.space, Then::Call) };
    }
}

impl Drop for Action {
    fn drop(&mut self) {
        // SAFETY: the closure is there, and is not taken again.
        unsafe { (self.take)(&raw mut self.space, Then::Drop) };
    }
}

/// Takes the closure out of its space.
///
/// # Safety
/// There is one of this type, which is not used any more afterwards.
unsafe fn take<F: FnOnce()>(space: *mut Space, then: Then) {
    // SAFETY: as the caller promises.
    let closure = unsafe { space.cast::<F>().read() };
    match then {
        Then::Call => closure(),
        Then::Drop => drop(closure),
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Action")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Runs one action and drops another, each with so many words beside what it counts with.
    fn called_and_dropped<const MORE: usize>() {
        let counted = Arc::new(AtomicU64::new(0));
        let action = || {
            let (counted, more) = (Arc::clone(&counted), [7_u64; MORE]);
            Action::new(move || {
                counted.fetch_add(1 + more.iter().sum::<u64>(), Ordering::Relaxed);
            })
        };
        action().run();
        assert_eq!(counted.load(Ordering::Relaxed), 1 + 7 * MORE as u64);
        drop(action());
        assert_eq!((counted.load(Ordering::Relaxed), Arc::strong_count(&counted)), (1 + 7 * MORE as u64, 1));
    }

    #[test]
    fn is_called_or_dropped_once_in_place_and_in_a_box() {
        called_and_dropped::<0>();
        called_and_dropped::<{ WORDS - 1 }>();
        called_and_dropped::<WORDS>();
    }

    #[test]
    fn what_is_strictly_aligned_goes_into_a_box() {
        #[repr(align(64))]
        struct Aligned(u8);
        let aligned = Aligned(7);
        let (sent, received) = std::sync::mpsc::channel();
        let check = move || {
            let address = (&raw const aligned).addr();
            sent.send((address % 64, aligned.0)).expect("the test waits");
        };
        Action::new(check).run();
        assert_eq!(received.recv(), Ok((0, 7)));
    }
}
