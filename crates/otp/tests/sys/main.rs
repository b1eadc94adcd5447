//! System messages: what OTP's `sys` does to any behaviour's process.

use engset_macros::server;
use engset_otp::gen_statem::{self, Beginning, Event, StateMachine, Step};
use engset_otp::{CallTarget, Child, Reply, Supervisor, gen_event, start, sys};
use engset_process::{Addr, Cx, Exit, Identity, Mail, Processes, Protocol, Scheduler, Target};
use engset_term::{NodeName, Term};
use std::convert::Infallible;
use std::time::Duration;

const SEEDS: u64 = 10;

/// Runs `body` under several seeded orders and under worker threads.
fn everywhere<B, F>(body: B)
where
    B: Fn(Cx<Term>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 1_000, salt: 7 };
    for seed in 0..SEEDS {
        let processes = Processes::new(identity, Scheduler::seeded(seed));
        let result = processes.block_on(body.clone());
        assert!(result.is_ok(), "seed {seed}: {result:?}");
    }
    let scheduler = Scheduler::threads(2).expect("worker threads");
    let processes = Processes::new(identity, scheduler.clone());
    let result = processes.block_on(body);
    assert!(result.is_ok(), "on threads: {result:?}");
    processes.kill_all();
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    threads.shutdown();
}

/// A light that counts how often it was switched.
struct Light {
    switched: u64,
}

#[derive(PartialEq, Debug)]
enum State {
    Off,
    On,
}

enum Request {
    Switch(Reply<u64>),
}
impl Protocol for Request {}

impl StateMachine for Light {
    type State = State;
    type Msg = Request;
    type Own = ();
    type Timer = Infallible;

    async fn init(&mut self, _cx: &mut Cx<Request>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(Step::next(State::Off))
    }

    async fn handle(
        &mut self,
        state: &State,
        event: Event<Self>,
        _cx: &mut Cx<Request>,
    ) -> Result<Step<Self>, Exit> {
        let Event::Message(Request::Switch(reply)) = event else { return Ok(Step::keep()) };
        self.switched += 1;
        reply.send(self.switched);
        Ok(Step::next(if *state == State::Off { State::On } else { State::Off }))
    }

    fn inspect(&self, state: &State) -> Option<Term> {
        let state = Term::atom(if *state == State::On { "on" } else { "off" });
        Some(Term::tuple([state, Term::from(self.switched)]))
    }

    fn replace(&mut self, state: &Term) -> Result<(), String> {
        let number = state.as_integer().and_then(|number| number.as_i64());
        self.switched = number.and_then(|number| u64::try_from(number).ok()).ok_or("a count is expected")?;
        Ok(())
    }
}

async fn light() -> Addr<Request> {
    gen_statem::start(Light { switched: 0 }).await.expect("there is room")
}

fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

/// `gen_statem_SUITE`: the state of a machine can be looked at.
#[test]
fn get_state() {
    everywhere(|_cx| async move {
        let light = light().await;
        assert_eq!(sys::get_state(light).await, Ok(term("{off,0}")));
        assert_eq!(light.call(Request::Switch).await, Ok(1));
        assert_eq!(sys::get_state(light).await, Ok(term("{on,1}")));
    });
}

/// `gen_statem_SUITE`: and another be put in its place, or be refused.
#[test]
fn replace_state() {
    everywhere(|_cx| async move {
        let light = light().await;
        assert_eq!(sys::replace_state(light, Term::from(41)).await, Ok(term("{off,41}")));
        assert_eq!(light.call(Request::Switch).await, Ok(42));
        let refused = sys::replace_state(light, Term::atom("many")).await;
        assert!(refused.unwrap_err().to_string().contains("a count is expected"));
        assert_eq!(light.call(Request::Switch).await, Ok(43));
    });
}

/// `gen_statem_SUITE` `sys1`, `sys_SUITE` `suspend`: a suspended process serves nothing until it is resumed.
#[test]
fn suspend() {
    everywhere(|_cx| async move {
        let light = light().await;
        assert_eq!(sys::suspend(light).await, Ok(()));
        let status = sys::get_status(light).await.unwrap().to_string();
        assert!(status.contains("suspended"), "{status}");
        assert!(light.call(Request::Switch).timeout(Duration::from_millis(20)).await.is_err());
        assert_eq!(sys::get_state(light).await, Ok(term("{off,0}")), "system messages are served");
        assert_eq!(sys::resume(light).await, Ok(()));
        assert_eq!(light.call(Request::Switch).await.map(|_| ()), Ok(()));
        assert!(sys::get_status(light).await.unwrap().to_string().contains("running"));
    });
}

