//! Signals of many kinds at once (`signal_SUITE`).

use crate::stage::{atom, each_seed, everywhere, on_threads, reason, send, wait_until, yield_now};
use engset_process::{Cx, ExitReason, Mail, SpawnOptions};
use engset_term::Term;

/// A process that gets links, unlinks, monitors, demonitors and messages from several others at once handles each once,
/// in the order of its sender.
#[test]
fn contended_signal_handling() {
    const SENDERS: u64 = 4;
    async fn contend(mut cx: Cx<Term>, rounds: u64) {
        let me = cx.addr();
        for sender in 0..SENDERS {
            let contender = move |mut cx: Cx<Term>| async move {
                for round in 0..rounds {
                    cx.link(me.pid());
                    let reference = cx.monitor(me);
                    send(&cx, me, Term::tuple([Term::from(sender), Term::from(round)]));
                    cx.demonitor(reference);
                    cx.unlink(me.pid());
                    if round % 8 == sender {
                        yield_now().await;
                    }
                }
            };
            cx.spawn::<Term, _, _>(contender).expect("room");
        }
        let mut expected = [0_u64; 4];
        for _ in 0..SENDERS * rounds {
            let Mail::Message(term) = cx.recv().await else { panic!("nothing but messages") };
            let place = expected
                .iter()
                .zip(0_u64..)
                .position(|(round, sender)| term == Term::tuple([Term::from(sender), Term::from(*round)]));
            expected[place.expect("in the order of its sender")] += 1;
        }
        let processes = cx.processes().clone();
        wait_until(&cx, || {
            let info = processes.info(me.pid()).expect("alive");
            info.links.is_empty() && info.monitored_by.is_empty() && processes.count() == 1
        })
        .await;
    }
    each_seed(|cx| contend(cx, 50));
    on_threads(2, |cx| contend(cx, 5_000));
}

/// Messages sent before an exit signal arrive before it, and none sent after it do.
#[test]
fn xm_sig_order() {
    everywhere(|mut cx| async move {
        for _ in 0..50 {
            let receives = |mut cx: Cx<Term>| async move {
                loop {
                    match cx.recv().await {
                        Mail::Message(term) if term.is_atom("may_reach") => {}
                        _ => return reason("bad_signal_order"),
                    }
                }
            };
            let (process, _) = cx.spawn_monitor(SpawnOptions::default(), receives).expect("room");
            for _ in 0..3 {
                send(&cx, process, atom("may_reach"));
            }
            cx.exit(process.pid(), reason("good_signal_order"));
            for _ in 0..3 {
                send(&cx, process, atom("may_not_reach"));
            }
            let Mail::Down(down) = cx.recv().await else { panic!("a down message") };
            assert_eq!(down.reason, reason("good_signal_order"));
        }
    });
}

/// A `kill` sent ends a process as `killed`, which its links get, however long their line; a process that itself ends
/// with `kill` passes on `kill`, which ends nobody for good: the next one traps it.
#[test]
fn kill2killed() {
    everywhere(|mut cx| async move {
        cx.trap_exit(true);
        for length in [1, 2, 9, 10] {
            for by_signal in [true, false] {
                let first = cx
                    .spawn_link(SpawnOptions::default(), move |cx: Cx<Term>| line(cx, length, by_signal))
                    .expect("room");
                let Mail::Exit(trapped) = cx.recv().await else { panic!("an exit") };
                let expected = if by_signal { ExitReason::Killed } else { ExitReason::Kill };
                assert_eq!((trapped.from, trapped.reason), (first.pid(), expected));
            }
        }
    });
}

/// A process linked to the next in the line; the last one ends with `kill`.
fn line(
    mut cx: Cx<Term>,
    length: usize,
    by_signal: bool,
) -> std::pin::Pin<Box<dyn Future<Output = ExitReason> + Send>> {
    Box::pin(async move {
        if length > 0 {
            let next = move |cx: Cx<Term>| line(cx, length - 1, by_signal);
            cx.spawn_link(SpawnOptions::default(), next).expect("room");
            return std::future::pending().await;
        }
        if by_signal {
            cx.exit(cx.pid(), ExitReason::Kill);
            return std::future::pending().await;
        }
        ExitReason::Kill
    })
}
