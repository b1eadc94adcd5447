//! Aliases: references that stand for one awaited reply, so that a late reply never reaches a mailbox; or for a process,
//! as long as it wants.

use crate::exit::ExitReason;
use crate::signal::Epoch;
use crate::sync::{AtomicUsize, Ordering};
use engset_etf::{Payload, tags};
use engset_term::{NodeName, Pid, Reference};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;

/// Takes the one answer to a call that left the process in external term format.
pub trait ReplySink: Send {
    /// The reply arrived: `payload` is the whole message, `{Tag, Reply}`.
    fn reply(self: Box<Self>, payload: Payload);
    /// The callee ended, or its node was lost, before it answered.
    fn down(self: Box<Self>, reason: ExitReason);
    /// The callee's node could not be reached: the request was not sent.
    fn unreachable(self: Box<Self>);
    /// The process that was asked for is there, and whether more than that is awaited: its end. Must wake nobody.
    fn spawned(&mut self, pid: Pid) -> bool {
        let _ = pid;
        false
    }
}

/// The active aliases of one node.
#[derive(Default)]
pub struct Aliases {
    waiting: Mutex<BTreeMap<Reference, Waiting>>,
    /// How many wait: who ends has been told of an alias before, and sees without the lock that there is none at all.
    open: AtomicUsize,
    processes: Mutex<BTreeMap<Reference, OfProcess>>,
}

/// Until when an alias of a process is active (OTP's `alias/1` and the `alias` option of `monitor/3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AliasMode {
    /// Until the process takes it back.
    #[default]
    ExplicitUnalias,
    /// Also no longer than the monitor with which it was made.
    Demonitor,
    /// Also no longer than until a message came by it, and with it the monitor ends.
    ReplyDemonitor,
    /// Also no longer than until a message came by it.
    Reply,
}

/// How an alias of a process is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AliasOptions {
    /// Until when it is active.
    pub mode: AliasMode,
    /// Whether messages sent to it by [`crate::Cx::send_priority`] go before all others in the mailbox (EEP 76).
    pub priority: bool,
}

/// An alias of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfProcess {
    pub(crate) pid: Pid,
    pub(crate) options: AliasOptions,
}

struct Waiting {
    node: NodeName,
    /// The connection over which the request went; none while it is being sent.
    epoch: Epoch,
    sink: Box<dyn ReplySink>,
}

impl Aliases {
    /// Activates `alias` for one reply from a process on `node`.
    pub fn open(&self, alias: Reference, node: NodeName, sink: Box<dyn ReplySink>) {
        self.waiting(|waiting| waiting.insert(alias, Waiting { node, epoch: Epoch::NONE, sink }));
    }

    /// Whether a reply is awaited at `alias`.
    #[must_use]
    pub fn is_open(&self, alias: Reference) -> bool {
        self.waiting.lock().contains_key(&alias)
    }

    /// Takes the alias back; whether it was still active.
    pub fn close(&self, alias: Reference) -> bool {
        let had_process = self.processes.lock().remove(&alias).is_some();
        had_process || self.waiting(|waiting| waiting.remove(&alias)).is_some()
    }

    /// Activates an alias of a process.
    pub(crate) fn open_process(&self, alias: Reference, of: OfProcess) {
        self.processes.lock().insert(alias, of);
    }

    /// The process that a message by this alias goes to. An alias for one message is not active any more then.
    pub(crate) fn use_process(&self, alias: Reference) -> Option<OfProcess> {
        let mut processes = self.processes.lock();
        let of = *processes.get(&alias)?;
        if matches!(of.options.mode, AliasMode::Reply | AliasMode::ReplyDemonitor) {
            processes.remove(&alias);
        }
        Some(of)
    }

    /// The process that an alias is of, which stays active: an exit signal by it is no message.
    pub(crate) fn process_of(&self, alias: Reference) -> Option<Pid> {
        self.processes.lock().get(&alias).map(|of| of.pid)
    }

    /// How many aliases of processes are active.
    #[must_use]
    pub fn of_processes(&self) -> usize {
        self.processes.lock().len()
    }

    /// Hands a reply to whoever waits; false where nobody does (any more).
    pub fn reply(&self, alias: Reference, payload: Payload) -> bool {
        let Some(waiting) = self.waiting(|waiting| waiting.remove(&alias)) else { return false };
        waiting.sink.reply(payload);
        true
    }

    /// Tells whoever waits for the answer of `node` to a spawn request that the process is there. `None` where nobody
    /// does (any more); otherwise whether more than that is awaited, see [`ReplySink::spawned`].
    pub fn spawned(&self, request: Reference, node: NodeName, pid: Pid) -> Option<bool> {
        let mut waiting = self.waiting.lock();
        let entry = waiting.get_mut(&request).filter(|entry| entry.node == node)?;
        Some(entry.sink.spawned(pid))
    }

    /// Notes over which connection the request goes.
    pub(crate) fn goes_over(&self, alias: Reference, epoch: Epoch) {
        if let Some(waiting) = self.waiting.lock().get_mut(&alias) {
            waiting.epoch = epoch;
        }
    }

    /// Tells whoever waits for a reply from `node` that none will come, as only that node can know; false where nobody
    /// waits (any more).
    pub fn down(&self, alias: Reference, node: NodeName, reason: ExitReason) -> bool {
        if self.open.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let waiting = self.waiting(|waiting| {
            let is_meant = waiting.get(&alias).is_some_and(|waiting| waiting.node == node);
            if is_meant { waiting.remove(&alias) } else { None }
        });
        let Some(waiting) = waiting else { return false };
        waiting.sink.down(reason);
        true
    }

    /// Tells whoever waits that the request could not be sent; false where nobody waits (any more).
    pub fn unreachable(&self, alias: Reference) -> bool {
        let Some(waiting) = self.waiting(|waiting| waiting.remove(&alias)) else { return false };
        waiting.sink.unreachable();
        true
    }

    /// Tells everybody who waits for a reply over this connection to `node` that it is lost.
    pub fn node_down(&self, node: NodeName, epoch: Epoch) {
        let lost: Vec<Waiting> = self.waiting(|waiting| {
            let references: Vec<Reference> = waiting
                .iter()
                .filter(|(_, entry)| entry.node == node && entry.epoch <= epoch)
                .map(|(reference, _)| *reference)
                .collect();
            references.iter().filter_map(|reference| waiting.remove(reference)).collect()
        });
        for entry in lost {
            entry.sink.down(ExitReason::NoConnection);
        }
    }

    fn waiting<R>(&self, change: impl FnOnce(&mut BTreeMap<Reference, Waiting>) -> R) -> R {
        let mut waiting = self.waiting.lock();
        let result = change(&mut waiting);
        self.open.store(waiting.len(), Ordering::Relaxed);
        result
    }

    /// How many replies are awaited.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Whether no reply is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The alias that a message `{[alias | Alias], Reply}` answers.
///
/// Some servers (OTP's `net_kernel` is one) send the reply to the caller's pid although the tag names an alias.
pub(crate) fn answered_alias(payload: &Payload) -> Option<Reference> {
    // A pair whose first element is a list: decided by three bytes for nearly every message.
    if !payload.bytes().starts_with(&[tags::SMALL_TUPLE, 2, tags::LIST]) {
        return None;
    }
    let mut reader = payload.reader();
    reader.tuple_header().ok()?;
    if reader.list_header().ok()? != 1 || !reader.accept_atom("alias") {
        return None;
    }
    reader.reference().ok()
}

impl fmt::Debug for Aliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aliases").field("waiting", &self.len()).finish()
    }
}
