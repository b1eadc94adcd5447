//! A telephone line: idle, waiting for a confirmation, or connected. What every started machine must be able to do.

use crate::node::{Record, atom, millis};
use engset_otp::gen_statem::{Beginning, Event, StateMachine, Step};
use engset_otp::{CallTarget, Info, Reply};
use engset_process::{Cx, Exit, ExitReason, Mail, Protocol, Target};
use engset_term::{Atom, Pid, Term};
use std::time::Duration;

/// How the machine begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Begin {
    Idle,
    /// Its `init` ends it.
    Refuse(ExitReason),
    /// Its `init` panics.
    Panic,
    /// Its `init` takes this long.
    Slowly(Duration),
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) begin: Begin,
    pub(crate) trap_exit: bool,
    pub(crate) record: Record,
    waiting: Option<Reply<()>>,
    kept: Vec<Reply<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum State {
    Idle,
    WaitForConfirmation,
    Connected,
    /// Waits for this to be over.
    Timing,
}

/// Requests; those with a pid are casts that are answered with a message.
#[derive(Debug)]
pub(crate) enum LineMsg {
    Alive(Reply<bool>),
    AliveCast(Pid),
    Get(Reply<State>),
    Connect(Reply<bool>),
    ConnectCast(Pid),
    Confirm(Reply<bool>),
    ConfirmCast,
    Ping(Pid),
    Say(u32, Reply<u32>),
    SayCast(u32, Pid),
    Disconnect(Reply<bool>),
    DisconnectCast,
    /// Answered after this long.
    Time(Duration, Reply<()>),
    /// Answered late, with the machine busy meanwhile.
    Delay(Duration, Reply<()>),
    Stop(ExitReason, Reply<()>),
    StopCast(ExitReason),
    Panic(Reply<()>),
    /// Never answered, but kept.
    Keep(Reply<()>),
}

impl Protocol for LineMsg {}

impl Line {
    pub(crate) fn new(begin: Begin) -> Self {
        Self { begin, trap_exit: false, record: Record::default(), waiting: None, kept: Vec::new() }
    }

    pub(crate) fn idle() -> Self {
        Self::new(Begin::Idle)
    }

    pub(crate) fn recorded(record: &Record) -> Self {
        Self { trap_exit: true, record: record.clone(), ..Self::idle() }
    }
}

impl StateMachine for Line {
    type State = State;
    type Msg = LineMsg;
    type Own = ();
    type Timer = &'static str;

    async fn init(&mut self, cx: &mut Cx<LineMsg>) -> Result<Step<Self, Beginning>, Exit> {
        cx.trap_exit(self.trap_exit);
        match std::mem::replace(&mut self.begin, Begin::Idle) {
            Begin::Idle => {}
            Begin::Refuse(reason) => return Err(Exit(reason)),
            Begin::Panic => panic!("no line"),
            Begin::Slowly(duration) => cx.sleep(duration).await,
        }
        Ok(Step::next(State::Idle))
    }

    engset_otp::state_functions! {
        State::Idle => when_idle,
        State::WaitForConfirmation => when_waiting,
        State::Connected => when_connected,
        State::Timing => when_timing,
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &State, _cx: &mut Cx<LineMsg>) {
        self.record.add(format!("terminate {reason} in {state:?}"));
    }
}

#[expect(clippy::needless_pass_by_ref_mut, reason = "state functions have one signature")]
impl Line {
    async fn when_idle(
        &mut self,
        state: &State,
        event: Event<Self>,
        cx: &mut Cx<LineMsg>,
    ) -> Result<Step<Self>, Exit> {
        match event {
            Event::Message(LineMsg::Connect(reply)) => {
                Ok(Step::next(State::WaitForConfirmation).reply(reply, true))
            }
            Event::Message(LineMsg::ConnectCast(from)) => {
                tell(cx, from, "accept");
                Ok(Step::next(State::WaitForConfirmation))
            }
            Event::Message(LineMsg::Time(duration, reply)) => {
                self.waiting = Some(reply);
                Ok(Step::next(State::Timing).timeout("time", duration, ()).state_timeout(millis(60_000), ()))
            }
            Event::Message(LineMsg::Delay(duration, reply)) => {
                cx.sleep(duration).await;
                Ok(Step::keep().reply(reply, ()))
            }
            event => self.common(*state, event, cx),
        }
    }

    async fn when_waiting(
        &mut self,
        state: &State,
        event: Event<Self>,
        cx: &mut Cx<LineMsg>,
    ) -> Result<Step<Self>, Exit> {
        match event {
            Event::Message(LineMsg::Confirm(reply)) => Ok(Step::next(State::Connected).reply(reply, true)),
            Event::Message(LineMsg::ConfirmCast) => Ok(Step::next(State::Connected)),
            event @ Event::Message(LineMsg::Ping(_)) => Ok(Step::keep().postpone(event)),
            event => self.common(*state, event, cx),
        }
    }

    async fn when_connected(
        &mut self,
        state: &State,
        event: Event<Self>,
        cx: &mut Cx<LineMsg>,
    ) -> Result<Step<Self>, Exit> {
        match event {
            Event::Message(LineMsg::Say(number, reply)) => Ok(Step::keep().reply(reply, number)),
            Event::Message(LineMsg::SayCast(number, from)) => {
                tell(cx, from, &format!("heard {number}"));
                Ok(Step::keep())
            }
            Event::Message(LineMsg::Ping(from)) => {
                tell(cx, from, "pong");
                Ok(Step::keep())
            }
            Event::Message(LineMsg::Disconnect(reply)) => Ok(Step::next(State::Idle).reply(reply, true)),
            Event::Message(LineMsg::DisconnectCast) => Ok(Step::next(State::Idle)),
            event => self.common(*state, event, cx),
        }
    }

