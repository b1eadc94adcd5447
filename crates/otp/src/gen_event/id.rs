//! Which handler is meant, and what is said about its end.

use engset_process::ExitReason;
use engset_term::{Atom, Pid, Term};
use std::any::{TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;

/// A handler by its type, and by a name where there may be several of that type (OTP's `Module` and `{Module, Id}`).
///
/// ```
/// use engset_otp::gen_event::HandlerId;
/// use engset_term::Atom;
///
/// struct Logger;
/// const ONLY: HandlerId<Logger> = HandlerId::of_type();
/// const ERRORS: HandlerId<Logger> = HandlerId::named(Atom::from_static("errors"));
/// assert!(ERRORS.any().to_string().ends_with("Logger,errors}") && ONLY.any() != ERRORS.any());
/// ```
pub struct HandlerId<H> {
    name: Option<Atom>,
    handler: PhantomData<fn() -> H>,
}

impl<H: 'static> HandlerId<H> {
    /// The handler of type `H` that has no name.
    #[must_use]
    pub const fn of_type() -> Self {
        Self { name: None, handler: PhantomData }
    }

    /// The handler of type `H` that is called `name`.
    #[must_use]
    pub const fn named(name: Atom) -> Self {
        Self { name: Some(name), handler: PhantomData }
    }

    /// The same without the type in it.
    #[must_use]
    pub fn any(&self) -> AnyHandlerId {
        AnyHandlerId { kind: TypeId::of::<H>(), type_name: type_name::<H>(), name: self.name.clone() }
    }
}

impl<H> Clone for HandlerId<H> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), handler: PhantomData }
    }
}

impl<H: 'static> fmt::Debug for HandlerId<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerId({})", self.any())
    }
}

/// The id of a handler of whatever type.
#[derive(Clone, PartialEq, Eq)]
pub struct AnyHandlerId {
    kind: TypeId,
    type_name: &'static str,
    name: Option<Atom>,
}

impl AnyHandlerId {
    /// The handler's type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The handler's name, if it has one.
    #[must_use]
    pub const fn name(&self) -> Option<&Atom> {
        self.name.as_ref()
    }

    /// The id as messages have it: `Type` or `{Type, Name}`; the type is an atom, or a binary where it is too long.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let kind = Atom::new(self.type_name).map_or_else(|_| Term::string(self.type_name), Term::Atom);
        match &self.name {
            Some(name) => Term::tuple([kind, Term::Atom(name.clone())]),
            None => kind,
        }
    }
}

impl fmt::Display for AnyHandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{{{},{name}}}", self.type_name),
            None => f.write_str(self.type_name),
        }
    }
}

impl fmt::Debug for AnyHandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<H: 'static> PartialEq<HandlerId<H>> for AnyHandlerId {
    fn eq(&self, other: &HandlerId<H>) -> bool {
        *self == other.any()
    }
}

/// The message that tells a process of the end of a handler that it supervises: `{gen_event_EXIT, Handler, Reason}`.
///
/// ```
/// use engset_otp::gen_event::{HandlerExit, HandlerId, WhyExit};
/// use engset_term::Term;
/// # struct Logger;
///
/// let handler = HandlerId::<Logger>::of_type();
/// let message = Term::tuple([Term::atom("gen_event_EXIT"), handler.any().to_term(), Term::atom("shutdown")]);
/// let exit = HandlerExit::from_term(&message).expect("it is one");
/// assert!(exit.is(&handler) && exit.why == WhyExit::Shutdown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerExit {
    /// The handler's id, as in [`AnyHandlerId::to_term`].
    pub handler: Term,
    /// Why it ended.
    pub why: WhyExit,
}

/// Why a supervised handler ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyExit {
    /// `normal`: it was deleted, or removed itself.
    Normal,
    /// `shutdown`: the manager ends, or was sent an exit signal by who supervises the handler.
    Shutdown,
    /// `{swapped, NewHandler, Pid}`: another took its place.
    Swapped {
        /// The other.
        by: Term,
        /// Who supervises that one, if anybody does.
        supervisor: Option<Pid>,
    },
    /// It failed.
    Failed(ExitReason),
}

impl HandlerExit {
    /// The message, if `term` is one.
    #[must_use]
    pub fn from_term(term: &Term) -> Option<Self> {
        let [tag, handler, reason] = term.as_tuple()? else { return None };
        if !tag.is_atom("gen_event_EXIT") {
            return None;
        }
        let why = match reason.as_tuple() {
            Some([tag, by, supervisor]) if tag.is_atom("swapped") => {
                WhyExit::Swapped { by: by.clone(), supervisor: supervisor.as_pid() }
            }
            _ if reason.is_atom("normal") => WhyExit::Normal,
            _ if reason.is_atom("shutdown") => WhyExit::Shutdown,
            _ => WhyExit::Failed(ExitReason::from_term(reason.clone())),
        };
        Some(Self { handler: handler.clone(), why })
    }

    /// Whether `handler` is the one that ended.
    #[must_use]
    pub fn is<H: 'static>(&self, handler: &HandlerId<H>) -> bool {
        self.handler == handler.any().to_term()
    }

    pub(super) fn into_term(self) -> Term {
        let reason = match self.why {
            WhyExit::Normal => Term::atom("normal"),
            WhyExit::Shutdown => Term::atom("shutdown"),
            WhyExit::Swapped { by, supervisor } => {
                let supervisor = supervisor.map_or_else(|| Term::atom("undefined"), Term::Pid);
                Term::tuple([Term::atom("swapped"), by, supervisor])
            }
            WhyExit::Failed(reason) => reason.to_term(),
        };
        Term::tuple([Term::atom("gen_event_EXIT"), self.handler, reason])
    }
}
