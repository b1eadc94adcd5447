//! What becomes of the last bytes of a handshake that a peer does not take.

use super::{LAST_WORDS_TIMEOUT, drive};
use engset_dist::Flags;
use engset_dist::handshake::{Cookie, Framing, Initiator, LocalNode};
use engset_node::{Channel, CloseReason, Dial, Network, Node, NodeConfig};
use engset_process::Scheduler;
use engset_term::{Instant, NodeName};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Says these messages and takes nothing.
struct Deaf(VecDeque<Vec<u8>>);

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(message) = self.0.pop_front() else { return Poll::Pending };
        out.put_slice(&message);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Dials nobody.
struct Nowhere;

impl Network for Nowhere {
    fn dial(&self, _: Arc<Node>, _: Dial) {}
}

fn cookie() -> Cookie {
    Cookie::new("a cookie of tests").unwrap()
}

/// The first message of a handshake with `node@127.0.0.1`.
fn name_message() -> Vec<u8> {
    let name = "deaf@127.0.0.1".to_owned();
    let local = LocalNode { name, flags: Flags::OURS, creation: 9, cookie: cookie(), visible: false };
    let mut initiator = Initiator::new(Instant::ZERO, local, "node@127.0.0.1", 1, Framing::Two).unwrap();
    let mut out = Vec::new();
    initiator.poll_transmit(&mut out);
    out
}

#[test]
fn the_last_words_of_a_handshake_have_their_time_and_no_more() {
    let scheduler = Scheduler::seeded(1);
    let Scheduler::Seeded(seeded) = &scheduler else { unreachable!("just made") };
    let config = NodeConfig::new(NodeName::new("node@127.0.0.1").unwrap(), 7, cookie(), 0);
    let node = Node::new(config, scheduler.clone(), Arc::new(Nowhere));
    let channel = Channel::accepted(node, scheduler.now(), 3, Framing::Two).unwrap();
    // The node answers the name, and is still at it when it closes on what follows.
    let stream = Deaf(VecDeque::from([name_message(), vec![0, 1, b'?']]));
    let ended = Arc::new(Mutex::new(None));
    let (note, clock) = (Arc::clone(&ended), scheduler.clone());
    scheduler.spawn_task(async move {
        let reason = drive(channel, stream, None, clock, None).await;
        *note.lock().unwrap() = Some(reason);
    });
    seeded.run_until(Instant::ZERO.saturating_add(LAST_WORDS_TIMEOUT - Duration::from_millis(1)));
    assert!(ended.lock().unwrap().is_none(), "closed too early");
    seeded.run_until(Instant::ZERO.saturating_add(LAST_WORDS_TIMEOUT));
    let reason = ended.lock().unwrap().take();
    assert!(matches!(reason, Some(CloseReason::Handshake(_))), "{reason:?}");
}
