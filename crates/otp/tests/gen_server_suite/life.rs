//! What a server does beside its requests: continue, rest, and a call to itself; and a queue that is very long.

use crate::node::{Record, atom, down, each_seed, millis, on_threads, settle};
use engset_macros::server;
use engset_otp::{CallError, Info, Reply, start, start_link, start_named};
use engset_process::{Cx, Exit, ExitReason, Mail};
use engset_term::Term;
use std::time::Duration;

/// Goes on after its requests as often as it was told.
struct Going {
    record: Record,
    steps: u32,
    rests: Option<Duration>,
    idle: Option<Duration>,
}

impl Going {
    fn new(record: &Record) -> Self {
        Self { record: record.clone(), steps: 0, rests: None, idle: None }
    }
}

#[server(local, crate = "engset_otp")]
impl Going {
    #[init]
    fn init(&mut self, cx: &mut Cx<GoingMsg>) {
        cx.trap_exit(true);
        self.record.add("init");
    }

    #[call]
    fn go(&mut self, steps: u32) -> u32 {
        self.record.add(format!("go {steps}"));
        self.steps = steps;
        steps
    }

    /// Answers before it is done.
    #[call]
    async fn answer_first(&mut self, reply: Reply<u32>, cx: &mut Cx<GoingMsg>) {
        reply.send(1);
        cx.sleep(millis(10)).await;
        self.record.add("done");
    }

    #[cast]
    fn note(&mut self) {
        self.record.add("note");
    }

    #[call]
    async fn call_self(&mut self, cx: &mut Cx<GoingMsg>) -> Result<u32, CallError> {
        GoingRef::from(cx.addr()).go(1).await
    }

    #[wants_continue]
    fn wants_continue(&self) -> bool {
        self.steps > 0
    }

    #[handle_continue]
    async fn handle_continue(&mut self) -> Result<(), Exit> {
        self.record.add(format!("continue {}", self.steps));
        self.steps -= 1;
        if self.steps == 99 { Err(Exit(ExitReason::from(atom("no_further")))) } else { Ok(()) }
    }

    #[hibernate_after]
    fn hibernate_after(&self) -> Option<Duration> {
        self.rests
    }

    #[hibernate]
    fn hibernate(&mut self) {
        self.record.add("rest");
    }

    #[idle_timeout]
    fn idle_timeout(&self) -> Option<Duration> {
        self.idle
    }

    #[info]
    fn info(&mut self, info: Info) {
        if info == Info::Timeout {
            self.record.add("idle");
        }
    }

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        self.record.add(format!("terminate {reason}"));
    }
}

/// `gen_server_SUITE:continue`: what continues an `init` or a request runs after starter and caller have gone on, before
/// anything else, as often as it says so; and may end the server.
#[test]
fn gen_server_continue() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let server = start(Going { steps: 2, ..Going::new(&record) }).await.unwrap();
        server.note().unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["init", "continue 2", "continue 1", "note"]);
        let sender = cx.spawn(move |_: Cx<Term>| async move {
            server.go(3).await.unwrap();
        });
        sender.unwrap();
        server.note().unwrap();
        assert_eq!(server.go(1).await, Ok(1));
        settle(&cx).await;
        let order = record.take();
        let at = |fact: &str| order.iter().position(|found| found == fact).unwrap();
        assert_eq!(at("continue 3") - at("go 3"), 1);
        assert_eq!(at("continue 2") - at("go 3"), 2);
        cx.monitor(server.pid());
        assert_eq!(server.go(100).await, Ok(100));
        assert_eq!(down(&mut cx).await.reason, ExitReason::from(atom("no_further")));
        assert_eq!(record.take(), ["go 100", "continue 100", "terminate no_further"]);
    });
}

/// One that always continues still hears of exit signals.
#[test]
fn a_server_that_continues_for_ever_can_be_killed() {
    on_threads(|mut cx| async move {
        let server = start(Going { steps: u32::MAX, ..Going::new(&Record::default()) });
        // Its starter goes on although it never comes to its first request.
        let server = server.await.unwrap();
        cx.monitor(server.pid());
        cx.exit(server.pid(), ExitReason::Kill);
        assert_eq!(down(&mut cx).await.reason, ExitReason::Killed);
    });
}

