//! A message on its way to a mailbox: it lies where its sender put it until it is moved into its place, once.

#![expect(unsafe_code, reason = "a value that is moved out of the middle of a function, or not")]

use std::mem::ManuallyDrop;

/// A value that is taken at most once.
///
/// An `Option` would do, but the compiler takes one apart to look at its kind, and the processor then waits for the
/// pieces to be written before it can read them together.
pub(crate) struct Carried<M> {
    message: ManuallyDrop<M>,
    is_here: bool,
}

impl<M> Carried<M> {
    #[inline(always)]
    pub(crate) fn new(message: M) -> Self {
        Self { message: ManuallyDrop::new(message), is_here: true }
    }

    /// The message, while it is here.
    pub(crate) fn get(&self) -> Option<&M> {
        self.is_here.then_some(&*self.message)
    }

    /// Moves the message to `to`, if it is here still.
    #[inline(always)]
    pub(crate) fn give<R>(&mut self, to: impl FnOnce(M) -> R) -> Option<R> {
        if !self.is_here {
            return None;
        }
        self.is_here = false;
        // SAFETY: the message was here, and is not any more.
        Some(to(unsafe { ManuallyDrop::take(&mut self.message) }))
    }

    /// The message, where nobody took it.
    pub(crate) fn left(mut self) -> Option<M> {
        self.give(|message| message)
    }
}

impl<M> Drop for Carried<M> {
    #[inline]
    fn drop(&mut self) {
        if self.is_here {
            // SAFETY: the message is here, and is not looked at again.
            unsafe { ManuallyDrop::drop(&mut self.message) };
        }
    }
}
