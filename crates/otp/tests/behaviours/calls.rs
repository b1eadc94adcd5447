//! Calls: deferred and forwarded answers, deadlines, cancellation, and whether the request may have run.

use crate::node::{Record, atom, each_seed, millis, on_threads, settle, waiting, yield_now};
use engset_macros::server;
use engset_otp::{CallError, CallTarget, Reply, start};
use engset_process::{Addr, Cx, Exit, ExitReason, Mail, Protocol, deadline};
use engset_term::Term;
use std::convert::Infallible;

/// Serves slowly, later, or not at all.
struct Clerk {
    record: Record,
    kept: Vec<Reply<u32>>,
}

#[server(local, crate = "engset_otp")]
impl Clerk {
    /// Takes `millis` for it.
    #[call]
    async fn slow(&mut self, duration: u64, cx: &mut Cx<ClerkMsg>) -> u64 {
        self.record.add(format!("slow {duration}"));
        cx.sleep(millis(duration)).await;
        duration
    }

    /// Answers when `give` is called.
    #[call]
    fn later(&mut self, reply: Reply<u32>) {
        self.kept.push(reply);
    }

    #[cast]
    fn give(&mut self, value: u32) {
        for reply in self.kept.drain(..) {
            self.record.add(format!("cancelled {}", reply.is_cancelled()));
            reply.send(value);
        }
    }

    #[call]
    fn forget(&mut self, reply: Reply<u32, String>) {
        drop(reply);
    }

    #[call]
    fn refuse(&mut self, why: String, reply: Reply<(), String>, cx: &mut Cx<ClerkMsg>) -> Result<(), Exit> {
        assert_eq!(cx.pid(), cx.addr().pid());
        reply.answer(Err(why));
        Err(Exit(ExitReason::from(atom("refused"))))
    }

    /// Leaves the answer to another process, which leaves it to a third.
    #[call]
    fn delegate(&mut self, question: u32, reply: Reply<u32>, cx: &mut Cx<ClerkMsg>) {
        let third = cx.spawn(|mut cx: Cx<Handed>| async move {
            if let Mail::Message(Handed(number, reply)) = cx.recv().await {
                reply.send(number + 1);
            }
        });
        let third: Addr<Handed> = third.unwrap();
        let second = cx.spawn(move |mut cx: Cx<Handed>| async move {
            if let Mail::Message(Handed(number, reply)) = cx.recv().await {
                cx.sleep(millis(1)).await;
                cx.send(third, Handed(number * 2, reply)).unwrap();
            }
        });
        cx.send(second.unwrap(), Handed(question, reply)).unwrap();
    }

    #[call]
    fn explode(&mut self) -> u64 {
        panic!("no such form")
    }

    /// Asks another server, with the deadline of the one who asks.
    #[call]
    async fn ask(&mut self, other: ClerkRef, duration: u64) -> Result<u64, CallError> {
        self.record.add(format!("deadline {}", deadline().is_some()));
        let result = other.slow(duration).no_timeout().await;
        self.record.add(format!("asked {result:?}"));
        result
    }

    #[cast]
    fn check_deadline(&mut self) {
        self.record.add(format!("deadline {}", deadline().is_some()));
    }
}

impl Clerk {
    fn new(record: &Record) -> Self {
        Self { record: record.clone(), kept: Vec::new() }
    }
}

/// A question that is handed on.
#[derive(Debug)]
struct Handed(u32, Reply<u32>);

impl Protocol for Handed {}

async fn clerk() -> (ClerkRef, Record) {
    let record = Record::default();
    (start(Clerk::new(&record)).await.unwrap(), record)
}

#[test]
fn a_kept_reply_answers_later() {
    each_seed(|cx| async move {
        let (clerk, _) = clerk().await;
        for _ in 0..2 {
            cx.spawn(move |cx: Cx<Term>| async move {
                cx.sleep(millis(5)).await;
                clerk.give(8).unwrap();
            })
            .unwrap();
            assert_eq!(clerk.later().await, Ok(8));
        }
    });
}

