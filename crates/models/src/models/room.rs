//! `process/src/overload.rs`: who waits for room in a mailbox is woken when there is some, or sees that there is.

use super::model;
use crate::overload::{Guard, Load, MailboxLimits, Room, WhenFull};
use crate::sync::{AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::task::{Wake, Waker};

/// A mailbox for one message, in which one waits.
struct Full {
    guard: Guard,
    /// How many have left, as a process counts them: without an order of its own.
    out: AtomicUsize,
}

impl Full {
    fn new() -> Arc<Self> {
        let limits = MailboxLimits::messages(1).when_full(WhenFull::Wait);
        Arc::new(Self { guard: Guard::new(limits), out: AtomicUsize::new(0) })
    }

    fn wait(&self, waker: &Waker) -> Room {
        self.guard.wait(1, waker, || Load { messages: 1 - self.out.load(Ordering::Relaxed), bytes: 0 })
    }

    /// The process takes the message.
    fn receive(&self) {
        self.out.store(1, Ordering::Relaxed);
        self.guard.wake_waiters();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(Count);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn receives(full: &Arc<Full>) -> JoinHandle<()> {
    let full = Arc::clone(full);
    thread::spawn(move || full.receive())
}

/// A sender that begins to wait while the last message is taken is woken, or does not wait.
#[test]
fn a_wait_against_the_last_receive() {
    model(|| {
        let (full, bell) = (Full::new(), Arc::new(Bell::default()));
        let thread = receives(&full);
        let room = full.wait(&Waker::from(Arc::clone(&bell)));
        thread.join().unwrap();
        match room {
            Room::Later => assert_eq!(bell.rings(), 1, "it waits and is not woken"),
            Room::Perhaps => assert!(bell.rings() <= 1),
            Room::Never => panic!("the mailbox lets senders wait"),
        }
    });
}

/// Two senders that begin to wait while the last message is taken: none is left behind.
#[test]
fn two_waits_against_the_last_receive() {
    model(|| {
        let full = Full::new();
        let bells = [(); 2].map(|()| Arc::new(Bell::default()));
        let receiving = receives(&full);
        let (other, waker) = (Arc::clone(&full), Waker::from(Arc::clone(&bells[0])));
        let waiting = thread::spawn(move || other.wait(&waker));
        let rooms = [full.wait(&Waker::from(Arc::clone(&bells[1]))), waiting.join().unwrap()];
        receiving.join().unwrap();
        for (room, bell) in rooms.into_iter().rev().zip(bells) {
            assert!(room == Room::Perhaps || bell.rings() == 1, "{room:?}, woken {} times", bell.rings());
        }
    });
}

/// A sender that waited before, beside one that begins to: both are woken, or the second sees that there is room.
#[test]
fn a_wait_behind_another_against_the_last_receive() {
    model(|| {
        let full = Full::new();
        let bells = [(); 2].map(|()| Arc::new(Bell::default()));
        assert_eq!(full.wait(&Waker::from(Arc::clone(&bells[0]))), Room::Later);
        let thread = receives(&full);
        let room = full.wait(&Waker::from(Arc::clone(&bells[1])));
        thread.join().unwrap();
        assert_eq!(bells[0].rings(), 1, "it waited first");
        assert!(room == Room::Perhaps || bells[1].rings() == 1);
    });
}
