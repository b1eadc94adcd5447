//! `init`: what peers ask of it by messages, `{From, Request}`, answered by `{init, Answer}`. A node has no arguments.

use engset_otp::Child;
use engset_process::{Cx, Mail, MailboxLimits, SpawnOptions, WhenFull};
use engset_term::{Atom, Term};

/// So many requests wait at most; more are dropped and counted.
pub(crate) const INIT_REQUESTS_MAX: usize = 10_000;

pub(super) fn child() -> Child {
    let options = || SpawnOptions {
        mailbox: Some(MailboxLimits::messages(INIT_REQUESTS_MAX).when_full(WhenFull::DropNewest)),
        ..SpawnOptions::default()
    };
    super::process(options, "init", |mut cx: Cx<Term>| async move {
        loop {
            let Mail::Message(message) = cx.recv().await else { continue };
            match message.as_tuple() {
                Some([Term::Pid(from), request]) => {
                    let answer = Term::tuple([Term::atom("init"), answer(request)]);
                    // One that is gone needs none.
                    drop(cx.send(*from, answer));
                }
                Some([tag, _]) if tag.is_atom("stop") => {
                    tracing::warn!(
                        "a peer told this node to stop by a message to `init`, which it does not do"
                    );
                }
                _ => {}
            }
        }
    })
}

/// What a request gets.
pub(crate) fn answer(request: &Term) -> Term {
    match (request.as_atom().map(Atom::as_str), request.as_tuple()) {
        (Some("get_status"), _) => Term::tuple([Term::atom("started"), Term::atom("started")]),
        (Some("get_arguments" | "get_plain_arguments" | "fetch_loaded"), _) => Term::Nil,
        (Some("script_id"), _) => {
            Term::tuple([Term::charlist("Engset"), Term::charlist(env!("CARGO_PKG_VERSION"))])
        }
        (_, Some([name, _])) if name.is_atom("get_argument") => Term::atom("error"),
        _ => Term::tuple([Term::atom("error"), Term::atom("notsup")]),
    }
}
