//! Selective receive (`receive_SUITE`).

use crate::stage::{atom, on_threads, send, with_seed};
use engset_process::{Addr, Cx, Mail};
use engset_term::Term;

/// A message received in between does not disturb the wait for an answer.
#[test]
fn receive_in_between() {
    async fn call_often(mut cx: Cx<Term>, rounds: u64) {
        let echo = |mut cx: Cx<Term>| async move {
            while let Mail::Message(term) = cx.recv().await {
                let [from, number] = term.as_tuple().expect("a pair") else { panic!("{term}") };
                send(&cx, Addr::<Term>::new(from.as_pid().expect("a pid")), number.clone());
            }
        };
        let echo = cx.spawn(echo).expect("room");
        for round in 0..rounds {
            send(&cx, cx.pid(), atom("dummy"));
            let reference = cx.monitor(echo);
            send(&cx, echo, Term::tuple([Term::Pid(cx.pid()), Term::from(round)]));
            let dummy = cx.receive(|mail| match mail {
                Mail::Message(term) if term.is_atom("dummy") => Ok(()),
                other => Err(other),
            });
            dummy.await;
            match cx.recv().await {
                Mail::Message(term) => assert_eq!(term, Term::from(round)),
                other => panic!("{other:?}"),
            }
            cx.demonitor(reference);
        }
    }
    for seed in 0..4 {
        with_seed(seed, |cx| call_often(cx, 1_000));
    }
    on_threads(2, |cx| call_often(cx, 20_000));
}
