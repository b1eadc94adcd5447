//! What is made over a new connection does not suffer from the loss of the one before.

use crate::stage::{SECOND, Seen, Stage, name, observer};
use engset_otp::Dynamic;
use engset_process::{Cx, Dest, ExitReason, Mail};
use engset_term::Term;
use std::sync::Arc;

#[test]
fn a_link_made_at_once_after_a_disconnect_lives_on_the_next_connection() {
    for seed in 0..50 {
        let stage = Stage::new(seed);
        let echo = stage.start_echo();
        let partner = observer(&stage.b, None, &Seen::default(), |_| {});
        let told = Seen::default();
        let node = Arc::clone(&stage.a);
        let peer = stage.b.name();
        let observed = told.clone();
        let outcome = stage.world.run(&stage.a, move |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            cx.link(partner);
            let service = engset_process::Service::at(name("echo"), peer);
            let first = Dynamic::call(&service, Term::atom("hello")).await.is_ok();
            // The loss is queued for this process and not drained; the monitor goes over the next connection.
            node.disconnect(peer);
            let reference = cx.monitor(Dest::Pid(echo));
            let second = Dynamic::call(&service, Term::atom("again")).await.is_ok();
            let lost =
                matches!(cx.recv().await, Mail::Exit(trapped) if trapped.reason == ExitReason::NoConnection);
            cx.exit(echo, ExitReason::from_term(Term::atom("enough")));
            let down = match cx.recv().await {
                Mail::Down(down) if down.reference == reference => down.reason.to_string(),
                other => format!("{other:?}"),
            };
            observed.note(down);
            (first, second, lost)
        });
        assert_eq!(outcome.ok(), Some((true, true, true)), "seed {seed}");
        stage.world.run_for(SECOND);
        assert_eq!(
            told.take(),
            ["enough"],
            "seed {seed}: the monitor fired for the end of the process itself"
        );
    }
}

#[test]
fn a_process_told_of_by_several_names_hears_of_a_loss_once() {
    let stage = Stage::new(3);
    let seen = Seen::default();
    let mine = observer(&stage.a, Some("mine"), &seen, |cx| {
        cx.trap_exit(true);
    });
    let watched = Dest::RemoteName(name("mine"), stage.a.name());
    observer(&stage.b, None, &Seen::default(), move |cx| {
        cx.link(mine);
        for _ in 0..10 {
            _ = cx.monitor(watched.clone());
        }
    });
    stage.world.run_for(SECOND);
    stage.a.disconnect(stage.b.name());
    stage.world.run_for(SECOND);
    assert_eq!(seen.take(), ["exit noconnection"]);
}
