//! What becomes of the last bytes of a handshake that a peer does not take, and of others while one takes all there is.

use super::{LAST_WORDS_TIMEOUT, WRITES_PER_TURN, drive};
use bytes::Bytes;
use engset_dist::Flags;
use engset_dist::handshake::{Cookie, Framing, Initiator, LocalNode};
use engset_node::{Channel, CloseReason, Dial, Network, Node, NodeConfig};
use engset_process::{Dest, Scheduler};
use engset_term::{Instant, NodeName, Pid};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
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

/// Keeps whom its node wants to dial.
#[derive(Default)]
struct Wishes(Mutex<Option<Dial>>);

impl Network for Wishes {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        *self.0.lock().unwrap() = Some(dial);
    }
}

/// Notes that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
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

/// A peer that takes whatever is written, as quickly as a process of this node sends it.
struct Greedy {
    node: Arc<Node>,
    to: Dest,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Greedy {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Greedy {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(self.writes.fetch_add(1, Ordering::Relaxed) < 1_000, "others have no turn");
        let from = Pid::new(self.node.name(), 7, 1, 0);
        self.node.processes().send_encoded(from, &self.to, Bytes::from_static(&[97, 1]).into());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_peer_that_takes_all_that_is_sent_lets_others_have_their_turn() {
    let scheduler = Scheduler::seeded(1);
    let wishes = Arc::<Wishes>::default();
    let node = |name: &str| {
        let config = NodeConfig::new(NodeName::new(name).unwrap(), 7, cookie(), 0);
        Node::new(config, scheduler.clone(), Arc::clone(&wishes) as _)
    };
    let (near, far) = (node("near@h"), node("far@h"));
    near.connect(far.name(), |_| {});
    let dial = wishes.0.lock().unwrap().take().unwrap();
    let mut dialled = Channel::dialled(Arc::clone(&near), dial, Instant::ZERO, 5, Framing::Two).unwrap();
    let mut accepted = Channel::accepted(Arc::clone(&far), Instant::ZERO, 3, Framing::Two).unwrap();
    let mut out = Vec::new();
    while dialled.peer().is_none() {
        dialled.poll_transmit(&mut out, Waker::noop()).unwrap();
        accepted.handle_bytes(Instant::ZERO, &std::mem::take(&mut out).concat()).unwrap();
        accepted.poll_transmit(&mut out, Waker::noop()).unwrap();
        dialled.handle_bytes(Instant::ZERO, &std::mem::take(&mut out).concat()).unwrap();
    }
    let writes = Arc::<AtomicUsize>::default();
    let to = Dest::Pid(Pid::new(far.name(), 7, 1, 0));
    let stream = Greedy { node: Arc::clone(&near), to, writes: Arc::clone(&writes) };
    stream.node.processes().send_encoded(
        Pid::new(near.name(), 7, 1, 0),
        &stream.to,
        Bytes::from_static(&[97, 1]).into(),
    );
    let mut driving = std::pin::pin!(drive(dialled, stream, None, scheduler.clone(), None));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    for turn in 1..=3 {
        assert!(driving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(writes.load(Ordering::Relaxed), turn * WRITES_PER_TURN);
        assert!(woken.0.swap(false, Ordering::Relaxed), "it goes on by itself");
    }
}
