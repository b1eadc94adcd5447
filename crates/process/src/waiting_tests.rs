//! Who may wait for room in a mailbox, and how many. Apart from `overload.rs`, since a guard of a model is in a model only.

use crate::overload::{Guard, Load, MailboxLimits, Room, WAITING_SENDERS_MAX, WhenFull};
use std::task::Waker;

#[test]
fn as_many_senders_wait_as_may_and_not_one_more() {
    let guard = Guard::new(MailboxLimits::messages(1).when_full(WhenFull::Wait));
    let wait = || guard.wait(8, Waker::noop(), || Load { messages: 1, bytes: 8 });
    assert!((0..WAITING_SENDERS_MAX).all(|_| wait() == Room::Later));
    assert_eq!(wait(), Room::Never);
    guard.wake_waiters();
    assert_eq!(wait(), Room::Later);
}

#[test]
fn nobody_waits_in_vain() {
    let full = || Load { messages: 1, bytes: 100 };
    let wait = |limits: MailboxLimits, bytes| Guard::new(limits).wait(bytes, Waker::noop(), full);
    assert_eq!(wait(MailboxLimits::messages(1), 8), Room::Never, "it refuses");
    let waits = MailboxLimits::bytes(100).when_full(WhenFull::Wait);
    assert_eq!(wait(waits, 100), Room::Later);
    assert_eq!(wait(waits, 101), Room::Never, "it would not fit if nothing waited");
    assert_eq!(wait(MailboxLimits::messages(0).when_full(WhenFull::Wait), 8), Room::Never);
    assert_eq!(wait(MailboxLimits::messages(2).when_full(WhenFull::Wait), 8), Room::Perhaps);
}
