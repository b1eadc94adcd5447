//! The way of a message to a process of this node, by its pid, a name or an alias.

use super::Processes;
use crate::carried::Carried;
use crate::overload::Verdict;
use crate::process::{AnyProcess, Process};
use crate::protocol::{Outgoing, Protocol, SendError};
use crate::signal::{Dest, Mark, Noted, Signal};
use crate::task::{Parts, Visit};
use engset_term::Pid;
use std::sync::Arc;

/// What became of a message at the door.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pushed {
    Yes,
    /// Taken by a mailbox that has limits.
    Guarded,
    /// The process is of another node, or has messages of another type.
    Not,
    Refused,
    Dropped,
}

impl Processes {
    /// Sends a message from `from`; the value itself where the receiver is on this node and of this message type.
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node.
    #[inline]
    pub fn send<M: Protocol>(self: &Arc<Self>, from: Pid, to: &Dest, message: M) -> Result<(), SendError<M>> {
        match to {
            Dest::Pid(pid) => self.send_to(from, *pid, message),
            to => self.send_anywhere(from, to, message, false),
        }
    }

    /// As [`Processes::send`], to one process.
    #[inline]
    pub(crate) fn send_to<M: Protocol>(
        self: &Arc<Self>,
        from: Pid,
        to: Pid,
        message: M,
    ) -> Result<(), SendError<M>> {
        let mut message = Carried::new(message);
        match self.bring(to, &mut message) {
            Some(Pushed::Yes) => Ok(()),
            pushed => self.not_just_sent(from, to, pushed, message),
        }
    }

    /// As [`Processes::send`]; before all that is not of priority, where the receiver made the alias for that.
    pub(crate) fn send_anywhere<M: Protocol>(
        self: &Arc<Self>,
        from: Pid,
        to: &Dest,
        message: M,
        priority: bool,
    ) -> Result<(), SendError<M>> {
        if self.is_elsewhere(to) {
            return message.encode(&Outgoing { processes: self, from, to }).map_err(SendError::Encode);
        }
        if let Dest::Alias(alias) = to {
            let Some(of) = self.aliases.use_process(*alias) else {
                return message.encode(&Outgoing { processes: self, from, to }).map_err(SendError::Encode);
            };
            self.alias_used(*alias, of);
            if priority && of.options.priority {
                let mut message = Carried::new(message);
                let pushed = self.bring_noted(of.pid, &mut message, || self.priority(from));
                return self.not_just_sent(from, of.pid, pushed, message);
            }
            return self.send_to(from, of.pid, message);
        }
        match self.resolve(to) {
            Some(pid) => self.send_to(from, pid, message),
            None => Err(SendError::NoProcess(message)),
        }
    }

    /// Brings a message to the door of a process of this node.
    #[inline(never)]
    pub(crate) fn bring<M: Protocol>(&self, pid: Pid, message: &mut Carried<M>) -> Option<Pushed> {
        if !self.is_here(pid) {
            // Of an earlier or later incarnation of this node nobody is there.
            return (pid.node() != self.node()).then_some(Pushed::Not);
        }
        if self.traced().is_any()
            && let Some(from) = self.traced_sender()
        {
            return self.bring_noted(pid, message, || self.mark(from));
        }
        self.table.visit(pid, |visit| {
            let Some(parts) = visit.typed::<Process<M>>() else { return Pushed::Not };
            if parts.program.has_guard() {
                return Self::push_guarded(visit, message);
            }
            match message.give(|message| parts.push(message)) {
                Some(put) => {
                    visit.was_put(put);
                    Pushed::Yes
                }
                None => Pushed::Not,
            }
        })
    }

    fn priority(&self, from: Pid) -> Mark {
        Mark { priority: true, ..self.mark(from) }
    }

    /// As [`Self::bring`], with what else there is to say of the message.
    #[cold]
    fn bring_noted<M: Protocol>(
        &self,
        pid: Pid,
        message: &mut Carried<M>,
        mark: impl FnOnce() -> Mark,
    ) -> Option<Pushed> {
        self.table.visit(pid, |visit| {
            let Some(parts) = visit.typed::<Process<M>>() else { return Pushed::Not };
            if parts.program.has_guard()
                && let Some(refused) = refused(&parts, message)
            {
                return refused;
            }
            let pushed = if parts.program.has_guard() { Pushed::Guarded } else { Pushed::Yes };
            let note = |message| Signal::Noted(Box::new(Noted { message, mark: mark() }));
            let Some(signal) = message.give(note) else { return Pushed::Not };
            let mail = parts.inbox.push(signal);
            visit.arrived(mail);
            pushed
        })
    }

    /// Pushes into a mailbox that has limits.
    #[inline(never)]
    fn push_guarded<M: Protocol>(visit: &mut Visit<'_>, message: &mut Carried<M>) -> Pushed {
        let Some(parts) = visit.typed::<Process<M>>() else { return Pushed::Not };
        if let Some(refused) = refused(&parts, message) {
            return refused;
        }
        let Some(put) = message.give(|message| parts.push(message)) else { return Pushed::Not };
        visit.was_put(put);
        Pushed::Guarded
    }

    /// What is to be done where a message was not just [brought](Self::bring).
    #[inline(never)]
    pub(crate) fn not_just_sent<M: Protocol>(
        self: &Arc<Self>,
        from: Pid,
        pid: Pid,
        pushed: Option<Pushed>,
        message: Carried<M>,
    ) -> Result<(), SendError<M>> {
        let Some(message) = message.left() else {
            if let Some(Pushed::Guarded) = pushed {
                self.watch_queue(pid);
            }
            return Ok(());
        };
        match pushed {
            None => Err(SendError::NoProcess(message)),
            Some(Pushed::Refused) => Err(SendError::Overloaded(message)),
            Some(Pushed::Dropped) => {
                self.counters.dropped();
                drop(message);
                Ok(())
            }
            Some(Pushed::Not | Pushed::Yes | Pushed::Guarded) => {
                let to = &Dest::Pid(pid);
                message.encode(&Outgoing { processes: self, from, to }).map_err(SendError::Encode)
            }
        }
    }
}

/// What becomes of a message for which a mailbox that has limits has no room.
fn refused<M: Protocol>(parts: &Parts<'_, Process<M>>, message: &Carried<M>) -> Option<Pushed> {
    let size = message.get().map_or(0, Protocol::size);
    match parts.program.admit(parts.inbox.messages_in, size) {
        Verdict::Take | Verdict::DropOldest => None,
        Verdict::Refuse => Some(Pushed::Refused),
        Verdict::DropNewest => Some(Pushed::Dropped),
    }
}
