//! What the modelled files need of their crates and of others, as small as they need it.

use std::cell::Cell;

/// `process::process`.
pub(crate) mod process {
    /// A process whose message type the caller does not know.
    pub(crate) trait AnyProcess: Send + Sync + 'static {}
}

/// `process::protocol`.
pub(crate) mod protocol {
    use crate::signal::{Down, Trapped};
    use engset_term::Term;

    /// A message in a mailbox.
    #[derive(Debug)]
    #[expect(dead_code, reason = "models have no monitors in mailboxes")]
    pub(crate) enum Mail<M> {
        Message(M),
        Down(Box<Down>),
        Exit(Box<Trapped>),
        Other(Term),
    }
}

/// `process::scheduler`.
pub(crate) mod scheduler {
    /// The place of the running worker, where [`super::be_worker`] said one.
    pub(crate) fn worker_index() -> Option<usize> {
        super::WORKER.with(std::cell::Cell::get)
    }

    /// Models have no memory for messages from other nodes to keep.
    pub(crate) fn boxed(encoded: crate::signal::Encoded) -> Box<crate::signal::Encoded> {
        Box::new(encoded)
    }
}

loom::thread_local! {
    static WORKER: Cell<Option<usize>> = Cell::new(None);
}

/// Makes this thread the worker with this number.
pub(crate) fn be_worker(index: usize) {
    WORKER.with(|worker| worker.set(Some(index)));
}

/// `parking_lot::Mutex`.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("nobody panics with a lock")
    }
}

/// `tracing::error!`: what is reported where a panic is caught fails the model.
macro_rules! error {
    ($($message:tt)*) => {
        panic!($($message)*)
    };
}

pub(crate) use error;
