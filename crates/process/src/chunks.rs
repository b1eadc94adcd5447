//! Pure: a queue of any length that never copies what is in it, and keeps a little of its memory for the next burst.

#![expect(unsafe_code, reason = "a value is read where it lies, and its place given up afterwards")]

use std::collections::VecDeque;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};

/// How many values the first chunk holds.
const CHUNK_FIRST: usize = 8;
/// A chunk holds twice as many as the largest one in use, up to this many bytes.
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// An empty queue whose chunks hold no more than this many is worth to be kept.
const CHUNK_KEPT: usize = 32;

/// Values in the order in which they were put there.
pub(crate) struct Chunks<T> {
    /// Where values are taken. Where it is empty, the middle is.
    front: VecDeque<Slot<T>>,
    middle: VecDeque<VecDeque<Slot<T>>>,
    /// Where values are put.
    back: VecDeque<Slot<T>>,
}

/// Holds a value, and may be moved when the value has been read out of it.
struct Slot<T>(MaybeUninit<T>);

impl<T> Slot<T> {
    fn get(&self) -> &T {
        // SAFETY: a slot in a queue holds a value.
        unsafe { self.0.assume_init_ref() }
    }

    fn into_inner(self) -> T {
        let slot = ManuallyDrop::new(self);
        // SAFETY: as above; the slot is not used any more.
        unsafe { slot.0.assume_init_read() }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // SAFETY: a slot that is dropped holds a value.
        unsafe { self.0.assume_init_drop() };
    }
}

impl<T> Chunks<T> {
    /// The most that a chunk holds.
    pub(crate) const MAX: usize = {
        let most = CHUNK_BYTES_MAX / size_of::<T>();
        if most < CHUNK_FIRST { CHUNK_FIRST } else { most }
    };

    pub(crate) const fn new() -> Self {
        Self { front: VecDeque::new(), middle: VecDeque::new(), back: VecDeque::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.is_empty()
    }

    /// Whether the memory of the empty queue is little enough to be kept.
    pub(crate) fn is_small(&self) -> bool {
        self.front.capacity().max(self.back.capacity()) <= CHUNK_KEPT
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&T> {
        self.front.front().or_else(|| self.back.front()).map(Slot::get)
    }

    /// Whether there is room for one more without an allocation.
    #[inline]
    fn has_room(&self) -> bool {
        self.back.len() < self.back.capacity()
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if !self.has_room() {
            self.make_room();
        }
        self.back.push_back(Slot(MaybeUninit::new(value)));
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.pop_slot().map(Slot::into_inner)
    }

    /// Takes the front value by reading it where it lies.
    ///
    /// # Safety
    /// There is one, and `read` moves all of it out.
    #[inline]
    pub(crate) unsafe fn pop_by<R>(&mut self, read: impl FnOnce(Option<&T>) -> R) -> R {
        let result = read(self.front());
        // What was read must not be dropped.
        let _read = self.pop_slot().map(ManuallyDrop::new);
        result
    }

    #[inline]
    fn pop_slot(&mut self) -> Option<Slot<T>> {
        if self.front.is_empty() {
            std::mem::swap(&mut self.front, &mut self.back);
        }
        let slot = self.front.pop_front();
        if self.front.is_empty()
            && let Some(next) = self.middle.pop_front()
        {
            self.front = next;
        }
        slot
    }

    #[cold]
    fn make_room(&mut self) {
        let largest = self.front.capacity().max(self.back.capacity());
        if self.front.is_empty() {
            std::mem::swap(&mut self.front, &mut self.back);
        } else if !self.back.is_empty() {
            self.middle.push_back(std::mem::take(&mut self.back));
        }
        if !self.has_room() {
            self.back = VecDeque::with_capacity((2 * largest).clamp(CHUNK_FIRST, Self::MAX));
        }
    }
}

impl<T> fmt::Debug for Chunks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn holds(chunks: &Chunks<Arc<u64>>) -> bool {
        !chunks.front.is_empty() || chunks.middle.is_empty()
    }

    fn burst(random: &mut fastrand::Rng) -> u32 {
        let most = [4, 30, 400][random.usize(0..3)];
        random.u32(0..most)
    }

    #[test]
    fn is_a_queue_whatever_is_put_and_taken() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut chunks, mut expected) = (Chunks::new(), VecDeque::new());
            let mut next = 0;
            for _ in 0..40 {
                for _ in 0..burst(&mut random) {
                    chunks.push(Arc::new(next));
                    expected.push_back(next);
                    next += 1;
                    assert!(holds(&chunks), "seed {seed}");
                }
                for _ in 0..burst(&mut random) {
                    assert_eq!(chunks.front().map(|front| **front), expected.front().copied(), "seed {seed}");
                    let popped = chunks.pop();
                    assert!(popped.as_ref().is_none_or(|popped| Arc::strong_count(popped) == 1));
                    assert_eq!(popped.map(|popped| *popped), expected.pop_front(), "seed {seed}");
                    assert!(holds(&chunks), "seed {seed}");
                }
                assert_eq!(chunks.is_empty(), expected.is_empty(), "seed {seed}");
            }
        }
    }

    /// The order in which a version before lost its way: an empty chunk stood among those that wait.
    #[test]
    fn a_queue_that_was_taken_in_part_goes_on_in_order() {
        let mut chunks = Chunks::new();
        (1..=3).for_each(|number| chunks.push(number));
        assert_eq!((chunks.pop(), chunks.pop()), (Some(1), Some(2)));
        (4..=12).for_each(|number| chunks.push(number));
        assert!(std::iter::from_fn(|| chunks.pop()).eq(3..=12));
    }

    #[test]
    fn a_value_is_dropped_once_whether_it_is_taken_or_not() {
        let value = Arc::new(());
        let mut chunks = Chunks::new();
        for _ in 0..100 {
            chunks.push(Arc::clone(&value));
        }
        drop(chunks.pop());
        let read = |front: Option<&Arc<()>>| {
            front.map(|front| {
                // SAFETY: the queue forgets it.
                unsafe { std::ptr::read(front) }
            })
        };
        // SAFETY: there are more, and the reading takes all of it.
        let read = unsafe { chunks.pop_by(read) };
        drop(read);
        assert_eq!(Arc::strong_count(&value), 99);
        drop(chunks);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn chunks_grow_up_to_their_limit() {
        let mut chunks = Chunks::new();
        let many = 5 * Chunks::<[u64; 2]>::MAX;
        (0..many as u64).for_each(|number| chunks.push([number; 2]));
        assert!(chunks.middle.iter().all(|chunk| chunk.len() <= Chunks::<[u64; 2]>::MAX));
        assert!(!chunks.is_small());
        assert!((0..many as u64).all(|number| chunks.pop() == Some([number; 2])));
        assert!(chunks.is_empty());
    }
}
