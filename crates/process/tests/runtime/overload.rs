//! Mailboxes with limits: what is taken, refused, dropped, and that nothing is lost without being counted.

use crate::stage::{Number, everywhere, idle, next, number};
use bytes::Bytes;
use engset_process::{
    APART_BYTES_MAX, Addr, AliasOptions, Cx, Dest, ExitReason, Mail, MailboxLimits, Mark, ProcessInfo,
    Protocol, SendError, SpawnOptions, Target, TraceToken, WhenFull,
};
use engset_term::{Pid, Term};
use std::time::Duration;

fn limited(limits: MailboxLimits) -> SpawnOptions {
    SpawnOptions { mailbox: Some(limits), ..SpawnOptions::default() }
}

/// A process that takes nothing until it is told by a trapped exit, then sends on all that it has.
fn sleeper(cx: &Cx<Number>, limits: MailboxLimits) -> Addr<Number> {
    let to = cx.addr();
    let body = move |mut cx: Cx<Number>| async move {
        cx.trap_exit(true);
        cx.receive(|mail| if matches!(mail, Mail::Exit(_)) { Ok(()) } else { Err(mail) }).await;
        while let Some(Mail::Message(number)) = cx.recv_timeout(Duration::ZERO).await {
            to.send(number).expect("the test waits");
        }
        cx.recv().await;
    };
    cx.processes().spawn(limited(limits), body).expect("room")
}

async fn info_when(cx: &Cx<Number>, of: Addr<Number>, is_it: impl Fn(&ProcessInfo) -> bool) -> ProcessInfo {
    loop {
        let info = cx.processes().info(of.pid()).expect("it lives");
        if is_it(&info) {
            return info;
        }
        cx.sleep(Duration::from_millis(1)).await;
    }
}

/// Lets the process ready itself, so that what is sent next meets it at rest.
async fn at_rest(cx: &Cx<Number>, of: Addr<Number>) {
    info_when(cx, of, |info| info.trap_exit && info.status == engset_process::Status::Waiting).await;
}

async fn woken(cx: &mut Cx<Number>, sleeper: Addr<Number>, count: usize) -> Vec<u64> {
    cx.exit(sleeper.pid(), ExitReason::Shutdown);
    let mut numbers = Vec::new();
    let number = |mail| match mail {
        Mail::Message(Number(number)) => Ok(number),
        mail => Err(mail),
    };
    for _ in 0..count {
        numbers.push(cx.receive(number).await);
    }
    numbers
}

#[test]
fn a_message_beyond_the_limit_goes_back_to_its_sender() {
    everywhere(|mut cx| async move {
        let sleeper = sleeper(&cx, MailboxLimits::messages(3));
        at_rest(&cx, sleeper).await;
        for number in 0..3 {
            assert!(cx.send(sleeper, Number(number)).is_ok());
        }
        assert!(matches!(cx.send(sleeper, Number(3)), Err(SendError::Overloaded(Number(3)))));
        let info = cx.processes().info(sleeper.pid()).unwrap();
        assert_eq!((info.message_queue_len, info.messages_refused, info.messages_dropped), (3, 1, 0));
        assert_eq!(woken(&mut cx, sleeper, 3).await, [0, 1, 2]);
        info_when(&cx, sleeper, |info| info.message_queue_len == 0).await;
        assert!(cx.send(sleeper, Number(4)).is_ok(), "there is room again");
    });
}

#[test]
fn the_oldest_go_for_the_newest_where_the_process_wants_that() {
    everywhere(|mut cx| async move {
        let limits = MailboxLimits::messages(3).when_full(WhenFull::DropOldest);
        let sleeper = sleeper(&cx, limits);
        at_rest(&cx, sleeper).await;
        for number in 0..10 {
            assert!(cx.send(sleeper, Number(number)).is_ok());
        }
        assert_eq!(woken(&mut cx, sleeper, 3).await, [7, 8, 9]);
        let info = info_when(&cx, sleeper, |info| info.message_queue_len == 0).await;
        assert_eq!(info.messages_dropped, 7);
        assert_eq!(cx.processes().counters().read().dropped, 7);
    });
}

#[test]
fn the_newest_are_dropped_where_the_process_wants_that() {
    everywhere(|mut cx| async move {
        let limits = MailboxLimits::messages(3).when_full(WhenFull::DropNewest);
        let sleeper = sleeper(&cx, limits);
        at_rest(&cx, sleeper).await;
        for number in 0..10 {
            assert!(cx.send(sleeper, Number(number)).is_ok(), "the sender is not told");
        }
        assert_eq!(woken(&mut cx, sleeper, 3).await, [0, 1, 2]);
        let info = info_when(&cx, sleeper, |info| info.message_queue_len == 0).await;
        assert_eq!((info.messages_dropped, info.messages_refused), (7, 0));
    });
}

