//! Turns what supervisors log into reports: crashes with their reasons, restarts with their counts.

use super::report::{PERIOD_S, RESTARTS_MAX, Report};
use crate::output;
use engset::{Instant, Pid, Scheduler};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Counts crashes and restarts of one node and reports them.
#[derive(Clone, Default)]
pub(crate) struct Restarts {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    is_silent: AtomicBool,
    clock: std::sync::OnceLock<Scheduler>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Names of children that have been started once.
    started: BTreeSet<String>,
    /// Crashed children, with the number of their restart, until they are started again.
    crashed: BTreeMap<String, u64>,
    /// When each supervisor restarted lately.
    restarts: BTreeMap<String, VecDeque<Instant>>,
}

impl Restarts {
    /// Sets the clock; before that no crash is counted.
    pub(crate) fn set_clock(&self, scheduler: Scheduler) {
        // A second clock would be the same one.
        self.shared.clock.set(scheduler).ok();
    }

    /// A supervised process has started.
    pub(crate) fn started(&self, child: &str, pid: Pid) {
        let restarted = self.seen().started(child, pid);
        restarted.iter().for_each(|report| self.report(report));
    }

    /// Says nothing from now on: the node ends.
    pub(crate) fn silence(&self) {
        self.shared.is_silent.store(true, Ordering::Relaxed);
    }

    /// Reports to the process that started this one.
    pub(crate) fn report(&self, report: &Report) {
        if !self.shared.is_silent.load(Ordering::Relaxed) {
            // Nobody reads any more when the demo has ended; this process then ends too.
            output::line(&report.to_line()).ok();
        }
    }

    fn crashed(&self, supervisor: &str, child: &str, reason: &str) {
        let Some(clock) = self.shared.clock.get() else { return };
        self.seen().crashed(supervisor, child, clock.now());
        self.report(&Report::Crashed { child: child.to_owned(), reason: reason.to_owned() });
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn started(&mut self, child: &str, pid: Pid) -> Option<Report> {
        let count = self.crashed.remove(child);
        let is_first = self.started.insert(child.to_owned());
        (!is_first).then(|| Report::Restarted { child: child.to_owned(), pid: pid.to_string(), count })
    }

    fn crashed(&mut self, supervisor: &str, child: &str, now: Instant) {
        let restarts = self.restarts.entry(supervisor.to_owned()).or_default();
        let period = Duration::from_secs(PERIOD_S);
        restarts.retain(|restart| now.saturating_duration_since(*restart) <= period);
        restarts.push_back(now);
        let count = u64::try_from(restarts.len()).unwrap_or(u64::MAX);
        if count <= RESTARTS_MAX {
            self.crashed.insert(child.to_owned(), count);
        }
    }
}

impl<S: Subscriber> Layer<S> for Restarts {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target().starts_with("engset_process") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        match (fields.supervisor, fields.child, fields.reason) {
            (Some(supervisor), Some(child), Some(reason)) => self.crashed(&supervisor, &child, &reason),
            (supervisor, child, _) => {
                let who = child.or_else(|| supervisor.map(|_| "supervisor".to_owned()));
                let who = who.unwrap_or_else(|| "node".to_owned());
                self.report(&Report::Note { who, what: fields.message });
            }
        }
    }
}

/// The fields of an event that matter here.
#[derive(Default)]
struct Fields {
    supervisor: Option<String>,
    child: Option<String>,
    reason: Option<String>,
    message: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "supervisor" => self.supervisor = Some(value),
            "child" => self.child = Some(value),
            "reason" => self.reason = Some(value),
            "message" => self.message = value,
            _ => {}
        }
    }
}

impl fmt::Debug for Restarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restarts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
