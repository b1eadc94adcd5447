//! pid → process: slots with generations, and a limit on their number.

use crate::process::AnyProcess;
use engset_term::{NodeName, Pid};
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Slots are allocated in chunks of this many.
const CHUNK: usize = 1024;

/// The processes of one node by pid. A pid's id is its slot, its serial the slot's generation: a pid of a process
/// that ended never finds its slot's next holder (until 2^32 processes later in the same slot).
pub(crate) struct Table {
    chunks: Box<[OnceLock<Box<[Slot]>>]>,
    free: Mutex<Free>,
    live: AtomicUsize,
    limit: usize,
}

type Slot = Mutex<Entry>;

#[derive(Default)]
struct Entry {
    generation: u32,
    process: Option<Arc<dyn AnyProcess>>,
}

#[derive(Default)]
struct Free {
    slots: Vec<u32>,
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
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(u32::MAX as usize - CHUNK);
        let chunks = (0..limit.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect();
        Self { chunks, free: Mutex::default(), live: AtomicUsize::new(0), limit }
    }

    /// Takes a slot for a new process, built by `make` from its pid.
    pub(crate) fn insert<P: AnyProcess>(
        &self,
        node: NodeName,
        creation: u32,
        make: impl FnOnce(Pid) -> Arc<P>,
    ) -> Result<Arc<P>, TooManyProcesses> {
        let number = self.take_slot()?;
        let mut entry = self.slot_or_new(number).lock();
        let process = make(Pid::new(node, creation, number + 1, entry.generation));
        entry.process = Some(Arc::clone(&process) as Arc<dyn AnyProcess>);
        Ok(process)
    }

    /// The process with this pid on this node, if it is alive.
    pub(crate) fn find(&self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        let entry = self.slot(pid)?.lock();
        if entry.generation == pid.serial() { entry.process.clone() } else { None }
    }

    /// Calls `body` with the process that has this pid, if it is alive, without counting a reference to it. `body` must
    /// not look into the table.
    pub(crate) fn with<R>(&self, pid: Pid, body: impl FnOnce(&dyn AnyProcess) -> R) -> Option<R> {
        let entry = self.slot(pid)?.lock();
        match &entry.process {
            Some(process) if entry.generation == pid.serial() => Some(body(&**process)),
            _ => None,
        }
    }

    /// Frees the pid's slot.
    pub(crate) fn remove(&self, pid: Pid) {
        let Some(slot) = self.slot(pid) else { return };
        let removed = {
            let mut entry = slot.lock();
            if entry.generation != pid.serial() {
                return;
            }
            entry.generation = entry.generation.wrapping_add(1);
            entry.process.take()
        };
        if removed.is_some() {
            self.live.fetch_sub(1, Ordering::Relaxed);
            self.free.lock().slots.push(pid.id() - 1);
        }
    }

    /// How many processes are alive.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// The processes alive now, by slot.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyProcess>> {
        let used = self.free.lock().used;
        (0..used).filter_map(|number| self.slot_or_new(number).lock().process.clone()).collect()
    }

    fn take_slot(&self) -> Result<u32, TooManyProcesses> {
        let mut free = self.free.lock();
        let number = match free.slots.pop() {
            Some(number) => number,
            None if (free.used as usize) < self.limit => {
                free.used += 1;
                free.used - 1
            }
            None => return Err(TooManyProcesses { limit: self.limit }),
        };
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(number)
    }

    fn slot(&self, pid: Pid) -> Option<&Slot> {
        let number = pid.id().checked_sub(1)? as usize;
        self.chunks.get(number / CHUNK)?.get()?.get(number % CHUNK)
    }

    fn slot_or_new(&self, number: u32) -> &Slot {
        let chunk = self.chunks[number as usize / CHUNK]
            .get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
        &chunk[number as usize % CHUNK]
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("live", &self.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
