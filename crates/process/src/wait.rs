//! Which process waits for which other: so that a call which would wait for itself is refused before it is sent.
//!
//! A process that calls another one of its node says so in two words of its own ([`Waits`]), before its request is
//! sent; who is about to call it follows them, see `waits.rs`. While it cannot be said whether a way is a circle, who
//! wants to call lets others have their turn and looks again.

use crate::carried::Carried;
use crate::current::{self, AWAY, Current};
use crate::info::Status;
use crate::process::Process;
use crate::processes::Processes;
use crate::protocol::{Protocol, SendError};
use crate::signal::Dest;
use crate::sync::{Ordering, fence};
use crate::waits::{Way, follow};
use engset_term::{Instant, Pid};
use std::time::Duration;

pub use crate::waits::CALL_CHAIN_MAX;
pub(crate) use crate::waits::Waits;

/// Says that the running process waits for another, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the process waits no more"]
pub struct Wait {
    /// Id and serial of the waiting process; zero where nobody needs to know.
    caller: u64,
}

impl Wait {
    const NONE: Self = Self { caller: 0 };

    /// The running process waits for `other` from now on. Nothing is refused: what `other` does when it calls back is.
    pub fn on(other: Pid) -> Self {
        current::with(|current| match current {
            Some(current) if current.processes.is_here(other) => Self::begin(current, other),
            _ => Self::NONE,
        })
    }

    #[inline]
    fn begin(current: &Current<'_>, callee: Pid) -> Self {
        current.waits.begin(callee.number());
        Self { caller: current.pid.number() }
    }

    /// To be said in each time slice in which the process finds that it must wait still.
    pub fn goes_on(&self) {
        self.of_running(|current| current.polled_call.set(true));
    }

    #[inline]
    fn of_running(&self, body: impl FnOnce(&Current<'_>)) {
        current::with(|current| match current {
            Some(current) if current.pid.number() == self.caller => body(current),
            // It was carried to another process, or the process has ended.
            _ => {}
        });
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        if self.caller != 0 {
            self.of_running(|current| current.waits.end());
        }
    }
}

/// For a call that the running process is about to make: which process of its node it is, as a number, and when the call
/// must be over. That is after `timeout`, and no later than the request that the process itself serves.
#[must_use]
#[inline]
pub fn call_begins(timeout: Option<Duration>) -> (u64, Option<Instant>) {
    current::with(|current| {
        let Some(current) = current else { return (0, None) };
        let own = timeout.map(|timeout| current.processes.scheduler().now().saturating_add(timeout));
        let due = match (own, current.deadline.get()) {
            (Some(own), Some(deadline)) => Some(own.min(deadline)),
            (own, deadline) => own.or(deadline),
        };
        (current.pid.number(), due)
    })
}

/// The running process serves a request from now on: calls that it makes inherit the deadline, and a crash is told with
/// the caller, which is a process of its node as [`call_begins`] numbers it, or 0.
#[inline]
pub fn request_begins(caller: u64, deadline: Option<Instant>) {
    current::with(|current| {
        if let Some(current) = current {
            current.deadline.set(deadline);
            current.caller.set(caller);
        }
    });
}

/// As [`request_begins`], of a request that arrived as a term and says that `caller`, of any node, made it.
pub fn request_begins_from(caller: Pid) {
    current::with(|current| {
        let Some(current) = current else { return };
        current.deadline.set(None);
        if current.processes.is_here(caller) {
            current.caller.set(caller.number());
        } else {
            current.caller.set(AWAY);
            current.caller_away.set(Some(caller));
        }
    });
}

/// Who waits for the request that the running process serves, as far as the request said so; of any node.
///
/// `None` where it serves none, or one that nobody waits for, and outside of processes.
#[must_use]
pub fn caller() -> Option<Pid> {
    current::with(|current| current.and_then(Current::caller))
}

impl Current<'_> {
    /// Who waits for the request that the process serves.
    pub(crate) fn caller(&self) -> Option<Pid> {
        match self.caller.get() {
            0 => None,
            AWAY => self.caller_away.get(),
            caller => Some(self.processes.pid_of_number(caller)),
        }
    }
}

/// Why the request of a call was not sent.
#[derive(Debug)]
pub enum Unsent<M> {
    /// It was refused on this node.
    Refused(SendError<M>),
    /// The process would have called itself.
    CallingSelf,
    /// Each of these processes waits for the next, and the last one for the first, which is the one that called.
    Circle(Vec<Pid>),
    /// It cannot be said yet; to be tried again when others had their turn.
    NotYet(Request<M>),
}

