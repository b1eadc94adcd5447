//! gen_server: what a server gets, when, and what its end looks like from outside.

use crate::node::{Record, atom, down, each_seed, millis, on_threads, settle, waiting, yield_now};
use engset_macros::server;
use engset_otp::{CallError, Info, Server, StartError, start, start_link, start_named};
use engset_process::{
    Addr, Cx, Dest, Exit, ExitReason, Mail, RegisterError, SendError, Service, SpawnError, Target,
};
use engset_term::{Atom, Term};
use std::io;
use std::time::Duration;

/// Every role that a method can have.
#[derive(Debug)]
struct Counter {
    value: u64,
    record: Record,
    idle: Option<Duration>,
}

#[server(local, crate = "engset_otp")]
impl Counter {
    #[init]
    fn prepare(&mut self, cx: &mut Cx<CounterMsg>) -> Result<(), Exit> {
        cx.trap_exit(true);
        if self.value == 13 {
            return Err(Exit(ExitReason::from(atom("unlucky"))));
        }
        assert!(self.value != 14, "nearly unlucky");
        self.record.add("init");
        Ok(())
    }

    /// Adds `by`.
    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }

    #[call]
    async fn value(&self) -> u64 {
        self.value
    }

    #[call]
    fn divide(&mut self, by: u64, cx: &mut Cx<CounterMsg>) -> Result<u64, String> {
        self.value.checked_div(by).ok_or_else(|| format!("{} divided by zero", cx.pid() == cx.addr().pid()))
    }

    #[call]
    fn read(&mut self) -> io::Result<u64> {
        Err(io::Error::other("no file"))
    }

    #[call]
    fn same(&self, other: Box<Self>) -> bool {
        self.value == other.value
    }

    #[cast]
    fn reset(&mut self, mut to: u64) {
        to += 1;
        self.value = to - 1;
    }

    #[cast]
    async fn stop(&mut self, why: Atom) -> Result<(), Exit> {
        Err(Exit(ExitReason::from(why)))
    }

    #[cast]
    fn explode(&mut self) {
        panic!("the counter is at {}", self.value);
    }

    #[info]
    fn note(&mut self, info: Info) {
        match info {
            Info::Down(down) => self.record.add(format!("down {}", down.reason)),
            Info::Exit(trapped) => self.record.add(format!("exit {}", trapped.reason)),
            Info::Message(term) => self.record.add(format!("message {term}")),
            Info::Timeout => {
                self.idle = None;
                self.record.add("idle");
            }
        }
    }

    #[terminate]
    async fn tidy(&mut self, reason: &ExitReason, cx: &mut Cx<CounterMsg>) {
        cx.sleep(millis(1)).await;
        self.record.add(format!("terminate {reason}"));
    }

    #[idle_timeout]
    fn patience(&self) -> Option<Duration> {
        self.idle
    }

    fn new(value: u64, record: &Record) -> Self {
        Self { value, record: record.clone(), idle: None }
    }
}

/// A server without the attribute.
struct Echo;