#[test]
fn a_reply_may_be_moved_to_other_processes() {
    each_seed(|_| async {
        let (clerk, _) = clerk().await;
        assert_eq!(clerk.delegate(20).await, Ok(41));
    });
}

#[test]
fn a_reply_may_be_moved_to_other_processes_with_threads() {
    on_threads(|_| async {
        let (clerk, _) = clerk().await;
        for number in 0..100 {
            assert_eq!(clerk.delegate(number).await, Ok(number * 2 + 1));
        }
    });
}

#[test]
fn a_dropped_reply_is_told_to_the_caller() {
    each_seed(|_| async {
        let (clerk, _) = clerk().await;
        let error = clerk.forget().await.unwrap_err();
        assert_eq!(error, CallError::NoReply);
        assert!(error.maybe_executed());
    });
}

#[test]
fn a_deferred_call_may_answer_and_end_the_server() {
    each_seed(|mut cx| async move {
        let (clerk, _) = clerk().await;
        cx.monitor(clerk.pid());
        let error = clerk.refuse("closed".to_owned()).await.unwrap_err();
        assert_eq!(error, CallError::App("closed".to_owned()));
        assert_eq!(crate::node::down(&mut cx).await.reason, ExitReason::from(atom("refused")));
    });
}

#[test]
fn a_panic_in_the_handler_is_told_to_the_caller_with_message_and_place() {
    each_seed(|_| async {
        let (clerk, _) = clerk().await;
        let error = clerk.explode().await.unwrap_err();
        let CallError::Down { reason, begun: true } = error else { panic!("{error:?}") };
        let reason = reason.to_string();
        assert!(reason.contains("no such form") && reason.contains("calls.rs:"), "{reason}");
    });
}

#[test]
fn a_server_that_ends_tells_whether_the_request_was_begun() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let killer = cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(10)).await;
            cx.exit(clerk.pid(), ExitReason::Kill);
        });
        killer.unwrap();
        let second = Record::default();
        let told = second.clone();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(5)).await;
            told.add(format!("{:?}", clerk.slow(2).await));
        })
        .unwrap();
        let first = clerk.slow(100).await.unwrap_err();
        assert_eq!(first, CallError::Down { reason: ExitReason::Killed, begun: true });
        settle(&cx).await;
        assert_eq!(second.take(), ["Err(Down { reason: killed, begun: false })"]);
        assert_eq!(record.take(), ["slow 100"]);
        assert_eq!(clerk.slow(1).await, Err(CallError::NoProcess));
    });
}

#[test]
fn an_expired_request_is_not_executed() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let busy = cx.spawn(move |_: Cx<Term>| async move {
            clerk.slow(100).await.unwrap();
        });
        busy.unwrap();
        settle(&cx).await;
        let error = clerk.slow(1).timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: false });
        assert!(!error.maybe_executed());
        cx.sleep(millis(200)).await;
        assert_eq!(record.take(), ["slow 100"]);
    });
}

#[test]
fn a_request_that_expires_when_its_turn_comes_is_a_timeout() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let start = cx.processes().scheduler().now();
        let busy = cx.spawn(move |_: Cx<Term>| async move {
            clerk.slow(10).await.unwrap();
        });
        busy.unwrap();
        while record.take().is_empty() {
            yield_now().await;
        }
        assert_eq!(cx.processes().scheduler().now(), start);
        // The server is free again, and the deadline over, at the same instant.
        let error = clerk.slow(1).timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: false });
        cx.sleep(millis(20)).await;
        assert!(record.take().is_empty());
    });
}

#[test]
fn a_begun_request_that_times_out_says_so_and_its_late_answer_goes_nowhere() {
    each_seed(|mut cx| async move {
        let (clerk, record) = clerk().await;
        let error = clerk.slow(100).timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: true });
        assert!(error.maybe_executed());
        cx.sleep(millis(200)).await;
        assert_eq!(record.take(), ["slow 100"]);
        assert_eq!(waiting(&cx), 0);
        assert!(cx.recv_timeout(millis(1)).await.is_none());
        assert!(cx.processes().aliases().is_empty());
    });
}

