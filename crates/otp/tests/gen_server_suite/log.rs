//! Listens to what is told of crashes, for one test at a time on its own thread.

use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Once};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The fields of one report by name; its text is `message`.
pub(crate) type Report = BTreeMap<&'static str, String>;

/// What was reported.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Report>>>);

impl Log {
    /// Listens to what this thread tells from now on.
    pub(crate) fn listen() -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| tracing::subscriber::set_global_default(Everywhere).unwrap());
        let log = Self::default();
        LISTENING.set(Some(log.clone()));
        log
    }

    /// The only crash that was told since the last look.
    pub(crate) fn only(&self) -> Report {
        let mut reports = std::mem::take(&mut *self.0.lock());
        assert_eq!(reports.len(), 1, "{reports:#?}");
        reports.remove(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

struct Everywhere;

impl Subscriber for Everywhere {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["engset_process::crash", "engset_otp::gen_event::report"].contains(&metadata.target())
            && *metadata.level() == Level::ERROR
            && LISTENING.with_borrow(Option::is_some)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut report = Report::new();
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