#[test]
fn bytes_are_a_limit_too() {
    everywhere(|mut cx| async move {
        let each = size_of::<Number>();
        let sleeper = sleeper(&cx, MailboxLimits::bytes(4 * each));
        at_rest(&cx, sleeper).await;
        for number in 0..4 {
            assert!(cx.send(sleeper, Number(number)).is_ok());
        }
        assert!(matches!(cx.send(sleeper, Number(4)), Err(SendError::Overloaded(_))));
        assert_eq!(cx.processes().info(sleeper.pid()).unwrap().message_queue_bytes, 4 * each);
        assert_eq!(woken(&mut cx, sleeper, 4).await, [0, 1, 2, 3]);
        let info = info_when(&cx, sleeper, |info| info.message_queue_len == 0).await;
        assert_eq!(info.message_queue_bytes, 0);
    });
}

#[test]
fn a_sender_waits_for_room_where_the_process_lets_it() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        let slow = move |mut cx: Cx<Number>| async move {
            loop {
                if let Mail::Message(number) = cx.recv().await {
                    me.send(number).expect("the test waits");
                }
                cx.sleep(Duration::from_millis(1)).await;
            }
        };
        let limits = MailboxLimits::messages(2).when_full(WhenFull::Wait);
        let slow = cx.processes().spawn(limited(limits), slow).expect("room");
        for sender in 0..4 {
            let send = move |cx: Cx<Number>| async move {
                for message in 0..5 {
                    cx.send_when_ready(slow, Number(sender * 10 + message)).await.expect("it waits");
                }
            };
            cx.spawn(send).expect("room");
        }
        let mut last = [None; 4];
        for _ in 0..20 {
            let number = number(&mut cx).await;
            let sender = usize::try_from(number / 10).unwrap();
            assert!(last[sender] < Some(number), "in order");
            last[sender] = Some(number);
        }
        assert_eq!(cx.processes().info(slow.pid()).unwrap().messages_dropped, 0);
    });
}

/// A message of a size of its own.
#[derive(Debug)]
struct Sized(usize);

impl Protocol for Sized {
    fn size(&self) -> usize {
        self.0
    }
}

#[test]
fn a_sender_waits_for_as_much_room_as_its_message_takes() {
    everywhere(|mut cx| async move {
        let me = cx.addr();
        let limits = MailboxLimits::bytes(100).when_full(WhenFull::Wait);
        let slow = move |mut cx: Cx<Sized>| async move {
            cx.sleep(Duration::from_millis(5)).await;
            while let Mail::Message(Sized(size)) = cx.recv().await {
                me.send(Number(size as u64)).expect("the test waits");
            }
        };
        let slow = cx.processes().spawn(limited(limits), slow).expect("room");
        cx.send(slow, Sized(60)).expect("it fits");
        let waits = cx.spawn(move |cx: Cx<Number>| async move {
            cx.send_when_ready(slow, Sized(50)).await.expect("it fits behind the first");
        });
        waits.expect("room");
        assert_eq!([number(&mut cx).await, number(&mut cx).await], [60, 50]);
    });
}

#[test]
fn a_message_that_never_fits_is_not_waited_for() {
    everywhere(|cx| async move {
        let limits = MailboxLimits::bytes(100).when_full(WhenFull::Wait);
        let never = cx.processes().spawn(limited(limits), |mut cx: Cx<Sized>| async move {
            cx.recv().await;
        });
        let sent = cx.send_when_ready(never.expect("room"), Sized(101)).await;
        assert!(matches!(sent, Err(SendError::Overloaded(Sized(101)))), "{sent:?}");
    });
}

#[test]
fn a_sender_that_waits_hears_of_the_receivers_end() {
    everywhere(|cx| async move {
        let limits = MailboxLimits::messages(1).when_full(WhenFull::Wait);
        let full = cx.processes().spawn(limited(limits), |cx: Cx<Number>| async move {
            cx.sleep(Duration::from_millis(5)).await;
        });
        let full = full.expect("room");
        cx.send(full, Number(1)).expect("there is room for one");
        let sent = cx.send_when_ready(full, Number(2)).await;
        assert!(matches!(sent, Err(SendError::NoProcess(Number(2)))), "{sent:?}");
    });
}

