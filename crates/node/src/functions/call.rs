//! One call of a function by a peer: what its handler is given, and how it says no.

use crate::node::Node;
use engset_process::Cx;
use engset_term::{Atom, NodeName, Pid, Term};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What runs for a call.
pub type FunctionFuture = Pin<Box<dyn Future<Output = Result<Term, Raise>> + Send>>;

/// A function ends by an exception instead of a value: its class and reason, as `erlang:raise/3` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raise {
    /// `error(Reason)`: something is wrong, such as `badarg`.
    Error(Term),
    /// `exit(Reason)`.
    Exit(Term),
    /// `throw(Value)`.
    Throw(Term),
}

impl Raise {
    /// `error(badarg)`: the function does not take these arguments.
    #[must_use]
    pub fn badarg() -> Self {
        Self::Error(Term::atom("badarg"))
    }
}

impl fmt::Display for Raise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(reason) => write!(f, "error: {reason}"),
            Self::Exit(reason) => write!(f, "exit: {reason}"),
            Self::Throw(value) => write!(f, "throw: {value}"),
        }
    }
}

impl std::error::Error for Raise {}

/// A call of a function by a process of another node, or of this one.
///
/// The handler runs in a process of its own, whose context this is: it may send, receive what is sent to its pid, link
/// and monitor. The caller may end it by an exit signal; the handler then goes no further than its next `await`.
#[derive(Debug)]
pub struct RemoteCall {
    pub(crate) node: Arc<Node>,
    pub(crate) caller: Pid,
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) args: Vec<Term>,
    pub(crate) cx: Cx<Term>,
}

impl RemoteCall {
    /// The arguments, as many as the function was allowed with.
    #[must_use]
    pub fn args(&self) -> &[Term] {
        &self.args
    }

    /// The arguments, if there are exactly `N`.
    ///
    /// # Errors
    /// [`Raise::badarg`] otherwise.
    pub fn take_args<const N: usize>(&mut self) -> Result<[Term; N], Raise> {
        std::mem::take(&mut self.args).try_into().map_err(|_error| Raise::badarg())
    }

    /// The module by which the function was called.
    #[must_use]
    pub fn module(&self) -> &Atom {
        &self.module
    }

    /// The name by which the function was called.
    #[must_use]
    pub fn function(&self) -> &Atom {
        &self.function
    }

    /// The process that called.
    #[must_use]
    pub fn caller(&self) -> Pid {
        self.caller
    }

    /// The node that called.
    #[must_use]
    pub fn peer(&self) -> NodeName {
        self.caller.node()
    }

    /// The node that was called.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The process that runs the function.
    pub fn cx(&mut self) -> &mut Cx<Term> {
        &mut self.cx
    }
}
