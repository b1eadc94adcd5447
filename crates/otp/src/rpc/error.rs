//! Why a function of another node brought no value.

use engset_process::ExitReason;
use engset_term::{Atom, Term};
use std::fmt;

/// Why a call of a function on another node brought no value. [`RpcError::maybe_executed`] tells whether it may have run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcError {
    /// The function threw a value that nobody caught.
    Throw(Term),
    /// The function ended by `exit(Reason)`.
    Exit(Term),
    /// The function failed by `error(Reason)`; [`RpcError::is_undefined`] where it is not there at all.
    Error {
        /// Why.
        reason: Term,
        /// Where, as `{Module, Function, ArityOrArguments, Location}`, the innermost first.
        stack: Term,
    },
    /// The process that ran the function was ended with this reason before the function was done.
    Ended(ExitReason),
    /// The other node refused to start a process for it: `notsup` where it runs nothing for this node, `system_limit`
    /// where it has no room, `badopt` for options that it does not know.
    Refused(Atom),
    /// No answer in time. The function may still run.
    Timeout,
    /// The connection to the node was lost before the answer came.
    NodeDown,
    /// No connection to the node could be made, or it starts no processes for others; the request was not sent.
    Unreachable,
    /// A name is no atom, or there are more than 255 arguments; the request was not sent.
    BadFunction(String),
    /// The caller is not a process; the request was not sent.
    OutsideNode,
}

impl RpcError {
    /// Whether the function may have been executed, wholly or in part. When false it certainly was not.
    #[must_use]
    pub fn maybe_executed(&self) -> bool {
        match self {
            Self::Throw(_) | Self::Exit(_) | Self::Ended(_) | Self::Timeout | Self::NodeDown => true,
            Self::Error { .. } => !self.is_undefined(),
            Self::Refused(_) | Self::Unreachable | Self::BadFunction(_) | Self::OutsideNode => false,
        }
    }

    /// Whether the node has no such function, or does not allow it. Also true where the function itself called one that
    /// is not there, and the trace of the call does not show that.
    #[must_use]
    pub fn is_undefined(&self) -> bool {
        let Self::Error { reason, stack } = self else { return false };
        let is_only_frame = stack.as_proper_list().is_some_and(|frames| frames.len() == 1);
        reason.is_atom("undef") && is_only_frame
    }

    /// Reads the exit reason of a process that ran `erpc:execute_call/4`; `Ok` where it is a value.
    pub(super) fn read(mark: &Term, reason: ExitReason) -> Result<Term, Self> {
        if reason == ExitReason::NoConnection {
            return Err(Self::NodeDown);
        }
        let term = reason.to_term();
        match term.as_tuple() {
            Some([marked, class, value]) if marked == mark && class.is_atom("return") => Ok(value.clone()),
            Some([marked, class, value]) if marked == mark && class.is_atom("throw") => {
                Err(Self::Throw(value.clone()))
            }
            Some([marked, class, why]) if marked == mark && class.is_atom("exit") => {
                Err(Self::Exit(why.clone()))
            }
            Some([marked, class, why]) if marked == mark && class.is_atom("error") => {
                Err(Self::Error { reason: why.clone(), stack: Term::Nil })
            }
            Some([marked, class, why, stack]) if marked == mark && class.is_atom("error") => {
                Err(Self::Error { reason: why.clone(), stack: stack.clone() })
            }
            _ => Err(Self::Ended(reason)),
        }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throw(value) => write!(f, "the function on the other node threw {value}"),
            Self::Exit(reason) => write!(f, "the function on the other node ended by exit: {reason}"),
            Self::Error { .. } if self.is_undefined() => {
                f.write_str("the other node has no such function, or does not allow it to be called")
            }
            Self::Error { reason, stack } => {
                write!(f, "the function on the other node failed: {reason}, at {stack}")
            }
            Self::Ended(reason) => {
                write!(f, "the process that ran the function on the other node was ended: {reason}")
            }
            Self::Refused(why) => {
                write!(f, "the other node refused to run the function, which did not run: {why}")
            }
            Self::Timeout => f.write_str("no answer in time; the function may have run"),
            Self::NodeDown => {
                f.write_str("the connection to the other node is down; the function may have run")
            }
            Self::Unreachable => f.write_str(
                "the other node cannot be reached, or runs nothing for others; the request was not sent",
            ),
            Self::BadFunction(why) => write!(f, "the request was not sent: {why}"),
            Self::OutsideNode => f.write_str(
                "called from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
        }
    }
}

impl std::error::Error for RpcError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(text: &str) -> Term {
        Term::parse(&format!("{text}.")).expect("a term")
    }

    fn read(reason: &str) -> Result<Term, RpcError> {
        RpcError::read(&term("m"), ExitReason::from_term(term(reason)))
    }

    #[test]
    fn the_exit_reason_is_the_answer() {
        assert_eq!(read("{m,return,{a,1}}"), Ok(term("{a,1}")));
        assert_eq!(read("{m,throw,b}"), Err(RpcError::Throw(term("b"))));
        assert_eq!(read("{m,exit,c}"), Err(RpcError::Exit(term("c"))));
        let failed = RpcError::Error { reason: term("d"), stack: term("[x]") };
        assert_eq!(read("{m,error,d,[x]}"), Err(failed));
        let bad = RpcError::Error { reason: term("{erpc,system_limit}"), stack: Term::Nil };
        assert_eq!(read("{m,error,{erpc,system_limit}}"), Err(bad));
        assert_eq!(read("noconnection"), Err(RpcError::NodeDown));
        // Not ours, or no answer at all.
        for other in ["killed", "{n,return,1}", "{m,return}", "{m,returns,1}"] {
            assert_eq!(read(other), Err(RpcError::Ended(ExitReason::from_term(term(other)))));
        }
    }

    #[test]
    fn what_was_not_run_is_known() {
        let undefined = read("{m,error,undef,[{a,b,[],[]}]}").expect_err("it is not there");
        assert!(undefined.is_undefined() && !undefined.maybe_executed());
        let deeper = read("{m,error,undef,[{a,b,[],[]},{c,d,0,[]}]}").expect_err("it is not there");
        assert!(!deeper.is_undefined() && deeper.maybe_executed());
        assert!(read("killed").expect_err("it was killed").maybe_executed());
        assert!(!RpcError::Refused(Atom::from_static("notsup")).maybe_executed());
    }
}
