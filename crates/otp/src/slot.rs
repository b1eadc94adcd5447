//! Where a caller waits for the one answer to its call, in one allocation that the last of the two sides gives back.
//!
//! Nothing is counted: the two halves tell each other by the bits of one word who is through.
//!
//! ```text
//! callee: BEGUN when it executes the request, FILLING while it takes the caller's waker out, FILLED when the answer is
//!         there and the callee is through
//! caller: WAITING while its waker is there for the callee, ABANDONED when it has given up
//! ```
//!
//! Whoever sees that the other is through (the callee ABANDONED, the caller FILLED) gives the slot back.

#![expect(unsafe_code, reason = "a value handed from one thread to another once, without a lock")]

use crate::sync::{AtomicU8, AtomicU64, Ordering, UnsafeCell, relax};
use engset_term::Instant;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::task::Waker;

/// The callee executes the request, or is taken to do so.
const BEGUN: u8 = 1;
/// The caller has given up and will not look again.
const ABANDONED: u8 = 2;
/// A waker is there, which belongs to whoever takes this bit away.
const WAITING: u8 = 4;
/// The callee has the waker and is about to say that the answer is there.
const FILLING: u8 = 8;
/// The answer is there, and the callee will not look again.
const FILLED: u8 = 16;

struct Slot<A, N> {
    bits: AtomicU8,
    /// Nanoseconds; `u64::MAX` without one.
    deadline: AtomicU64,
    /// Which process of the node waits, see [`engset_process::call_begins`].
    caller: AtomicU64,
    answer: UnsafeCell<Option<A>>,
    waker: UnsafeCell<Option<Waker>>,
    /// What the callee's side tells the caller about the way of the request.
    note: OnceLock<Box<N>>,
}

/// The side that waits.
pub(crate) struct CallerHalf<A, N> {
    slot: NonNull<Slot<A, N>>,
}

/// The side that answers.
pub(crate) struct CalleeHalf<A, N> {
    slot: NonNull<Slot<A, N>>,
}

// SAFETY: the answer moves from one side to the other, and the waker is `Send`; all else is atomic.
unsafe impl<A: Send, N: Send + Sync> Send for CallerHalf<A, N> {}
// SAFETY: as above.
unsafe impl<A: Send, N: Send + Sync> Send for CalleeHalf<A, N> {}
// SAFETY: what takes `&self` touches atomics only.
unsafe impl<A: Send, N: Send + Sync> Sync for CallerHalf<A, N> {}
// SAFETY: what takes `&self` touches atomics only.
unsafe impl<A: Send, N: Send + Sync> Sync for CalleeHalf<A, N> {}

/// A slot, for a request that counts as begun from its sending on, or only when the callee says so.
pub(crate) fn slot<A, N>(is_begun: bool) -> (CallerHalf<A, N>, CalleeHalf<A, N>) {
    let slot = Box::new(Slot {
        bits: AtomicU8::new(if is_begun { BEGUN } else { 0 }),
        deadline: AtomicU64::new(u64::MAX),
        caller: AtomicU64::new(0),
        answer: UnsafeCell::new(None),
        waker: UnsafeCell::new(None),
        note: OnceLock::new(),
    });
    let slot = NonNull::from(Box::leak(slot));
    (CallerHalf { slot }, CalleeHalf { slot })
}

#[expect(clippy::needless_pass_by_ref_mut, reason = "the answer is taken by one, and once")]
impl<A, N> CallerHalf<A, N> {
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        self.slot().deadline.store(deadline.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn set_caller(&self, caller: u64) {
        self.slot().caller.store(caller, Ordering::Relaxed);
    }

    /// Whether the request counts as begun.
    pub(crate) fn is_begun(&self) -> bool {
        self.slot().bits.load(Ordering::Relaxed) & BEGUN != 0
    }

    /// Gives up: a later answer goes nowhere. Whether the request counts as begun; if not, it never will.
    pub(crate) fn give_up(self) -> bool {
        // SAFETY: this half is used up here.
        unsafe { abandon(ManuallyDrop::new(self).slot) }
    }

    /// What the callee's side told about the way of the request.
    pub(crate) fn note(&self) -> Option<&N> {
        self.slot().note.get().map(|note| &**note)
    }

    /// The answer, if it is there.
    pub(crate) fn take(&mut self) -> Option<A> {
        let is_filled = self.slot().bits.load(Ordering::Acquire) & FILLED != 0;
        if !is_filled {
            return None;
        }
        // SAFETY: the callee wrote the answer before it set the bit, and does not touch it any more.
        self.slot().answer.with_mut(|answer| unsafe { (*answer).take() })
    }

    /// The answer, if it is there; otherwise `waker` is woken when it comes.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Option<A> {
        let slot = self.slot();
        if slot.bits.fetch_and(!WAITING, Ordering::AcqRel) & (FILLING | FILLED) != 0 {
            while slot.bits.load(Ordering::Acquire) & FILLED == 0 {
                relax();
            }
            return self.take();
        }
        slot.waker.with_mut(|place| {
            // SAFETY: without the bit WAITING the callee leaves the waker alone; it was not set, or has just been taken
            // away by this side.
            let place = unsafe { &mut *place };
            if place.as_ref().is_none_or(|known| !known.will_wake(waker)) {
                *place = Some(waker.clone());
            }
        });
        let before = slot.bits.fetch_or(WAITING, Ordering::AcqRel);
        if before & FILLED != 0 { self.take() } else { None }
    }

