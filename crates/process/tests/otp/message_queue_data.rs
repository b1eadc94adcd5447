//! Mailboxes seen from outside (`message_queue_data_SUITE`).

use crate::stage::{atom, each_seed, message, millis, send};
use engset_process::Cx;
use engset_term::Term;

/// Messages that come while a process waits for others are counted, and keep their order.
#[test]
fn process_info_messages() {
    each_seed(|mut cx| async move {
        let me = cx.addr();
        let slow = move |mut cx: Cx<Term>| async move {
            for step in ["first", "second", "third", "fourth"] {
                assert_eq!(cx.receive_timeout(millis(500), Err::<(), _>).await, None);
                send(&cx, me, atom(step));
            }
            cx.sleep(millis(500)).await;
            let waiting = cx.processes().info(cx.pid()).expect("alive").message_queue_len;
            assert_eq!(waiting, 5);
            for expected in ["A", "B", "C", "D", "E"] {
                assert_eq!(message(&mut cx).await, atom(expected));
            }
            send(&cx, me, atom("done"));
        };
        let slow = cx.spawn(slow).expect("room");
        let waiting = |cx: &Cx<Term>| cx.processes().info(slow.pid()).expect("alive").message_queue_len;
        for (sent, (text, step)) in
            [("A", "first"), ("B", "second"), ("C", "third"), ("D", "fourth")].into_iter().enumerate()
        {
            assert_eq!(waiting(&cx), sent);
            send(&cx, slow, atom(text));
            assert_eq!(waiting(&cx), sent + 1, "counted before it is taken");
            assert_eq!(message(&mut cx).await, atom(step));
        }
        send(&cx, slow, atom("E"));
        assert_eq!(message(&mut cx).await, atom("done"));
    });
}
