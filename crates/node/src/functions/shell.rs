//! `shell`: who opens a remote shell here (`erl -remsh`) is told on their terminal what this is, and what to use.

use super::{Functions, Raise};
use engset_otp::io;
use engset_process::Cx;
use engset_term::Term;

pub(super) fn allow(functions: &Functions) {
    for arity in [0, 1, 2] {
        functions.allow("shell", "start", arity, |mut call| async move {
            let node = call.node().name();
            // The terminal serves output only once it has the pid of the shell.
            let leader = call.cx().group_leader().ok_or_else(Raise::badarg)?;
            let shell = call.cx().spawn(move |_: Cx<Term>| async move {
                let text = format!(
                    "{node} is no Erlang node, but one of Engset, written in Rust: it has no shell.\n\
                     Call what it allows from a shell of your own node, for instance\n\
                     rpc:call('{node}', erlang, registered, []) or observer:start().\n"
                );
                if let Err(error) = io::put_chars_to(leader, text).await {
                    tracing::debug!("nothing was written to the terminal of a remote shell: {error}");
                }
            });
            shell
                .map(|shell| Term::Pid(shell.pid()))
                .map_err(|_error| Raise::Error(Term::atom("system_limit")))
        });
    }
}
