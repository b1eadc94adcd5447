//! Pure: what a behaviour does when it is asked to hold still, to show itself, or to count (OTP's `sys`).

use engset_process::ExitReason;
use engset_term::Term;
use std::collections::VecDeque;

/// So many events a process keeps when it is told to log without a number, as in OTP.
pub const LOG_DEFAULT: usize = 10;
/// So many events a process keeps at most.
pub const LOG_MAX: usize = 10_000;

/// What somebody asks of a process by a system message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Suspend,
    Resume,
    GetState,
    ReplaceState(Term),
    GetStatus,
    Statistics(Switch),
    Trace(bool),
    Log(LogRequest),
    NoDebug,
    Terminate(ExitReason),
    Unknown(Term),
}

/// A thing that is turned on, off, or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
    Get,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogRequest {
    Keep(usize),
    Off,
    Get,
    Print,
}

/// When something is asked, and how much the process had run by then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Seconds since the beginning of 1970 by the clocks on the walls of this place.
    pub(crate) local_seconds: u64,
    pub(crate) reductions: u64,
    /// How many answers the process has given since they are counted.
    pub(crate) answers: u64,
}

/// What the process around has to do about a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Reply(Term),
    /// Reply with the state.
    GetState,
    ReplaceState(Term),
    /// Count answers from now on, or no longer; reply `ok`.
    CountAnswers(bool),
    /// Reply with the status, in which this stands for what is known here.
    GetStatus {
        is_suspended: bool,
        debug: Term,
    },
    /// Reply `ok`, then end.
    Terminate(ExitReason),
}

/// What is known of a process beside its own state. Nothing of it is there until somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Sys {
    is_suspended: bool,
    statistics: Option<Statistics>,
    is_traced: bool,
    log: Option<Log>,
}

#[derive(Debug)]
struct Statistics {
    start: Moment,
    messages_in: u64,
}

#[derive(Debug)]
struct Log {
    keep: usize,
    events: VecDeque<String>,
}

impl Request {
    /// The request in a message `{system, From, Request}`.
    pub(crate) fn from_term(term: &Term) -> Self {
        match (term.as_atom().map(engset_term::Atom::as_str), term.as_tuple()) {
            (Some("suspend"), _) => Self::Suspend,
            (Some("resume"), _) => Self::Resume,
            (Some("get_state"), _) => Self::GetState,
            (Some("get_status"), _) => Self::GetStatus,
            (_, Some([tag, state])) if tag.is_atom("replace_state") => Self::ReplaceState(state.clone()),
            (_, Some([tag, reason])) if tag.is_atom("terminate") => {
                Self::Terminate(ExitReason::from_term(reason.clone()))
            }
            (_, Some([tag, debug])) if tag.is_atom("debug") => {
                Self::debug(debug).unwrap_or_else(|| Self::Unknown(term.clone()))
            }
            _ => Self::Unknown(term.clone()),
        }
    }

