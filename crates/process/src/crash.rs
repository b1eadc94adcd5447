//! What the log is told of a process that crashed: one line that says what, where and why; and the same as fields.
//!
//! Fields: `pid`, `names`, `label`, `module` (its code, or its behaviour's type), `reason`, `last_message` (what kind
//! it was), `caller` and `deadline_left` of the request that was served, `ancestors` from the one that started it
//! upwards, `mailbox` (how many messages waited), `links`, `monitors`, `monitored_by`; and, only where the behaviour was
//! told to say them, `request` (the message in full) and `state`. Nothing else of what a process holds is ever printed.
//!
//! A process without a behaviour that an exit signal ends has not crashed itself, as in OTP: that is told at the level of
//! debugging. Of a behaviour it is worth knowing what it served then.

use crate::current::{self, Current};
use crate::exit::ExitReason;
use crate::info::ProcessInfo;
use crate::panics;
use crate::processes::Processes;
use engset_term::Pid;
use std::fmt::{self, Display};

/// What a behaviour knows of the crash of its process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrashDetails {
    /// What the process is, such as `server`.
    pub behaviour: &'static str,
    /// The type that makes it one of those.
    pub module: &'static str,
    /// What it served, or had served last.
    pub last_message: Option<&'static str>,
    /// The message that it served in full, if it may be said.
    pub message: Option<String>,
    /// Its state, if it may be said.
    pub state: Option<String>,
}

/// Says what is known of the crash of the running process; for a behaviour, when it drops what it holds. Where the
/// process ends in an orderly way, or does not end, `details` is not asked.
pub fn describe_crash(details: impl FnOnce() -> CrashDetails) {
    if current::dying().is_none_or(|reason| reason.is_orderly()) {
        return;
    }
    // A panic there must not hide the one that is told of.
    if let Some(details) = panics::aside(details) {
        current::with(|current| current.map(|current| current.crash.replace(Some(Box::new(details)))));
    }
}

/// Whether anybody listens.
pub(crate) fn is_wanted() -> bool {
    tracing::enabled!(tracing::Level::ERROR)
}

/// Tells of the crash of the running process, which `info` has seen before it left, for this reason, which may have come by
/// an exit signal.
#[inline(never)]
pub(crate) fn report(processes: &Processes, info: &ProcessInfo, (reason, by_signal): (&ExitReason, bool)) {
    let details = current::with(|current| {
        let details = current.and_then(|current| current.crash.take());
        let caller = current.and_then(Current::caller);
        let left = current
            .and_then(|current| current.deadline.get())
            .map(|deadline| deadline.saturating_duration_since(processes.scheduler().now()));
        (details, caller, left)
    });
    let (details, caller, left) = details;
    if by_signal && details.is_none() {
        tracing::debug!(
            pid = %info.pid,
            module = info.initial_call,
            %reason,
            "process `{}` {} ended by an exit signal: {}",
            info.initial_call,
            Named::of(info),
            Why(reason)
        );
        return;
    }
    let details = details.unwrap_or_else(|| {
        Box::new(CrashDetails { behaviour: "process", module: info.initial_call, ..CrashDetails::default() })
    });
    let ancestors = info.ancestors.iter().map(|pid| Named::new(processes, *pid));
    let (pid, why) = (info.pid, Why(reason));
    let serving = details.last_message.map(|last| format!(" while it served `{last}`")).unwrap_or_default();
    tracing::error!(
        %pid,
        names = %List(&info.names),
        label = info.label.as_deref(),
        module = details.module,
        %reason,
        last_message = details.last_message,
        request = details.message.as_deref(),
        state = details.state.as_deref(),
        caller = caller.map(tracing::field::display),
        deadline_left = left.map(tracing::field::debug),
        ancestors = %List(&ancestors.collect::<Vec<Named>>()),
        mailbox = info.message_queue_len,
        links = %List(&info.links),
        monitors = info.monitors.len(),
        monitored_by = %List(&info.monitored_by),
        "{} `{}` {} crashed{serving}: {why}",
        details.behaviour,
        details.module,
        Named::of(info),
    );
}

/// A process with its name or label, if it has one.
struct Named {
    pid: Pid,
    name: Option<String>,
}

impl Named {
    fn new(processes: &Processes, pid: Pid) -> Self {
        processes.info(pid).map_or(Self { pid, name: None }, |info| Self::of(&info))
    }

    fn of(info: &ProcessInfo) -> Self {
        let name = info.names.first().map(ToString::to_string).or_else(|| info.label.clone());
        Self { pid: info.pid, name }
    }
}

impl Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} {}", self.pid),
            None => self.pid.fmt(f),
        }
    }
}

/// Values with commas between.
struct List<'a, T>(&'a [T]);

impl<T: Display> Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, value)| {
            f.write_str(if place == 0 { "" } else { ", " })?;
            value.fmt(f)
        })
    }
}

/// A reason as people read it.
struct Why<'a>(&'a ExitReason);

impl Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = self.0.to_term();
        match term.as_tuple() {
            Some([tag, message, place]) if tag.is_atom("panic") => {
                match (message.as_binary(), place.as_binary()) {
                    (Some(message), Some(place)) => {
                        let (message, place) =
                            (String::from_utf8_lossy(message), String::from_utf8_lossy(place));
                        write!(f, "panicked at {place}: {message}")
                    }
                    _ => self.0.fmt(f),
                }
            }
            _ => self.0.fmt(f),
        }
    }
}
