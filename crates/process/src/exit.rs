//! Exit reasons: why a process ended, as a term that peers of any kind understand.

use engset_term::{Atom, Term};
use std::fmt;
use std::sync::Arc;

/// Why a process ended: any term, with the reasons that the runtime itself gives kept cheap.
///
/// Comparing, cloning and sending a reason costs no allocation for the well-known atoms.
/// Meaning as in the Erlang reference manual, "Processes", section "Error handling".
#[derive(Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// `normal`: the work is done. Linked processes that do not trap exits ignore it.
    Normal,
    /// `shutdown`: asked to stop, usually by a supervisor.
    Shutdown,
    /// `kill`: as a signal sent with [`crate::Cx::exit`] it cannot be trapped; the receiver ends as `killed`.
    Kill,
    /// `killed`: ended by an untrappable `kill`.
    Killed,
    /// `noproc`: there was no such process.
    NoProc,
    /// `noconnection`: the connection to the other node is lost or could not be made.
    NoConnection,
    /// Any other term.
    Term(Arc<Term>),
}

impl ExitReason {
    /// The reason made of `term`; the well-known atoms become their own variants.
    #[must_use]
    pub fn from_term(term: Term) -> Self {
        let known = term.as_atom().and_then(|atom| Self::well_known(atom.as_str()));
        known.unwrap_or_else(|| Self::Term(Arc::new(term)))
    }

    /// The reason `{panic, Message, Location}` of a process whose code panicked.
    #[must_use]
    pub fn panic(message: &str, location: &str) -> Self {
        Self::from_term(Term::tuple([Term::atom("panic"), Term::string(message), Term::string(location)]))
    }

    /// The reason as a term.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            Self::Normal => Term::atom("normal"),
            Self::Shutdown => Term::atom("shutdown"),
            Self::Kill => Term::atom("kill"),
            Self::Killed => Term::atom("killed"),
            Self::NoProc => Term::atom("noproc"),
            Self::NoConnection => Term::atom("noconnection"),
            Self::Term(term) => Term::clone(term),
        }
    }

    /// Whether supervisors and loggers take the exit for an ordinary one: `normal`, `shutdown` or `{shutdown, _}`.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        match self {
            Self::Normal | Self::Shutdown => true,
            Self::Term(term) => {
                term.as_tuple().is_some_and(|parts| matches!(parts, [tag, _] if tag.is_atom("shutdown")))
            }
            Self::Kill | Self::Killed | Self::NoProc | Self::NoConnection => false,
        }
    }

    fn well_known(atom: &str) -> Option<Self> {
        Some(match atom {
            "normal" => Self::Normal,
            "shutdown" => Self::Shutdown,
            "kill" => Self::Kill,
            "killed" => Self::Killed,
            "noproc" => Self::NoProc,
            "noconnection" => Self::NoConnection,
            _ => return None,
        })
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_term(), f)
    }
}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Term> for ExitReason {
    fn from(term: Term) -> Self {
        Self::from_term(term)
    }
}

impl From<Atom> for ExitReason {
    fn from(atom: Atom) -> Self {
        Self::from_term(Term::Atom(atom))
    }
}

/// What a process's code may end with.
///
/// `()` ends it `normal`; a `Result` ends it `normal` or with the error's reason. Any error type works with `?`
/// through [`Exit`].
#[diagnostic::on_unimplemented(
    message = "a process cannot end with `{Self}`",
    label = "the code of this process returns `{Self}`",
    note = "return `()`, an `ExitReason`, or `Result<(), Exit>`: `?` makes an `Exit` of any `std::error::Error`",
    note = "a value for somebody else is sent as a message"
)]
pub trait IntoExit {
    /// The exit reason of a process whose code returned `self`.
    fn into_exit(self) -> ExitReason;
}

#[diagnostic::do_not_recommend]
impl IntoExit for () {
    fn into_exit(self) -> ExitReason {
        ExitReason::Normal
    }
}

#[diagnostic::do_not_recommend]
impl IntoExit for ExitReason {
    fn into_exit(self) -> ExitReason {
        self
    }
}

/// Code that loops for ever, or always panics.
#[diagnostic::do_not_recommend]
impl IntoExit for Never {
    fn into_exit(self) -> ExitReason {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoExit> IntoExit for Result<T, Exit> {
    fn into_exit(self) -> ExitReason {
        match self {
            Ok(value) => value.into_exit(),
            Err(exit) => exit.0,
        }
    }
}

/// "End this process": the error type of process code, made from any error by `?`.
///
/// An `std::error::Error` becomes the reason `{error, Text}`; use `Exit(reason)` for an exact reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit(pub ExitReason);

impl<E: errors::AnyError> From<E> for Exit {
    fn from(error: E) -> Self {
        Self(ExitReason::from_term(Term::tuple([Term::atom("error"), Term::string(&error.to_string())])))
    }
}

/// The type `!`, which can be named only as what a function returns.
type Never = <fn() -> ! as returns::Returns>::Output;

mod errors {
    /// Any `std::error::Error`. Where a type is none, the compiler says what to do instead.
    #[diagnostic::on_unimplemented(
        message = "a process cannot end with `{Self}`",
        label = "no `std::error::Error`: map it to an error type, or to an `Exit` with `map_err`"
    )]
    #[expect(unnameable_types, reason = "whoever means it writes `std::error::Error`")]
    pub trait AnyError: std::error::Error {}

    #[diagnostic::do_not_recommend]
    impl<E: std::error::Error> AnyError for E {}
}

mod returns {
    #[expect(unnameable_types, reason = "nobody needs it but the line that names the type `!`")]
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }
}