    fn debug(term: &Term) -> Option<Self> {
        if term.is_atom("no_debug") {
            return Some(Self::NoDebug);
        }
        let [tag, what] = term.as_tuple()? else { return None };
        let word = what.as_atom().map(engset_term::Atom::as_str);
        Some(match (tag.as_atom()?.as_str(), word) {
            ("statistics", Some("true")) => Self::Statistics(Switch::On),
            ("statistics", Some("false")) => Self::Statistics(Switch::Off),
            ("statistics", Some("get")) => Self::Statistics(Switch::Get),
            ("trace", Some("true")) => Self::Trace(true),
            ("trace", Some("false")) => Self::Trace(false),
            ("log", Some("true")) => Self::Log(LogRequest::Keep(LOG_DEFAULT)),
            ("log", Some("false")) => Self::Log(LogRequest::Off),
            ("log", Some("get")) => Self::Log(LogRequest::Get),
            ("log", Some("print")) => Self::Log(LogRequest::Print),
            ("log", None) => match what.as_tuple()? {
                [on, keep] if on.is_atom("true") => {
                    let keep = usize::try_from(keep.as_integer()?.as_i64()?).ok()?;
                    Self::Log(LogRequest::Keep(keep.clamp(1, LOG_MAX)))
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl Sys {
    /// Whether the process takes system messages and its parent's exit only.
    pub(crate) fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Whether somebody wants to know of each event.
    pub(crate) fn is_watching(&self) -> bool {
        self.statistics.is_some() || self.is_traced || self.log.is_some()
    }

    /// Decides about a request.
    pub(crate) fn handle(&mut self, now: Moment, request: Request) -> Action {
        let ok = || Term::atom("ok");
        Action::Reply(match request {
            Request::Suspend => {
                self.is_suspended = true;
                ok()
            }
            Request::Resume => {
                self.is_suspended = false;
                ok()
            }
            Request::GetState => return Action::GetState,
            Request::ReplaceState(state) => return Action::ReplaceState(state),
            Request::GetStatus => {
                return Action::GetStatus { is_suspended: self.is_suspended, debug: self.debug_term(now) };
            }
            Request::Terminate(reason) => return Action::Terminate(reason),
            Request::Statistics(Switch::On) => {
                self.statistics = Some(Statistics { start: now, messages_in: 0 });
                return Action::CountAnswers(true);
            }
            Request::Statistics(Switch::Off) => {
                self.statistics = None;
                return Action::CountAnswers(false);
            }
            Request::Statistics(Switch::Get) => Term::tuple([ok(), self.statistics_term(now)]),
            Request::Trace(is_traced) => {
                self.is_traced = is_traced;
                ok()
            }
            Request::Log(LogRequest::Keep(keep)) => {
                let log = self.log.get_or_insert_with(|| Log { keep, events: VecDeque::new() });
                log.keep = keep;
                log.events.drain(..log.events.len().saturating_sub(keep));
                ok()
            }
            Request::Log(LogRequest::Off) => {
                self.log = None;
                ok()
            }
            Request::Log(LogRequest::Get) => {
                let events = self.log.iter().flat_map(|log| &log.events).map(|event| Term::string(event));
                Term::tuple([ok(), Term::list(events)])
            }
            Request::Log(LogRequest::Print) => {
                for event in self.log.iter().flat_map(|log| &log.events) {
                    tracing::info!("{event}");
                }
                ok()
            }
            Request::NoDebug => {
                *self = Self { is_suspended: self.is_suspended, ..Self::default() };
                return Action::CountAnswers(false);
            }
            Request::Unknown(request) => {
                Term::tuple([Term::atom("error"), Term::tuple([Term::atom("unknown_system_msg"), request])])
            }
        })
    }

    /// Notes that the process took something.
    pub(crate) fn took(&mut self, event: impl FnOnce() -> String) {
        if let Some(statistics) = &mut self.statistics {
            statistics.messages_in += 1;
        }
        if !self.is_traced && self.log.is_none() {
            return;
        }
        let event = event();
        if self.is_traced {
            tracing::info!("{event}");
        }
        if let Some(log) = &mut self.log {
            if log.events.len() >= log.keep {
                log.events.pop_front();
            }
            log.events.push_back(event);
        }
    }

    fn statistics_term(&self, now: Moment) -> Term {
        let Some(statistics) = &self.statistics else { return Term::atom("no_statistics") };
        let pair = |name: &'static str, value: u64| Term::tuple([Term::atom(name), Term::from(value)]);
        Term::list([
            Term::tuple([Term::atom("start_time"), date_time(statistics.start.local_seconds)]),
            Term::tuple([Term::atom("current_time"), date_time(now.local_seconds)]),
            pair("reductions", now.reductions.saturating_sub(statistics.start.reductions)),
            pair("messages_in", statistics.messages_in),
            pair("messages_out", now.answers),
        ])
    }

    fn debug_term(&self, now: Moment) -> Term {
        let statistics = self.statistics.as_ref().map(|statistics| {
            let Statistics { start, messages_in } = statistics;
            let reductions = Term::tuple([Term::atom("reductions"), Term::from(start.reductions)]);
            let counted = [Term::from(*messages_in), Term::from(now.answers)];
            let since = [date_time(start.local_seconds), reductions].into_iter().chain(counted);
            Term::tuple([Term::atom("statistics"), Term::tuple(since)])
        });
        let trace = self.is_traced.then(|| Term::atom("trace"));
        let log = self.log.as_ref().map(|_| Term::atom("log"));
        Term::list([statistics, trace, log].into_iter().flatten())
    }
}

/// `{{Year, Month, Day}, {Hour, Minute, Second}}`, so many seconds after the beginning of 1970.
fn date_time(seconds: u64) -> Term {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // In 400 years the calendar repeats.
    let mut year = 1970 + 400 * (days / 146_097);
    days %= 146_097;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let triple = |parts: [u64; 3]| Term::tuple(parts.map(Term::from));
    Term::tuple([triple([year, month, days + 1]), triple([second / 3_600, second / 60 % 60, second % 60])])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(sys: &mut Sys, text: &str) -> Action {
        let request = Request::from_term(&text.parse().expect("a term"));
        sys.handle(Moment { local_seconds: 1_709_210_096, reductions: 5, answers: 1 }, request)
    }

    fn reply(text: &str) -> Action {
        Action::Reply(text.parse().expect("a term"))
    }

    #[test]
    fn suspends_and_resumes() {
        let mut sys = Sys::default();
        assert_eq!(ask(&mut sys, "suspend"), reply("ok"));
        assert!(sys.is_suspended());
        assert_eq!(ask(&mut sys, "resume"), reply("ok"));
        assert!(!sys.is_suspended());
    }

    #[test]
    fn counts_from_when_it_is_told_to() {
        let mut sys = Sys::default();
        assert_eq!(ask(&mut sys, "{debug,{statistics,get}}"), reply("{ok,no_statistics}"));
        assert_eq!(ask(&mut sys, "{debug,{statistics,true}}"), Action::CountAnswers(true));
        sys.took(String::new);
        sys.took(String::new);
        let expected = "{ok,[{start_time,{{2024,2,29},{12,34,56}}},{current_time,{{2024,2,29},{12,34,56}}},\
            {reductions,0},{messages_in,2},{messages_out,1}]}";
        assert_eq!(ask(&mut sys, "{debug,{statistics,get}}"), reply(expected));
        assert_eq!(ask(&mut sys, "{debug,{statistics,false}}"), Action::CountAnswers(false));
        assert!(!sys.is_watching());
        assert_eq!(ask(&mut sys, "{debug,{trace,true}}"), reply("ok"));
        assert_eq!(ask(&mut sys, "{debug,no_debug}"), Action::CountAnswers(false));
        assert!(!sys.is_watching());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "{{1970,1,1},{0,0,0}}"),
            (951_782_399, "{{2000,2,28},{23,59,59}}"),
            (951_782_400, "{{2000,2,29},{0,0,0}}"),
            (1_735_689_599, "{{2024,12,31},{23,59,59}}"),
            (4_107_542_400, "{{2100,3,1},{0,0,0}}"),
            (253_402_300_799, "{{9999,12,31},{23,59,59}}"),
        ] {
            assert_eq!(date_time(seconds).to_string(), expected);
        }
        assert!(date_time(u64::MAX).as_tuple().is_some(), "any number has a date");
    }

    #[test]
    fn keeps_the_last_events() {
        let mut sys = Sys::default();
        assert_eq!(ask(&mut sys, "{debug,{log,{true,2}}}"), reply("ok"));
        for event in ["a", "b", "c"] {
            sys.took(|| event.to_owned());
        }
        assert_eq!(ask(&mut sys, "{debug,{log,get}}"), reply("{ok,[<<\"b\">>,<<\"c\">>]}"));
        let limit = |number: usize| {
            Request::from_term(&format!("{{debug,{{log,{{true,{number}}}}}}}").parse().unwrap())
        };
        assert_eq!(limit(LOG_MAX), Request::Log(LogRequest::Keep(LOG_MAX)));
        assert_eq!(limit(LOG_MAX + 1), Request::Log(LogRequest::Keep(LOG_MAX)));
    }

    #[test]
    fn what_it_does_not_know_is_an_error() {
        let mut sys = Sys::default();
        let answer = ask(&mut sys, "{debug,{dance,true}}");
        assert_eq!(answer, reply("{error,{unknown_system_msg,{debug,{dance,true}}}}"));
        assert_eq!(
            ask(&mut sys, "{terminate,boom}"),
            Action::Terminate(ExitReason::from_term(Term::atom("boom")))
        );
    }
}
