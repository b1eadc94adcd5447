//! Panics of processes: caught, with message and place, and turned into exit reasons.

use crate::current;
use crate::exit::ExitReason;
use engset_term::Pid;
use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

thread_local! {
    /// Where the panic that is unwinding on this thread began.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics inside processes note their place instead of printing; others go to the hook that was there before.
///
/// The panic hook is the one thing here that belongs to the whole program, because Rust has only one.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if current::with(|current| current.is_some()) {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                before(info);
            }
        }));
    });
}

/// The exit reason of a process that panicked with `payload`.
pub(crate) fn reason(payload: &(dyn Any + Send)) -> ExitReason {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not a text");
    let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
    ExitReason::panic(message, &place)
}

/// Says that a destructor panicked while an ended process was being cleared away.
pub(crate) fn report_in_drop(pid: Pid) {
    let place = PLACE.take().unwrap_or_default();
    tracing::error!(%pid, place, "a value of an ended process panicked while it was dropped");
}
