//! Memory and marks that find misuse: a leak, a second return, a use after the return, an access out of order.

#![expect(unsafe_code, reason = "memory that is allocated here is given back here")]

use crate::sync::UnsafeCell;
use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// What is left in memory that was given back: no object of a model has this number.
const POISON: u8 = 0xDD;

/// The allocator of the models: who uses memory that was given back finds [`POISON`], nearly always.
struct Poisoning;

#[global_allocator]
static ALLOCATOR: Poisoning = Poisoning;

// SAFETY: it is the system's allocator, but for what it writes to memory that nobody may read.
unsafe impl GlobalAlloc for Poisoning {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller gives this memory of this layout away.
        unsafe { memory.write_bytes(POISON, layout.size()) };
        // SAFETY: the caller promises the same.
        unsafe { System.dealloc(memory, layout) };
    }
}

thread_local! {
    /// All threads of a model run on one thread of the system.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

#[derive(Default)]
struct Memory {
    taken: BTreeMap<NonNull<u8>, Layout>,
    /// Kept to the end of the model, so that a use of it is found.
    given_back: Vec<(NonNull<u8>, Layout)>,
}

/// Memory of this layout.
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    // SAFETY: a task is not of size zero, for it has a header.
    let memory = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    MEMORY.with_borrow_mut(|all| all.taken.insert(memory, layout));
    memory
}

/// Takes back memory.
///
/// # Safety
/// `memory` came from [`take`] with this layout, and is not used any more.
pub(crate) unsafe fn give_back(memory: NonNull<u8>, layout: Layout) {
    let taken = MEMORY.with_borrow_mut(|all| all.taken.remove(&memory));
    assert_eq!(taken, Some(layout), "memory is given back once, with the layout with which it was taken");
    // SAFETY: the memory is of this size.
    unsafe { memory.write_bytes(POISON, layout.size()) };
    MEMORY.with_borrow_mut(|all| all.given_back.push((memory, layout)));
}

/// At the end of a model: all memory was given back, and not touched afterwards.
pub(crate) fn check() {
    let all = MEMORY.take();
    assert!(all.taken.is_empty(), "{} tasks were not given back", all.taken.len());
    for (memory, layout) in all.given_back {
        for at in 0..layout.size() {
            // SAFETY: the place is inside of the memory.
            let place = unsafe { memory.add(at) };
            // SAFETY: all of it was written when it was given back.
            assert_eq!(unsafe { place.read() }, POISON, "memory that was given back was written to");
        }
        // SAFETY: it was allocated with this layout, and nobody knows of it any more.
        unsafe { dealloc(memory.as_ptr(), layout) };
    }
}

/// A place without a lock of its own. The model fails where it is touched, or dropped, by two threads of which neither
/// comes before the other.
#[derive(Debug)]
pub(crate) struct Mark(UnsafeCell<u32>);

// SAFETY: all threads of a model run on one thread of the system; which of them would race is what the cell finds.
unsafe impl Send for Mark {}
// SAFETY: as above.
unsafe impl Sync for Mark {}

impl Mark {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// Touches the place as by a write.
    #[track_caller]
    pub(crate) fn touch(&self) {
        self.0.with_mut(|_| ());
    }
}
