//! Messages that are sent later.
//!
//! A timer is no part of its receiver. The BEAM cancels the timers of a process that ends; here that would cost each
//! process a list of them, and each timer a place in it, for memory that is given back when the timer is due anyhow.

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