/// `gen_server_SUITE:calling_self`: fails at once, and the server goes on.
#[test]
fn calling_self() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start_named(Some(atom("me")), Going::new(&record)).await.unwrap();
        let before = cx.processes().scheduler().now();
        let error = server.call_self().await.unwrap_err();
        assert_eq!(error, CallError::App(CallError::CallingSelf));
        assert_eq!(cx.processes().scheduler().now(), before);
        assert_eq!(server.go(0).await, Ok(0));
        assert_eq!(record.take(), ["init", "go 0"]);
    });
}

/// `gen_server_SUITE:hibernate`: a server rests when its handler says so, and serves as before when something arrives.
#[test]
fn hibernate() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start(Going { rests: Some(Duration::ZERO), ..Going::new(&record) }).await.unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["init", "rest"]);
        assert_eq!(server.go(0).await, Ok(0));
        settle(&cx).await;
        assert_eq!(record.take(), ["go 0", "rest"]);
    });
}

/// `gen_server_SUITE:auto_hibernate`: one that nothing reaches for as long as it says rests once, until something
/// arrives; what it waits for otherwise goes on meanwhile.
#[test]
fn auto_hibernate() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = Going { rests: Some(millis(100)), idle: Some(millis(250)), ..Going::new(&record) };
        let server = start(server).await.unwrap();
        cx.sleep(millis(99)).await;
        assert_eq!(record.take(), ["init"]);
        cx.sleep(millis(2)).await;
        assert_eq!(record.take(), ["rest"]);
        cx.sleep(millis(140)).await;
        assert!(record.take().is_empty());
        cx.sleep(millis(10)).await;
        assert_eq!(record.take(), ["idle"]);
        assert_eq!(server.go(0).await, Ok(0));
        cx.sleep(millis(101)).await;
        assert_eq!(record.take(), ["go 0", "rest"]);
    });
}

/// The caller goes on when it is answered, not when the handler ends.
#[test]
fn a_reply_before_the_handler_ends_frees_the_caller() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start(Going::new(&record)).await.unwrap();
        let before = cx.processes().scheduler().now();
        assert_eq!(server.answer_first().await, Ok(1));
        assert_eq!(cx.processes().scheduler().now(), before);
        assert_eq!(record.take(), ["init"]);
        cx.sleep(millis(20)).await;
        assert_eq!(record.take(), ["done"]);
    });
}

/// The parent's exit ends the server, although it traps exits and any other's is information.
#[test]
fn the_exit_of_the_parent_ends_the_server_and_that_of_others_does_not() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let record = Record::default();
        let server = start_link(&mut cx, None, Going::new(&record)).await.unwrap();
        let other = cx.spawn(move |cx: Cx<Term>| async move { cx.exit(server.pid(), ExitReason::Shutdown) });
        other.unwrap();
        settle(&cx).await;
        assert_eq!(server.go(0).await, Ok(0));
        cx.exit(server.pid(), ExitReason::Shutdown);
        let Mail::Exit(trapped) = cx.recv().await else { panic!("an exit") };
        assert_eq!((trapped.from, trapped.reason), (server.pid(), ExitReason::Shutdown));
        assert_eq!(record.take(), ["init", "go 0", "terminate shutdown"]);
    });
}

/// How long a thousand calls take.
async fn calls(cx: &Cx<Term>, server: GoingRef) -> Duration {
    let scheduler = cx.processes().scheduler();
    let begin = scheduler.now();
    for _ in 0..1_000 {
        server.go(0).await.unwrap();
    }
    scheduler.now().saturating_duration_since(begin)
}

/// `gen_server_SUITE:call_with_huge_message_queue`: what a call costs does not depend on how much waits at the caller.
#[test]
fn call_with_huge_message_queue() {
    on_threads(|cx| async move {
        let server = start(Going::new(&Record::default())).await.unwrap();
        calls(&cx, server).await;
        let without = calls(&cx, server).await;
        for number in 0..100_000_u32 {
            cx.send(cx.pid(), Term::from(number)).unwrap();
        }
        let with = calls(&cx, server).await;
        assert_eq!(crate::node::waiting(&cx), 100_000);
        assert!(with < without * 20 + millis(20), "{without:?} without, {with:?} with a queue");
    });
}
