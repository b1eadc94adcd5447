//! Pure: by which entry a function was called, and what its caller is told of how it ended.

use super::Raise;
use engset_process::ExitReason;
use engset_term::{Atom, Term};

/// By which way a function is run, and so how its value goes back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// `erpc:execute_call/4`: the exit reason of the process is the answer, marked with this term.
    Call(Term),
    /// `erpc:execute_cast/3`: nobody waits.
    Cast,
    /// `spawn/4` and its like: the value goes nowhere.
    Plain,
}

/// How a function ended that did not return.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raised {
    pub(crate) raise: Raise,
    /// Where, as a list of `{Module, Function, ArityOrArguments, []}`.
    pub(crate) stack: Term,
    /// The function is not there: the log has told of it.
    pub(crate) is_undef: bool,
}

/// What is to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) args: Vec<Term>,
}

impl Raised {
    /// What `module:function/arity` raised.
    pub(crate) fn by(raise: Raise, module: &Atom, function: &Atom, arity: usize) -> Self {
        let arity = Term::from(i64::try_from(arity).unwrap_or(i64::MAX));
        Self { raise, stack: Term::list([frame(module, function, arity)]), is_undef: false }
    }
}

/// What calling a function that is not there raises.
pub(crate) fn undef(module: &Atom, function: &Atom, args: &[Term]) -> Raised {
    let args = Term::list(args.iter().cloned());
    let stack = Term::list([frame(module, function, args)]);
    Raised { raise: Raise::Error(Term::atom("undef")), stack, is_undef: true }
}

fn frame(module: &Atom, function: &Atom, arity: Term) -> Term {
    Term::tuple([Term::Atom(module.clone()), Term::Atom(function.clone()), arity, Term::Nil])
}

/// What a spawn request for `module:function(args)` asks to run, and by which entry.
pub(crate) fn entry(module: Atom, function: Atom, args: Vec<Term>) -> (Entry, Result<Wanted, Raised>) {
    match (module.as_str(), function.as_str(), args.as_slice()) {
        ("erpc", "execute_call", [mark, m, f, a]) => (Entry::Call(mark.clone()), wanted(m, f, a)),
        ("erpc", "execute_cast", [m, f, a]) => (Entry::Cast, wanted(m, f, a)),
        _ => (Entry::Plain, Ok(Wanted { module, function, args })),
    }
}

/// What `apply(Module, Function, Args)` is to run.
pub(crate) fn wanted(module: &Term, function: &Term, args: &Term) -> Result<Wanted, Raised> {
    match (module.as_atom(), function.as_atom(), args.as_proper_list()) {
        (Some(module), Some(function), Some(args)) => {
            Ok(Wanted { module: module.clone(), function: function.clone(), args: args.to_vec() })
        }
        _ => {
            let args = Term::list([module.clone(), function.clone(), args.clone()]);
            let stack = frame(&Atom::from_static("erlang"), &Atom::from_static("apply"), args);
            Err(Raised { raise: Raise::badarg(), stack: Term::list([stack]), is_undef: false })
        }
    }
}

/// The reason with which the process ends that ran a function, and whether that is a result and no crash.
pub(crate) fn exit_reason(entry: &Entry, outcome: Result<Term, Raised>) -> (ExitReason, bool) {
    let (raised, mark) = match (entry, outcome) {
        (Entry::Call(mark), Ok(value)) => {
            return (reason([mark.clone(), Term::atom("return"), value]), true);
        }
        (Entry::Cast | Entry::Plain, Ok(_)) => return (ExitReason::Normal, true),
        (Entry::Call(mark), Err(raised)) => (raised, Some(mark.clone())),
        (Entry::Cast | Entry::Plain, Err(raised)) => (raised, None),
    };
    let Raised { raise, stack, is_undef } = raised;
    match (raise, mark) {
        (Raise::Throw(value), Some(mark)) => (reason([mark, Term::atom("throw"), value]), true),
        (Raise::Exit(why), Some(mark)) => (reason([mark, Term::atom("exit"), why]), true),
        (Raise::Error(why), Some(mark)) => (reason([mark, Term::atom("error"), why, stack]), true),
        (Raise::Exit(why), None) => (ExitReason::from_term(why), true),
        (Raise::Throw(value), None) => {
            let nocatch = Term::tuple([Term::atom("nocatch"), value]);
            (reason([nocatch, stack]), false)
        }
        (Raise::Error(why), None) => {
            let is_cast = *entry == Entry::Cast;
            let pair = Term::tuple([why.clone(), stack.clone()]);
            let why = if is_cast { Term::tuple([Term::atom("exception"), pair]) } else { why };
            (reason([why, stack]), is_undef)
        }
    }
}

