//! `spawner`: starts puppets.

use super::puppet;
use engset::{Cx, Mail, Term};

pub(super) async fn run(mut cx: Cx<Term>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        if let Some([tag, from]) = message.as_tuple()
            && tag.is_atom("spawn")
            && let Some(from) = from.as_pid()
            && let Ok(spawned) = cx.spawn(puppet::run)
        {
            // Whoever asked may be gone; the puppet then waits for nobody.
            drop(cx.send(from, Term::tuple([Term::atom("spawned"), Term::from(spawned.pid())])));
        }
    }
}
