//! Many senders, one receiver, on worker threads (`parallel_messages_SUITE`).

use crate::stage::{atom, on_threads, reason, send, yield_now};
use engset_process::{Cx, Mail};
use engset_term::Term;

/// What a sender sends.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Messages,
    ExitSignals,
    Both,
}

/// Everything that senders in parallel have sent is received: messages, and exit signals that are trapped.
#[test]
fn test_throughput_benchmark() {
    const EACH: u64 = 5_000;
    for kind in [Kind::Messages, Kind::ExitSignals, Kind::Both] {
        for senders in [1, 2, 4] {
            on_threads(2, move |mut cx| async move {
                let me = cx.addr();
                cx.trap_exit(true);
                for _ in 0..senders {
                    let sender = move |cx: Cx<Term>| async move {
                        for number in 0..EACH {
                            let is_message = match kind {
                                Kind::Messages => true,
                                Kind::ExitSignals => false,
                                Kind::Both => number % 2 == 0,
                            };
                            if is_message {
                                send(&cx, me, Term::from(number));
                            } else {
                                cx.exit(me.pid(), reason("go_on"));
                            }
                            if number % 256 == 255 {
                                yield_now().await;
                            }
                        }
                        send(&cx, me, atom("stop"));
                    };
                    cx.spawn::<Term, _, _>(sender).expect("room");
                }
                let (mut stopped, mut received) = (0, 0);
                while stopped < senders {
                    match cx.recv().await {
                        Mail::Message(term) if term.is_atom("stop") => stopped += 1,
                        Mail::Message(_) | Mail::Exit(_) => received += 1,
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(received, senders * EACH, "{kind:?}");
            });
        }
    }
}
