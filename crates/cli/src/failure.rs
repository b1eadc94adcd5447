//! How a command ends without success: exit code, what happened, at which step, and what to do.

use std::fmt;
use std::process::ExitCode;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody reads the output any more: no reason to go on, and none to complain.
    OutputClosed,
    /// It did not work.
    Failed(Box<Failure>),
}

/// A failure as the user sees it: one line that says it all, then labelled facts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) summary: String,
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// The exit codes, as the help lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// This machine refused what the command needs.
    Machine = 1,
    /// The command line or a setting is wrong.
    Usage = 2,
    /// No such node, or no such name on it.
    NotFound = 3,
    /// Not reached, or no answer in time.
    Unreachable = 4,
    /// The other side refuses us.
    Refused = 5,
    /// The other side crashed or did not understand.
    Remote = 6,
}

/// The steps from a node's name to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// From the host to an address.
    Resolve,
    /// Asking the host's EPMD.
    Epmd,
    /// EPMD's knowledge of the name.
    Name,
    /// The TCP connection.
    Tcp,
    /// The socket file.
    Unix,
    /// TLS, before the handshake.
    Tls,
    /// QUIC, before the handshake.
    Quic,
    /// The handshake, the cookies apart.
    Handshake,
    /// Proving the cookie.
    Cookie,
    /// The request itself.
    Call,
}

impl Failure {
    pub(crate) fn new(status: Status, summary: impl Into<String>) -> Self {
        Self { status, summary: summary.into(), facts: Vec::new() }
    }

    /// This machine refused something.
    pub(crate) fn machine(summary: &str, error: &dyn std::error::Error) -> Self {
        Self::new(Status::Machine, format!("{summary}: {error}"))
    }

    /// At which step it happened.
    pub(crate) fn step(self, step: Step) -> Self {
        self.fact("step", step.to_string())
    }

    /// Whether it happened at this step, and not for want of time.
    pub(crate) fn is_at(&self, step: Step) -> bool {
        self.facts.first().is_some_and(|(label, at)| *label == "step" && *at == step.to_string())
    }

    /// Only with the first of its facts.
    pub(crate) fn first_facts(mut self, count: usize) -> Self {
        self.facts.truncate(count);
        self
    }

    /// A time limit passed at this step.
    pub(crate) fn timeout(self, step: Step) -> Self {
        self.fact("step", format!("timeout ({step})"))
    }

    /// What is known, or worth looking at.
    pub(crate) fn check(self, fact: impl Into<String>) -> Self {
        self.fact("check", fact)
    }

    /// Whether the request may have been executed.
    pub(crate) fn ran(mut self, maybe: bool) -> Self {
        let ran = match maybe {
            true => "perhaps: the request may have been executed",
            false => "no: the request was not executed",
        };
        // After the step, which comes first.
        self.facts.insert(self.facts.len().min(1), ("ran", ran.to_owned()));
        self
    }

    /// What to do.
    pub(crate) fn remedy(self, fact: impl Into<String>) -> Self {
        self.fact("do", fact)
    }

    fn fact(mut self, label: &'static str, fact: impl Into<String>) -> Self {
        self.facts.push((label, fact.into()));
        self
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Epmd => "epmd",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Unix => "unix",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Handshake => "handshake",
            Self::Cookie => "cookie",
            Self::Call => "call",
        })
    }
}
