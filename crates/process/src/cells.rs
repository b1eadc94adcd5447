//! Memory for tasks: each thread keeps some of what ended tasks give back, for those that begin.
//!
//! A program that starts many short processes would otherwise spend about a sixth of its instructions in the allocator.
//! What is kept is bounded by [`KEPT_BYTES_MAX`] for each thread; all else goes to the allocator as always.

#![expect(unsafe_code, reason = "memory that is allocated here is given back here")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

/// Sizes are rounded up to a multiple of this, less [`NOTE`].
const CLASS: usize = 16;
/// What allocators commonly put before a piece of memory.
const NOTE: usize = 8;
/// Tasks are kept that are not larger than the largest class.
const CLASSES: usize = 64;
/// A thread keeps so many bytes at most.
const KEPT_BYTES_MAX: usize = 1 << 20;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept { free: [const { Vec::new() }; CLASSES], bytes: 0 }) };
}

struct Kept {
    free: [Vec<NonNull<u8>>; CLASSES],
    bytes: usize,
}

/// The class of a layout and the layout of all its members; `None` for what is too large or too strictly aligned.
fn class_of(layout: Layout) -> Option<(usize, Layout)> {
    let class = (layout.size() + NOTE).div_ceil(CLASS);
    if class > CLASSES || layout.align() > align_of::<u128>() {
        return None;
    }
    let whole = Layout::from_size_align(class * CLASS - NOTE, align_of::<u128>()).ok()?;
    Some((class - 1, whole))
}

/// Memory of at least this layout, to be given back with [`give_back`] and the same layout.
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    let Some((class, whole)) = class_of(layout) else { return allocate(layout) };
    let kept = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        let memory = kept.free[class].pop()?;
        kept.bytes -= whole.size();
        Some(memory)
    });
    kept.ok().flatten().unwrap_or_else(|| allocate(whole))
}

/// Takes back memory.
///
/// # Safety
/// `memory` came from [`take`] with this layout, and is not used any more.
pub(crate) unsafe fn give_back(memory: NonNull<u8>, layout: Layout) {
    let Some((class, whole)) = class_of(layout) else {
        // SAFETY: it was allocated with this layout, as the class tells.
        return unsafe { dealloc(memory.as_ptr(), layout) };
    };
    let is_kept = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        let fits = kept.bytes + whole.size() <= KEPT_BYTES_MAX;
        if fits {
            kept.bytes += whole.size();
            kept.free[class].push(memory);
        }
        fits
    });
    if is_kept != Ok(true) {
        // SAFETY: it was allocated with the layout of its class.
        unsafe { dealloc(memory.as_ptr(), whole) };
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: a task is not of size zero, for it has a header.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (class, free) in self.free.iter_mut().enumerate() {
            let Ok(layout) = Layout::from_size_align((class + 1) * CLASS - NOTE, align_of::<u128>()) else {
                continue;
            };
            for memory in free.drain(..) {
                // SAFETY: it was allocated with the layout of its class.
                unsafe { dealloc(memory.as_ptr(), layout) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    fn kept() -> usize {
        KEPT.with(|kept| kept.borrow().bytes)
    }

    #[test]
    fn keeps_up_to_its_limit_and_uses_it_again() {
        let count = KEPT_BYTES_MAX / 200 + 1;
        let taken: Vec<_> = (0..count).map(|_| take(layout(197))).collect();
        let last_but_one = taken[count - 2];
        for memory in taken {
            // SAFETY: taken above with this layout, and used no more.
            unsafe { give_back(memory, layout(197)) };
        }
        assert_eq!(kept(), (count - 1) * 200, "one was too many");
        assert_eq!(take(layout(200)), last_but_one, "of the same class, the last one first");
        // SAFETY: taken above with this layout, and used no more.
        unsafe { give_back(last_but_one, layout(200)) };
    }

    #[test]
    fn what_is_large_goes_to_the_allocator() {
        let size_max = CLASSES * CLASS - NOTE;
        for size in [size_max, size_max + 1] {
            let memory = take(layout(size));
            // SAFETY: taken above with this layout, and used no more.
            unsafe { give_back(memory, layout(size)) };
            assert_eq!(kept(), size_max, "the larger one is not kept");
        }
    }
}
