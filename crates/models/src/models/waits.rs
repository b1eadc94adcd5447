//! `process/src/waits.rs`: of processes that would wait for each other one is told, and nobody who would not is.

use super::model;
use crate::lock::Lock;
use crate::waits::{Waits, Way, follow};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;

/// So often a call that is undecided is tried within a run of a model; what is undecided then is tried at its end.
const TRIES: usize = 2;

/// A process as far as others follow it.
struct Caller {
    waits: Waits,
    door: Lock<Door>,
}

/// What the door's lock guards.
#[derive(Default)]
struct Door {
    is_awake: bool,
    requests: usize,
}

/// The processes of one node, by their numbers from 1 on.
struct Node(Vec<Caller>);

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Yes,
    Refused,
    NotYet,
}

impl Node {
    /// So many processes, each in a time slice.
    fn new(count: usize) -> Arc<Self> {
        let awake =
            |_| Caller { waits: Waits::default(), door: Lock::new(Door { is_awake: true, requests: 0 }) };
        Arc::new(Self((0..count).map(awake).collect()))
    }

    fn of(&self, number: u64) -> &Caller {
        &self.0[usize::try_from(number).unwrap() - 1]
    }

    /// What `send_request` does: says that it waits, and sends under the lock of the callee's door, unless that one is
    /// in a call itself.
    fn call(&self, me: u64, callee: u64) -> Sent {
        self.of(me).waits.begin(callee);
        let is_sent = self.of(callee).door.with(|door| {
            let is_free = !self.of(callee).waits.is_calling();
            door.requests += usize::from(is_free);
            is_free
        });
        let sent = if is_sent { Sent::Yes } else { self.follow_and_send(me, callee) };
        self.slice_ends(me, sent)
    }

    /// Tries again in a new time slice.
    fn try_again(&self, me: u64, callee: u64) -> Sent {
        let sent = self.follow_and_send(me, callee);
        self.slice_ends(me, sent)
    }

    fn follow_and_send(&self, me: u64, callee: u64) -> Sent {
        crate::sync::fence(crate::sync::Ordering::SeqCst);
        let link_of = |number| {
            let caller = self.of(number);
            caller.door.with(|door| caller.waits.link(!door.is_awake))
        };
        match follow(me, callee, link_of) {
            Way::Free => {
                self.of(me).waits.sends();
                self.of(callee).door.with(|door| door.requests += 1);
                Sent::Yes
            }
            Way::Circle(chain) => {
                assert_eq!((chain[0], chain[1]), (me, callee));
                Sent::Refused
            }
            Way::Undecided => {
                self.of(me).waits.tries_again();
                Sent::NotYet
            }
        }
    }

    /// Rests where the request was sent; goes on where it was refused; comes back where it was not sent yet.
    fn slice_ends(&self, me: u64, sent: Sent) -> Sent {
        match sent {
            Sent::Yes => {
                self.of(me).waits.slice_ended(true);
                self.of(me).door.with(|door| door.is_awake = false);
            }
            Sent::Refused => self.of(me).waits.end(),
            Sent::NotYet => self.of(me).waits.slice_ended(true),
        }
        sent
    }

    /// Wakes a process whose call is answered.
    fn answer(&self, caller: u64) {
        self.of(caller).door.with(|door| door.is_awake = true);
    }
}

/// A thread that calls until it is decided, or for as long as a model goes on.
fn calls(node: &Arc<Node>, me: u64, callee: u64) -> JoinHandle<Sent> {
    let node = Arc::clone(node);
    thread::spawn(move || calling(&node, me, callee))
}

fn calling(node: &Node, me: u64, callee: u64) -> Sent {
    let mut sent = node.call(me, callee);
    for _ in 1..TRIES {
        if sent == Sent::NotYet {
            thread::yield_now();
            sent = node.try_again(me, callee);
        }
    }
    sent
}

/// Two that call each other at the same moment: one is told at least, and none is left undecided.
#[test]
fn two_that_call_each_other() {
    model(|| {
        let node = Node::new(2);
        let other = calls(&node, 2, 1);
        let mut sent = [calling(&node, 1, 2), other.join().unwrap()];
        for (place, (me, callee)) in [(1, 2), (2, 1)].into_iter().enumerate() {
            if sent[place] == Sent::NotYet {
                sent[place] = node.try_again(me, callee);
            }
        }
        assert!(sent.contains(&Sent::Refused) && !sent.contains(&Sent::NotYet), "{sent:?}");
    });
}

/// Three in a circle of which one waits already: one of the others is told.
#[test]
fn two_that_close_a_circle_of_three() {
    model(|| {
        let node = Node::new(3);
        assert_eq!(node.call(3, 1), Sent::Yes);
        let other = calls(&node, 2, 3);
        let mut sent = [calling(&node, 1, 2), other.join().unwrap()];
        for (place, (me, callee)) in [(1, 2), (2, 3)].into_iter().enumerate() {
            if sent[place] == Sent::NotYet {
                sent[place] = node.try_again(me, callee);
            }
        }
        assert!(sent.contains(&Sent::Refused) && !sent.contains(&Sent::NotYet), "{sent:?}");
    });
}

/// One that was answered may be called back at once, also before it knows of its answer.
#[test]
fn calling_back_whoever_was_answered() {
    model(|| {
        let node = Node::new(2);
        assert_eq!(node.call(1, 2), Sent::Yes);
        let other = Arc::clone(&node);
        node.answer(1);
        let answered = thread::spawn(move || other.of(1).waits.end());
        let sent = calling(&node, 2, 1);
        assert_ne!(sent, Sent::Refused);
        answered.join().unwrap();
        if sent == Sent::NotYet {
            assert_eq!(node.try_again(2, 1), Sent::Yes);
        }
        assert_eq!(node.of(1).door.with(|door| door.requests), 1);
    });
}

/// A call after another while it is followed: what was said of the two is not mixed. The first waits, for somebody else;
/// the second leads back, and does not wait yet.
#[test]
fn two_calls_are_not_mixed() {
    model(|| {
        let node = Node::new(3);
        assert_eq!(node.call(1, 2), Sent::Yes);
        let other = Arc::clone(&node);
        let next = thread::spawn(move || {
            other.of(1).waits.end();
            other.of(1).waits.begin(3);
        });
        let way = follow(3, 1, |number| node.of(number).waits.link(true));
        assert!(!matches!(way, Way::Circle(_)), "{way:?}");
        next.join().unwrap();
        assert_eq!(follow(3, 1, |number| node.of(number).waits.link(true)), Way::Undecided);
    });
}

/// A way that does not lead back is never a circle, whatever those on it do meanwhile.
#[test]
fn a_way_that_ends_elsewhere() {
    model(|| {
        let node = Node::new(3);
        let other = Arc::clone(&node);
        let busy = thread::spawn(move || {
            assert_eq!(other.call(2, 3), Sent::Yes);
            other.answer(2);
            other.of(2).waits.end();
            assert_eq!(other.call(2, 3), Sent::Yes);
        });
        assert_eq!(calling(&node, 1, 2), Sent::Yes);
        busy.join().unwrap();
    });
}
