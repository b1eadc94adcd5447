//! The way of a message to a process of this node, by its pid, a name or an alias.

use super::Processes;
use crate::carried::Carried;
use crate::overload::Verdict;
use crate::process::{AnyProcess, Process};
use crate::protocol::{Outgoing, Protocol, SendError};
use crate::signal::{Dest, Signal};
use crate::task::Visit;
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
                let mut message = Some(message);
                self.table.visit(of.pid, |visit| {
                    if let Some(parts) = visit.typed::<Process<M>>()
                        && let Some(message) = message.take()
                    {
                        if let Some(guard) = parts.program.guard() {
                            guard.take_in(message.size());
                        }
                        let mail = parts.inbox.push(Signal::Priority(Box::new(message)));
                        visit.arrived(mail);
                    }
                });
                return message.map_or(Ok(()), |message| self.send_to(from, of.pid, message));
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
            return (pid.node() != self.node).then_some(Pushed::Not);
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

    /// Pushes into a mailbox that has limits.
    #[inline(never)]
    fn push_guarded<M: Protocol>(visit: &mut Visit<'_>, message: &mut Carried<M>) -> Pushed {
        let Some(parts) = visit.typed::<Process<M>>() else { return Pushed::Not };
        let size = message.get().map_or(0, Protocol::size);
        match parts.program.admit(parts.inbox.messages_in, size) {
            Verdict::Take | Verdict::DropOldest => {}
            Verdict::Refuse => return Pushed::Refused,
            Verdict::DropNewest => return Pushed::Dropped,
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
