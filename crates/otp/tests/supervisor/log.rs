//! What supervisors report while a test runs.
//!
//! One subscriber for the whole program, installed before anything is reported: with one for each test, a place in the
//! code that reports for the first time just then would be taken for one that nobody listens to.

use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Once};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// One report: its fields by name, the line as `message`, the level as `level`.
pub(crate) type Report = BTreeMap<&'static str, String>;

/// Keeps what is reported on this thread while it listens; simulations run on the thread of the test.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Report>>>);

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Makes listening possible, for all tests of the program.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Everywhere).unwrap());
}

impl Log {
    /// Listens while `body` runs.
    pub(crate) fn listen(&self, body: impl FnOnce()) {
        LISTENING.replace(Some(self.clone()));
        body();
        LISTENING.replace(None);
    }

    /// What was reported since the last look.
    pub(crate) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.0.lock())
    }

    /// The only report since the last look.
    pub(crate) fn only(&self) -> Report {
        let mut reports = self.take();
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }
}

struct Everywhere;

impl Subscriber for Everywhere {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("engset_otp::supervisor")
            && *metadata.level() <= Level::INFO
            && LISTENING.with_borrow(Option::is_some)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut report = Report::from([("level", event.metadata().level().to_string())]);
        event.record(&mut Fields(&mut report));
        LISTENING.with_borrow(|log| {
            if let Some(log) = log {
                log.0.lock().push(report);
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut Report);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
