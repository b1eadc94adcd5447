//! Which process is running on this thread, if one is: set around each of its time slices.

#![expect(unsafe_code, reason = "a borrowed value that the thread finds again")]

use crate::crash::CrashDetails;
use crate::exit::ExitReason;
use crate::panics;
use crate::processes::Processes;
use crate::protocol::{Protocol, SendError};
use crate::signal::Dest;
use crate::wait::Waits;
use engset_term::{Instant, NodeName, Pid};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

/// The running process.
#[derive(Debug)]
pub(crate) struct Current<'a> {
    pub(crate) processes: &'a Arc<Processes>,
    pub(crate) pid: Pid,
    /// Set while the process's values are dropped after its end.
    pub(crate) dying: RefCell<Option<ExitReason>>,
    /// The deadline of the request that the process is serving.
    pub(crate) deadline: Cell<Option<Instant>>,
    /// Who called for it: id and serial of a process of this node, [`AWAY`], or 0.
    pub(crate) caller: Cell<u64>,
    /// The process of another node that called for it, where `caller` is [`AWAY`].
    pub(crate) caller_away: Cell<Option<Pid>>,
    /// What the processes that it starts inherit.
    pub(crate) group_leader: Cell<Option<Pid>>,
    /// For whom the process waits.
    pub(crate) waits: &'a Waits,
    /// Whether it found in this time slice that it must wait for a call still.
    pub(crate) polled_call: Cell<bool>,
    /// To which node it has sent so much that it is to wait.
    pub(crate) busy_with: Cell<Option<NodeName>>,
    /// One more than the answers that it has given since they are counted; 0 while they are not.
    pub(crate) answers: Cell<u64>,
    /// Whether it has a trace token.
    pub(crate) is_traced: Cell<bool>,
    /// What its behaviour knows of its crash.
    pub(crate) crash: RefCell<Option<Box<CrashDetails>>>,
}

/// In place of a caller's id and serial: it is a process of another node. No process has this id.
pub(crate) const AWAY: u64 = u64::MAX;

thread_local! {
    static CURRENT: Cell<Option<NonNull<Current<'static>>>> = const { Cell::new(None) };
}

/// Calls `body` with `current` as the running process.
#[inline]
pub(crate) fn enter<R>(current: &Current<'_>, body: impl FnOnce() -> R) -> R {
    // The lifetime is forgotten here and given again by `with`.
    let entered = NonNull::from(current).cast::<Current<'static>>();
    let leave = Leave(CURRENT.replace(Some(entered)));
    let result = body();
    drop(leave);
    result
}

/// Calls `body`; what it sends does not suspend the running process.
pub(crate) fn not_suspending<R>(body: impl FnOnce() -> R) -> R {
    let before = with(|current| current.and_then(|current| current.busy_with.get()));
    let result = body();
    with(|current| current.map(|current| current.busy_with.set(before)));
    result
}

/// Calls `body` with no process as the running one.
pub(crate) fn outside<R>(body: impl FnOnce() -> R) -> R {
    let leave = Leave(CURRENT.replace(None));
    let result = body();
    drop(leave);
    result
}

/// Calls `body` with the running process.
#[inline(always)]
pub(crate) fn with<R>(body: impl FnOnce(Option<&Current<'_>>) -> R) -> R {
    // SAFETY: what `enter` put there is borrowed for as long as it is there, and `body` cannot keep the reference.
    body(CURRENT.get().map(|current| unsafe { current.as_ref() }))
}

/// Sets the one before also when the process's code panics.
struct Leave(Option<NonNull<Current<'static>>>);

impl Drop for Leave {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Counts an answer that the running process gives, where its answers are counted ([`crate::Cx::count_answers`]).
#[inline]
pub fn gives_answer() {
    with(|current| {
        if let Some(current) = current {
            let answers = current.answers.get();
            if answers != 0 {
                current.answers.set(answers.saturating_add(1));
            }
        }
    });
}

/// The node whose process is running on this thread, and the process's pid.
///
/// `None` outside of processes: on a plain thread, or in a task spawned on another runtime.
#[must_use]
pub fn current() -> Option<(Arc<Processes>, Pid)> {
    with(|current| current.map(|current| (Arc::clone(current.processes), current.pid)))
}

/// The pid of the process that is running on this thread; `None` outside of processes.
#[must_use]
pub fn current_pid() -> Option<Pid> {
    with(|current| current.map(|current| current.pid))
}

/// The time by the clock of the running process's node; `None` outside of processes.
#[must_use]
pub fn now() -> Option<Instant> {
    with(|current| current.map(|current| current.processes.scheduler().now()))
}

/// Runs the process that the running one has just woken inside its own time slice, where the scheduler allows that.
/// For a process that waits for nothing but that one's answer.
pub fn hand_over() {
    with(|current| {
        if let Some(current) = current {
            current.processes.scheduler().hand_over();
        }
    });
}

/// The process that `to` means now: of any node by its pid, of this node by its name. `None` also outside of processes.
#[must_use]
pub fn whereis(to: &Dest) -> Option<Pid> {
    match to {
        Dest::Pid(pid) => Some(*pid),
        to => with(|current| current.and_then(|current| current.processes.pid_of(to))),
    }
}

/// Sends `message` from the running process.
///
/// # Errors
/// [`SendError`] when it was refused on this node.
pub fn send<M: Protocol>(to: &Dest, message: M) -> Result<(), SendError<M>> {
    with(|current| match current {
        Some(current) => current.processes.send(current.pid, to, message),
        None => Err(SendError::OutsideNode(message)),
    })
}

/// The reason with which the running process is ending, while its values are being dropped.
///
/// In a panic that the process's code will catch, the reason with which it would end.
#[must_use]
pub fn dying() -> Option<ExitReason> {
    let dying = with(|current| current.map(|current| current.dying.borrow().clone()));
    dying.and_then(|dying| dying.or_else(panics::unwinding))
}

/// The deadline of the request that the running process serves; calls made meanwhile inherit it.
#[must_use]
pub fn deadline() -> Option<Instant> {
    with(|current| current.and_then(|current| current.deadline.get()))
}

/// Sets the deadline that calls made by the running process inherit; returns the one before.
pub fn set_deadline(deadline: Option<Instant>) -> Option<Instant> {
    with(|current| {
        current.and_then(|current| {
            current.caller.set(0);
            current.deadline.replace(deadline)
        })
    })
}
