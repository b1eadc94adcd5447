//! A machine that does what the messages say, and records everything that it is given, with its state.

use crate::node::{Record, with_seed};
use engset_otp::Reply;
use engset_otp::gen_statem::{Beginning, Entering, Event, Limits, StateMachine, Step, start};
use engset_process::{Cx, Exit, ExitReason, Protocol};
use engset_term::Term;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

type Decide<K> = Box<dyn FnOnce() -> Step<Script, K> + Send>;

/// The machine; its state is a word.
pub(crate) struct Script {
    pub(crate) record: Record,
    /// What is done when a state is entered, once for each entry.
    entering: Vec<(&'static str, Decide<Entering>)>,
    first: Option<Decide<Beginning>>,
}

/// What it is sent.
pub(crate) enum ScriptMsg {
    /// Makes a step.
    Go(Decide<engset_otp::gen_statem::Handling>),
    /// Is postponed in `s0`.
    Post(&'static str),
    /// Is only recorded.
    Note(&'static str),
    /// Is recorded, and answered with the state.
    Ask(Reply<&'static str>),
    /// Makes a step that postpones the message that asks for it, unless the state is `done`.
    PostponeInto(&'static str),
    /// Is served for this long.
    Busy(Duration),
}

impl Protocol for ScriptMsg {}

pub(crate) fn go(decide: impl FnOnce() -> Step<Script> + Send + 'static) -> ScriptMsg {
    ScriptMsg::Go(Box::new(decide))
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

impl Script {
    pub(crate) fn new(record: &Record) -> Self {
        Self { record: record.clone(), entering: Vec::new(), first: None }
    }

    /// Makes this step the next time that `state` is entered.
    pub(crate) fn entering(
        mut self,
        state: &'static str,
        decide: impl FnOnce() -> Step<Self, Entering> + Send + 'static,
    ) -> Self {
        self.entering.push((state, Box::new(decide)));
        self
    }

    /// Begins with this step.
    pub(crate) fn beginning(
        mut self,
        decide: impl FnOnce() -> Step<Self, Beginning> + Send + 'static,
    ) -> Self {
        self.first = Some(Box::new(decide));
        self
    }
}

impl StateMachine for Script {
    type State = &'static str;
    type Msg = ScriptMsg;
    type Own = &'static str;
    type Timer = &'static str;

    const LIMITS: Limits = Limits { postponed: 3, queued: 5, timeouts: 5 };

    async fn init(&mut self, _cx: &mut Cx<ScriptMsg>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(self.first.take().map_or_else(|| Step::next("s0"), |first| first()))
    }

    async fn handle(
        &mut self,
        state: &&'static str,
        event: Event<Self>,
        cx: &mut Cx<ScriptMsg>,
    ) -> Result<Step<Self>, Exit> {
        let name = match &event {
            Event::Message(ScriptMsg::Go(_) | ScriptMsg::PostponeInto(_)) => "go".to_owned(),
            Event::Message(ScriptMsg::Post(name)) => format!("post {name}"),
            Event::Message(ScriptMsg::Note(name)) => format!("note {name}"),
            Event::Message(ScriptMsg::Ask(_)) => "ask".to_owned(),
            Event::Message(ScriptMsg::Busy(_)) => "busy".to_owned(),
            Event::Info(info) => format!("info {info:?}"),
            Event::Internal(name) => format!("internal {name}"),
            Event::EventTimeout(name) => format!("timeout {name}"),
            Event::StateTimeout(name) => format!("state_timeout {name}"),
            Event::Timeout(timer, name) => format!("{timer} {name}"),
        };
        self.record.add(format!("{name} {state}"));
        Ok(match event {
            Event::Message(ScriptMsg::Go(decide)) => decide(),
            event @ Event::Message(ScriptMsg::Post(_)) if *state == "s0" => Step::keep().postpone(event),
            event @ Event::Message(ScriptMsg::PostponeInto(_)) if *state == "done" => {
                drop(event);
                Step::keep()
            }
            Event::Message(ScriptMsg::PostponeInto(next)) => {
                Step::next(next).postpone(Event::Message(ScriptMsg::PostponeInto("done")))
            }
            Event::Message(ScriptMsg::Ask(reply)) => Step::keep().reply(reply, *state),
            Event::Message(ScriptMsg::Busy(duration)) => {
                cx.sleep(duration).await;
                Step::keep()
            }
            _ => Step::keep(),
        })
    }

    async fn enter(
        &mut self,
        before: &&'static str,
        state: &&'static str,
        _cx: &mut Cx<ScriptMsg>,
    ) -> Result<Step<Self, Entering>, Exit> {
        self.record.add(format!("enter {before} {state}"));
        let place = self.entering.iter().position(|(entered, _)| entered == state);
        Ok(place.map_or_else(Step::keep, |place| self.entering.remove(place).1()))
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &&'static str, _cx: &mut Cx<ScriptMsg>) {
        self.record.add(format!("terminate {reason} {state}"));
    }
}

/// What a machine records that gets these messages one after the other, and a second to serve them.
pub(crate) fn play(messages: Vec<ScriptMsg>) -> Vec<String> {
    play_with(|script| script, messages)
}

/// The same with a machine that is prepared first.
pub(crate) fn play_with(
    prepare: impl FnOnce(Script) -> Script + Send + 'static,
    messages: Vec<ScriptMsg>,
) -> Vec<String> {
    let record = Record::default();
    let played = Arc::new(Mutex::new(Vec::new()));
    let result = Arc::clone(&played);
    with_seed(11, move |cx: Cx<Term>| async move {
        let script = start(prepare(Script::new(&record))).await.unwrap();
        for message in messages {
            cx.send(script, message).unwrap();
        }
        cx.sleep(Duration::from_secs(1)).await;
        *result.lock() = record.take();
    });
    std::mem::take(&mut *played.lock())
}
