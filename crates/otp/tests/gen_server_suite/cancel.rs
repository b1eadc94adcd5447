//! Calls that end early: what waits is not executed, deadlines are inherited, and late answers go nowhere.

use crate::node::{Record, each_seed, millis, on_threads, settle, waiting, yield_now};
use engset_macros::server;
use engset_otp::{CallError, Reply, start};
use engset_process::{Cx, Mail, deadline};
use engset_term::Term;
use std::future::{Future, IntoFuture, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

struct Hop {
    record: Record,
    executed: Arc<AtomicU64>,
    kept: Vec<Reply<u64>>,
}

#[server(local, crate = "engset_otp")]
impl Hop {
    /// Asks the next ones, each of whom asks the one after; the last one works for so long.
    #[call]
    async fn hop(&mut self, mut next: Vec<HopRef>, work: u64, cx: &mut Cx<HopMsg>) -> Result<u64, String> {
        let now = cx.processes().scheduler().now();
        let left = deadline().map(|deadline| deadline.saturating_duration_since(now).as_millis());
        self.record.add(format!("hop {left:?}"));
        match next.pop() {
            None => {
                cx.sleep(millis(work)).await;
                Ok(work)
            }
            // It asks for more time than it has.
            Some(hop) => hop.hop(next, work).timeout(millis(60_000)).await.map_err(|error| error.to_string()),
        }
    }

    #[call]
    async fn work(&mut self, duration: u64, cx: &mut Cx<HopMsg>) -> u64 {
        self.executed.fetch_add(1, Ordering::SeqCst);
        cx.sleep(millis(duration)).await;
        duration
    }

    #[call]
    fn keep(&mut self, reply: Reply<u64>) {
        self.kept.push(reply);
    }

    #[call]
    fn give(&mut self) -> usize {
        let given = self.kept.len();
        self.kept.drain(..).for_each(|reply| reply.send(1));
        given
    }
}

async fn hop(record: &Record) -> (HopRef, Arc<AtomicU64>) {
    let executed = Arc::new(AtomicU64::new(0));
    let server = Hop { record: record.clone(), executed: Arc::clone(&executed), kept: Vec::new() };
    (start(server).await.unwrap(), executed)
}

/// The deadline of the first caller ends the work of the third server's request.
#[test]
fn deadlines_are_inherited_through_three_hops() {
    each_seed(|cx| async move {
        let record = Record::default();
        let [(one, _), (two, _), (three, _)] = [hop(&record).await, hop(&record).await, hop(&record).await];
        let error = one.hop(vec![three, two], 1_000).timeout(millis(50)).await.unwrap_err();
        assert!(error.maybe_executed(), "{error:?}");
        assert_eq!(record.take(), ["hop Some(50)", "hop Some(50)", "hop Some(50)"]);
        settle(&cx).await;
        // Those in the middle gave up at the same moment, and serve again.
        assert_eq!(one.hop(Vec::new(), 0).await, Ok(0));
        assert_eq!(two.hop(Vec::new(), 0).no_timeout().await, Ok(0));
        assert_eq!(record.take(), ["hop Some(5000)", "hop None"]);
    });
}

/// A request whose deadline passed while it waited at the third hop is not executed there.
#[test]
fn an_expired_request_is_not_executed_three_hops_away() {
    each_seed(|cx| async move {
        let record = Record::default();
        let [(one, _), (two, _), (three, executed)] =
            [hop(&record).await, hop(&record).await, hop(&record).await];
        cx.spawn(move |_: Cx<Term>| async move {
            three.work(100).await.unwrap();
        })
        .unwrap();
        settle(&cx).await;
        one.hop(vec![three, two], 5).timeout(millis(50)).await.unwrap_err();
        cx.sleep(millis(200)).await;
        assert_eq!(record.take(), ["hop Some(50)", "hop Some(50)"]);
        assert_eq!(executed.load(Ordering::SeqCst), 1);
    });
}

/// Polls a call once and drops it.
async fn call_and_drop(server: HopRef) {
    let mut call = Box::pin(server.work(0).into_future());
    let polled = poll_fn(|task| Poll::Ready(call.as_mut().poll(task))).await;
    assert!(polled.is_pending(), "the server is busy");
}

async fn dropped_calls_do_not_run(cx: Cx<Term>) {
    let (server, executed) = hop(&Record::default()).await;
    cx.spawn(move |_: Cx<Term>| async move {
        server.work(50).await.unwrap();
    })
    .unwrap();
    while executed.load(Ordering::SeqCst) == 0 {
        yield_now().await;
    }
    for _ in 0..100 {
        call_and_drop(server).await;
    }
    assert_eq!(server.work(0).await, Ok(0));
    assert_eq!(executed.load(Ordering::SeqCst), 2, "the one that kept it busy, and the last one");
}

#[test]
fn dropped_calls_that_waited_do_not_run() {
    each_seed(dropped_calls_do_not_run);
}

#[test]
fn dropped_calls_that_waited_do_not_run_with_threads() {
    on_threads(dropped_calls_do_not_run);
}

/// Many calls with short deadlines: whoever is told that a request did not run is told the truth.
#[test]
fn what_did_not_run_did_not_run_with_threads() {
    on_threads(|cx| async move {
        let (server, executed) = hop(&Record::default()).await;
        let (may_have_run, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        for caller in 0..8_u64 {
            let (may_have_run, done) = (Arc::clone(&may_have_run), Arc::clone(&done));
            cx.spawn(move |_: Cx<Term>| async move {
                for round in 0..50 {
                    let result = server.work((caller + round) % 2).timeout(millis(1 + round % 3)).await;
                    if result.is_ok() || result.is_err_and(|error| error.maybe_executed()) {
                        may_have_run.fetch_add(1, Ordering::SeqCst);
                    }
                }
                done.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
        }
        while done.load(Ordering::SeqCst) < 8 {
            cx.sleep(millis(1)).await;
        }
        server.work(0).await.unwrap();
        assert_eq!(executed.load(Ordering::SeqCst), may_have_run.load(Ordering::SeqCst) + 1);
    });
}

async fn late_answers_go_nowhere(mut cx: Cx<Term>) {
    let (server, _) = hop(&Record::default()).await;
    for _ in 0..20 {
        let error = server.keep().timeout(millis(1)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: true });
    }
    assert_eq!(server.give().await, Ok(20));
    assert_eq!(waiting(&cx), 0);
    assert!(cx.processes().aliases().is_empty());
    let nothing: Option<Mail<Term>> = cx.recv_timeout(millis(2)).await;
    assert!(nothing.is_none());
}

#[test]
fn late_answers_never_reach_a_mailbox() {
    each_seed(late_answers_go_nowhere);
}

#[test]
fn late_answers_never_reach_a_mailbox_with_threads() {
    on_threads(late_answers_go_nowhere);
}
