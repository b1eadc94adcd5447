//! Several calls at once: order, deadline, bounds, and who is called again.

use crate::node::{Record, atom, each_seed, millis, on_threads, settle};
use engset_macros::server;
use engset_otp::{
    CALLS_AT_ONCE, Call, CallError, CallSuccessors, Calls, Reply, abcast, call_again, multi_call, start,
    start_named,
};
use engset_process::{Addr, Cx, ExitReason, SendError, Service, Target};
use engset_term::{NodeName, Pid, Term};
use std::future::Future;

/// Answers late.
struct Late {
    number: u64,
    record: Record,
}

#[server(local, crate = "engset_otp")]
impl Late {
    /// After so many milliseconds.
    #[call]
    async fn number(&mut self, after: u64, cx: &mut Cx<LateMsg>) -> u64 {
        self.record.add(format!("begin {}", self.number));
        cx.sleep(millis(after)).await;
        self.number
    }

    #[cast]
    fn note(&mut self) {
        self.record.add(format!("note {}", self.number));
    }
}

async fn late(number: u64, record: &Record) -> LateRef {
    start(Late { number, record: record.clone() }).await.unwrap()
}

async fn lates(count: u64, record: &Record) -> Vec<LateRef> {
    let mut lates = Vec::new();
    for number in 0..count {
        lates.push(late(number, record).await);
    }
    lates
}

fn gone() -> Addr<LateMsg> {
    Addr::new(Pid::new(NodeName::NONODE, 1, 999, 9))
}

/// `gen_server_SUITE:multicall`: the answers come in the order of the targets, with those that failed, and why.
#[test]
fn multicall() {
    each_seed(|cx| async move {
        let record = Record::default();
        let [one, two] = [late(1, &record).await, late(2, &record).await];
        let before = cx.processes().scheduler().now();
        let targets = [two.addr(), gone(), one.addr(), two.addr()];
        let answers = multi_call(targets, |reply| LateMsg::Number(10, reply), millis(15)).await;
        let late = Err(CallError::Timeout { begun: true });
        assert_eq!(answers, [Ok(2), Err(CallError::NoProcess), Ok(1), late]);
        let passed = cx.processes().scheduler().now().saturating_duration_since(before);
        assert_eq!(passed, millis(15), "one deadline for all");
        settle(&cx).await;
        assert_eq!(crate::node::waiting(&cx), 0);
    });
}

/// `gen_server_SUITE:multicall`, by names: holders of a name on several nodes.
#[test]
fn multicall_by_names() {
    each_seed(|cx| async move {
        let record = Record::default();
        start_named(Some(atom("late")), Late { number: 4, record }).await.unwrap();
        let targets = [Service::at(atom("late"), cx.node()), Service::local(atom("nobody"))];
        let answers = multi_call(targets, |reply| LateMsg::Number(1, reply), millis(100)).await;
        assert_eq!(answers, [Ok(4), Err(CallError::<std::convert::Infallible>::NoProcess)]);
    });
}

#[test]
fn many_are_called_at_once_with_threads() {
    on_threads(|_| async {
        let lates = lates(500, &Record::default()).await;
        let targets = lates.iter().map(|late| late.addr());
        let answers = multi_call(targets, |reply| LateMsg::Number(1, reply), millis(20_000)).await;
        let numbers: Vec<u64> =
            answers.into_iter().map(|answer: Result<u64, CallError>| answer.unwrap()).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<u64>>());
    });
}

/// `gen_server_SUITE:abcast`: all get it who are there.
#[test]
fn gen_server_abcast() {
    each_seed(|cx| async move {
        let record = Record::default();
        let [one, two] = [late(1, &record).await, late(2, &record).await];
        let sent = abcast([one.addr(), gone(), two.addr()], || LateMsg::Note);
        assert!(matches!(sent.as_slice(), [Ok(()), Err(SendError::NoProcess(LateMsg::Note)), Ok(())]));
        settle(&cx).await;
        let mut noted = record.take();
        noted.sort();
        assert_eq!(noted, ["note 1", "note 2"]);
    });
}

#[test]
fn answers_come_in_order_of_arrival() {
    each_seed(|_| async {
        let record = Record::default();
        let lates = lates(3, &record).await;
        let mut calls = Calls::new();
        for (late, after) in lates.iter().zip([30, 10, 20]) {
            calls.push(after, late.number(after));
        }
        assert_eq!(calls.len(), 3);
        assert_eq!(calls.next().await, Some((10, Ok(1))));
        assert_eq!(calls.next().await, Some((20, Ok(2))));
        assert_eq!(calls.next().await, Some((30, Ok(0))));
        assert_eq!(calls.next().await, None);
        assert!(calls.is_empty());
    });
}