/// A request that could not be sent yet.
#[derive(Debug)]
pub struct Request<M> {
    to: Pid,
    message: M,
    wait: Wait,
}

/// Sends the request of a call from the running process, which waits for the answer from now on.
///
/// # Errors
/// [`Unsent`] when it was not sent.
#[inline]
pub fn send_request<M: Protocol>(to: &Dest, message: M) -> Result<Wait, Unsent<M>> {
    current::with(|current| {
        let Some(current) = current else { return Err(Unsent::Refused(SendError::OutsideNode(message))) };
        let callee = match to {
            Dest::Pid(pid) => Some(*pid),
            // A name of this node is looked up once.
            to => current.processes.pid_of(to),
        };
        match callee {
            Some(callee) if callee == current.pid => Err(Unsent::CallingSelf),
            Some(callee) if current.processes.is_here(callee) => send_here(current, callee, message),
            Some(callee) => send_away(current, &Dest::Pid(callee), message),
            None => send_away(current, to, message),
        }
    })
}

#[inline]
fn send_here<M: Protocol>(current: &Current<'_>, to: Pid, message: M) -> Result<Wait, Unsent<M>> {
    let wait = Wait::begin(current, to);
    let mut message = Carried::new(message);
    match bring(current, to, &mut message) {
        Some(true) => Ok(wait),
        found => not_just_sent(current, found, to, message, wait),
    }
}

/// Brings a request to the door of a process of this node that is in no call itself; whether it was left there.
#[inline(never)]
fn bring<M: Protocol>(current: &Current<'_>, to: Pid, message: &mut Carried<M>) -> Option<bool> {
    current.processes.table.visit(to, |visit| {
        let Some(parts) = visit.typed::<Process<M>>() else { return false };
        if parts.program.waits.is_calling() || parts.program.has_guard() {
            return false;
        }
        let Some(put) = message.give(|message| parts.push(message)) else { return false };
        visit.was_put(put);
        true
    })
}

#[inline(never)]
fn not_just_sent<M: Protocol>(
    current: &Current<'_>,
    found: Option<bool>,
    to: Pid,
    message: Carried<M>,
    wait: Wait,
) -> Result<Wait, Unsent<M>> {
    match (message.left(), found) {
        (None, _) => Ok(wait),
        (Some(message), Some(_)) => follow_and_send(current, Request { to, message, wait }),
        (Some(message), None) => Err(Unsent::Refused(SendError::NoProcess(message))),
    }
}

fn send_away<M: Protocol>(current: &Current<'_>, to: &Dest, message: M) -> Result<Wait, Unsent<M>> {
    match current.processes.send(current.pid, to, message) {
        Ok(()) => Ok(Wait::NONE),
        Err(error) => Err(Unsent::Refused(error)),
    }
}

#[inline(never)]
fn follow_and_send<M: Protocol>(current: &Current<'_>, request: Request<M>) -> Result<Wait, Unsent<M>> {
    fence(Ordering::SeqCst);
    let circle =
        |chain: Vec<u64>| chain.into_iter().map(|process| current.processes.pid_of_number(process)).collect();
    match follow(current.pid.number(), request.to.number(), |process| {
        current.processes.link_of(current.processes.pid_of_number(process))
    }) {
        Way::Circle(chain) => Err(Unsent::Circle(circle(chain))),
        Way::Undecided => {
            current.waits.tries_again();
            Err(Unsent::NotYet(request))
        }
        Way::Free => {
            current.waits.sends();
            let Request { to, message, wait } = request;
            match current.processes.send(current.pid, &Dest::Pid(to), message) {
                Ok(()) => Ok(wait),
                Err(error) => Err(Unsent::Refused(error)),
            }
        }
    }
}

impl<M: Protocol> Request<M> {
    /// Tries again; by the process that made it.
    ///
    /// # Errors
    /// As for [`send_request`].
    pub fn send(self) -> Result<Wait, Unsent<M>> {
        current::with(|current| match current {
            Some(current) => follow_and_send(current, self),
            None => Err(Unsent::Refused(SendError::OutsideNode(self.message))),
        })
    }

    /// How the process waits.
    pub fn wait(&self) -> &Wait {
        &self.wait
    }
}

impl Processes {
    fn link_of(&self, pid: Pid) -> Option<crate::waits::Link> {
        self.look(pid, |process, seen| process.waits().link(seen.status == Status::Waiting)).flatten()
    }
}
