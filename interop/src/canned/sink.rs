//! `sink`: counts what it gets, and reports on demand.

use engset::{Cx, Mail, Pid, Term};

pub(super) async fn run(mut cx: Cx<Term>) {
    let mut count = 0u64;
    let mut last = Term::atom("none");
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        if let Some(from) = report_to(&message) {
            let last = std::mem::replace(&mut last, Term::atom("none"));
            let report = Term::tuple([Term::atom("count"), Term::from(count), last]);
            count = 0;
            // Whoever asked and is gone needs no report.
            drop(cx.send(from, report));
        } else {
            count += 1;
            last = message;
        }
    }
}

fn report_to(message: &Term) -> Option<Pid> {
    match message.as_tuple()? {
        [tag, from] if tag.is_atom("report") => from.as_pid(),
        _ => None,
    }
}
