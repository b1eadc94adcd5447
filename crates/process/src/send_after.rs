//! Messages that are sent later.
//!
//! A timer is no part of its receiver. The BEAM cancels the timers of a process that ends; here that would cost each
//! process a list of them, and each timer a place in it, for memory that is given back when the timer is due anyhow.

use crate::action::Action;
use crate::processes::Processes;
use crate::protocol::{Protocol, SendError};
use crate::scheduler::Timer;
use crate::signal::Dest;
use engset_term::Pid;
use std::sync::Arc;
use std::time::Duration;

/// A message that did not reach its receiver is counted: nobody else hears of it.
fn count<M>(owner: &Processes, sent: &Result<(), SendError<M>>) {
    if sent.is_err() {
        owner.counters.dropped();
    }
}

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
        let scheduler = processes.scheduler();
        let due = scheduler.now().saturating_add(delay);
        let action = match to {
            // As small as can be: with a message of two words it needs no allocation.
            Dest::Pid(to) if processes.is_here(to) && processes.is_here(from) => {
                let (from, to) = (from.number(), to.number());
                Action::new(move || {
                    let (from, to) = (owner.pid_of_number(from), owner.pid_of_number(to));
                    let sent = owner.send_to(from, to, message);
                    count(&owner, &sent);
                })
            }
            to => Action::new(move || count(&owner, &owner.send(from, &to, message))),
        };
        Self { timer: scheduler.set_timer(due, action) }
    }

    /// Takes the message back; how long it would have waited, or `None` where it has been sent.
    pub fn cancel(self) -> Option<Duration> {
        self.timer.cancel()
    }
}
