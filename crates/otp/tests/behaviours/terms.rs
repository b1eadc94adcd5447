//! Requests as terms: what `gen_server` and `supervisor` on other nodes send and get, and what is not understood.

use crate::node::{Record, down, each_seed, millis, settle, waiting};
use crate::worker::{Yard, crash, end};
use engset_macros::server;
use engset_otp::{CallError, Dynamic, Info, Reply, Restart, Supervisor, start};
use engset_process::{Addr, Cx, ExitReason, Mail, SendError};
use engset_term::{Atom, Pid, Term};
use serde::{Deserialize, Serialize};

/// A server that other nodes can reach.
#[derive(Default)]
struct Shop {
    total: i64,
    record: Record,
    kept: Option<Reply<i64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    number: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Refusal {
    SoldOut,
    TooMany(u32),
}

/// Panics when it is read.
#[derive(Debug, Serialize)]
struct Mine;

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a mine was read")
    }
}

#[server(crate = "engset_otp")]
impl Shop {
    #[call]
    fn add(&mut self, by: i64) -> i64 {
        self.total += by;
        self.total
    }

    #[call]
    fn total(&self) -> i64 {
        self.total
    }

    #[call]
    fn mix_2_up(&self, first: i64, second: Atom, third: Vec<bool>) -> (Atom, usize, i64) {
        (second, third.len(), first)
    }

    #[call]
    fn order(&mut self, order: Order) -> Result<Order, Refusal> {
        match order.number {
            0 => Err(Refusal::SoldOut),
            number if number > 9 => Err(Refusal::TooMany(number)),
            _ => Ok(order),
        }
    }

    #[call]
    fn close(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    #[call]
    async fn slow(&mut self, duration: u64, cx: &mut Cx<ShopMsg>) {
        self.record.add("slow");
        cx.sleep(millis(duration)).await;
    }

    #[call]
    fn later(&mut self, reply: Reply<i64>) {
        self.kept = Some(reply);
    }

    #[call]
    fn add_elsewhere(&mut self, shop: ShopRef) -> Pid {
        shop.reset(self.total).unwrap();
        shop.pid()
    }

    #[cast]
    fn trip(&self, _mine: Mine) {}

    #[call]
    fn step(&self, _mine: Mine) {}

    #[cast]
    fn reset(&mut self, to: i64) {
        self.total = to;
        if let Some(reply) = self.kept.take() {
            reply.send(to);
        }
    }

    #[cast]
    fn clear(&mut self) {
        self.total = 0;
    }

    #[info]
    fn info(&mut self, info: Info) {
        self.record.add(format!("{info:?}"));
    }
}

async fn shop() -> (ShopRef, Addr<Dynamic>, Record) {
    let record = Record::default();
    let shop = start(Shop { record: record.clone(), ..Shop::default() }).await.unwrap();
    (shop, Addr::new(shop.pid()), record)
}

fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// `gen_server:call` with the request as Erlang writes it; what it answers.
async fn call(to: Addr<Dynamic>, request: &str) -> String {
    Dynamic::call(&to, term(request)).await.unwrap().to_string()
}

#[test]
fn requests_are_atoms_and_tuples() {
    each_seed(|_| async {
        let (shop, as_term, _) = shop().await;
        assert_eq!(call(as_term, "{add,3}").await, "3");
        assert_eq!(call(as_term, "total").await, "3");
        assert_eq!(call(as_term, "{mix_2_up,-1,yes,[true,false]}").await, "{yes,2,-1}");
        Dynamic::cast(&as_term, term("{reset,40}")).unwrap();
        assert_eq!(call(as_term, "{add,2}").await, "42");
        Dynamic::cast(&as_term, term("clear")).unwrap();
        assert_eq!(shop.total().await, Ok(0));
    });
}

#[test]
fn results_are_ok_and_error_tuples() {
    each_seed(|_| async {
        let (_, as_term, _) = shop().await;
        let order = |number| format!("{{order,#{{item => <<\"tea\">>,number => {number}}}}}");
        assert_eq!(call(as_term, &order(1)).await, "{ok,#{item => <<\"tea\">>,number => 1}}");
        assert_eq!(call(as_term, &order(0)).await, "{error,sold_out}");
        assert_eq!(call(as_term, &order(10)).await, "{error,{too_many,10}}");
        assert_eq!(call(as_term, "close").await, "ok");
    });
}

#[test]
fn a_handle_travels_as_a_pid() {
    each_seed(|_| async {
        let (first, as_term, _) = shop().await;
        let (second, _, _) = shop().await;
        first.add(5).await.unwrap();
        let request = Term::tuple([Term::atom("add_elsewhere"), Term::Pid(second.pid())]);
        assert_eq!(Dynamic::call(&as_term, request).await, Ok(Term::Pid(second.pid())));
        assert_eq!(second.total().await, Ok(5));
    });
}

#[test]
fn what_is_not_understood_is_the_callers_error_and_the_server_lives() {
    each_seed(|cx| async move {
        let (shop, as_term, record) = shop().await;
        for request in ["subtract", "{subtract,1}", "add", "{add,three}", "{add,1,2}", "{total,1}", "[]", "7"]
        {
            let error = Dynamic::call(&as_term, term(request)).await.unwrap_err();
            assert!(matches!(error, CallError::NotUnderstood(_)), "{request}: {error:?}");
            assert!(!error.maybe_executed());
        }
        for request in ["subtract", "{reset,x}", "{add,1}"] {
            Dynamic::cast(&as_term, term(request)).unwrap();
        }
        assert_eq!(shop.total().await, Ok(0));
        assert!(record.take().is_empty());
        assert_eq!(waiting(&cx), 0);
        assert!(cx.processes().aliases().is_empty());
        assert_eq!(cx.processes().info(shop.pid()).unwrap().monitored_by, []);
    });
}

#[test]
fn a_panic_while_a_request_is_read_is_no_harm_to_the_server_and_to_others() {
    each_seed(|mut cx| async move {
        let (shop, as_term, _) = shop().await;
        let rejected = cx.processes().counters().read().rejected;
        Dynamic::cast(&as_term, term("{trip,boom}")).unwrap();
        let error = Dynamic::call(&as_term, term("{step,boom}")).await.unwrap_err();
        assert!(matches!(&error, CallError::NotUnderstood(why) if why.contains("panicked")), "{error:?}");
        assert_eq!(cx.processes().counters().read().rejected, rejected + 2);
        assert_eq!(shop.add(1).await, Ok(1));
        Dynamic::cast(&as_term, term("{trip,boom}")).unwrap();
        cx.monitor(shop.pid());
        cx.exit(shop.pid(), ExitReason::Kill);
        assert_eq!(down(&mut cx).await.reason, ExitReason::Killed);
    });
}

#[test]
fn any_other_term_is_an_info() {
    each_seed(|cx| async move {
        let (shop, _, record) = shop().await;
        for message in ["hello", "{'$gen_cast',1,2}", "{'$gen_call',from_nobody,total}"] {
            cx.send(shop.pid(), term(message)).unwrap();
        }
        settle(&cx).await;
        let facts =
            ["Message(hello)", "Message({'$gen_cast',1,2})", "Message({'$gen_call',from_nobody,total})"];
        assert_eq!(record.take(), facts);
    });
}

#[test]
fn a_deferred_answer_goes_to_whoever_called_by_term() {
    each_seed(|cx| async move {
        let (shop, as_term, _) = shop().await;
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(1)).await;
            shop.reset(6).unwrap();
        })
        .unwrap();
        assert_eq!(call(as_term, "later").await, "6");
    });
}

