//! Pure: timers in wheels of slots, for a million of them; whoever owns them says what time it is.
//!
//! A timer waits in a slot of the wheel whose slots are just short enough for it to be told from `now`; when its time
//! comes nearer it moves down, until it is due (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
//! Setting and cancelling cost the same however many there are. A timer never fires early, and at most one [`TICK`]
//! late; those that fire together do so by due time, then in the order in which they were set.

use engset_term::Instant;
use std::collections::VecDeque;

/// The length of the shortest slots, in nanoseconds, as a power of two: about a millisecond.
const TICK_BITS: u32 = 20;
/// Slots of a wheel, as a power of two.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Wheels: the last one reaches over 200 days; what is due later waits in its last slot.
const WHEELS: usize = 6;
/// Entries are kept up to this number when none is in use.
const KEPT: usize = 1024;

/// No entry.
const NONE: u32 = u32::MAX;

/// The length of the shortest slots.
#[cfg(test)]
const TICK: std::time::Duration = std::time::Duration::from_nanos(1 << TICK_BITS);

/// Identifies a timer among those of one [`Wheels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WheelId {
    entry: u32,
    number: u64,
}

/// Timers with what each does when due.
#[derive(Debug)]
pub(crate) struct Wheels<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    waiting: usize,
    /// All ticks before this one have been looked at.
    tick: u64,
    heads: [[u32; SLOTS]; WHEELS],
    /// Which slots are not empty.
    filled: [u64; WHEELS],
    /// Due, in order.
    due: VecDeque<(Instant, u64, u32)>,
    last_number: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: Instant,
    /// Of the timer that holds the entry; 0 for a free one.
    number: u64,
    place: Place,
    before: u32,
    next: u32,
    action: Option<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Slot(u8, u8),
    Due,
}

impl<T> Default for Wheels<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            waiting: 0,
            tick: 0,
            heads: [[NONE; SLOTS]; WHEELS],
            filled: [0; WHEELS],
            due: VecDeque::new(),
            last_number: 0,
        }
    }
}

impl<T> Wheels<T> {
    /// Sets a timer.
    pub(crate) fn insert(&mut self, due: Instant, action: T) -> WheelId {
        self.last_number += 1;
        let number = self.last_number;
        let new = Entry { due, number, place: Place::Due, before: NONE, next: NONE, action: Some(action) };
        let entry = match self.free {
            NONE => {
                self.entries.push(new);
                u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
            }
            entry => {
                let place = &mut self.entries[entry as usize];
                self.free = place.next;
                *place = new;
                entry
            }
        };
        self.waiting += 1;
        self.put(entry);
        WheelId { entry, number }
    }

    /// Takes a timer back; its action, if it has not fired.
    pub(crate) fn cancel(&mut self, id: WheelId) -> Option<T> {
        let entry = self.entries.get(id.entry as usize).filter(|entry| entry.number == id.number)?;
        // What is due stays in its queue, as nobody's.
        if let Place::Slot(..) = entry.place {
            self.unlink(id.entry);
        }
        self.release(id.entry)
    }