#[derive(Debug)]
struct Shout(&'static str, engset_otp::Reply<String>);

impl engset_process::Protocol for Shout {}

impl Server for Echo {
    type Msg = Shout;
    type Ref = Addr<Shout>;

    async fn handle(&mut self, Shout(text, reply): Shout, _: &mut Cx<Shout>) -> Result<(), Exit> {
        reply.send(text.to_uppercase());
        Ok(())
    }
}

#[test]
fn calls_and_casts_are_served_in_order_of_sending() {
    each_seed(|_| async {
        let counter = start(Counter::new(1, &Record::default())).await.unwrap();
        assert_eq!(counter.add(2).await, Ok(3));
        counter.reset(10).unwrap();
        assert_eq!(counter.value().await, Ok(10));
        assert_eq!(counter.divide(2).await, Ok(5));
        assert_eq!(counter.divide(0).await, Err(CallError::App("true divided by zero".to_owned())));
        let other = Box::new(Counter::new(10, &Record::default()));
        assert_eq!(counter.same(other).await, Ok(true));
        let CallError::App(error) = counter.read().await.unwrap_err() else {
            panic!("the server's own error")
        };
        assert_eq!(error.to_string(), "no file");
    });
}

#[test]
fn calls_and_casts_are_served_in_order_of_sending_with_threads() {
    on_threads(|cx| async move {
        let counter = start(Counter::new(0, &Record::default())).await.unwrap();
        for _ in 0..4 {
            cx.spawn(move |_: Cx<Term>| async move {
                for _ in 0..250 {
                    counter.add(1).await.unwrap();
                }
            })
            .unwrap();
        }
        while counter.value().await.unwrap() < 1_000 {
            cx.sleep(millis(1)).await;
        }
        counter.reset(7).unwrap();
        assert_eq!(counter.value().await, Ok(7));
    });
}

#[test]
fn a_server_is_written_by_hand_as_well() {
    each_seed(|_| async {
        use engset_otp::CallTarget;
        let echo = start(Echo).await.unwrap();
        assert_eq!(echo.call(|reply| Shout("who", reply)).await, Ok("WHO".to_owned()));
    });
}

#[test]
fn a_handle_by_name_finds_the_holder_of_the_name() {
    each_seed(|cx| async move {
        let by_name = CounterRef::named(atom("counter"));
        assert_eq!(by_name.value().await, Err(CallError::NoProcess));
        assert!(matches!(by_name.reset(1), Err(SendError::NoProcess(CounterMsg::Reset(1)))));
        let counter = start_named(Some(atom("counter")), Counter::new(4, &Record::default())).await.unwrap();
        assert_eq!(by_name.value().await, Ok(4));
        assert_eq!(CounterRef::at(atom("counter"), cx.node()).value().await, Ok(4));
        assert_eq!(CounterRef::new(Service::local(atom("counter"))).value().await, Ok(4));
        assert_eq!(cx.processes().whereis(&atom("counter")), Some(counter.pid()));
        assert_eq!(CounterRef::from(counter.addr()), counter);
    });
}

#[test]
fn a_taken_name_refuses_the_second_server() {
    each_seed(|_| async {
        let record = Record::default();
        let first = start_named(Some(atom("one")), Counter::new(0, &record)).await.unwrap();
        let error = start_named(Some(atom("one")), Counter::new(0, &record)).await.unwrap_err();
        let taken = RegisterError::Taken { name: atom("one"), by: first.pid() };
        assert_eq!(error, StartError::Spawn(SpawnError::Register(taken)));
        assert_eq!(record.take(), ["init"]);
    });
}

#[test]
fn a_failed_init_is_the_starters_error_and_leaves_nothing() {
    each_seed(|cx| async move {
        let before = cx.processes().count();
        let error = start_named(Some(atom("c")), Counter::new(13, &Record::default())).await.unwrap_err();
        assert_eq!(error, StartError::Init(ExitReason::from(atom("unlucky"))));
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
        assert_eq!(cx.processes().whereis(&atom("c")), None);
    });
}

#[test]
fn a_panic_in_init_is_the_starters_error_with_its_message() {
    each_seed(|_| async {
        let error = start(Counter::new(14, &Record::default())).await.unwrap_err();
        let StartError::Init(reason) = error else { panic!("it was spawned") };
        assert!(reason.to_string().contains("nearly unlucky"), "{reason}");
    });
}

#[test]
fn a_server_killed_before_it_runs_is_the_starters_error() {
    each_seed(|mut cx| async move {
        // The second process kills whoever gets the name; with some seeds that is before the first time slice.
        let processes = cx.processes().clone();
        let killer = cx.spawn_link(engset_process::SpawnOptions::default(), move |cx: Cx<Term>| async move {
            loop {
                if let Some(pid) = cx.processes().whereis(&atom("victim")) {
                    cx.exit(pid, ExitReason::Kill);
                    return;
                }
                yield_now().await;
            }
        });
        killer.unwrap();
        let result = start_named(Some(atom("victim")), Counter::new(0, &Record::default())).await;
        if let Err(error) = &result {
            assert_eq!(*error, StartError::Init(ExitReason::Killed));
        }
        settle(&cx).await;
        assert_eq!(processes.whereis(&atom("victim")), None);
    });
}

#[test]
fn a_name_is_free_again_when_the_starter_hears_that_init_failed() {
    on_threads(|_| async {
        for _ in 0..200 {
            let record = Record::default();
            for (value, why) in [(13, "unlucky"), (14, "nearly unlucky")] {
                let error = start_named(Some(atom("c")), Counter::new(value, &record)).await.unwrap_err();
                let StartError::Init(reason) = error else { panic!("{error}") };
                assert!(reason.to_string().contains(why), "{reason}");
            }
        }
    });
}

#[test]
fn a_process_that_kills_itself_runs_no_further() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let told = record.clone();
        let body = move |mut cx: Cx<Term>| async move {
            cx.exit(cx.pid(), ExitReason::Kill);
            told.add("before");
            cx.recv_timeout(Duration::ZERO).await;
            told.add("after");
        };
        cx.spawn_monitor(engset_process::SpawnOptions::default(), body).unwrap();
        assert_eq!(down(&mut cx).await.reason, ExitReason::Killed);
        assert_eq!(record.take(), ["before"]);
    });
}

/// Whether its own name is there in `init`.
struct Named(Record);

