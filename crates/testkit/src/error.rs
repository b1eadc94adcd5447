//! What can go wrong with a node under test, and whose doing it is.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a node could not be started or did not answer.
///
/// After [`Raised`](Self::Raised) the node goes on; after every other variant it is gone.
#[derive(Debug)]
pub enum BeamError {
    /// The program could not be run on this machine: install it.
    NotStarted {
        /// The program that was tried.
        program: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The node's own name server could not be started.
    Epmd(EpmdError),
    /// The node ended while an answer was awaited: its arguments, its EPMD, or the expression ended it.
    Died {
        /// How it ended, where the operating system still knows.
        status: Option<ExitStatus>,
        /// The last of what it wrote.
        output: String,
    },
    /// No answer within the limit; the node was killed.
    TimedOut {
        /// The limit that passed.
        limit: Duration,
        /// The expression that was being evaluated, or what else was awaited.
        waiting_for: String,
        /// The last of what the node wrote.
        output: String,
    },
    /// The expression is wrong or raised an exception: the test's doing, the node goes on.
    Raised {
        /// The expression.
        expression: String,
        /// Class and reason as a term, for example `{error,badarg}`.
        reason: String,
    },
}

impl fmt::Display for BeamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { program, source } => write!(f, "cannot run {program}: {source}"),
            Self::Epmd(error) => write!(f, "the node's name server: {error}"),
            Self::Died { status: Some(status), output } => write!(f, "the node ended ({status}): {output}"),
            Self::Died { status: None, output } => write!(f, "the node is gone: {output}"),
            Self::TimedOut { limit, waiting_for, output } => {
                write!(f, "no answer within {limit:?} to {waiting_for}; output so far: {output}")
            }
            Self::Raised { expression, reason } => write!(f, "{expression} raised {reason}"),
        }
    }
}

impl Error for BeamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted { source, .. } => Some(source),
            Self::Epmd(error) => Some(error),
            Self::Died { .. } | Self::TimedOut { .. } | Self::Raised { .. } => None,
        }
    }
}

impl From<EpmdError> for BeamError {
    fn from(error: EpmdError) -> Self {
        Self::Epmd(error)
    }
}

/// Why the stock `epmd` could not be started.
#[derive(Debug)]
pub enum EpmdError {
    /// The program could not be run on this machine: install it.
    NotStarted(io::Error),
    /// No TCP port was to be had: the machine has run out of them.
    NoPort(io::Error),
    /// It ended instead of listening: another one holds the TCP port, or it is not installed; what it wrote says which.
    PortTaken {
        /// The TCP port that was tried last.
        port: u16,
        /// What it wrote.
        output: String,
    },
    /// It did not say within the limit that it listens; it was killed.
    TimedOut {
        /// The limit that passed.
        limit: Duration,
    },
}

impl fmt::Display for EpmdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(source) => write!(f, "cannot run epmd: {source}"),
            Self::NoPort(source) => write!(f, "no free port: {source}"),
            Self::PortTaken { port, output } => write!(f, "epmd does not listen at {port}: {output}"),
            Self::TimedOut { limit } => write!(f, "epmd did not listen within {limit:?}"),
        }
    }
}

impl Error for EpmdError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(source) | Self::NoPort(source) => Some(source),
            Self::PortTaken { .. } | Self::TimedOut { .. } => None,
        }
    }
}
