//! What a state machine does with an event: the next state, and the actions on the way there.

use super::core::{Plan, To};
use super::timeouts::{Key, Setting, When};
use super::{Event, StateMachine};
use crate::reply::Reply;
use engset_process::ExitReason;
use std::fmt;
use std::marker::PhantomData;

/// What a handler decided: where the machine goes, and what happens on the way.
///
/// Made by [`Step::next`], [`Step::keep`], [`Step::repeat`] or [`Step::stop`], with actions added by the other methods.
/// `K` says which handler decides, and with it what may be decided; it follows from where the step is returned:
///
/// | | [`Beginning`] (`init`) | [`Handling`] (`handle`) | [`Entering`] (`enter`) |
/// |---|---|---|---|
/// | another state | yes, the first one | yes | – |
/// | keep, repeat, stop | – | yes | yes |
/// | insert events | yes | yes | – |
/// | postpone | – | yes | – |
/// | time-outs, replies | yes | yes | yes |
///
/// Of several settings of one time-out in a step, and in the state-enter calls that follow it, only the last counts.
/// An update that follows a start in the same step is therefore one of a time-out that does not run yet.
///
/// What the table does not allow does not compile: a state-enter call cannot change the state, or postpone what it was not given.
///
/// ```compile_fail
/// use engset_otp::gen_statem::{Entering, Step, StateMachine};
/// fn enter<M: StateMachine>(state: M::State) -> Step<M, Entering> {
///     Step::next(state)
/// }
/// ```
/// ```compile_fail
/// use engset_otp::gen_statem::{Entering, Event, Step, StateMachine};
/// fn enter<M: StateMachine>(event: Event<M>) -> Step<M, Entering> {
///     Step::keep().postpone(event)
/// }
/// ```
/// ```compile_fail
/// use engset_otp::gen_statem::{Beginning, Step, StateMachine};
/// fn init<M: StateMachine>() -> Step<M, Beginning> {
///     Step::keep()
/// }
/// ```
#[must_use = "a step does nothing until the handler returns it"]
pub struct Step<M: StateMachine, K = Handling> {
    parts: Parts<M>,
    handler: PhantomData<fn() -> K>,
}

/// What a step consists of, whoever made it.
pub(super) struct Parts<M: StateMachine> {
    pub(super) plan: Plan<M::State, Event<M>>,
    pub(super) settings: Vec<Setting<Event<M>, M::Timer>>,
    pub(super) replies: Replies,
    pub(super) hibernate: bool,
    pub(super) stop: Option<ExitReason>,
}

/// The step that [`StateMachine::handle`] returns.
#[derive(Debug, Clone, Copy)]
pub enum Handling {}

/// The step that [`StateMachine::enter`] returns.
#[derive(Debug, Clone, Copy)]
pub enum Entering {}

/// The step that [`StateMachine::init`] returns.
#[derive(Debug, Clone, Copy)]
pub enum Beginning {}

/// Handlers that choose a state.
#[diagnostic::on_unimplemented(
    message = "a step of kind `{Self}` cannot go to another state",
    label = "a state-enter call stays in the state that is entered",
    note = "return `Step::keep()`, with a time-out of zero where another event should follow at once"
)]
pub trait ChoosesState {}
impl ChoosesState for Handling {}
impl ChoosesState for Beginning {}

/// Handlers that may stay where they are.
#[diagnostic::on_unimplemented(
    message = "a step of kind `{Self}` has no state to stay in",
    label = "`init` must say in which state the machine begins",
    note = "return `Step::next(state)`; to give up, return `Err(Exit(reason))`"
)]
pub trait HasState {}
impl HasState for Handling {}
impl HasState for Entering {}

impl<M: StateMachine, K: ChoosesState> Step<M, K> {
    /// Goes to `state` (OTP's `next_state`).
    ///
    /// Where it differs from the state now, the state time-out is cancelled, [`StateMachine::enter`] runs, and the
    /// postponed events are retried. Where it does not, this is [`Step::keep`].
    pub fn next(state: M::State) -> Self {
        Self::to(To::Next(state))
    }

