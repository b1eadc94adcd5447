//! pid → process: doors with generations, and a limit on their number.

use crate::lock::Lock;
use crate::scheduler::worker_index;
use crate::sync::sizes::{BATCH, CHUNK, SHELVES};
use crate::task::{Door, Runnable, Visit};
use engset_term::Pid;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;

/// The processes of one node by pid. A pid's id is its door, its serial the door's generation: a pid of a process that
/// ended never finds its door's next holder (until 2^32 processes later at the same door).
pub(crate) struct Table {
    chunks: Box<[OnceLock<Box<[Door]>>]>,
    /// Doors that a worker may take without asking the others.
    shelves: [Shelf; SHELVES],
    free: Mutex<Free>,
    /// Doors beyond the limit.
    reserve: Mutex<VecDeque<u32>>,
    limit: usize,
}

/// A shelf has a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shelf(Lock<VecDeque<u32>>);

#[derive(Default)]
struct Free {
    doors: VecDeque<u32>,
    used: u32,
}

/// The node's process limit is reached; nothing was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyProcesses {
    /// The limit, from the node's configuration.
    pub limit: usize,
}

impl fmt::Display for TooManyProcesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the node's limit of {} processes is reached", self.limit)
    }
}

impl std::error::Error for TooManyProcesses {}

impl Table {
    pub(crate) fn new(limit: usize, reserve: usize) -> Self {
        let limit = limit.min(u32::MAX as usize - CHUNK - reserve);
        let chunks = (0..(limit + reserve).div_ceil(CHUNK)).map(|_| OnceLock::new()).collect();
        let first = u32::try_from(limit).unwrap_or(u32::MAX);
        let reserve = (first..first + u32::try_from(reserve).unwrap_or(0)).collect();
        Self {
            chunks,
            shelves: Default::default(),
            free: Mutex::default(),
            reserve: Mutex::new(reserve),
            limit,
        }
    }

    /// Takes a free door for a new process; its number and the door.
    #[inline]
    pub(crate) fn take(&self, from_reserve: bool) -> Result<(u32, &Door), TooManyProcesses> {
        let shelf = &self.shelves[worker_index().unwrap_or(0) % SHELVES].0;
        let number = shelf.with(VecDeque::pop_front);
        let number = match number {
            Some(number) => number,
            None => self
                .fill(shelf)
                .or_else(|| if from_reserve { self.reserve.lock().pop_front() } else { None })
                .ok_or(TooManyProcesses { limit: self.limit })?,
        };
        Ok((number, self.door_or_new(number)))
    }

    /// Gives back the door of a process that has left it, or that never stood behind it.
    #[inline]
    pub(crate) fn free(&self, pid: Pid) {
        let number = pid.id() - 1;
        if number as usize >= self.limit {
            return self.reserve.lock().push_back(number);
        }
        let shelf = &self.shelves[worker_index().unwrap_or(0) % SHELVES].0;
        let is_full = shelf.with(|doors| {
            doors.push_back(number);
            doors.len() >= 2 * BATCH
        });
        if is_full {
            self.clear_out(shelf);
        }
    }

    /// Calls `body` with the process that has this pid, if it is alive, under its door's lock.
    #[inline]
    pub(crate) fn visit<R>(&self, pid: Pid, body: impl FnOnce(&mut Visit<'_>) -> R) -> Option<R> {
        self.door(pid.id())?.visit(pid.serial(), body)
    }

    /// One more right to run the process with this pid, see [`Door::rescue`].
    pub(crate) fn rescue(&self, pid: Pid, lost: u8) -> Option<Runnable> {
        self.door(pid.id())?.rescue(Some(pid.serial()), lost)
    }

    /// Whether the process with this pid is alive.
    pub(crate) fn is_alive(&self, pid: Pid) -> bool {
        self.door(pid.id()).is_some_and(|door| door.is_occupied(pid.serial()))
    }

    /// How many processes are alive.
    pub(crate) fn len(&self) -> usize {
        let free = self.free.lock();
        let shelved: usize = self.shelves.iter().map(|shelf| shelf.0.with(|doors| doors.len())).sum();
        let used = (free.used as usize).saturating_sub(free.doors.len() + shelved);
        used + self
            .reserved()
            .filter(|id| self.door(*id).is_some_and(|door| door.occupied_by().is_some()))
            .count()
    }

    /// The ids and serials of the processes alive now, by door.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, u32)> {
        let used = self.free.lock().used;
        (1..=used).chain(self.reserved()).filter_map(|id| Some((id, self.door(id)?.occupied_by()?)))
    }

    /// The ids beyond the limit.
    fn reserved(&self) -> std::ops::RangeInclusive<u32> {
        let first = u32::try_from(self.limit).unwrap_or(u32::MAX).saturating_add(1);
        let doors = self.chunks.len() * CHUNK;
        first..=u32::try_from(doors).unwrap_or(u32::MAX)
    }

    /// Fills a shelf from the common stock, and takes one; where nothing is left there, one of another shelf.
    ///
    /// Doors move between the stock and the shelves under the stock's lock only, so that none is overlooked on its way:
    /// nobody is refused while one is free.
    #[inline(never)]
    fn fill(&self, shelf: &Lock<VecDeque<u32>>) -> Option<u32> {
        let mut free = self.free.lock();
        let recycled = free.doors.len().min(BATCH);
        let mut taken: VecDeque<u32> = free.doors.drain(..recycled).collect();
        let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
        while taken.len() < BATCH && free.used < limit {
            taken.push_back(free.used);
            free.used += 1;
        }
        let Some(number) = taken.pop_front() else {
            return self.shelves.iter().find_map(|shelf| shelf.0.with(VecDeque::pop_front));
        };
        shelf.with(|doors| doors.extend(taken));
        Some(number)
    }

    /// Gives a batch of a shelf that is too full to the common stock.
    #[inline(never)]
    fn clear_out(&self, shelf: &Lock<VecDeque<u32>>) {
        let mut free = self.free.lock();
        shelf.with(|doors| {
            let surplus = if doors.len() < 2 * BATCH { 0 } else { BATCH };
            free.doors.extend(doors.drain(..surplus));
        });
    }

    #[inline]
    fn door(&self, id: u32) -> Option<&Door> {
        let number = id.checked_sub(1)? as usize;
        self.chunks.get(number / CHUNK)?.get()?.get(number % CHUNK)
    }

    #[inline]
    fn door_or_new(&self, number: u32) -> &Door {
        let chunk =
            self.chunks[number as usize / CHUNK].get_or_init(|| (0..CHUNK).map(|_| Door::new()).collect());
        &chunk[number as usize % CHUNK]
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("live", &self.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
