//! `echo`: sends what it gets back to whom the message names.

use engset::{Cx, Mail, Term};

pub(super) async fn run(mut cx: Cx<Term>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        if let Some([from, what]) = message.as_tuple()
            && let Some(from) = from.as_pid()
        {
            // A receiver that is gone needs no echo.
            drop(cx.send(from, Term::tuple([Term::atom("echo"), what.clone()])));
        }
    }
}
