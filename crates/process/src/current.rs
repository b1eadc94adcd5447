//! Which process is running on this thread, if one is: set around each of its time slices.

use crate::exit::ExitReason;
use crate::panics;
use crate::processes::Processes;
use engset_term::{Instant, Pid};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// The running process.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) processes: Arc<Processes>,
    pub(crate) pid: Pid,
    /// Set while the process's values are dropped after its end.
    pub(crate) dying: RefCell<Option<ExitReason>>,
    /// The deadline of the request that the process is serving.
    pub(crate) deadline: Cell<Option<Instant>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs `body` as the process `current`; gives `current` back.
pub(crate) fn enter<R>(current: Current, body: impl FnOnce() -> R) -> (Current, R) {
    let before = CURRENT.replace(Some(current));
    let result = body();
    let current = CURRENT.replace(before);
    (current.expect("the entered process is still current"), result)
}

/// Calls `body` with the running process.
pub(crate) fn with<R>(body: impl FnOnce(Option<&Current>) -> R) -> R {
    CURRENT.with_borrow(|current| body(current.as_ref()))
}

/// The node whose process is running on this thread, and the process's pid.
///
/// `None` outside of processes: on a plain thread, or in a task spawned on another runtime.
#[must_use]
pub fn current() -> Option<(Arc<Processes>, Pid)> {
    with(|current| current.map(|current| (Arc::clone(&current.processes), current.pid)))
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
    with(|current| current.and_then(|current| current.deadline.replace(deadline)))
}
