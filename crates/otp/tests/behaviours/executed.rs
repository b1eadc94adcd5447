//! Servers written by hand, and whether their requests may have run when a call of them fails.

use crate::node::{Record, atom, each_seed, millis, settle};
use engset_otp::{Call, CallError, CallTarget, Dynamic, Reply, Server, start};
use engset_process::{Addr, Cx, Exit, ExitReason, Mail, Protocol, Service};
use engset_term::{Pid, Term};

/// Says what it does in its record only.
struct Plain {
    record: Record,
    kept: Vec<Reply<u32>>,
}

#[derive(Debug)]
enum PlainMsg {
    /// Executed at once, answered never.
    Keep(Reply<u32>),
    /// Executed for some milliseconds.
    Work(u64, Reply<u32>),
    /// Ends the server with this reason.
    End(ExitReason, Reply<u32>),
    /// Links to a process that has ended.
    LinkTo(Pid, Reply<u32>),
    /// As every server should.
    Begin(u64, Reply<u32>),
}

impl Protocol for PlainMsg {}

impl Server for Plain {
    type Msg = PlainMsg;
    type Ref = Addr<PlainMsg>;

    async fn handle(&mut self, message: PlainMsg, cx: &mut Cx<PlainMsg>) -> Result<(), Exit> {
        match message {
            PlainMsg::Keep(reply) => {
                self.record.add("keep");
                self.kept.push(reply);
            }
            PlainMsg::Work(duration, reply) => {
                self.record.add("work");
                cx.sleep(millis(duration)).await;
                reply.send(1);
            }
            PlainMsg::End(reason, reply) => {
                self.kept.push(reply);
                cx.exit(cx.pid(), reason);
                std::future::pending::<()>().await;
            }
            PlainMsg::LinkTo(pid, reply) => {
                self.kept.push(reply);
                cx.link(pid);
                std::future::pending::<()>().await;
            }
            PlainMsg::Begin(duration, reply) => {
                if let Some(reply) = reply.begin() {
                    self.record.add("begin");
                    cx.sleep(millis(duration)).await;
                    reply.send(2);
                }
            }
        }
        Ok(())
    }
}

async fn plain() -> (Addr<PlainMsg>, Record) {
    let record = Record::default();
    (start(Plain { record: record.clone(), kept: Vec::new() }).await.unwrap(), record)
}

#[test]
fn a_request_that_was_sent_may_have_run() {
    each_seed(|_| async {
        let (plain, record) = plain().await;
        let error = plain.call(PlainMsg::Keep).timeout(millis(5)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: true });
        assert!(error.maybe_executed());
        assert_eq!(record.take(), ["keep"]);
    });
}

#[test]
fn a_request_whose_server_was_killed_may_have_run() {
    each_seed(|cx| async move {
        let (plain, record) = plain().await;
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(5)).await;
            cx.exit(plain.pid(), ExitReason::Kill);
        })
        .unwrap();
        let error = plain.call(|reply| PlainMsg::Work(10, reply)).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason: ExitReason::Killed, begun: true });
        assert_eq!(record.take(), ["work"]);
        let error = plain.call(PlainMsg::Keep).await.unwrap_err();
        assert_eq!(error, CallError::NoProcess);
        assert!(!error.maybe_executed());
    });
}

#[test]
fn a_tracked_request_that_waited_did_not_run() {
    each_seed(|cx| async move {
        let (plain, record) = plain().await;
        let first = Record::default();
        let told = first.clone();
        cx.spawn(move |_: Cx<Term>| async move {
            let call = Call::tracked(&plain, |reply| PlainMsg::Begin(100, reply));
            told.add(format!("{:?}", call.timeout(millis(50)).await));
        })
        .unwrap();
        settle(&cx).await;
        let waited = Call::tracked(&plain, |reply| PlainMsg::Begin(1, reply)).timeout(millis(10)).await;
        assert_eq!(waited, Err(CallError::Timeout { begun: false }));
        cx.sleep(millis(200)).await;
        assert_eq!(first.take(), ["Err(Timeout { begun: true })"]);
        assert_eq!(record.take(), ["begin"]);
    });
}

#[test]
fn a_server_that_ends_with_noproc_or_noconnection_itself_may_have_run_the_request() {
    each_seed(|_| async {
        for reason in [ExitReason::NoProc, ExitReason::NoConnection] {
            let (plain, _) = plain().await;
            let error = plain.call(|reply| PlainMsg::End(reason.clone(), reply)).await.unwrap_err();
            assert_eq!(error, CallError::Down { reason, begun: true });
        }
    });
}

#[test]
fn a_server_that_links_to_a_dead_process_while_it_serves_may_have_run_the_request() {
    each_seed(|cx| async move {
        let (plain, _) = plain().await;
        let dead = cx.spawn(|_: Cx<Term>| async {}).unwrap().pid();
        settle(&cx).await;
        let error = plain.call(|reply| PlainMsg::LinkTo(dead, reply)).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason: ExitReason::NoProc, begun: true });
    });
}

#[test]
fn a_server_that_ends_with_bad_request_itself_may_have_run_the_request() {
    each_seed(|cx| async move {
        let reason = ExitReason::from_term("{bad_request,<<\"no such page\">>}".parse().unwrap());
        let (plain, _) = plain().await;
        let error = plain.call(|reply| PlainMsg::End(reason.clone(), reply)).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason: reason.clone(), begun: true });
        let ends_with = reason.clone();
        let by_term = cx.spawn(move |mut cx: Cx<Term>| async move {
            drop(cx.recv().await);
            ends_with
        });
        let by_term: Addr<Dynamic> = Addr::new(by_term.unwrap().pid());
        let error = Dynamic::call(&by_term, Term::atom("go")).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason, begun: true });
        assert!(error.maybe_executed());
    });
}

#[test]
fn a_call_to_oneself_fails_at_once() {
    each_seed(|cx| async move {
        let name = atom("me");
        cx.processes().register(&name, cx.pid()).unwrap();
        let at_once = cx.processes().scheduler().now();
        let error = Dynamic::call(&Addr::new(cx.pid()), Term::atom("go")).no_timeout().await.unwrap_err();
        assert_eq!(error, CallError::CallingSelf);
        assert!(!error.maybe_executed());
        let here = cx.processes().node();
        for myself in [Service::local(name.clone()), Service::at(name, here)] {
            let error = Dynamic::call(&myself, Term::atom("go")).await.unwrap_err();
            assert_eq!(error, CallError::CallingSelf);
        }
        assert_eq!(cx.processes().scheduler().now(), at_once);
        settle(&cx).await;
        assert_eq!(crate::node::waiting(&cx), 0);
        assert!(cx.processes().aliases().is_empty());
    });
}

#[test]
fn a_call_that_another_process_makes_to_its_maker_is_sent() {
    each_seed(|cx| async move {
        let maker = cx.spawn(|mut cx: Cx<Dynamic>| async move {
            let call = Dynamic::call(&cx.addr(), Term::atom("go"));
            cx.spawn(async |_: Cx<Term>| assert_eq!(call.await, Ok(Term::atom("gone")))).unwrap();
            let Mail::Message(Dynamic::Call(_, reply)) = cx.recv().await else { panic!("a call") };
            reply.send(Term::atom("gone"));
        });
        maker.unwrap();
        settle(&cx).await;
        assert_eq!(cx.processes().counters().read().crashed, 0);
    });
}
