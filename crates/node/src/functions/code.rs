//! `code`: what a node says of its modules, which are the allowed functions. Nothing is ever loaded.

use super::{Functions, Raise, facts};
use crate::node::Node;
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
    // What OTP answers where a module may not be replaced. LiveDashboard and Elixir's `nl` send code unasked: the one goes
    // on without, the other shows the reason.
    functions.allow("code", "load_binary", 3, |_| async {
        Ok(Term::tuple([Term::atom("error"), Term::atom("sticky_directory")]))
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

/// `module_info/0,1` of a module that is there: one of which functions are allowed, or the type of a process that a
/// behaviour serves. `None` for other functions and modules.
pub(super) fn module_info(
    node: &Node,
    module: &Atom,
    function: &Atom,
    args: &[Term],
) -> Option<Result<Term, Raise>> {
    if function.as_str() != "module_info" || args.len() > 1 {
        return None;
    }
    let behaviours = facts::behaviours(node, module);
    if behaviours.is_none() && !node.functions().has_module(module) {
        return None;
    }
    let attributes = || {
        let behaviours = behaviours.iter().flatten().cloned();
        Term::list(behaviours.map(|behaviour| facts::pair("behaviour", Term::list([behaviour]))))
    };
    let functions = || {
        let allowed = node.functions().allowed();
        let own = allowed.into_iter().filter(|(of, _, _)| of == module);
        Term::list(own.map(|(_, name, arity)| Term::tuple([Term::Atom(name), Term::from(i64::from(arity))])))
    };
    let item = |name: &str| match name {
        "module" => Some(Term::Atom(module.clone())),
        "attributes" => Some(attributes()),
        "exports" | "functions" => Some(functions()),
        "compile" | "nifs" => Some(Term::Nil),
        _ => None,
    };
    let usual = ["module", "exports", "attributes", "compile"];
    Some(match args.first() {
        None => Ok(Term::list(usual.into_iter().filter_map(|name| Some(facts::pair(name, item(name)?))))),
        Some(name) => name.as_atom().and_then(|name| item(name.as_str())).ok_or_else(Raise::badarg),
    })
}

/// Where a module that is part of the program is from.
fn file() -> Term {
    Term::tuple([Term::atom("file"), Term::atom("preloaded")])
}