    fn slot(&self) -> &Slot<A, N> {
        // SAFETY: the slot is there as long as one half is.
        unsafe { self.slot.as_ref() }
    }
}

impl<A, N> Drop for CallerHalf<A, N> {
    fn drop(&mut self) {
        // SAFETY: the slot is there as long as this half is.
        let is_filled = unsafe { self.slot.as_ref() }.bits.load(Ordering::Acquire) & FILLED != 0;
        if is_filled {
            // SAFETY: the callee said that it is through.
            drop(unsafe { Box::from_raw(self.slot.as_ptr()) });
        } else {
            // SAFETY: this half is dropped once.
            unsafe { abandon(self.slot) };
        }
    }
}

/// Ends the caller's side; whether the request counts as begun.
unsafe fn abandon<A, N>(place: NonNull<Slot<A, N>>) -> bool {
    // SAFETY: the slot is there as long as the caller's half is, which ends here.
    let before = unsafe { place.as_ref() }.bits.fetch_or(ABANDONED, Ordering::AcqRel);
    if before & FILLED != 0 {
        // SAFETY: the callee said that it is through.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
    }
    before & BEGUN != 0
}

impl<A, N> CalleeHalf<A, N> {
    /// The caller's deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.slot().deadline.load(Ordering::Relaxed) {
            u64::MAX => None,
            nanos => Some(Instant::from_nanos(nanos)),
        }
    }

    /// Which process of the node waits.
    pub(crate) fn caller(&self) -> u64 {
        self.slot().caller.load(Ordering::Relaxed)
    }

    /// Says that the request is begun; false where the caller has given up before.
    pub(crate) fn begin(&self) -> bool {
        self.slot().bits.fetch_or(BEGUN, Ordering::AcqRel) & ABANDONED == 0
    }

    /// Tells the caller about the way of the request; only the first note counts.
    pub(crate) fn set_note(&self, note: N) {
        drop(self.slot().note.set(Box::new(note)));
    }

    /// Whether the caller has given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.slot().bits.load(Ordering::Relaxed) & ABANDONED != 0
    }

    /// Answers.
    #[inline]
    pub(crate) fn fill(self, answer: A) {
        let slot = ManuallyDrop::new(self).slot;
        // SAFETY: this half is the callee's, of which there is one, and it is used up here.
        unsafe { fill(slot, Some(answer)) };
    }

    fn slot(&self) -> &Slot<A, N> {
        // SAFETY: the slot is there as long as one half is.
        unsafe { self.slot.as_ref() }
    }
}

impl<A, N> Drop for CalleeHalf<A, N> {
    /// Without an answer the caller waits until its deadline.
    fn drop(&mut self) {
        // SAFETY: this half is the callee's, of which there is one, and it is dropped once.
        unsafe { fill(self.slot, None) };
    }
}

/// Puts the answer into the slot and ends the callee's side of it.
#[inline]
unsafe fn fill<A, N>(place: NonNull<Slot<A, N>>, answer: Option<A>) {
    // SAFETY: the callee's half keeps the slot until it says that it is through.
    let slot = unsafe { place.as_ref() };
    // SAFETY: the caller does not touch the answer before FILLED is set.
    slot.answer.with_mut(|place| unsafe { *place = answer });
    let mut bits = slot.bits.load(Ordering::Acquire);
    let waker = loop {
        let next = if bits & WAITING != 0 { (bits & !WAITING) | FILLING } else { bits | FILLED };
        match slot.bits.compare_exchange_weak(bits, next, Ordering::AcqRel, Ordering::Acquire) {
            Err(now) => bits = now,
            Ok(_) if bits & WAITING == 0 => break None,
            Ok(_) => {
                // SAFETY: the bit WAITING was taken away by this side, so the waker is this side's.
                let waker = slot.waker.with_mut(|waker| unsafe { (*waker).take() });
                bits = slot.bits.fetch_or(FILLED, Ordering::AcqRel);
                break waker;
            }
        }
    };
    if bits & ABANDONED != 0 {
        // SAFETY: the caller said that it is through.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
    }
    if let Some(waker) = waker {
        waker.wake();
    }
}
