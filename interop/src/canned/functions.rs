//! What peers may call on the canned node, module `canned`: values, exceptions, waiting, and what its process has.

use engset::{Cx, Functions, Mail, Raise, Term, io};
use std::time::Duration;

/// Allows the canned functions.
pub fn allow(functions: &Functions) {
    functions.allow("canned", "echo", 1, |mut call| async move {
        let [value] = call.take_args()?;
        Ok(value)
    });
    functions.allow("canned", "raise", 2, |mut call| async move {
        let [class, reason] = call.take_args()?;
        match class.as_atom().map(engset::Atom::as_str) {
            Some("throw") => Err(Raise::Throw(reason)),
            Some("exit") => Err(Raise::Exit(reason)),
            _ => Err(Raise::Error(reason)),
        }
    });
    functions.allow("canned", "sleep", 1, |mut call| async move {
        let millis = call.args().first().and_then(Term::as_int).ok_or_else(Raise::badarg)?;
        let millis = u64::try_from(millis).map_err(|_error| Raise::badarg())?;
        call.cx().sleep(Duration::from_millis(millis)).await;
        Ok(Term::atom("ok"))
    });
    functions.allow("canned", "wait", 0, |mut call| async move {
        match call.cx().recv().await {
            Mail::Message(message) => Ok(message),
            Mail::Down(_) | Mail::Exit(_) | Mail::Other(_) => Err(Raise::badarg()),
        }
    });
    functions.allow("canned", "send", 2, |mut call| async move {
        let [to, what] = call.take_args()?;
        let to = to.as_pid().ok_or_else(Raise::badarg)?;
        let message = Term::tuple([Term::Pid(call.cx().pid()), what]);
        call.cx().send(to, message).map_err(|_error| Raise::badarg())?;
        Ok(Term::atom("ok"))
    });
    functions.allow("canned", "leader", 0, |mut call| async move { Ok(leader(call.cx())) });
    functions.allow("canned", "print", 1, |mut call| async move {
        let [text] = call.take_args()?;
        let text = text.to_text().ok_or_else(Raise::badarg)?;
        match io::put_chars(text).await {
            Ok(()) => Ok(Term::atom("ok")),
            Err(error) => Err(Raise::Error(Term::string(&error.to_string()))),
        }
    });
    functions.allow("canned", "read", 1, |mut call| async move {
        let [prompt] = call.take_args()?;
        let prompt = prompt.to_text().ok_or_else(Raise::badarg)?;
        match io::get_line(&prompt).await {
            Ok(line) => Ok(Term::string(&line)),
            Err(error) => Err(Raise::Error(Term::string(&error.to_string()))),
        }
    });
    functions.allow("canned", "leader_later", 0, |mut call| async move {
        let Mail::Message(Term::Pid(to)) = call.cx().recv().await else { return Err(Raise::badarg()) };
        let message = Term::tuple([Term::atom("leader"), leader(call.cx())]);
        call.cx().send(to, message).map_err(|_error| Raise::badarg())?;
        Ok(Term::atom("ok"))
    });
    functions.allow("canned", "panic", 0, |call| async move { panic!("told to by {}", call.caller()) });
}

fn leader(cx: &Cx<Term>) -> Term {
    cx.group_leader().map_or(Term::atom("undefined"), Term::Pid)
}
