//! Runs code that may panic in a process that must go on.

use engset_process::{Exit, ExitReason, dying};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// How code failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It returned an [`Exit`] with this reason.
    Exit(ExitReason),
    /// It panicked; the reason says where. What it worked on may be torn.
    Panic(ExitReason),
}

impl Failure {
    pub(crate) fn reason(&self) -> &ExitReason {
        match self {
            Self::Exit(reason) | Self::Panic(reason) => reason,
        }
    }
}

/// Awaits `work` until it is done or panics.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Failure> {
    let mut work = pin!(work);
    let polled = poll_fn(|task| match guarded(|| work.as_mut().poll(task)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
        Err(reason) => Poll::Ready(Err(reason)),
    })
    .await;
    match polled {
        Ok(result) => result.map_err(|Exit(reason)| Failure::Exit(reason)),
        Err(reason) => Err(Failure::Panic(reason)),
    }
}

/// Runs `work`; the reason of its panic, if it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let noted = RefCell::new(None);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _note = Note(&noted);
        work()
    }));
    result.map_err(|payload| {
        // A payload may itself panic when it is dropped.
        drop(catch_unwind(AssertUnwindSafe(|| drop(payload))));
        noted.take().unwrap_or_else(|| ExitReason::panic("a panic", "an unknown place"))
    })
}

/// Notes with what reason the process would end, while a panic unwinds: message and place are known only then.
struct Note<'a>(&'a RefCell<Option<ExitReason>>);

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.replace(dying());
        }
    }
}