    /// Queues an event of any kind for the machine (OTP's `next_event`): it comes before everything that is queued,
    /// postponed or not received yet. Several come in the order in which they were added. At most
    /// [`super::Limits::queued`] are queued at a time.
    pub fn next_event(mut self, event: Event<M>) -> Self {
        self.parts.plan.insert.push(event);
        self
    }

    /// Queues an internal event, see [`Step::next_event`].
    pub fn internal(self, content: M::Own) -> Self {
        self.next_event(Event::Internal(content))
    }
}

impl<M: StateMachine, K: HasState> Step<M, K> {
    /// Stays in the state (OTP's `keep_state`).
    pub fn keep() -> Self {
        Self::to(To::Keep)
    }

    /// Stays in the state, and enters it once more: [`StateMachine::enter`] runs (OTP's `repeat_state`). Postponed
    /// events are not retried, and the state time-out goes on.
    pub fn repeat() -> Self {
        Self::to(To::Repeat)
    }

    /// Ends the machine with `reason`, after the replies that are added to it (OTP's `stop_and_reply`). Without
    /// replies, `Err(Exit(reason))` does the same.
    pub fn stop(reason: ExitReason) -> Stop<M, K> {
        let mut step = Self::to(To::Keep);
        step.parts.stop = Some(reason);
        Stop(step)
    }
}

impl<M: StateMachine> Step<M, Handling> {
    /// Puts the event off until the state changes (OTP's `postpone`). All that were put off come then, in the order in
    /// which they came first, before anything newer.
    ///
    /// What a postponed call waits for is its caller's patience, as always. At most [`super::Limits::postponed`] events
    /// are postponed at a time.
    pub fn postpone(mut self, event: Event<M>) -> Self {
        self.parts.plan.postpone = Some(event);
        self
    }
}

impl<M: StateMachine> Step<M, Beginning> {
    /// The first state, and a step that enters it.
    pub(super) fn into_first(self) -> (M::State, Parts<M>) {
        let Parts { plan, settings, replies, hibernate, stop } = self.parts;
        let To::Next(state) = plan.to else { unreachable!("a first step can be made of a state only") };
        let plan = Plan { to: To::Repeat, ..plan };
        (state, Parts { plan, settings, replies, hibernate, stop })
    }
}

/// Actions of every handler.
impl<M: StateMachine, K> Step<M, K> {
    /// Delivers [`Event::EventTimeout`] unless any other event comes first. Replaces one that runs.
    pub fn event_timeout(self, when: impl Into<When>, content: M::Own) -> Self {
        self.set(Setting::Start(Key::Event, when.into(), Event::EventTimeout(content)))
    }

    /// Delivers [`Event::StateTimeout`] unless the state changes first. Replaces one that runs.
    ///
    /// One that is set with a change of state belongs to the new state.
    pub fn state_timeout(self, when: impl Into<When>, content: M::Own) -> Self {
        self.set(Setting::Start(Key::State, when.into(), Event::StateTimeout(content)))
    }

    /// Delivers [`Event::Timeout`] unless it is cancelled first. Replaces one that runs by the same name.
    pub fn timeout(self, name: M::Timer, when: impl Into<When>, content: M::Own) -> Self {
        self.set(Setting::Start(Key::Named(name.clone()), when.into(), Event::Timeout(name, content)))
    }

    /// Gives the event time-out another content. Where none runs, this is a time-out of zero.
    pub fn update_event_timeout(self, content: M::Own) -> Self {
        self.set(Setting::Update(Key::Event, Event::EventTimeout(content)))
    }

    /// Gives the state time-out another content. Where none runs, this is a time-out of zero.
    pub fn update_state_timeout(self, content: M::Own) -> Self {
        self.set(Setting::Update(Key::State, Event::StateTimeout(content)))
    }

    /// Gives a named time-out another content. Where none runs, this is a time-out of zero.
    pub fn update_timeout(self, name: M::Timer, content: M::Own) -> Self {
        self.set(Setting::Update(Key::Named(name.clone()), Event::Timeout(name, content)))
    }