    /// When the owner has to look at the timers next, if any waits; not later than one tick after the first is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if !self.due.is_empty() {
            return Some(Instant::ZERO);
        }
        let next = (0..WHEELS).filter_map(|wheel| self.next_of(wheel)).min()?;
        // A tick is over when all of it has passed.
        Some(Instant::from_nanos((next.saturating_add(1)) << TICK_BITS))
    }

    /// The next timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        loop {
            while let Some((_, number, entry)) = self.due.pop_front() {
                if self.entries.get(entry as usize).is_some_and(|entry| entry.number == number) {
                    return self.release(entry);
                }
            }
            let passed = now.as_nanos() >> TICK_BITS;
            if !self.advance(passed) {
                return None;
            }
        }
    }

    /// Looks at the next tick before `passed` that has anything to do; false when there is none.
    fn advance(&mut self, passed: u64) -> bool {
        let next = (0..WHEELS).filter_map(|wheel| self.next_of(wheel)).min();
        let Some(next) = next.filter(|next| *next < passed) else {
            self.tick = self.tick.max(passed);
            return false;
        };
        self.tick = self.tick.max(next);
        // From the longest slots down: what moves lands in wheels that are looked at afterwards.
        for wheel in (1..WHEELS).rev() {
            let is_boundary = self.tick.trailing_zeros() >= SLOT_BITS * u32::try_from(wheel).unwrap_or(0);
            if is_boundary || self.next_of(wheel).is_some_and(|start| start <= self.tick) {
                self.empty(wheel);
            }
        }
        self.empty(0);
        self.tick += 1;
        self.due.make_contiguous().sort_unstable();
        true
    }

    /// Moves what is in the slot of the present tick on.
    fn empty(&mut self, wheel: usize) {
        let slot = slot_of(self.tick, wheel);
        let mut entry = std::mem::replace(&mut self.heads[wheel][slot], NONE);
        self.filled[wheel] &= !(1 << slot);
        while entry != NONE {
            let next = self.entries[entry as usize].next;
            if wheel == 0 {
                let timer = &mut self.entries[entry as usize];
                timer.place = Place::Due;
                self.due.push_back((timer.due, timer.number, entry));
            } else {
                self.put(entry);
            }
            entry = next;
        }
    }

    /// The first tick at which something has to be done for a wheel.
    fn next_of(&self, wheel: usize) -> Option<u64> {
        let filled = self.filled[wheel];
        if filled == 0 {
            return None;
        }
        let shift = SLOT_BITS * u32::try_from(wheel).unwrap_or(0);
        let present = self.tick >> shift;
        let slot = u32::try_from(present & (SLOTS as u64 - 1)).unwrap_or(0);
        let ahead = u64::from(filled.rotate_right(slot).trailing_zeros());
        Some(((present + ahead) << shift).max(self.tick))
    }

    /// Enters a timer where it belongs.
    fn put(&mut self, entry: u32) {
        // Due within a tick that has begun already: with the next tick to be looked at.
        let tick = (self.entries[entry as usize].due.as_nanos() >> TICK_BITS).max(self.tick);
        let ahead = tick - self.tick;
        let wheel = (0..WHEELS - 1)
            .find(|wheel| {
                let shift = SLOT_BITS * u32::try_from(*wheel).unwrap_or(0);
                (tick >> shift) - (self.tick >> shift) < SLOTS as u64
            })
            .unwrap_or(WHEELS - 1);
        let shift = SLOT_BITS * u32::try_from(wheel).unwrap_or(0);
        let farthest = ((self.tick >> shift) + SLOTS as u64 - 1) << shift;
        let slot = slot_of(
            if ahead >= (SLOTS as u64) << shift { farthest } else { tick.min(farthest | ((1 << shift) - 1)) },
            wheel,
        );
        let head = self.heads[wheel][slot];
        if head != NONE {
            self.entries[head as usize].before = entry;
        }
        let timer = &mut self.entries[entry as usize];
        timer.place = Place::Slot(u8::try_from(wheel).unwrap_or(0), u8::try_from(slot).unwrap_or(0));
        timer.before = NONE;
        timer.next = head;
        self.heads[wheel][slot] = entry;
        self.filled[wheel] |= 1 << slot;
    }

    fn unlink(&mut self, entry: u32) {
        let Entry { place, before, next, .. } = self.entries[entry as usize];
        let Place::Slot(wheel, slot) = place else { return };
        let (wheel, slot) = (usize::from(wheel), usize::from(slot));
        match before {
            NONE => self.heads[wheel][slot] = next,
            before => self.entries[before as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].before = before;
        }
        if self.heads[wheel][slot] == NONE {
            self.filled[wheel] &= !(1 << slot);
        }
    }

    /// Frees an entry that no slot holds; its action.
    fn release(&mut self, entry: u32) -> Option<T> {
        let place = &mut self.entries[entry as usize];
        let action = place.action.take();
        place.number = 0;
        place.next = self.free;
        self.free = entry;
        self.waiting -= 1;
        if self.waiting == 0 && self.entries.len() > KEPT {
            // Those that were cancelled while due are found to be nobody's also without their entries.
            self.entries = Vec::new();
            self.due = VecDeque::new();
            self.free = NONE;
        }
        action
    }
}

fn slot_of(tick: u64, wheel: usize) -> usize {
    let shift = SLOT_BITS * u32::try_from(wheel).unwrap_or(0);
    usize::try_from((tick >> shift) & (SLOTS as u64 - 1)).unwrap_or(0)
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