#[test]
fn a_call_by_term_that_times_out_leaves_nothing_behind() {
    each_seed(|mut cx| async move {
        let (shop, as_term, record) = shop().await;
        let error = Dynamic::call(&as_term, term("{slow,50}")).timeout(millis(10)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { begun: true });
        assert!(cx.processes().aliases().is_empty());
        let before = cx.processes().counters().read().dropped;
        cx.sleep(millis(100)).await;
        assert_eq!(record.take(), ["slow"]);
        assert!(cx.recv_timeout(millis(1)).await.is_none(), "the late answer went nowhere");
        assert_eq!(cx.processes().counters().read().dropped, before + 1);
        assert_eq!(cx.processes().info(shop.pid()).unwrap().monitored_by, []);
    });
}

#[test]
fn a_callee_that_ends_ends_the_call_by_term() {
    each_seed(|cx| async move {
        let (shop, as_term, _) = shop().await;
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(1)).await;
            cx.exit(shop.pid(), ExitReason::Kill);
        })
        .unwrap();
        let error = Dynamic::call(&as_term, term("{slow,50}")).await.unwrap_err();
        assert_eq!(error, CallError::Down { reason: ExitReason::Killed, begun: true });
        let error = Dynamic::call(&as_term, term("total")).await.unwrap_err();
        assert_eq!(error, CallError::NoProcess);
        assert!(cx.processes().aliases().is_empty());
    });
}

/// A process that says what it was asked, and answers what it is told to.
fn scribe(cx: &Cx<Term>, record: &Record, answer: &'static str) -> Pid {
    let record = record.clone();
    let body = move |mut cx: Cx<Dynamic>| async move {
        while let Mail::Message(message) = cx.recv().await {
            match message {
                Dynamic::Call(request, reply) => {
                    record.add(format!("call {request}"));
                    reply.send(term(answer));
                }
                Dynamic::Cast(request) => record.add(format!("cast {request}")),
            }
        }
    };
    cx.spawn(body).unwrap().pid()
}

#[test]
fn a_typed_handle_speaks_terms_to_a_server_of_another_kind() {
    each_seed(|cx| async move {
        let record = Record::default();
        let shop = ShopRef::new(Addr::new(scribe(&cx, &record, "{error,{too_many,3}}")));
        let order = Order { item: "tea".to_owned(), number: 3 };
        assert_eq!(shop.order(order).await, Err(CallError::App(Refusal::TooMany(3))));
        assert!(matches!(shop.total().await, Err(CallError::Decode(_))));
        shop.clear().unwrap();
        shop.reset(-1).unwrap();
        settle(&cx).await;
        let order = "call {order,#{item => <<\"tea\">>,number => 3}}";
        assert_eq!(record.take(), [order, "call total", "cast clear", "cast {reset,-1}"]);
        assert!(cx.processes().aliases().is_empty());
    });
}