#[test]
fn dropped_calls_are_cancelled_and_those_that_wait_are_not_sent() {
    each_seed(|cx| async move {
        let record = Record::default();
        let lates = lates(4, &record).await;
        let mut calls = Calls::new().at_once(2);
        for late in &lates {
            calls.push((), late.number(10));
        }
        let polled = std::future::poll_fn(|task| {
            let mut next = std::pin::pin!(calls.next());
            std::task::Poll::Ready(std::future::Future::poll(next.as_mut(), task).is_pending())
        });
        assert!(polled.await);
        settle(&cx).await;
        let mut begun = record.take();
        begun.sort();
        assert_eq!(begun, ["begin 0", "begin 1"]);
        assert!(calls.next().await.is_some());
        drop(calls);
        cx.sleep(millis(100)).await;
        assert!(record.take().len() <= 1, "one more may have begun when there was room for it");
    });
}

#[test]
fn the_time_limit_of_all_ends_each_and_sends_no_further() {
    each_seed(|_| async {
        let record = Record::default();
        let lates = lates(3, &record).await;
        let mut calls = Calls::new().at_once(1).timeout(millis(15));
        for (place, late) in lates.iter().enumerate() {
            calls.push(place, late.number(10).no_timeout());
        }
        assert_eq!(calls.next().await, Some((0, Ok(0))));
        assert_eq!(calls.next().await, Some((1, Err(CallError::Timeout { begun: true }))));
        assert_eq!(calls.next().await, Some((2, Err(CallError::Timeout { begun: false }))));
        assert_eq!(record.take(), ["begin 0", "begin 1"]);
    });
}

#[test]
fn so_many_calls_are_under_way_at_once_and_no_more() {
    each_seed_once(|cx| async move {
        let record = Record::default();
        let targets = lates(CALLS_AT_ONCE as u64 + 1, &record).await;
        let mut calls = Calls::new();
        for late in &targets {
            calls.push((), late.number(10));
        }
        let begin = cx.processes().scheduler().now();
        assert!(calls.next().await.is_some());
        assert_eq!(record.take().len(), CALLS_AT_ONCE);
        while calls.next().await.is_some() {}
        assert_eq!(record.take().len(), 1);
        let passed = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert_eq!(passed, millis(20));
    });
}

fn each_seed_once<F: Future<Output = ()> + Send + 'static>(
    main: impl FnOnce(Cx<Term>) -> F + Send + 'static,
) {
    crate::node::with_seed(3, main);
}

#[test]
fn a_successor_is_waited_for() {
    each_seed(|cx| async move {
        let record = Record::default();
        let by_name = LateRef::named(atom("late"));
        let starter = record.clone();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(30)).await;
            start_named(Some(atom("late")), Late { number: 8, record: starter }).await.unwrap();
        })
        .unwrap();
        assert_eq!(by_name.number(1).await, Err(CallError::NoProcess));
        assert_eq!(call_again(|| by_name.number(1), millis(500)).await, Ok(8));
        assert_eq!(record.take(), ["begin 8"]);
        let service: Service<LateMsg> = Service::local(atom("late"));
        assert_eq!(
            service.call_successors(|reply: Reply<u64>| LateMsg::Number(1, reply), millis(5)).await,
            Ok(8)
        );
    });
}

#[test]
fn a_request_that_waited_when_its_server_ended_goes_to_the_successor() {
    each_seed(|cx| async move {
        let record = Record::default();
        let first =
            start_named(Some(atom("late")), Late { number: 1, record: record.clone() }).await.unwrap();
        cx.spawn(move |_: Cx<Term>| async move {
            assert!(first.number(100).await.is_err());
        })
        .unwrap();
        settle(&cx).await;
        let later = record.clone();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(10)).await;
            cx.exit(first.pid(), ExitReason::Kill);
            cx.sleep(millis(10)).await;
            start_named(Some(atom("late")), Late { number: 2, record: later }).await.unwrap();
        })
        .unwrap();
        let by_name = LateRef::named(atom("late"));
        assert_eq!(call_again(|| by_name.number(1), millis(200)).await, Ok(2));
        assert_eq!(record.take(), ["begin 1", "begin 2"]);
    });
}

#[test]
fn a_request_that_may_have_run_is_not_made_again() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server =
            start_named(Some(atom("late")), Late { number: 1, record: record.clone() }).await.unwrap();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(10)).await;
            cx.exit(server.pid(), ExitReason::Kill);
        })
        .unwrap();
        let error = call_again(|| server.number(50), millis(500)).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason: ExitReason::Killed, begun: true });
        assert_eq!(record.take(), ["begin 1"]);
    });
}

#[test]
fn the_wait_for_a_successor_is_bounded() {
    each_seed(|cx| async move {
        let nobody: Service<LateMsg> = Service::local(atom("nobody"));
        let begin = cx.processes().scheduler().now();
        let call = || Call::<_, u64>::new(&nobody, |reply| LateMsg::Number(1, reply));
        assert_eq!(call_again(call, millis(100)).await, Err(CallError::NoProcess));
        let passed = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert!(passed <= millis(100) && passed >= millis(49), "{passed:?}");
        assert!(matches!(nobody.dest(), engset_process::Dest::Name(_)));
    });
}