    async fn when_timing(
        &mut self,
        state: &State,
        event: Event<Self>,
        cx: &mut Cx<LineMsg>,
    ) -> Result<Step<Self>, Exit> {
        match event {
            Event::Timeout("time", ()) => {
                if let Some(reply) = self.waiting.take() {
                    reply.send(());
                }
                Ok(Step::next(State::Idle))
            }
            event => self.common(*state, event, cx),
        }
    }

    fn common(&mut self, state: State, event: Event<Self>, cx: &Cx<LineMsg>) -> Result<Step<Self>, Exit> {
        let message = match event {
            Event::Message(message) => message,
            Event::Info(Info::Message(term)) => {
                self.record.add(format!("term {term}"));
                return Ok(Step::keep());
            }
            Event::Info(info) => {
                self.record.add(match info {
                    Info::Exit(trapped) => format!("exit {}", trapped.reason),
                    Info::Down(down) => format!("down {}", down.reason),
                    Info::Message(_) | Info::Timeout => "what?".to_owned(),
                });
                return Ok(Step::keep());
            }
            event => return Err(Exit(ExitReason::from_term(Term::string(&format!("{event:?}"))))),
        };
        Ok(match message {
            LineMsg::Alive(reply) => Step::keep().reply(reply, true),
            LineMsg::AliveCast(from) => {
                tell(cx, from, "yes");
                Step::keep()
            }
            LineMsg::Get(reply) => Step::keep().reply(reply, state),
            LineMsg::Stop(reason, reply) => Step::stop(reason).reply(reply, ()).into(),
            LineMsg::StopCast(reason) => return Err(Exit(reason)),
            LineMsg::Panic(_reply) => panic!("told to"),
            LineMsg::Keep(reply) => {
                self.kept.push(reply);
                Step::keep()
            }
            LineMsg::Connect(reply) | LineMsg::Confirm(reply) | LineMsg::Disconnect(reply) => {
                Step::keep().reply(reply, false)
            }
            _ => Step::keep(),
        })
    }
}

fn tell(cx: &Cx<LineMsg>, to: Pid, what: &str) {
    cx.send(to, Term::from(atom(&what.replace(' ', "_")))).unwrap();
}

/// What every line can do, by casts: states change, and a ping is postponed until it can be served.
pub(crate) async fn works_by_casts(cx: &mut Cx<Term>, line: &impl Target<LineMsg>) {
    let me = cx.pid();
    line.send(LineMsg::AliveCast(me)).unwrap();
    expect(cx, "yes").await;
    line.send(LineMsg::ConnectCast(me)).unwrap();
    expect(cx, "accept").await;
    line.send(LineMsg::Ping(me)).unwrap();
    line.send(LineMsg::AliveCast(me)).unwrap();
    expect(cx, "yes").await;
    line.send(LineMsg::ConfirmCast).unwrap();
    expect(cx, "pong").await;
    for number in 0..3 {
        line.send(LineMsg::SayCast(number, me)).unwrap();
        expect(cx, &format!("heard_{number}")).await;
    }
    line.send(LineMsg::DisconnectCast).unwrap();
    line.send(LineMsg::AliveCast(me)).unwrap();
    expect(cx, "yes").await;
}

/// The same by calls.
pub(crate) async fn works_by_calls(cx: &mut Cx<Term>, line: &impl CallTarget<LineMsg>) {
    assert_eq!(line.call(LineMsg::Alive).await, Ok(true));
    assert_eq!(line.call(LineMsg::Get).await, Ok(State::Idle));
    assert_eq!(line.call(LineMsg::Disconnect).await, Ok(false), "there is nothing to end");
    assert_eq!(line.call(LineMsg::Connect).await, Ok(true));
    assert_eq!(line.call(LineMsg::Get).await, Ok(State::WaitForConfirmation));
    line.send(LineMsg::Ping(cx.pid())).unwrap();
    assert_eq!(line.call(LineMsg::Connect).await, Ok(false), "it is being connected");
    assert_eq!(line.call(LineMsg::Confirm).await, Ok(true));
    expect(cx, "pong").await;
    assert_eq!(line.call(LineMsg::Get).await, Ok(State::Connected));
    for number in 0..3 {
        assert_eq!(line.call(|reply| LineMsg::Say(number, reply)).await, Ok(number));
    }
    assert_eq!(line.call(LineMsg::Disconnect).await, Ok(true));
    assert_eq!(line.call(|reply| LineMsg::Time(millis(20), reply)).await, Ok(()));
    assert_eq!(line.call(LineMsg::Get).await, Ok(State::Idle));
}

pub(crate) async fn works(cx: &mut Cx<Term>, line: &impl CallTarget<LineMsg>) {
    works_by_casts(cx, line).await;
    works_by_calls(cx, line).await;
}

/// Waits for a message.
pub(crate) async fn expect(cx: &mut Cx<Term>, what: &str) {
    let got = cx.recv_timeout(Duration::from_secs(10)).await;
    assert!(
        matches!(&got, Some(Mail::Message(Term::Atom(atom))) if atom.as_str() == what),
        "{what}: {got:?}"
    );
}

/// Nothing waits in the mailbox.
pub(crate) async fn expect_nothing(cx: &mut Cx<Term>) {
    assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
}

pub(crate) fn reason(text: &str) -> ExitReason {
    ExitReason::from(Atom::new(text).unwrap())
}
