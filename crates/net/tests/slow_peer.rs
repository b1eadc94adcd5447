//! A peer that does not read what it is sent: its senders wait, and go on when it does.

mod peer;

use engset_process::{Cx, Dest, Exit, ExitReason, SendError, SpawnOptions, yield_now};
use engset_term::{Atom, NodeName, Pid, Term};
use peer::Stage;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PEER: &str = "slow@127.0.0.1";
const KIB: usize = 1024;
/// In all, more than the sockets take.
const MESSAGES: usize = 64 * KIB;

fn to_peer() -> Dest {
    Dest::RemoteName(Atom::from_static("nobody"), NodeName::new(PEER).expect("a name"))
}

/// A process that sends one KiB after the other and lets others run in between; counts what it has sent.
fn flood(stage: &Stage, sent: &Arc<AtomicUsize>) -> Pid {
    let sent = Arc::clone(sent);
    let body = move |cx: Cx<Term>| async move {
        for _ in 0..MESSAGES {
            cx.send(to_peer(), Term::binary(vec![1; KIB])).expect("a term");
            sent.fetch_add(1, Ordering::SeqCst);
            yield_now().await;
        }
        Ok::<_, Exit>(())
    };
    stage.node.processes().spawn(SpawnOptions::default(), body).expect("room").pid()
}

/// Waits until nothing more can be sent to the peer.
fn until_busy(stage: &Stage, sent: &AtomicUsize) {
    stage
        .node
        .block_on(|cx| async move {
            let mut calm = 0;
            // What the sockets still take is taken while others run.
            while calm < 1_000 {
                let is_busy = cx.try_send(to_peer(), Term::Nil).is_err();
                calm = if is_busy { calm + 1 } else { 0 };
                yield_now().await;
            }
        })
        .expect("it runs");
    assert!(sent.load(Ordering::SeqCst) < MESSAGES, "the sockets took everything");
}

#[test]
fn a_sender_is_suspended_and_goes_on_when_the_peer_reads_again() {
    let stage = Stage::new("patient@127.0.0.1", |builder| builder);
    let mut peer = stage.connected(PEER);
    let sent = Arc::new(AtomicUsize::new(0));
    let pid = flood(&stage, &sent);
    until_busy(&stage, &sent);
    // What the sockets still take now and then makes room once more.
    let refused = (0..50).any(|_| {
        until_busy(&stage, &sent);
        let refused = stage.node.block_on(|cx| async move {
            let late = cx.send_within(Duration::from_millis(20), to_peer(), Term::Nil).await;
            matches!(late, Err(SendError::Busy(Term::Nil)))
        });
        refused.expect("it runs")
    });
    assert!(refused && sent.load(Ordering::SeqCst) < MESSAGES, "the sender was not suspended");
    let mut buffer = vec![0; 1 << 20];
    // When the sender has ended nothing more comes.
    peer.stream.set_read_timeout(Some(Duration::from_millis(50))).expect("an open socket");
    let begun = stage.now();
    while stage.node.processes().is_alive(pid) {
        match peer.stream.read(&mut buffer) {
            Ok(read) => assert!(read > 0, "the node has closed the connection"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let took = stage.now().saturating_duration_since(begun);
        assert!(took < Duration::from_secs(20), "the sender did not go on");
    }
    assert_eq!(sent.load(Ordering::SeqCst), MESSAGES);
    stage.check_alive();
}

#[test]
fn a_suspended_sender_can_be_killed_and_the_loss_of_the_connection_lets_others_go_on() {
    let stage = Stage::new("mortal@127.0.0.1", |builder| builder);
    let peer = stage.connected(PEER);
    let sent = [Arc::default(), Arc::default()];
    let [first, second] = sent.each_ref().map(|sent| flood(&stage, sent));
    until_busy(&stage, &sent[0]);
    let processes = Arc::clone(stage.node.processes());
    let ended = stage.node.block_on(move |mut cx| async move {
        let reference = cx.monitor(first);
        cx.exit(first, ExitReason::Kill);
        let down = cx.recv().await;
        (
            matches!(down, engset_process::Mail::Down(down) if down.reference == reference),
            processes.is_alive(second),
        )
    });
    assert_eq!(ended.ok(), Some((true, true)));
    drop(peer);
    // Its messages go nowhere now, but it is not held up by that.
    let ended = stage.node.block_on(move |mut cx| async move {
        cx.monitor(second);
        cx.recv_timeout(Duration::from_secs(20)).await.is_some()
    });
    assert_eq!(ended.ok(), Some(true));
}

#[test]
fn a_large_message_holds_up_its_own_sender_only() {
    let stage = Stage::new("fair@127.0.0.1", |builder| builder);
    let _peer = stage.connected(PEER);
    let large = stage.node.block_on(|cx| async move {
        cx.send(to_peer(), Term::binary(vec![1; MESSAGES * KIB])).expect("a term");
        cx.try_send(to_peer(), Term::atom("second")).is_err()
    });
    assert_eq!(large.ok(), Some(true));
    let small = stage.node.block_on(|cx| async move { cx.try_send(to_peer(), Term::Nil).is_ok() });
    assert_eq!(small.ok(), Some(true));
}
