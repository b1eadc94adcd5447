//! Why a controller did not do what it was asked.

use engset_process::ExitReason;
use engset_term::Atom;
use std::fmt;

/// A controller did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppError {
    /// No application of this name is loaded.
    NotLoaded(Atom),
    /// An application of this name is loaded already.
    AlreadyLoaded(Atom),
    /// The application runs, or was started and waits for its permission.
    AlreadyStarted(Atom),
    /// The application does not run.
    NotStarted(Atom),
    /// The application is being stopped: ask again when it has ended.
    Stopping(Atom),
    /// It cannot be unloaded: it is started.
    Running(Atom),
    /// An application cannot start before one that it depends on.
    DependencyNotStarted {
        /// The one that was to be started.
        app: Atom,
        /// The one that it needs, which does not run.
        dependency: Atom,
    },
    /// An application depends on one that is not loaded.
    DependencyNotLoaded {
        /// The one that depends.
        app: Atom,
        /// The one that is missing.
        dependency: Atom,
    },
    /// Applications depend on each other in a circle: each on the next; the first is named again as the last.
    Cycle(Vec<Atom>),
    /// The application could not start, for this reason.
    Start {
        /// Which one.
        app: Atom,
        /// The reason of its start function, of a phase, or of a panic there.
        reason: ExitReason,
    },
    /// Applications cannot use the new configuration. It is in force for all.
    Config(Vec<(Atom, ExitReason)>),
    /// The controller has as many applications as it may.
    TooMany(usize),
    /// An application asked for its own start or stop in its own callback, which would have waited for itself.
    WaitingForSelf(Atom),
    /// The controller is about to end, and stops all applications.
    Ending,
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoaded(app) => write!(f, "the application `{app}` is not loaded: load it first"),
            Self::AlreadyLoaded(app) => write!(f, "an application `{app}` is loaded already"),
            Self::AlreadyStarted(app) => write!(f, "the application `{app}` is started already"),
            Self::NotStarted(app) => write!(f, "the application `{app}` does not run"),
            Self::Stopping(app) => {
                write!(f, "the application `{app}` is being stopped: ask again when it has ended")
            }
            Self::Running(app) => write!(f, "the application `{app}` is started: stop it first"),
            Self::DependencyNotStarted { app, dependency } => {
                write!(
                    f,
                    "the application `{app}` needs `{dependency}`, which does not run: start that first"
                )
            }
            Self::DependencyNotLoaded { app, dependency } => {
                write!(f, "the application `{app}` needs `{dependency}`, which is not loaded: load it first")
            }
            Self::Cycle(apps) => {
                f.write_str("the applications depend on each other in a circle: ")?;
                for (place, app) in apps.iter().enumerate() {
                    let arrow = if place == 0 { "" } else { " needs " };
                    write!(f, "{arrow}`{app}`")?;
                }
                Ok(())
            }
            Self::Start { app, reason } => write!(f, "the application `{app}` could not start: {reason}"),
            Self::Config(failed) => {
                f.write_str("applications cannot use the new configuration:")?;
                failed.iter().try_for_each(|(app, reason)| write!(f, " `{app}`: {reason}"))
            }
            Self::TooMany(max) => write!(f, "the controller has {max} applications and may not have more"),
            Self::WaitingForSelf(app) => {
                write!(f, "the application `{app}` cannot wait in its callback for its own start or stop")
            }
            Self::Ending => f.write_str("the application controller is about to end"),
        }
    }
}

impl std::error::Error for AppError {}
