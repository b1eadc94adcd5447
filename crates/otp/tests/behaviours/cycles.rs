//! Calls that would wait for themselves: refused at once, not executed, and nobody refused who could be served.

use crate::node::{Record, each_seed, millis, on_threads, settle, with_seed};
use engset_macros::server;
use engset_otp::{CallError, CallTarget, Reply, start};
use engset_process::{Addr, CALL_CHAIN_MAX, Cx, Mail, Processes, Protocol};
use engset_term::{Pid, Term};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Calls others while it serves.
struct Link {
    record: Record,
    kept: Vec<Reply<u32>>,
}

type Refused = Result<u32, Vec<Pid>>;

#[server(local, crate = "engset_otp")]
impl Link {
    /// Asks the next of `way`, who asks the one after; the last one answers how many were asked. Nobody is named where
    /// the time was over.
    #[call]
    async fn pass(&mut self, mut way: Vec<LinkRef>, cx: &mut Cx<LinkMsg>) -> Refused {
        self.record.add(format!("pass {}", cx.pid()));
        let Some(next) = way.pop() else { return Ok(0) };
        match next.pass(way).await {
            Ok(Ok(asked)) => Ok(asked + 1),
            Ok(Err(chain)) | Err(CallError::Cycle(chain)) => Err(chain),
            Err(CallError::Timeout { .. }) => Err(Vec::new()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Answers when `give` comes.
    #[call]
    fn later(&mut self, reply: Reply<u32>) {
        self.kept.push(reply);
    }

    /// Has no time to lose.
    #[call]
    async fn give(&mut self, to: LinkRef) -> Result<u32, CallError> {
        for reply in self.kept.drain(..) {
            reply.send(7);
        }
        to.number().await
    }

    #[call]
    fn number(&self) -> u32 {
        3
    }

    /// Waits for `to`, which keeps the reply until `give`.
    #[call]
    async fn wait_later(&mut self, to: LinkRef) -> u32 {
        to.later().await.unwrap()
    }

    /// Waits for `to`, and for time to pass.
    #[call]
    async fn wait_for(&mut self, to: LinkRef, cx: &mut Cx<LinkMsg>) -> Result<u32, CallError> {
        cx.sleep(millis(1)).await;
        to.number().await
    }
}

async fn link() -> LinkRef {
    start(Link { record: Record::default(), kept: Vec::new() }).await.unwrap()
}

fn no_time_passes(processes: &Arc<Processes>, since: engset_term::Instant) {
    assert_eq!(processes.scheduler().now(), since);
}

#[test]
fn a_circle_of_two_servers_is_refused_at_once() {
    each_seed(|cx| async move {
        let begin = cx.processes().scheduler().now();
        let (one, two) = (link().await, link().await);
        let chain = one.pass(vec![one, two]).await.unwrap().unwrap_err();
        assert_eq!(chain, [two.pid(), one.pid()]);
        no_time_passes(cx.processes(), begin);
        assert_eq!(one.number().await, Ok(3));
        assert_eq!(two.number().await, Ok(3));
        assert_eq!(two.pass(vec![one]).await, Ok(Ok(1)));
    });
}

#[test]
fn a_circle_of_two_servers_is_refused_at_once_with_threads() {
    on_threads(|_| async {
        for _ in 0..200 {
            let (one, two) = (link().await, link().await);
            let chain = one.pass(vec![one, two]).await.unwrap().unwrap_err();
            assert_eq!(chain, [two.pid(), one.pid()]);
        }
    });
}

#[test]
fn the_error_names_all_who_wait_in_order() {
    each_seed(|_| async {
        let links = [link().await, link().await, link().await, link().await];
        let [first, second, third, fourth] = links;
        // The first one is not part of the circle.
        let chain = first.pass(vec![second, fourth, third, second]).await.unwrap().unwrap_err();
        assert_eq!(chain, [fourth.pid(), second.pid(), third.pid()]);
        let error: CallError = CallError::Cycle(chain);
        let (second, third, fourth) = (second.pid(), third.pid(), fourth.pid());
        let told = format!("{fourth} calls {second} calls {third} calls {fourth}");
        assert!(error.to_string().ends_with(&told), "{error}");
        assert!(!error.maybe_executed());
    });
}

#[test]
fn a_request_that_would_wait_for_itself_is_not_executed() {
    each_seed(|_| async {
        let record = Record::default();
        let one = start(Link { record: record.clone(), kept: Vec::new() }).await.unwrap();
        let two = link().await;
        one.pass(vec![one, two]).await.unwrap().unwrap_err();
        assert_eq!(one.number().await, Ok(3));
        assert_eq!(record.take(), [format!("pass {}", one.pid())]);
    });
}

/// A process without gen_server.
#[derive(Debug)]
enum Bare {
    /// Calls that one, too.
    Call(Addr<Self>, Reply<Told>),
    Number(Reply<u32>),
}

/// The number, or who waits for whom.
type Told = Result<u32, Option<Vec<Pid>>>;

impl Protocol for Bare {}

fn told(result: Result<u32, CallError>) -> Told {
    result.map_err(|error| match error {
        CallError::Cycle(chain) => Some(chain),
        _ => None,
    })
}

async fn bare(mut cx: Cx<Bare>, record: Record) {
    loop {
        match cx.recv().await {
            Mail::Message(Bare::Call(other, reply)) => reply.send(told(other.call(Bare::Number).await)),
            Mail::Message(Bare::Number(reply)) => {
                record.add("number");
                reply.send(5);
            }
            Mail::Down(_) | Mail::Exit(_) | Mail::Other(_) => return,
        }
    }
}

/// Calls `other`, which is to call back; what it was told, and how often it was asked for its number by then.
async fn call_back(mut cx: Cx<Bare>, other: Addr<Bare>, listens: bool) -> (Told, usize) {
    let me = cx.addr();
    let mut asked = 0;
    let mut call = pin!(other.call(|reply| Bare::Call(me, reply)).into_future());
    let result = loop {
        let mut mail = pin!(cx.recv());
        let next = poll_fn(|task| {
            if let Poll::Ready(result) = call.as_mut().poll(task) {
                return Poll::Ready(Ok(result));
            }
            if listens { mail.as_mut().poll(task).map(Err) } else { Poll::Pending }
        });
        match next.await {
            Ok(result) => break result.unwrap(),
            Err(Mail::Message(Bare::Number(reply))) => {
                asked += 1;
                reply.send(6);
            }
            Err(mail) => panic!("{mail:?}"),
        }
    };
    while let Some(mail) = cx.recv_timeout(std::time::Duration::ZERO).await {
        assert!(matches!(mail, Mail::Message(Bare::Number(_))));
        asked += 1;
    }
    (result, asked)
}

async fn plain(cx: Cx<Term>, listens: bool) {
    let other = cx.spawn(|cx| bare(cx, Record::default())).unwrap();
    let record = Record::default();
    let telling = record.clone();
    let caller = cx
        .spawn(move |cx: Cx<Bare>| async move {
            let me = cx.pid();
            let (result, asked) = call_back(cx, other, listens).await;
            let expected = if listens { (Ok(6), 1) } else { (Err(Some(vec![other.pid(), me])), 0) };
            assert_eq!((result, asked), expected);
            telling.add("done");
        })
        .unwrap();
    loop {
        let is_alive = cx.processes().is_alive(caller.pid());
        if !record.take().is_empty() {
            return;
        }
        assert!(is_alive, "it was not told what was expected");
        cx.sleep(millis(1)).await;
    }
}

#[test]
fn plain_processes_are_told_of_a_circle_and_the_request_is_not_sent() {
    each_seed(|cx| plain(cx, false));
}

#[test]
fn plain_processes_are_told_of_a_circle_and_the_request_is_not_sent_with_threads() {
    on_threads(|cx| plain(cx, false));
}

#[test]
fn who_also_receives_can_be_called_back() {
    each_seed(|cx| plain(cx, true));
}

#[test]
fn who_also_receives_can_be_called_back_with_threads() {
    on_threads(|cx| plain(cx, true));
}

/// Two processes that call each other as soon as they may.
async fn each_other(cx: &Cx<Term>) {
    let answers = Record::default();
    let executed = Record::default();
    let start = |cx: &Cx<Term>| {
        let (answers, executed) = (answers.clone(), executed.clone());
        cx.spawn(move |mut cx: Cx<Meet>| async move {
            let Mail::Message(Meet::With(other)) = cx.recv().await else { panic!("only that is sent") };
            let result = other.call(Meet::Number).timeout(millis(2_000)).await;
            answers.add(match result {
                Ok(_) => "answered",
                Err(CallError::Cycle(chain)) if chain == [cx.pid(), other.pid()] => "circle",
                Err(error) => panic!("{error}"),
            });
            while let Mail::Message(Meet::Number(reply)) = cx.recv().await {
                executed.add("executed");
                reply.send(());
            }
        })
        .unwrap()
    };
    let (one, two) = (start(cx), start(cx));
    cx.send(one, Meet::With(two)).unwrap();
    cx.send(two, Meet::With(one)).unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        cx.sleep(millis(1)).await;
        told.extend(answers.take());
    }
    let answered = told.iter().filter(|told| *told == "answered").count();
    assert_eq!(executed.take().len(), answered);
}

#[derive(Debug)]
enum Meet {
    With(Addr<Self>),
    Number(Reply<()>),
}

impl Protocol for Meet {}

#[test]
fn of_two_that_call_each_other_at_the_same_moment_one_is_refused_and_none_waits() {
    each_seed(|cx| async move {
        let begin = cx.processes().scheduler().now();
        each_other(&cx).await;
        let passed = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert!(passed < millis(5), "{passed:?}");
    });
}

#[test]
fn of_two_that_call_each_other_at_the_same_moment_none_waits_with_threads() {
    on_threads(|cx| async move {
        for _ in 0..300 {
            each_other(&cx).await;
        }
    });
}

#[test]
fn a_kept_reply_is_no_circle_as_long_as_its_holder_serves_others() {
    each_seed(|cx| async move {
        let (one, two) = (link().await, link().await);
        let record = Record::default();
        let telling = record.clone();
        cx.spawn(move |_: Cx<Term>| async move {
            telling.add(format!("{:?}", one.later().await));
        })
        .unwrap();
        settle(&cx).await;
        assert_eq!(one.give(two).await, Ok(3));
        settle(&cx).await;
        assert_eq!(record.take(), ["Ok(7)"]);
    });
}

/// Of two processes of which one waits for the other; that one answers, and calls back at once.
async fn answered_and_called_back(cx: Cx<Term>) {
    let (one, two) = (link().await, link().await);
    for _ in 0..20 {
        let waiting = cx.spawn(move |_: Cx<Term>| async move {
            assert_eq!(two.wait_later(one).await, Ok(7));
        });
        waiting.unwrap();
        // Until `one` has the reply, and `two` waits.
        cx.sleep(millis(1)).await;
        assert_eq!(one.give(two).await, Ok(3));
    }
}

#[test]
fn whoever_was_answered_waits_no_more() {
    each_seed(answered_and_called_back);
}

#[test]
fn whoever_was_answered_waits_no_more_with_threads() {
    on_threads(answered_and_called_back);
}

#[test]
fn who_waits_for_somebody_else_may_be_called() {
    each_seed(|cx| async move {
        let (one, two, three) = (link().await, link().await, link().await);
        cx.spawn(move |_: Cx<Term>| async move { one.wait_for(two).await.map(drop).unwrap() }).unwrap();
        cx.spawn(move |_: Cx<Term>| async move { two.wait_for(three).await.map(drop).unwrap() }).unwrap();
        settle(&cx).await;
        assert_eq!(one.number().await, Ok(3));
        assert_eq!(three.wait_for(one).await, Ok(3));
    });
}

/// A server whose `init` calls whoever starts it.
struct Child(LinkRef);

#[server(local, crate = "engset_otp")]
impl Child {
    #[init]
    async fn init(&mut self) -> Result<(), engset_process::Exit> {
        match self.0.number().await {
            Err(CallError::Cycle(_)) => Ok(()),
            other => panic!("{other:?}"),
        }
    }
}

/// A server that starts others.
struct Parent;

#[server(local, crate = "engset_otp")]
impl Parent {
    #[call]
    async fn start_child(&mut self, cx: &mut Cx<ParentMsg>) -> bool {
        start(Child(LinkRef::new(Addr::new(cx.pid())))).await.is_ok()
    }
}

#[test]
fn an_init_that_calls_its_starter_is_told() {
    each_seed(|cx| async move {
        let begin = cx.processes().scheduler().now();
        let parent = start(Parent).await.unwrap();
        assert_eq!(parent.start_child().await, Ok(true));
        no_time_passes(cx.processes(), begin);
    });
}

async fn circle_of(count: usize) -> Refused {
    let mut way = Vec::new();
    for _ in 0..count {
        way.push(link().await);
    }
    let first = way[count - 1];
    way.insert(0, first);
    way.pop();
    match first.pass(way).await {
        Ok(told) => told,
        Err(CallError::Timeout { begun: true }) => Err(Vec::new()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_circle_is_seen_up_to_the_limit_and_ends_by_its_deadline_beyond() {
    with_seed(1, |_| async {
        let chain = circle_of(CALL_CHAIN_MAX + 1).await.unwrap_err();
        assert_eq!(chain.len(), CALL_CHAIN_MAX + 1);
        let not_seen = circle_of(CALL_CHAIN_MAX + 2).await;
        assert_eq!(not_seen, Err(Vec::new()));
    });
}

#[test]
fn many_calls_without_a_circle_are_all_answered_with_threads() {
    on_threads(|cx| async move {
        let mut links = Vec::new();
        for _ in 0..8 {
            links.push(link().await);
        }
        let done = Record::default();
        for caller in 0..8_usize {
            let (links, done) = (links.clone(), done.clone());
            cx.spawn(move |_: Cx<Term>| async move {
                for round in 0..200_usize {
                    // Always downwards, so that nobody waits for itself.
                    let top = 7 - (caller + round) % 3;
                    let way: Vec<LinkRef> = links[..top].iter().step_by(1 + round % 2).copied().collect();
                    let asked = way.len();
                    let told = links[top].pass(way).await.unwrap().unwrap();
                    assert_eq!(told as usize, asked);
                }
                done.add("done");
            })
            .unwrap();
        }
        let mut count = 0;
        while count < 8 {
            cx.sleep(millis(1)).await;
            count += done.take().len();
        }
    });
}
