//! A process that becomes a state machine, and machines that any term reaches.

use crate::line::{Line, LineMsg, State, works_by_calls};
use crate::node::{Record, each_seed};
use engset_otp::gen_statem::{self, Beginning, Event, StateMachine, Step, start, stop};
use engset_otp::{CallError, CallTarget, Dynamic};
use engset_process::{Cx, Exit, ExitReason, Mail, Service, SpawnOptions, Target};
use engset_term::{Atom, Term};
use std::convert::Infallible;
use std::time::Duration;

const NAME: Atom = Atom::from_static("armitage");
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that does something else first becomes a state machine: with a name or without, in the state that it says,
/// and it ends with its parent.
#[test]
fn enter_loop() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        for named in [true, false] {
            let parent = cx.pid();
            let body = move |mut cx: Cx<LineMsg>| async move {
                if named {
                    cx.register(&NAME).unwrap();
                }
                gen_statem::enter_loop(Line::idle(), Step::next(State::Connected), &mut cx, Some(parent))
                    .await
            };
            let line = cx.spawn_link(SpawnOptions::default(), body).unwrap();
            assert_eq!(line.call(LineMsg::Get).await, Ok(State::Connected));
            assert_eq!(Service::local(NAME).call(LineMsg::Alive).await.is_ok(), named);
            assert_eq!(line.call(LineMsg::Disconnect).await, Ok(true));
            works_by_calls(&mut cx, &line).await;
            stop(&line, ExitReason::Normal, PATIENCE).await.unwrap();
            let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
            assert_eq!((exit.from, exit.reason), (line.pid(), ExitReason::Normal));
        }
        let record = Record::default();
        let machine = Line::recorded(&record);
        let parent = cx.pid();
        let body = move |mut cx: Cx<LineMsg>| async move {
            cx.trap_exit(true);
            gen_statem::enter_loop(machine, Step::next(State::Idle), &mut cx, Some(parent)).await
        };
        let line = cx.spawn_link(SpawnOptions::default(), body).unwrap();
        assert_eq!(line.call(LineMsg::Alive).await, Ok(true));
        cx.exit(line.pid(), ExitReason::Shutdown);
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (line.pid(), ExitReason::Shutdown));
        assert_eq!(record.take(), ["terminate shutdown in Idle"]);
    });
}

/// A machine that takes any term, from Erlang too: `off` until `{push, N}` is cast.
struct Button;

impl StateMachine for Button {
    type State = u64;
    type Msg = Dynamic;
    type Own = ();
    type Timer = Infallible;

    async fn init(&mut self, _cx: &mut Cx<Dynamic>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(Step::next(0))
    }

    async fn handle(
        &mut self,
        state: &u64,
        event: Event<Self>,
        _cx: &mut Cx<Dynamic>,
    ) -> Result<Step<Self>, Exit> {
        Ok(match event {
            Event::Message(Dynamic::Cast(_)) => Step::next(state + 1),
            Event::Message(Dynamic::Call(request, reply)) if *state == 0 => {
                Step::keep().postpone(Event::Message(Dynamic::Call(request, reply)))
            }
            Event::Message(Dynamic::Call(_, reply)) => Step::keep().reply(reply, Term::from(*state)),
            _ => Step::keep(),
        })
    }
}

#[test]
fn a_machine_may_take_any_term() {
    each_seed(|cx| async move {
        let button = start(Button).await.unwrap();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(Duration::from_millis(10)).await;
            Dynamic::cast(&button, Term::atom("push")).unwrap();
        })
        .unwrap();
        assert_eq!(Dynamic::call(&button, Term::atom("get")).await, Ok(Term::from(1)), "it was postponed");
        stop(&button, ExitReason::Normal, PATIENCE).await.unwrap();
    });
}

/// A machine whose protocol is all terms is stopped as others are, although the request is one of its messages.
#[test]
fn a_machine_of_terms_is_stopped_too() {
    struct Echo(Record);
    impl StateMachine for Echo {
        type State = ();
        type Msg = Term;
        type Own = ();
        type Timer = Infallible;

        async fn init(&mut self, _cx: &mut Cx<Term>) -> Result<Step<Self, Beginning>, Exit> {
            Ok(Step::next(()))
        }

        async fn handle(
            &mut self,
            (): &(),
            event: Event<Self>,
            _: &mut Cx<Term>,
        ) -> Result<Step<Self>, Exit> {
            if let Event::Message(term) = event {
                self.0.add(term.to_string());
            }
            Ok(Step::keep())
        }
    }
    each_seed(|_| async {
        let record = Record::default();
        let echo = start(Echo(record.clone())).await.unwrap();
        echo.send(Term::parse("{system, 1, {terminate, 2}}").unwrap()).unwrap();
        stop(&echo, ExitReason::Shutdown, PATIENCE).await.unwrap();
        assert_eq!(record.take(), ["{system,1,{terminate,2}}"], "that was no request of anybody");
    });
}

/// A postponed call whose caller has given up is answered into the void, and disturbs nobody.
#[test]
fn a_postponed_call_has_the_patience_of_its_caller() {
    each_seed(|cx| async move {
        let button = start(Button).await.unwrap();
        let call = Dynamic::call(&button, Term::atom("get")).timeout(Duration::from_millis(10)).await;
        assert_eq!(call, Err(CallError::Timeout { begun: true }));
        Dynamic::cast(&button, Term::atom("push")).unwrap();
        crate::node::settle(&cx).await;
        assert_eq!(Dynamic::call(&button, Term::atom("get")).await, Ok(Term::from(1)));
    });
}
