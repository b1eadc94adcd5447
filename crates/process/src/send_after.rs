//! Messages that are sent later.

use crate::processes::Processes;
use crate::protocol::Protocol;
use crate::scheduler::{Fire, Timer};
use crate::signal::Dest;
use engset_term::Pid;
use std::sync::Arc;
use std::time::Duration;

/// A message waiting to be sent. Dropping it does not cancel it.
#[derive(Debug)]
pub struct TimerRef {
    timer: Timer,
}

impl TimerRef {
    pub(crate) fn start<M: Protocol>(
        processes: &Arc<Processes>,
        delay: Duration,
        from: Pid,
        to: Dest,
        message: M,
    ) -> Self {
        let owner = Arc::clone(processes);
        let send = move || {
            if owner.send(from, &to, message).is_err() {
                owner.counters.dropped();
            }
        };
        let scheduler = processes.scheduler();
        let due = scheduler.now().saturating_add(delay);
        Self { timer: scheduler.set_timer(due, Fire::Run(Box::new(send))) }
    }

    /// Takes the message back; how long it would have waited, or `None` where it has been sent.
    pub fn cancel(self) -> Option<Duration> {
        self.timer.cancel()
    }
}