#[test]
fn a_dropped_call_is_not_executed() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let busy = cx.spawn(move |_: Cx<Term>| async move {
            clerk.slow(100).await.unwrap();
        });
        busy.unwrap();
        settle(&cx).await;
        let mut call = Box::pin(clerk.slow(7).into_future());
        let polled = std::future::poll_fn(|task| std::task::Poll::Ready(call.as_mut().poll(task))).await;
        assert!(polled.is_pending());
        drop(call);
        assert_eq!(clerk.slow(3).await, Ok(3));
        assert_eq!(record.take(), ["slow 100", "slow 3"]);
    });
}

#[test]
fn a_call_that_is_never_awaited_is_never_sent() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        drop(clerk.slow(7));
        settle(&cx).await;
        assert!(record.take().is_empty());
    });
}

#[test]
fn a_kept_reply_knows_that_its_caller_gave_up() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let error = clerk.later().timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: true });
        clerk.give(1).unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["cancelled true"]);
    });
}

#[test]
fn a_caller_that_ends_has_given_up() {
    each_seed(|cx| async move {
        let (clerk, record) = clerk().await;
        let caller = cx.spawn(move |_: Cx<Term>| async move {
            clerk.later().no_timeout().await.unwrap();
        });
        settle(&cx).await;
        cx.exit(caller.unwrap().pid(), ExitReason::Kill);
        settle(&cx).await;
        clerk.give(1).unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["cancelled true"]);
    });
}

#[test]
fn calls_made_while_serving_inherit_the_deadline() {
    each_seed(|cx| async move {
        let (first, record) = clerk().await;
        let (second, of_second) = clerk().await;
        let before = cx.processes().scheduler().now();
        let error = first.ask(second, 1_000).timeout(millis(20)).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout { begun: true } | CallError::App(_)), "{error:?}");
        settle(&cx).await;
        let passed = cx.processes().scheduler().now().saturating_duration_since(before);
        assert!(passed < millis(21), "{passed:?}");
        assert_eq!(record.take(), ["deadline true", "asked Err(Timeout { begun: true })"]);
        assert_eq!(of_second.take(), ["slow 1000"]);
        first.check_deadline().unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["deadline false"]);
    });
}

#[test]
fn a_call_without_a_deadline_waits_as_long_as_it_takes() {
    each_seed(|_| async {
        let (clerk, _) = clerk().await;
        assert_eq!(clerk.slow(6_000).await, Err(CallError::Timeout { begun: true }));
        let (clerk, _) = self::clerk().await;
        assert_eq!(clerk.slow(60_000).no_timeout().await, Ok(60_000));
    });
}

#[test]
fn a_caller_outside_a_node_is_told() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let pid = engset_term::Pid::new(engset_term::NodeName::NONODE, 1, 1, 0);
    let mut call = Box::pin(ClerkRef::new(Addr::new(pid)).later().into_future());
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Err(CallError::OutsideNode)));
}

/// A process that answers as it likes, without gen_server.
#[derive(Debug)]
enum Bare {
    Ask(u32, Reply<u32, Infallible>),
    Check(Reply<u32, String>),
}

impl Protocol for Bare {}

#[test]
fn any_process_can_answer_calls() {
    each_seed(|cx| async move {
        let bare = cx.spawn(|mut cx: Cx<Bare>| async move {
            loop {
                match cx.recv().await {
                    Mail::Message(Bare::Ask(number, reply)) => reply.send(number + 1),
                    Mail::Message(Bare::Check(reply)) => reply.answer(Err("unchecked".to_owned())),
                    Mail::Down(_) | Mail::Exit(_) | Mail::Other(_) => return,
                }
            }
        });
        let bare: Addr<Bare> = bare.unwrap();
        assert_eq!(bare.call(|reply| Bare::Ask(1, reply)).await, Ok(2));
        assert_eq!(bare.try_call(Bare::Check).await, Err(CallError::App("unchecked".to_owned())));
    });
}