/// `sys_SUITE` `stats`: messages are counted from when that is asked for.
#[test]
fn stats() {
    everywhere(|_cx| async move {
        let light = light().await;
        assert_eq!(sys::get_statistics(light).await, Ok(Term::atom("no_statistics")));
        assert_eq!(sys::statistics(light, true).await, Ok(()));
        for _ in 0..3 {
            assert!(light.call(Request::Switch).await.is_ok());
        }
        let counted = sys::get_statistics(light).await.unwrap().to_string();
        // The question itself is a system message, which does not count.
        assert!(counted.contains("{messages_in,3},{messages_out,3}"), "{counted}");
        assert_eq!(sys::statistics(light, false).await, Ok(()));
        assert_eq!(sys::get_statistics(light).await, Ok(Term::atom("no_statistics")));
    });
}

/// `sys_SUITE` `log`: the last events are kept.
#[test]
fn log() {
    everywhere(|_cx| async move {
        let light = light().await;
        assert_eq!(sys::log(light, 2).await, Ok(()));
        for _ in 0..3 {
            assert!(light.call(Request::Switch).await.is_ok());
        }
        let events = sys::get_log(light).await.unwrap();
        assert_eq!(events.as_proper_list().unwrap().len(), 2);
        assert_eq!(sys::trace(light, true).await, Ok(()));
        assert_eq!(sys::log(light, 0).await, Ok(()));
        assert_eq!(sys::get_log(light).await, Ok(Term::Nil));
    });
}

/// `gen_event_SUITE`, `supervisor`: every behaviour answers.
#[test]
fn every_behaviour_answers() {
    everywhere(|_cx| async move {
        let manager = gen_event::EventManager::<u32>::start().await.expect("there is room");
        assert_eq!(sys::get_state(manager.dest()).await, Ok(Term::Nil));
        let worker = || |mut cx: Cx<Term>| async move { drop(cx.recv().await) };
        let tree =
            Supervisor::one_for_one().child(Child::process("w", worker)).start().await.expect("it starts");
        let children = sys::get_state(tree.pid()).await.unwrap();
        assert_eq!(children.as_proper_list().map(<[Term]>::len), Some(1), "{children}");
        assert_eq!(sys::suspend(tree.pid()).await, Ok(()));
        assert!(tree.count_children().timeout(Duration::from_millis(20)).await.is_err());
        assert_eq!(sys::resume(tree.pid()).await, Ok(()));
        assert!(tree.count_children().await.is_ok());
        assert!(sys::replace_state(tree.pid(), Term::Nil).await.is_err());
    });
}

/// Shows what it counted, as any value that has an Erlang form.
#[derive(Default)]
struct Tally {
    counted: Vec<f64>,
}

#[server(crate = "engset_otp")]
impl Tally {
    #[call]
    fn add(&mut self, some: f64) {
        self.counted.push(some);
    }

    #[inspect]
    fn shown(&self) -> &[f64] {
        &self.counted
    }

    /// Something that has no Erlang form.
    #[cast]
    fn spoil(&mut self) {
        self.counted.push(f64::NAN);
    }
}

/// `#[inspect]` on a method of a `#[server]` says what it shows; what has no Erlang form is as if nothing were shown.
#[test]
fn a_server_shows_what_its_method_says() {
    everywhere(|_cx| async move {
        let tally = start(Tally::default()).await.expect("there is room");
        assert_eq!(tally.add(1.5).await, Ok(()));
        assert_eq!(sys::get_state(tally.pid()).await.unwrap().to_string(), "[1.5]");
        tally.spoil().unwrap();
        assert!(sys::get_state(tally.pid()).await.unwrap().to_string().starts_with("{opaque,"));
    });
}

/// A process that follows no behaviour gets a system message as any other: who asks waits for its deadline.
#[test]
fn a_process_without_a_behaviour_does_not_answer() {
    everywhere(|cx| async move {
        let me = cx.addr();
        let plain = cx.spawn(move |mut cx: Cx<Term>| async move {
            if let Mail::Message(asked) = cx.recv().await {
                me.send(asked).expect("the test waits");
            }
        });
        let asked = sys::get_state(plain.expect("there is room")).await;
        assert!(asked.is_err());
    });
}
