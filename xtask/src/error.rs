//! Why a task did not succeed, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

#[derive(Debug)]
pub(crate) enum TaskError {
    /// The caller's mistake: see `cargo xtask help`.
    NoSuchCommand { command: String },
    /// The caller's mistake: the command takes no such argument.
    NoSuchArgument { argument: String },
    /// The caller's mistake: `cargo xtask fuzz` lists the targets.
    NoSuchTarget { target: String },
    /// The program could not be run: install it.
    NotRun { program: String, source: io::Error },
    /// The program ran and failed; its own output says why.
    Failed { program: String, status: ExitStatus },
    /// A file of the repository could not be read.
    Unreadable { path: PathBuf, source: io::Error },
    /// `cargo metadata` did not answer as it should.
    Metadata(serde_json::Error),
    /// Programs that the tests need are neither there nor could be installed: install them.
    Missing { programs: Vec<&'static str> },
    /// `cargo fuzz` is not installed.
    NoFuzzer,
    /// Rules are broken; they were printed.
    Untidy { findings: usize },
    /// Tests failed; they were printed.
    TestsFailed { failed: u64 },
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCommand { command } => write!(f, "no such command: {command}; see cargo xtask help"),
            Self::NoSuchArgument { argument } => {
                write!(f, "unexpected argument {argument}; see cargo xtask help")
            }
            Self::NoSuchTarget { target } => {
                write!(f, "no fuzz target is named {target}; cargo xtask fuzz lists them")
            }
            Self::NotRun { program, source } => write!(f, "cannot run {program}: {source}"),
            Self::Failed { program, status } => write!(f, "{program} failed: {status}"),
            Self::Unreadable { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Metadata(source) => write!(f, "cargo metadata: {source}"),
            Self::Missing { programs } => write!(f, "not installed: {}; install them", programs.join(", ")),
            Self::NoFuzzer => write!(
                f,
                "cargo-fuzz is not installed; run: cargo install cargo-fuzz (and, for sanitizers, rustup toolchain install nightly)"
            ),
            Self::Untidy { findings } => write!(f, "{findings} rules broken"),
            Self::TestsFailed { failed } => write!(f, "{failed} failed"),
        }
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRun { source, .. } | Self::Unreadable { source, .. } => Some(source),
            Self::Metadata(source) => Some(source),
            _ => None,
        }
    }
}
