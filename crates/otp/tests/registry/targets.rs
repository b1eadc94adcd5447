//! Keys as targets of messages and calls.

use crate::stage::{each_seed, end_of};
use crate::workers::{Order, register, start, worker};
use engset_otp::registry::Keys;
use engset_otp::{CallError, CallTarget};
use engset_process::{Cx, ExitReason, Mail, SendError, Target};
use engset_term::Term;

/// A call to a key reaches whoever holds it now, and is refused where nobody does: it certainly did not run.
#[test]
fn calls_reach_whoever_holds_the_key() {
    each_seed(|mut cx| async move {
        let names = start(Keys::Unique).await;
        let via = names.via::<Order>("server");
        assert_eq!(via.call(Order::Ping).await, Err(CallError::NoProcess));
        for _ in 0..2 {
            let server = worker(&cx, &names);
            register(server, "server", 0).await.unwrap();
            assert_eq!(via.call(Order::Ping).await, Ok(5));
            cx.exit(server.pid(), ExitReason::Kill);
            end_of(&mut cx, server.pid()).await;
            let gone = via.call(Order::Ping).await;
            assert_eq!(gone, Err(CallError::NoProcess));
            assert!(!gone.unwrap_err().maybe_executed());
        }
    });
}

/// A message to a key is sent, or comes back.
#[test]
fn messages_reach_whoever_holds_the_key_or_come_back() {
    each_seed(|mut cx: Cx<Term>| async move {
        let names = start(Keys::Unique).await;
        let via = names.via::<Term>("me");
        let refused = via.send(Term::from(1));
        assert!(matches!(refused, Err(SendError::NoProcess(term)) if term == Term::from(1)));
        names.register("me", 0).unwrap();
        via.send(Term::from(2)).unwrap();
        assert!(matches!(cx.recv().await, Mail::Message(term) if term == Term::from(2)));
        cx.send(via, Term::from(3)).unwrap();
        assert!(matches!(cx.recv().await, Mail::Message(term) if term == Term::from(3)));
    });
}
