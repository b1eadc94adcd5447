//! Panics of processes: caught, with message and place, and turned into exit reasons.

use crate::current;
use crate::exit::ExitReason;
use engset_term::Pid;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    /// The panic that is unwinding on this thread.
    static PANIC: RefCell<Option<Panic>> = const { RefCell::new(None) };
    /// Whether panics are noted that are none of a process.
    static NOTES: Cell<bool> = const { Cell::new(false) };
}

/// What is said of a panic whose payload is no text.
const NO_TEXT: &str = "a value that is not a text";
/// What is said of a panic whose place was not noted.
const NO_PLACE: &str = "an unknown place";

/// What a panic says, and where it began.
struct Panic {
    message: String,
    place: String,
}

/// Makes panics inside processes note their message and place. They are printed by the hook that was there before only
/// where the program has no `tracing` subscriber, which would tell of the process's end; panics elsewhere always are.
///
/// The panic hook is the one thing here that belongs to the whole program, because Rust has only one.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let in_process = current::with(|current| current.is_some()) || NOTES.get();
            if in_process {
                let message = info.payload_as_str().unwrap_or(NO_TEXT).to_owned();
                let place = info.location().map_or_else(|| NO_PLACE.to_owned(), ToString::to_string);
                PANIC.set(Some(Panic { message, place }));
            }
            if !in_process || !tracing::dispatcher::has_been_set() {
                before(info);
            }
        }));
    });
}

/// Calls `body`, which catches its panics, so that [`reason`] knows of them although they are none of a process.
pub(crate) fn noted<R>(body: impl FnOnce() -> R) -> R {
    let before = NOTES.replace(true);
    let result = body();
    NOTES.set(before);
    result
}

/// The exit reason of a process that panicked with `payload`.
pub(crate) fn reason(payload: &(dyn Any + Send)) -> ExitReason {
    let noted = PANIC.take();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or(NO_TEXT);
    ExitReason::panic(message, noted.as_ref().map_or(NO_PLACE, |panic| &panic.place))
}

/// The exit reason of the running process while it unwinds: its values are dropped before it has ended.
pub(crate) fn unwinding() -> Option<ExitReason> {
    if !std::thread::panicking() {
        return None;
    }
    PANIC.with_borrow(|noted| {
        let (message, place) =
            noted.as_ref().map_or((NO_TEXT, NO_PLACE), |panic| (&panic.message, &panic.place));
        Some(ExitReason::panic(message, place))
    })
}

/// Runs `work` while a panic may be unwinding, whose message and place are kept; `None` where `work` panics itself.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> Option<T> {
    let noted = PANIC.take();
    let result = catch_unwind(AssertUnwindSafe(work));
    PANIC.set(noted);
    result.ok()
}

/// Says that a destructor panicked while an ended process was being cleared away.
pub(crate) fn report_in_drop(pid: Pid) {
    let place = PANIC.take().map_or_else(String::new, |panic| panic.place);
    tracing::error!(%pid, place, "a value of an ended process panicked while it was dropped");
}
