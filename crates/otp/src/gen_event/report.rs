//! What the log is told of a handler that failed, or of the crash of its manager.
//!
//! A handler's failure is one line that says what, where and why; and the same as fields: `manager` and its `names`,
//! `handler` (its id), `module` (its type), `reason`, `last_message` (what kind it was), `caller` of the request that was
//! served, `supervisor` of the handler; and, only where the handler says them, `request` (event or request in full) and
//! `state`.

use super::ManagerCx;
use super::erased::Handler;
use super::handlers::Entry;
use crate::caught::guarded;
use engset_process::{CrashDetails, ExitReason, caller, describe_crash};

/// What reports call the process.
const BEHAVIOUR: &str = "event manager";

/// What a handler was given.
#[derive(Debug)]
pub(super) enum Given<'a, E> {
    Event(&'a E),
    /// What is no event, by its kind.
    Info(&'static str),
    /// A request by its type, in full where the handler says it.
    Request(&'static str, Option<String>),
}

impl<E: Send + Sync + 'static> Given<'_, E> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => std::any::type_name::<E>(),
            Self::Info(kind) | Self::Request(kind, _) => kind,
        }
    }

    fn text(&self, handler: &Handler<E>) -> Option<String> {
        match self {
            Self::Event(event) => handler.format_event(event),
            Self::Info(_) => None,
            Self::Request(_, text) => text.clone(),
        }
    }
}

/// A handler failed while it served what it was `given`, and is removed.
pub(super) fn handler_failed<E: Send + Sync + 'static>(
    entry: &Entry<Handler<E>>,
    given: &Given<'_, E>,
    reason: &ExitReason,
    cx: &ManagerCx<E>,
) {
    let (id, manager, last_message) = (&entry.id, cx.pid(), given.kind());
    let names = cx.processes().info(manager).map(|info| info.names).unwrap_or_default();
    let names = names.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ");
    // What fails while it is asked for must not hide the failure.
    let request = guarded(|| given.text(&entry.handler)).ok().flatten();
    let state = guarded(|| entry.handler.format_state()).ok().flatten();
    let separator = if names.is_empty() { "" } else { " " };
    tracing::error!(
        %manager,
        names,
        handler = %id,
        module = id.type_name(),
        %reason,
        last_message,
        request = request.as_deref(),
        state = state.as_deref(),
        caller = caller().map(tracing::field::display),
        supervisor = entry.supervisor.map(tracing::field::display),
        "event handler `{id}` of manager {names}{separator}{manager} failed while it served `{last_message}`, \
         and is removed: {reason}"
    );
}

/// A handler failed while it was terminated.
pub(super) fn not_terminated<E: Send + Sync + 'static>(
    entry: &Entry<Handler<E>>,
    reason: &ExitReason,
    cx: &ManagerCx<E>,
) {
    let (id, manager) = (&entry.id, cx.pid());
    tracing::error!(
        %manager, handler = %id, module = id.type_name(), %reason,
        "event handler `{id}` of manager {manager} failed to terminate: {reason}"
    );
}

/// The manager crashed, if it did: of itself it has its handlers only.
pub(super) fn manager_ends<E: Send + Sync + 'static>(last: &'static str, handlers: impl FnOnce() -> String) {
    describe_crash(|| CrashDetails {
        behaviour: BEHAVIOUR,
        module: std::any::type_name::<E>(),
        last_message: Some(last).filter(|last| !last.is_empty()),
        message: None,
        state: Some(handlers()),
    });
}