/// What `rpc:call/4` makes of an outcome: the value, what was thrown, or `{badrpc, {'EXIT', Reason}}`.
pub(crate) fn rpc_value(outcome: Result<Term, Raised>) -> Term {
    let exit = |reason: Term| {
        let exit = Term::tuple([Term::atom("EXIT"), reason]);
        Term::tuple([Term::atom("badrpc"), exit])
    };
    match outcome {
        Ok(value) => value,
        Err(Raised { raise: Raise::Throw(value), .. }) => value,
        Err(Raised { raise: Raise::Exit(why), .. }) => exit(why),
        Err(Raised { raise: Raise::Error(why), stack, .. }) => exit(Term::tuple([why, stack])),
    }
}

fn reason<const N: usize>(parts: [Term; N]) -> ExitReason {
    ExitReason::from_term(Term::tuple(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(text: &str) -> Term {
        Term::parse(&format!("{text}.")).expect("a term")
    }

    fn atom(text: &'static str) -> Atom {
        Atom::from_static(text)
    }

    fn told(entry: &Entry, outcome: Result<Term, Raised>) -> (String, bool) {
        let (reason, quiet) = exit_reason(entry, outcome);
        (reason.to_string(), quiet)
    }

    #[test]
    fn the_entry_says_what_runs() {
        let args = vec![Term::from(1), Term::atom("m"), Term::atom("f"), Term::list([Term::from(2)])];
        let (entry_, wanted) = entry(atom("erpc"), atom("execute_call"), args);
        assert_eq!(entry_, Entry::Call(Term::from(1)));
        let wanted = wanted.expect("it is a function");
        assert_eq!(
            (wanted.module, wanted.function, wanted.args),
            (atom("m"), atom("f"), vec![Term::from(2)])
        );
        let (entry_, wanted) = entry(atom("m"), atom("execute_call"), vec![]);
        assert_eq!((entry_, wanted.is_ok()), (Entry::Plain, true));
    }

    #[test]
    fn what_is_no_function_is_a_bad_argument() {
        for (m, f, a) in [("1", "f", "[]"), ("m", "\"f\"", "[]"), ("m", "f", "[1|2]"), ("m", "f", "x")] {
            let args = vec![term("r"), term(m), term(f), term(a)];
            let (entry_, wanted) = entry(atom("erpc"), atom("execute_call"), args);
            let raised = wanted.expect_err("it is no function");
            assert_eq!(
                told(&entry_, Err(raised)).0,
                format!("{{r,error,badarg,[{{erlang,apply,[{m},{f},{a}],[]}}]}}")
            );
        }
    }

    #[test]
    fn a_call_is_answered_by_its_exit_reason() {
        let call = Entry::Call(term("r"));
        let by = |raise| Err(Raised::by(raise, &atom("m"), &atom("f"), 2));
        assert_eq!(told(&call, Ok(term("v"))), ("{r,return,v}".to_owned(), true));
        assert_eq!(told(&call, by(Raise::Throw(term("t")))), ("{r,throw,t}".to_owned(), true));
        assert_eq!(told(&call, by(Raise::Exit(term("e")))), ("{r,exit,e}".to_owned(), true));
        assert_eq!(told(&call, by(Raise::badarg())), ("{r,error,badarg,[{m,f,2,[]}]}".to_owned(), true));
        let undefined = Err(undef(&atom("m"), &atom("f"), &[term("a")]));
        assert_eq!(told(&call, undefined), ("{r,error,undef,[{m,f,[a],[]}]}".to_owned(), true));
    }

    #[test]
    fn a_spawned_function_ends_as_one_of_erlang() {
        let by = |raise| Err(Raised::by(raise, &atom("m"), &atom("f"), 0));
        assert_eq!(told(&Entry::Plain, Ok(term("v"))), ("normal".to_owned(), true));
        assert_eq!(told(&Entry::Plain, by(Raise::Exit(term("e")))), ("e".to_owned(), true));
        assert_eq!(
            told(&Entry::Plain, by(Raise::Throw(term("t")))),
            ("{{nocatch,t},[{m,f,0,[]}]}".to_owned(), false)
        );
        assert_eq!(told(&Entry::Plain, by(Raise::badarg())), ("{badarg,[{m,f,0,[]}]}".to_owned(), false));
        let undefined = Err(undef(&atom("m"), &atom("f"), &[]));
        assert_eq!(told(&Entry::Plain, undefined), ("{undef,[{m,f,[],[]}]}".to_owned(), true));
        assert_eq!(
            told(&Entry::Cast, by(Raise::badarg())).0,
            "{{exception,{badarg,[{m,f,0,[]}]}},[{m,f,0,[]}]}"
        );
    }

    #[test]
    fn rpc_hides_the_class() {
        let by = |raise| Err(Raised::by(raise, &atom("m"), &atom("f"), 0));
        assert_eq!(rpc_value(Ok(term("v"))), term("v"));
        assert_eq!(rpc_value(by(Raise::Throw(term("t")))), term("t"));
        assert_eq!(rpc_value(by(Raise::Exit(term("e")))), term("{badrpc,{'EXIT',e}}"));
        assert_eq!(rpc_value(by(Raise::badarg())), term("{badrpc,{'EXIT',{badarg,[{m,f,0,[]}]}}}"));
    }
}
