//! A process as those see it who do not know its message type.

use crate::info::{ProcessInfo, Status};
use crate::overload::{Guard, Room, Verdict};
use crate::waits::Waits;
use engset_term::{Atom, Pid};
use std::task::Waker;

/// A process whose message type the caller does not know.
pub(crate) trait AnyProcess: Send + Sync + 'static {
    /// What can be seen of the process from outside now; without its ancestors.
    fn info(&self, seen: Seen) -> ProcessInfo;
    /// Notes a name that must be freed at the process's end; false when it is ending already.
    fn named(&self, name: Atom) -> bool;
    /// Forgets a name that was freed.
    fn unnamed(&self, name: &Atom);
    /// Who started the process.
    fn parent(&self) -> Option<Pid>;
    /// Decides about one more message of so many bytes. Under the door's lock.
    fn admit(&self, messages_in: u64, bytes: usize) -> Verdict;
    /// What a sender can expect whose message of so many bytes was refused; it is noted where it waits. Under the
    /// door's lock.
    fn wait_for_room(&self, messages_in: u64, bytes: usize, waker: &Waker) -> Room;
    /// The limits of the mailbox, if it has any.
    fn guard(&self) -> Option<&Guard>;
    /// Who leads the group of the process.
    fn group_leader(&self) -> Option<Pid>;
    /// For whom the process waits.
    fn waits(&self) -> &Waits;
}

/// What is seen of a process at its door.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) status: Status,
    pub(crate) messages_in: u64,
    pub(crate) size: usize,
}
