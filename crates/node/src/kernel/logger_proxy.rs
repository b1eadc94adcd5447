//! `logger_proxy`: gets the log events of other nodes' processes whose group leader is here, and tells `tracing` of them.

use super::io_format::{format, text};
use engset_otp::Child;
use engset_process::{Cx, Mail, MailboxLimits, SpawnOptions, WhenFull};
use engset_term::Term;

/// So many log events wait at most; more are dropped and counted.
pub(crate) const LOG_EVENTS_MAX: usize = 10_000;
/// So many bytes of an event are told of.
const EVENT_BYTES_MAX: usize = 16 * 1024;

pub(super) fn child() -> Child {
    let options = || SpawnOptions {
        mailbox: Some(MailboxLimits::messages(LOG_EVENTS_MAX).when_full(WhenFull::DropNewest)),
        ..SpawnOptions::default()
    };
    super::process(options, "logger_proxy", |mut cx: Cx<Term>| async move {
        loop {
            if let Mail::Message(message) = cx.recv().await
                && let Some((level, text)) = event(&message)
            {
                tell(level, &text);
            }
        }
    })
}

/// How loud, and what: of `{log, Level, Format, Args, Meta}`, `{log, Level, Report, Meta}` and `{log, Event}`.
fn event(message: &Term) -> Option<(tracing::Level, String)> {
    let (level, text) = match message.as_tuple()? {
        [tag, level, format_, args, _meta] if tag.is_atom("log") => {
            let text = format(format_, args, EVENT_BYTES_MAX);
            (level, text.unwrap_or_else(|| shown(&Term::tuple([format_.clone(), args.clone()]))))
        }
        [tag, level, report, _meta] if tag.is_atom("log") => {
            (level, text(report).unwrap_or_else(|| shown(report)))
        }
        [tag, event] if tag.is_atom("log") => {
            let event = event.as_map()?;
            (event.get_atom("level")?, event.get_atom("msg").map_or_else(String::new, shown))
        }
        _ => return None,
    };
    let level = match level.as_atom()?.as_str() {
        "emergency" | "alert" | "critical" | "error" => tracing::Level::ERROR,
        "warning" => tracing::Level::WARN,
        "notice" | "info" => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    Some((level, text.trim_end().chars().take(EVENT_BYTES_MAX).collect()))
}

fn shown(term: &Term) -> String {
    term.display_max(EVENT_BYTES_MAX).to_string()
}

fn tell(level: tracing::Level, text: &str) {
    match level {
        tracing::Level::ERROR => tracing::error!(target: "logger_proxy", "{text}"),
        tracing::Level::WARN => tracing::warn!(target: "logger_proxy", "{text}"),
        tracing::Level::INFO => tracing::info!(target: "logger_proxy", "{text}"),
        _ => tracing::debug!(target: "logger_proxy", "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Option<(tracing::Level, String)> {
        event(&Term::parse(&format!("{message}.")).expect("a term"))
    }

    #[test]
    fn events_are_told_by_level_and_text() {
        let error = |text: &str| Some((tracing::Level::ERROR, text.to_owned()));
        assert_eq!(of("{log,error,\"~p failed~n\",[x],#{}}"), error("x failed"));
        assert_eq!(of("{log,critical,\"down\",#{}}"), error("down"));
        assert_eq!(of("{log,error,\"~p\",[],#{}}").map(|(_, text)| text.contains("~p")), Some(true));
        assert_eq!(of("{log,warning,#{a=>1},#{}}"), Some((tracing::Level::WARN, "#{a => 1}".to_owned())));
        assert_eq!(of("{log,#{level=>debug,msg=>m}}"), Some((tracing::Level::DEBUG, "m".to_owned())));
        assert_eq!((of("nonsense"), of("{log}"), of("{log,1,2,3}")), (None, None, None));
    }
}