#[server(local, crate = "engset_otp")]
impl Named {
    #[init]
    async fn init(&mut self, cx: &mut Cx<NamedMsg>) {
        let named = cx.processes().whereis(&atom("named")) == Some(cx.pid());
        self.0.add(format!("named {named}"));
    }
}

#[test]
fn the_name_is_registered_before_init() {
    each_seed(|_| async {
        let record = Record::default();
        start_named(Some(atom("named")), Named(record.clone())).await.unwrap();
        assert_eq!(record.take(), ["named true"]);
    });
}

#[test]
fn what_is_no_request_goes_to_info() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let counter = start_link(&mut cx, None, Counter::new(0, &record)).await.unwrap();
        record.take();
        let me = cx.pid();
        cx.trap_exit(true);
        let friend = cx
            .spawn(move |mut cx: Cx<Term>| async move {
                cx.link(counter.pid());
                cx.recv().await;
                assert_ne!(cx.pid(), me);
                Err::<(), _>(Exit(ExitReason::from(atom("bored"))))
            })
            .unwrap();
        settle(&cx).await;
        cx.send(friend, Term::atom("go")).unwrap();
        settle(&cx).await;
        assert_eq!(record.take(), ["exit bored"]);
        assert_eq!(counter.value().await, Ok(0));
    });
}

#[test]
fn an_exit_signal_of_the_parent_ends_a_trapping_server_after_terminate() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let counter = start_link(&mut cx, None, Counter::new(0, &record)).await.unwrap();
        cx.trap_exit(true);
        let watch = cx.monitor(counter.pid());
        cx.exit(counter.pid(), ExitReason::Shutdown);
        let ended = down(&mut cx).await;
        assert_eq!((ended.reference, ended.reason), (watch, ExitReason::Shutdown));
        assert_eq!(record.take(), ["init", "terminate shutdown"]);
    });
}

#[test]
fn a_handler_that_ends_the_server_runs_terminate_first() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let counter = start(Counter::new(0, &record)).await.unwrap();
        cx.monitor(counter.pid());
        counter.stop(atom("enough")).unwrap();
        assert_eq!(down(&mut cx).await.reason, ExitReason::from(atom("enough")));
        assert_eq!(record.take(), ["init", "terminate enough"]);
        assert_eq!(counter.value().await, Err(CallError::NoProcess));
    });
}

#[test]
fn a_killed_server_runs_no_terminate() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let counter = start(Counter::new(0, &record)).await.unwrap();
        cx.monitor(counter.pid());
        cx.exit(counter.pid(), ExitReason::Kill);
        assert_eq!(down(&mut cx).await.reason, ExitReason::Killed);
        assert_eq!(record.take(), ["init"]);
    });
}

#[test]
fn a_panic_ends_the_server_with_message_and_place_and_without_terminate() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let counter = start(Counter::new(5, &record)).await.unwrap();
        let watch = cx.monitor(Dest::Pid(counter.pid()));
        counter.explode().unwrap();
        let ended = down(&mut cx).await;
        assert_eq!(ended.reference, watch);
        let reason = ended.reason.to_term();
        let [tag, message, place] = reason.as_tuple().unwrap() else { panic!("{reason}") };
        assert!(tag.is_atom("panic"));
        assert_eq!(*message, Term::string("the counter is at 5"));
        assert!(place.to_string().contains("gen_server.rs:"), "{place}");
        assert_eq!(record.take(), ["init"]);
    });
}

#[test]
fn the_idle_timeout_fires_when_nothing_arrives_for_so_long() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = Counter { idle: Some(millis(10)), ..Counter::new(0, &record) };
        let counter = start(server).await.unwrap();
        for _ in 0..3 {
            cx.sleep(millis(9)).await;
            counter.value().await.unwrap();
        }
        assert_eq!(record.take(), ["init"]);
        cx.sleep(millis(11)).await;
        assert_eq!(record.take(), ["idle"]);
        cx.sleep(millis(50)).await;
        assert!(record.take().is_empty());
    });
}

#[test]
fn a_cast_from_a_process_that_ends_arrives() {
    each_seed(|mut cx| async move {
        let counter = start(Counter::new(0, &Record::default())).await.unwrap();
        let body = move |_: Cx<Term>| async move { counter.addr().send(CounterMsg::Reset(9)).unwrap() };
        cx.spawn_monitor(engset_process::SpawnOptions::default(), body).unwrap();
        down(&mut cx).await;
        assert_eq!(counter.value().await, Ok(9));
        assert_eq!(waiting(&cx), 0);
        let nothing = cx.recv_timeout(Duration::ZERO).await;
        assert!(nothing.is_none_or(|mail| matches!(mail, Mail::Down(_))));
    });
}
