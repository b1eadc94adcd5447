//! The way back to a caller that awaits a term: the answer, or word that there will be none.

use crate::wire::{self, Caller};
use engset_process::{ControlSignal, Dest, ExitReason, Processes, current, dying};
use engset_term::Pid;
use std::sync::Arc;

pub(crate) type EncodeReply<T, E> = fn(&Result<T, E>, &mut Vec<u8>) -> Result<(), engset_etf::SerError>;

/// A caller that awaits a term, on this node or another.
pub(crate) struct TermReply<T, E> {
    pub(crate) caller: Caller,
    /// The process that got the request, which the caller monitors.
    server: Option<Pid>,
    processes: Arc<Processes>,
    encode: EncodeReply<T, E>,
}

impl<T, E> TermReply<T, E> {
    /// For the running process, which got the request.
    pub(crate) fn new(caller: Caller, processes: &Arc<Processes>, encode: EncodeReply<T, E>) -> Box<Self> {
        let server = current().map(|(_, me)| me);
        Box::new(Self { caller, server, processes: Arc::clone(processes), encode })
    }

    pub(crate) fn send(&self, answer: &Result<T, E>) {
        let mut reply = Vec::new();
        if let Err(error) = (self.encode)(answer, &mut reply) {
            tracing::error!("a reply has no Erlang form, its caller gets none: {error}");
            self.fire_monitor(wire::no_reply_reason());
            return;
        }
        let me = current().map_or(self.caller.pid, |(_, me)| me);
        self.processes.send_encoded(me, &self.caller.dest(), wire::reply(&self.caller, &reply));
    }

    /// Tells the caller that there will be no answer, unless the server's own end is about to tell it.
    pub(crate) fn give_up(&self) {
        let holder = current().map(|(_, me)| me);
        // A panic may be caught; then nobody else tells the caller.
        let is_told = dying().is_some() && holder == self.server && !std::thread::panicking();
        if !is_told {
            self.fire_monitor(match dying() {
                // As the end of a monitor these two say that the request did not arrive.
                None | Some(ExitReason::NoProc | ExitReason::NoConnection) => wire::no_reply_reason(),
                Some(reason) => reason,
            });
        }
    }

    /// Ends the caller's monitor on the server as if the server had ended with `reason`.
    fn fire_monitor(&self, reason: ExitReason) {
        let (Some(server), Some(reference)) = (self.server, self.caller.monitor_reference()) else { return };
        let watcher = self.caller.pid;
        // The server forgets the monitor; should it end before it does, the caller knows the monitor no more.
        self.processes.signal(watcher, &Dest::Pid(server), ControlSignal::Demonitor { watcher, reference });
        self.processes.signal(server, &Dest::Pid(watcher), ControlSignal::Down { reference, reason });
    }
}