    /// Cancels the event time-out, if one was set by the same step; any other is cancelled already.
    pub fn cancel_event_timeout(self) -> Self {
        self.set(Setting::Cancel(Key::Event))
    }

    /// Cancels the state time-out. One that was due and is not delivered yet does not come either.
    pub fn cancel_state_timeout(self) -> Self {
        self.set(Setting::Cancel(Key::State))
    }

    /// Cancels a named time-out. One that was due and is not delivered yet does not come either.
    pub fn cancel_timeout(self, name: M::Timer) -> Self {
        self.set(Setting::Cancel(Key::Named(name)))
    }

    /// Answers a call when the step is made, before any state is entered.
    ///
    /// [`Reply::send`] inside the handler answers just as well, and at once.
    pub fn reply<T: Send + 'static>(mut self, reply: Reply<T>, value: T) -> Self {
        self.parts.replies.add(move || reply.send(value));
        self
    }

    /// Answers a call that can fail, see [`Step::reply`].
    pub fn answer<T, E>(mut self, reply: Reply<T, E>, answer: Result<T, E>) -> Self
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.parts.replies.add(move || reply.answer(answer));
        self
    }

    /// Says that nothing is expected for long. A waiting process has no stack to be thrown away as on the BEAM; the
    /// machine gives back the spare room of its queues.
    pub fn hibernate(mut self) -> Self {
        self.parts.hibernate = true;
        self
    }

    fn to(to: To<M::State>) -> Self {
        let parts = Parts {
            plan: Plan { to, postpone: None, insert: Vec::new() },
            settings: Vec::new(),
            replies: Replies::default(),
            hibernate: false,
            stop: None,
        };
        Self { parts, handler: PhantomData }
    }

    pub(super) fn into_parts(self) -> Parts<M> {
        self.parts
    }

    fn set(mut self, setting: Setting<Event<M>, M::Timer>) -> Self {
        self.parts.settings.push(setting);
        self
    }
}

impl<M: StateMachine, K> fmt::Debug for Step<M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.parts.plan.to {
            _ if self.parts.stop.is_some() => "stop",
            To::Keep => "keep",
            To::Repeat => "repeat",
            To::Next(_) => "next",
        };
        f.debug_struct("Step")
            .field("to", &to)
            .field("postpone", &self.parts.plan.postpone)
            .finish_non_exhaustive()
    }
}

/// The last step: only replies can be added. `.into()` makes it what the handler returns.
///
/// ```
/// use engset_otp::Reply;
/// use engset_otp::gen_statem::{StateMachine, Step};
/// use engset_process::{Exit, ExitReason};
///
/// fn last<M: StateMachine>(reply: Reply<u64>) -> Result<Step<M>, Exit> {
///     Ok(Step::stop(ExitReason::Normal).reply(reply, 7).into())
/// }
/// ```
#[must_use = "a step does nothing until the handler returns it"]
pub struct Stop<M: StateMachine, K = Handling>(Step<M, K>);

impl<M: StateMachine, K> Stop<M, K> {
    /// Answers a call before the machine ends.
    pub fn reply<T: Send + 'static>(self, reply: Reply<T>, value: T) -> Self {
        Self(self.0.reply(reply, value))
    }

    /// Answers a call that can fail before the machine ends.
    pub fn answer<T, E>(self, reply: Reply<T, E>, answer: Result<T, E>) -> Self
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        Self(self.0.answer(reply, answer))
    }
}

impl<M: StateMachine, K> From<Stop<M, K>> for Step<M, K> {
    fn from(stop: Stop<M, K>) -> Self {
        stop.0
    }
}

impl<M: StateMachine, K> fmt::Debug for Stop<M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("reason", &self.0.parts.stop).finish_non_exhaustive()
    }
}

/// Answers to be given, in order.
#[derive(Default)]
pub(super) struct Replies(Vec<Box<dyn FnOnce() + Send>>);

impl Replies {
    pub(super) fn send(self) {
        for reply in self.0 {
            reply();
        }
    }

    fn add(&mut self, reply: impl FnOnce() + Send + 'static) {
        self.0.push(Box::new(reply));
    }
}