#[test]
fn signals_are_never_refused() {
    everywhere(|mut cx| async move {
        let sleeper = cx.processes().spawn(limited(MailboxLimits::messages(0)), idle).expect("room");
        assert!(matches!(cx.send(sleeper, Number(1)), Err(SendError::Overloaded(_))));
        let watch = cx.monitor(sleeper);
        cx.exit(sleeper.pid(), ExitReason::Kill);
        match next(&mut cx).await {
            Mail::Down(down) => assert_eq!((down.reference, down.reason), (watch, ExitReason::Killed)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_system_monitor_hears_of_a_long_queue_and_of_its_end() {
    everywhere(|mut cx| async move {
        cx.processes().set_system_monitor(Some(cx.pid()));
        let sleeper = sleeper(&cx, MailboxLimits::messages(10).watermarks(4, 1));
        at_rest(&cx, sleeper).await;
        for number in 0..6 {
            cx.send(sleeper, Number(number)).expect("room");
        }
        let told = |mail| match mail {
            Mail::Other(term) => Ok(term.to_string()),
            mail => Err(mail),
        };
        let event = cx.receive(told).await;
        assert_eq!(event, format!("{{monitor,{},long_message_queue,true}}", sleeper.pid()));
        woken(&mut cx, sleeper, 6).await;
        let event = cx.receive(told).await;
        assert_eq!(event, format!("{{monitor,{},long_message_queue,false}}", sleeper.pid()));
    });
}

/// sent = received + waiting + refused + dropped, at the end and for any mixture.
#[test]
fn every_message_is_accounted_for() {
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest, WhenFull::DropNewest] {
        everywhere(move |cx| async move {
            let limits = MailboxLimits::messages(5).when_full(when_full);
            let taker = cx.processes().spawn(limited(limits), |mut cx: Cx<Number>| async move {
                loop {
                    drop(cx.recv().await);
                    drop(cx.recv_timeout(Duration::from_millis(1)).await);
                }
            });
            let taker = taker.expect("room");
            let mut refused = 0;
            for number in 0..200 {
                refused += u64::from(cx.send(taker, Number(number)).is_err());
                if number % 7 == 0 {
                    cx.sleep(Duration::from_millis(1)).await;
                }
            }
            let info = info_when(&cx, taker, |info| info.message_queue_len == 0).await;
            assert_eq!(info.messages_refused, refused);
            // Those that were dropped for being the oldest had been taken in: they count as having left the mailbox.
            let dropped_before = if when_full == WhenFull::DropOldest { 0 } else { info.messages_dropped };
            assert_eq!(info.messages_received + refused + dropped_before, 200, "{info:?}");
        });
    }
}

#[test]
fn what_waits_for_a_process_when_it_ends_is_counted() {
    everywhere(|mut cx| async move {
        let sleeper = cx.processes().spawn(SpawnOptions::default(), |cx: Cx<Number>| async move {
            cx.sleep(Duration::from_secs(3600)).await;
        });
        let sleeper = sleeper.expect("room");
        for number in 0..9 {
            cx.send(sleeper, Number(number)).expect("it lives");
        }
        let watch = cx.monitor(sleeper);
        cx.exit(sleeper.pid(), ExitReason::Kill);
        assert!(matches!(next(&mut cx).await, Mail::Down(down) if down.reference == watch));
        info_of_unreceived(&cx, 9).await;
    });
}

async fn info_of_unreceived(cx: &Cx<Number>, expected: u64) {
    while cx.processes().counters().read().unreceived != expected {
        cx.sleep(Duration::from_millis(1)).await;
    }
}

/// What arrives while the process runs is as much too many as what arrives while it waits.
#[test]
fn a_process_that_is_busy_drops_the_oldest_when_it_looks_again() {
    everywhere(|mut cx| async move {
        let to = cx.pid();
        let limits = MailboxLimits::messages(2).when_full(WhenFull::DropOldest);
        let busy = cx.processes().spawn(limited(limits), move |mut cx: Cx<Number>| async move {
            let me = cx.pid();
            // In one time slice: nothing of it has been taken over yet.
            for number in 0..1_000 {
                cx.send(me, Number(number)).expect("it is itself");
            }
            while let Some(Mail::Message(number)) = cx.recv_timeout(Duration::ZERO).await {
                cx.send(to, number).expect("the test waits");
            }
            cx.recv().await;
        });
        let busy = busy.expect("room");
        assert_eq!((number(&mut cx).await, number(&mut cx).await), (998, 999));
        let info = info_when(&cx, busy, |info| info.message_queue_len == 0).await;
        assert_eq!(info.messages_dropped, 998);
    });
}

#[test]
fn priority_messages_count_in_bytes_as_all_others() {
    everywhere(|mut cx| async move {
        let to = cx.pid();
        let limits = MailboxLimits::bytes(100 * size_of::<Number>());
        let taker = cx.processes().spawn(limited(limits), move |mut cx: Cx<Number>| async move {
            let alias = cx.alias(AliasOptions { priority: true, ..AliasOptions::default() });
            cx.send_priority(alias, Number(1)).expect("active");
            let Mail::Message(first) = cx.recv().await else { panic!("nothing else is sent") };
            cx.send(to, first).expect("the test waits");
            let Mail::Message(second) = cx.recv().await else { panic!("nothing else is sent") };
            cx.send(to, second).expect("the test waits");
        });
        let taker = taker.expect("room");
        assert_eq!(number(&mut cx).await, 1);
        cx.send(taker, Number(2)).expect("there is room for a hundred");
        assert_eq!(number(&mut cx).await, 2);
    });
}

/// A priority is no right to a place.
#[test]
fn priority_messages_are_refused_beyond_the_limit() {
    everywhere(|mut cx| async move {
        let to = cx.pid();
        let limits = limited(MailboxLimits::messages(2));
        let taker = cx.processes().spawn(limits, move |mut cx: Cx<Number>| async move {
            let alias = cx.alias(AliasOptions { priority: true, ..AliasOptions::default() });
            for number in 0..2 {
                cx.send_priority(alias, Number(number)).expect("there is room");
            }
            let refused = cx.send_priority(alias, Number(2));
            let is_refused = matches!(refused, Err(SendError::Overloaded(Number(2))));
            cx.send(to, Number(u64::from(is_refused))).expect("the test waits");
        });
        taker.expect("room");
        assert_eq!(number(&mut cx).await, 1);
    });
}

/// What cannot be understood is the oldest like any other: nothing else goes in its place.
#[test]
fn a_traced_message_that_is_no_term_makes_room_for_one() {
    everywhere(|mut cx| async move {
        let to = cx.pid();
        let limits = MailboxLimits::messages(2).when_full(WhenFull::DropOldest);
        let busy = cx.processes().spawn(limited(limits), move |mut cx: Cx<Number>| async move {
            let me = cx.pid();
            let token = TraceToken { flags: 1, label: Term::Nil, serial: 1, sender: me, last: 0 };
            let mark = Mark { token: Some(token), priority: false };
            cx.processes().deliver_with(None, &Dest::Pid(me), vec![255].into(), mark);
            for number in 1..=2 {
                cx.send(me, Number(number)).expect("it is itself");
            }
            while let Some(Mail::Message(number)) = cx.recv_timeout(Duration::ZERO).await {
                cx.send(to, number).expect("the test waits");
            }
        });
        busy.expect("room");
        assert_eq!((number(&mut cx).await, number(&mut cx).await), (1, 2));
    });
}

#[test]
fn what_a_process_is_told_of_counts_as_received_when_it_is() {
    everywhere(|cx| async move {
        let watcher = cx.spawn(|mut cx: Cx<Number>| async move {
            let nobody = Pid::new(cx.node(), cx.processes().creation(), 999, 9);
            _ = cx.monitor(nobody);
            let down = |mail| if matches!(mail, Mail::Message(_)) { Ok(()) } else { Err(mail) };
            cx.receive(down).await;
            drop(cx.recv().await);
            idle(cx).await;
        });
        let watcher: Addr<Number> = watcher.expect("room");
        let info = info_when(&cx, watcher, |info| info.message_queue_len == 1).await;
        assert_eq!(info.messages_received, 0, "the DOWN waits");
        cx.send(watcher, Number(1)).expect("it lives");
        let info = info_when(&cx, watcher, |info| info.message_queue_len == 0).await;
        assert_eq!(info.messages_received, 2);
        // Of another incarnation of this node nobody is there: the message comes back.
        let earlier =
            Pid::new(cx.node(), cx.processes().creation() + 1, watcher.pid().id(), watcher.pid().serial());
        assert!(matches!(cx.send(earlier, Number(3)), Err(SendError::NoProcess(Number(3)))));
    });
}

/// Messages from other nodes share what they were read into. What waits must be no more than what is counted.
#[test]
fn a_short_message_that_waits_at_a_mailbox_with_limits_keeps_only_itself() {
    everywhere(|cx| async move {
        for (limits, len, is_kept) in [
            (Some(MailboxLimits::messages(3)), APART_BYTES_MAX, false),
            (Some(MailboxLimits::messages(3)), APART_BYTES_MAX + 1, true),
            (None, APART_BYTES_MAX, true),
        ] {
            let options = SpawnOptions { mailbox: limits, ..SpawnOptions::default() };
            let body = |_: Cx<Term>| async { std::future::pending::<()>().await };
            let waiting = cx.processes().spawn(options, body).expect("room");
            let binary = len - 5;
            let message =
                [&[109][..], &u32::try_from(binary).unwrap().to_be_bytes(), &vec![7; binary]].concat();
            let read = Bytes::from([message, vec![0; 256 * 1024]].concat());
            cx.processes().deliver(None, &Dest::Pid(waiting.pid()), read.slice(..len).into());
            let info = cx.processes().info(waiting.pid()).unwrap();
            assert_eq!(info.message_queue_len, 1);
            assert_eq!(read.is_unique(), !is_kept, "{len} bytes");
        }
    });
}
