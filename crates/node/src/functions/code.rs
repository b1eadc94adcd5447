//! `code`: what a node says of its modules, which are the allowed functions. Nothing is ever loaded.

use super::{Functions, Raise, facts};
use engset_term::{Atom, Term};

pub(super) fn allow(functions: &Functions) {
    let module = |args: &[Term]| args.first().and_then(Term::as_atom).cloned().ok_or_else(Raise::badarg);
    functions.allow("code", "ensure_loaded", 1, move |call| async move {
        let module = module(call.args())?;
        Ok(if call.node().functions().has_module(&module) {
            Term::tuple([Term::atom("module"), Term::Atom(module)])
        } else {
            Term::tuple([Term::atom("error"), Term::atom("nofile")])
        })
    });
    functions.allow("code", "is_loaded", 1, move |call| async move {
        let module = module(call.args())?;
        Ok(if call.node().functions().has_module(&module) { file() } else { Term::atom("false") })
    });
    functions.allow("code", "which", 1, move |call| async move {
        let module = module(call.args())?;
        let is_there = call.node().functions().has_module(&module);
        Ok(Term::atom(if is_there { "preloaded" } else { "non_existing" }))
    });
    functions.allow("code", "all_loaded", 0, |call| async move {
        let mut modules: Vec<Atom> =
            call.node().functions().allowed().into_iter().map(|(module, _, _)| module).collect();
        modules.dedup();
        let loaded = |module| Term::tuple([Term::Atom(module), Term::atom("preloaded")]);
        Ok(Term::list(modules.into_iter().map(loaded)))
    });
    functions.allow("erlang", "module_loaded", 1, move |call| async move {
        let module = module(call.args())?;
        Ok(facts::atom(if call.node().functions().has_module(&module) { "true" } else { "false" }))
    });
}

/// Where a module that is part of the program is from.
fn file() -> Term {
    Term::tuple([Term::atom("file"), Term::atom("preloaded")])
}
