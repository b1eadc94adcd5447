//! What a node of the demo reports to the process that started it: one line each, on its standard output.

use std::fmt;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// The application runs.
    Ready {
        /// The node's OS process.
        os_pid: u32,
    },
    /// A supervised process crashed.
    Crashed {
        /// Its name.
        child: String,
        /// Its exit reason.
        reason: String,
    },
    /// A supervised process was started again.
    Restarted {
        /// Its name.
        child: String,
        /// Its new pid, as its node shows it.
        pid: String,
        /// How often its supervisor restarted within the period, or `None` where it was restarted with a sibling.
        count: Option<u64>,
    },
    /// Anything else worth a line.
    Note {
        /// Who says it.
        who: String,
        /// What.
        what: String,
    },
}

/// Restarts that a supervisor of the demo allows within [`PERIOD_S`].
pub(crate) const RESTARTS_MAX: u64 = 10;
/// The period of [`RESTARTS_MAX`], in seconds.
pub(crate) const PERIOD_S: u64 = 10;

impl Report {
    /// The report as one line without its end.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Ready { os_pid } => format!("ready\t{os_pid}"),
            Self::Crashed { child, reason } => format!("crashed\t{}\t{}", plain(child), plain(reason)),
            Self::Restarted { child, pid, count } => {
                let count = count.map_or_else(|| "-".to_owned(), |count| count.to_string());
                format!("restarted\t{}\t{}\t{count}", plain(child), plain(pid))
            }
            Self::Note { who, what } => format!("note\t{}\t{}", plain(who), plain(what)),
        }
    }

    /// The report in a line; `None` where it is none.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        match *fields.as_slice() {
            ["ready", os_pid] => Some(Self::Ready { os_pid: os_pid.parse().ok()? }),
            ["crashed", child, reason] => Some(Self::Crashed { child: child.into(), reason: reason.into() }),
            ["restarted", child, pid, count] => {
                let count = if count == "-" { None } else { Some(count.parse().ok()?) };
                Some(Self::Restarted { child: child.into(), pid: pid.into(), count })
            }
            ["note", who, what] => Some(Self::Note { who: who.into(), what: what.into() }),
            _ => None,
        }
    }
}

/// The text without tabs and line ends.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { os_pid } => write!(f, "node      is up as OS process {os_pid}"),
            Self::Crashed { child, reason } => write!(f, "{child:<9} crashed: {reason}"),
            Self::Restarted { child, pid, count: Some(count) } => {
                write!(f, "{child:<9} restarted as {pid}, restart {count} of {RESTARTS_MAX} in {PERIOD_S} s")
            }
            Self::Restarted { child, pid, count: None } => {
                write!(f, "{child:<9} restarted as {pid}, with its sibling")
            }
            Self::Note { who, what } => write!(f, "{who:<9} {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn reports_come_back_from_their_lines() {
        let reports = [
            Report::Ready { os_pid: 7 },
            Report::Crashed { child: "flaky".into(), reason: "{panic,<<\"x\">>}".into() },
            Report::Restarted { child: "flaky".into(), pid: "<0.9.0>".into(), count: Some(2) },
            Report::Restarted { child: "pool".into(), pid: "<0.9.0>".into(), count: None },
            Report::Note { who: "roll_call".into(), what: "n2 is up".into() },
        ];
        for report in reports {
            assert_eq!(Report::from_line(&report.to_line()), Some(report));
        }
    }

    #[test]
    fn control_characters_cannot_make_fields_or_lines() {
        let report = Report::Crashed { child: "a\tb".into(), reason: "c\nd\u{1b}".into() };
        assert_eq!(report.to_line(), "crashed\ta b\tc d ");
    }

    #[test]
    fn other_lines_are_no_reports() {
        for line in ["", "ready", "ready\tx", "crashed\ta", "restarted\ta\tb\tc", "note\ta\tb\tc"] {
            assert_eq!(Report::from_line(line), None, "{line}");
        }
    }
}
