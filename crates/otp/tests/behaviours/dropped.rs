//! Requests that came as terms and get no answer: the caller is told at once, once, and nothing is left behind.

use crate::node::{Record, each_seed, millis, settle};
use engset_macros::server;
use engset_otp::{CallError, Dynamic, Reply, start};
use engset_process::{Addr, Cx, Dest, Exit, ExitReason, Mail, Protocol};
use engset_term::{Atom, Pid, Term};

/// Answers nobody.
#[derive(Default)]
struct Deaf {
    kept: Vec<Reply<f64>>,
    record: Record,
}

#[server(crate = "engset_otp")]
impl Deaf {
    #[call]
    fn forget(&mut self, reply: Reply<f64>) {
        drop(reply);
    }

    #[call]
    fn keep(&mut self, reply: Reply<f64>) {
        self.kept.push(reply);
    }

    /// Drops what it kept.
    #[cast]
    fn clear(&mut self) {
        self.kept.clear();
    }

    /// An answer that has no Erlang form.
    #[call]
    fn divide_by_zero(&self) -> f64 {
        f64::NAN
    }

    /// Leaves the answer to a process that ends.
    #[call]
    fn delegate(&self, why: Atom, reply: Reply<f64>, cx: &mut Cx<DeafMsg>) {
        let heir = cx.spawn(move |mut cx: Cx<Heirloom>| async move {
            let heirloom = cx.recv().await;
            cx.sleep(millis(1)).await;
            drop(heirloom);
            ExitReason::from(why)
        });
        cx.send(heir.unwrap(), Heirloom(reply)).unwrap();
    }

    /// Leaves the answer to a process that ends while it holds it.
    #[call]
    fn bequeath(&self, why: Atom, reply: Reply<f64>, cx: &mut Cx<DeafMsg>) {
        let heir = cx.spawn(|mut cx: Cx<Heirloom>| async move {
            let _heirloom = cx.recv().await;
            std::future::pending::<()>().await;
        });
        let heir = heir.unwrap();
        cx.send(heir, Heirloom(reply)).unwrap();
        cx.exit(heir.pid(), ExitReason::from(why));
    }

    /// Ends the server, which keeps the reply.
    #[call]
    fn leave(&mut self, reply: Reply<f64>) -> Result<(), Exit> {
        self.kept.push(reply);
        Err(Exit(ExitReason::from(crate::node::atom("left"))))
    }

    /// Drops the reply in a panic that is caught.
    #[call]
    fn stumble(&self, reply: Reply<f64>) {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = reply;
            panic!("a stumble");
        }));
        self.record.add(format!("caught {}", caught.is_err()));
    }
}

/// A reply that is handed on.
#[derive(Debug)]
struct Heirloom(#[expect(dead_code, reason = "held, never used")] Reply<f64>);

impl Protocol for Heirloom {}

async fn deaf() -> Addr<Dynamic> {
    Addr::new(start(Deaf::default()).await.unwrap().pid())
}

async fn failed(to: Addr<Dynamic>, request: &str) -> CallError {
    Dynamic::call(&to, request.parse().unwrap()).no_timeout().await.unwrap_err()
}

fn assert_nothing_left<M: Protocol>(cx: &Cx<M>, server: Pid) {
    assert!(cx.processes().aliases().is_empty());
    assert_eq!(cx.processes().info(server).unwrap().monitored_by, []);
    assert_eq!(cx.processes().info(cx.pid()).unwrap().message_queue_len, 0);
}

#[test]
fn a_dropped_request_by_term_is_told_at_once() {
    each_seed(|cx| async move {
        let to = deaf().await;
        let error = failed(to, "forget").await;
        assert_eq!(error, CallError::NoReply);
        assert!(error.maybe_executed());
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn a_request_by_term_dropped_later_is_told_then() {
    each_seed(|cx| async move {
        let to = deaf().await;
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(1)).await;
            Dynamic::cast(&to, Term::atom("clear")).unwrap();
        })
        .unwrap();
        assert_eq!(failed(to, "keep").await, CallError::NoReply);
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn an_answer_without_erlang_form_is_no_reply() {
    each_seed(|cx| async move {
        let to = deaf().await;
        assert_eq!(failed(to, "divide_by_zero").await, CallError::NoReply);
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn a_request_by_term_may_be_dropped_by_another_process() {
    each_seed(|cx| async move {
        let to = deaf().await;
        assert_eq!(failed(to, "{delegate,bored}").await, CallError::NoReply);
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn a_request_by_term_whose_holder_ended_ends_with_its_reason() {
    each_seed(|cx| async move {
        let to = deaf().await;
        let reason = ExitReason::from(crate::node::atom("bored"));
        assert_eq!(failed(to, "{bequeath,bored}").await, CallError::Down { reason, begun: true });
        assert_eq!(failed(to, "{bequeath,noproc}").await, CallError::NoReply);
        assert_eq!(failed(to, "{bequeath,noconnection}").await, CallError::NoReply);
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn a_request_by_term_dropped_in_a_panic_that_is_caught_is_told() {
    each_seed(|cx| async move {
        let to = deaf().await;
        let error = failed(to, "stumble").await;
        assert!(
            matches!(&error, CallError::Down { reason, begun: true } if reason.to_string().contains("a stumble")),
            "{error:?}"
        );
        settle(&cx).await;
        assert_nothing_left(&cx, to.pid());
    });
}

#[test]
fn a_caller_with_a_monitor_of_its_own_hears_of_the_drop_once() {
    each_seed(|mut cx| async move {
        let no_reply = "{no_reply,<<\"the server dropped the request without an answer\">>}";
        for (clears, reason) in [(true, no_reply), (false, "killed")] {
            let to = deaf().await;
            let reference = cx.monitor(Dest::Pid(to.pid()));
            let from = Term::tuple([Term::Pid(cx.pid()), Term::from(reference)]);
            cx.send(to.pid(), Term::tuple([Term::atom("$gen_call"), from, Term::atom("keep")])).unwrap();
            if clears {
                Dynamic::cast(&to, Term::atom("clear")).unwrap();
            }
            settle(&cx).await;
            cx.exit(to.pid(), ExitReason::Kill);
            settle(&cx).await;
            assert_eq!(crate::node::waiting(&cx), 1);
            let Mail::Down(down) = cx.recv().await else { panic!("only the monitor fires") };
            assert_eq!((down.reference, down.reason.to_string().as_str()), (reference, reason));
        }
    });
}

#[test]
fn a_server_that_ends_in_order_gives_its_reason_to_those_whom_it_did_not_answer() {
    each_seed(|mut cx| async move {
        let reason = ExitReason::from(crate::node::atom("left"));
        let to = deaf().await;
        let down = CallError::Down { reason: reason.clone(), begun: true };
        assert_eq!(failed(to, "leave").await, down);
        let here = start(Deaf::default()).await.unwrap();
        assert_eq!(here.leave().await, Err(down));
        let to = deaf().await;
        let reference = cx.monitor(Dest::Pid(to.pid()));
        let from = Term::tuple([Term::Pid(cx.pid()), Term::from(reference)]);
        cx.send(to.pid(), Term::tuple([Term::atom("$gen_call"), from, Term::atom("leave")])).unwrap();
        assert_eq!(crate::node::down(&mut cx).await.reason, reason);
    });
}