#[test]
fn a_reply_is_handed_on_to_a_process_that_takes_terms() {
    each_seed(|cx| async move {
        let record = Record::default();
        let answerer: Addr<ShopMsg> = Addr::new(scribe(&cx, &record, "11"));
        let relay = cx.spawn(move |mut cx: Cx<ShopMsg>| async move {
            while let Mail::Message(message) = cx.recv().await {
                cx.send(answerer, message).unwrap();
            }
        });
        let relay: Addr<ShopMsg> = relay.unwrap();
        assert_eq!(ShopRef::new(relay).add(4).await, Ok(11));
        assert_eq!(call(Addr::new(relay.pid()), "{add,5}").await, "11");
        assert_eq!(record.take(), ["call {add,4}", "call {add,5}"]);
    });
}

/// A server whose messages cannot leave the node.
struct Homely;

/// What no other node can have.
#[derive(Debug)]
struct Secret;

#[server(local, crate = "engset_otp")]
impl Homely {
    #[call]
    fn tell(&self) -> Secret {
        Secret
    }

    #[cast]
    fn keep(&self, _secret: Secret) {}

    #[info]
    fn info(&self, _info: Info) {}
}

#[test]
fn a_local_protocol_is_refused_where_a_term_is_needed() {
    each_seed(|cx| async move {
        let homely = start(Homely).await.unwrap();
        assert!(homely.tell().await.is_ok());
        let elsewhere = HomelyRef::new(Addr::new(scribe(&cx, &Record::default(), "ok")));
        let error = elsewhere.tell().await.unwrap_err();
        assert!(matches!(error, CallError::Encode(_)) && !error.maybe_executed(), "{error:?}");
        assert!(matches!(elsewhere.keep(Secret), Err(SendError::Encode(_))));
        let error = Dynamic::call(&Addr::new(homely.pid()), term("tell")).timeout(millis(5)).await;
        assert!(error.is_err());
        assert!(homely.tell().await.is_ok());
    });
}

#[test]
fn a_supervisor_answers_as_otps_supervisor_does() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = yard.start_abc(&mut cx, Supervisor::one_for_one()).await;
        let to = Addr::new(supervisor.pid());
        let pid = |id| crate::worker::pid_of(cx.processes(), id).unwrap();
        assert_eq!(call(to, "{terminate_child,b}").await, "ok");
        let entry =
            |id: &'static str, state| Term::tuple([Term::atom(id), state, Term::atom("worker"), Term::Nil]);
        let expected = Term::list([
            entry("c", Term::Pid(pid("c"))),
            entry("b", Term::atom("undefined")),
            entry("a", Term::Pid(pid("a"))),
        ]);
        assert_eq!(Dynamic::call(&to, Term::atom("which_children")).await, Ok(expected));
        assert_eq!(call(to, "count_children").await, "[{specs,3},{active,2},{supervisors,0},{workers,3}]");
        assert_eq!(call(to, "{delete_child,a}").await, "{error,running}");
        assert_eq!(call(to, "{restart_child,a}").await, "{error,running}");
        assert_eq!(call(to, "{restart_child,z}").await, "{error,not_found}");
        yard.fail("b", 1);
        assert_eq!(call(to, "{restart_child,b}").await, "{error,no_luck}");
        let restarted = Dynamic::call(&to, term("{restart_child,b}")).await.unwrap();
        assert_eq!(restarted, Term::tuple([Term::atom("ok"), Term::Pid(pid("b"))]));
        assert_eq!(call(to, "{terminate_child,b}").await, "ok");
        assert_eq!(call(to, "{delete_child,b}").await, "ok");
        assert_eq!(call(to, "{terminate_child,b}").await, "{error,not_found}");
        let error = Dynamic::call(&to, term("{start_child,#{id => x}}")).await.unwrap_err();
        assert!(matches!(error, CallError::NotUnderstood(_)), "how to start a child is code: {error:?}");
        end("a", crash());
        settle(&cx).await;
        assert_eq!(supervisor.count_children().await.unwrap().active, 2);
    });
}

#[test]
fn a_dynamic_supervisor_takes_pids_by_term() {
    each_seed(|mut cx| async move {
        let yard = Yard::default();
        let supervisor = Supervisor::dynamic().start_link(&mut cx).await.unwrap();
        let child = supervisor.start_child(yard.nameless("w").restart(Restart::Temporary)).await.unwrap();
        cx.monitor(child);
        let to = Addr::new(supervisor.pid());
        let request = Term::tuple([Term::atom("terminate_child"), Term::Pid(child)]);
        assert_eq!(Dynamic::call(&to, request).await, Ok(Term::atom("ok")));
        assert_eq!(down(&mut cx).await.reason, ExitReason::Shutdown);
        assert_eq!(call(to, "which_children").await, "[]");
    });
}
