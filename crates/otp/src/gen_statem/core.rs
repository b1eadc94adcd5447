//! Pure: what a state machine is given next, and what becomes of its queues and time-outs with each step.
//!
//! The order is OTP's. First come the queued events: those that the last step inserted, then, after a change of state,
//! the postponed ones from the oldest on. Then come time-outs of zero, in the order in which they were set. Only then
//! is anything received; a time-out that is due waits for what had arrived when that was noticed.

use super::timeouts::{Full, Key, Setting, Timeouts};
use engset_process::ExitReason;
use engset_term::{Instant, Term};
use std::collections::VecDeque;
use std::fmt;

/// How much a state machine may keep for later. One more of anything ends it with `{system_limit, Text}`.
///
/// ```
/// use engset_otp::gen_statem::Limits;
///
/// const FEW: Limits = Limits { postponed: 10, ..Limits::DEFAULT };
/// assert_eq!(FEW.queued, Limits::DEFAULT.queued);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many events may be postponed at a time.
    pub postponed: usize,
    /// How many events may be queued at a time: inserted ones, and postponed ones that are being retried.
    pub queued: usize,
    /// How many time-outs may run at a time.
    pub timeouts: usize,
}

impl Limits {
    /// What holds unless the machine says otherwise.
    pub const DEFAULT: Self = Self { postponed: 100_000, queued: 200_000, timeouts: 1_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The state of a machine, and everything that it keeps for later.
#[derive(Debug)]
pub(super) struct Core<S, E, N> {
    state: S,
    queue: VecDeque<E>,
    postponed: VecDeque<E>,
    timeouts: Timeouts<E, N>,
    /// How many messages arrived before it was noticed that a time-out is due.
    ahead: Option<usize>,
    limits: Limits,
}

/// What a step does to the state and to the queues.
#[derive(Debug)]
pub(super) struct Plan<S, E> {
    pub(super) to: To<S>,
    pub(super) postpone: Option<E>,
    pub(super) insert: Vec<E>,
}

/// The state after a step.
#[derive(Debug)]
pub(super) enum To<S> {
    Keep,
    Repeat,
    Next(S),
}

/// A state was entered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered<S> {
    /// Again.
    Same,
    /// From another.
    From(S),
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<E> {
    /// The machine is given this.
    Deliver(E),
    /// It receives, and comes back at this time.
    Receive(Option<Instant>),
}

/// The machine keeps more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Postponed(usize),
    Queued(usize),
    Timeouts(usize),
}

impl<S: PartialEq, E, N: PartialEq> Core<S, E, N> {
    pub(super) fn new(state: S, limits: Limits) -> Self {
        Self {
            state,
            queue: VecDeque::new(),
            postponed: VecDeque::new(),
            timeouts: Timeouts::new(limits.timeouts),
            ahead: None,
            limits,
        }
    }

    pub(super) fn state(&self) -> &S {
        &self.state
    }

    /// What happens next; `waiting` tells how many messages have arrived.
    pub(super) fn next(&mut self, now: Instant, waiting: impl FnOnce() -> usize) -> Turn<E> {
        if let Some(event) = self.queue.pop_front() {
            self.timeouts.cancel(&Key::Event);
            return Turn::Deliver(event);
        }
        if let Some(event) = self.timeouts.take_zero() {
            self.timeouts.cancel(&Key::Event);
            return Turn::Deliver(event);
        }
        let due = self.timeouts.next_due();
        if due.is_none_or(|due| due > now) {
            self.ahead = None;
            return Turn::Receive(due);
        }
        let ahead = self.ahead.get_or_insert_with(waiting);
        if *ahead > 0 {
            return Turn::Receive(due);
        }
        self.ahead = None;
        match self.timeouts.take_next() {
            Some(event) => {
                self.timeouts.cancel(&Key::Event);
                Turn::Deliver(event)
            }
            None => Turn::Receive(None),
        }
    }

    /// Something was received and is given to the machine.
    pub(super) fn received(&mut self) {
        self.timeouts.cancel(&Key::Event);
        if let Some(ahead) = &mut self.ahead {
            *ahead = ahead.saturating_sub(1);
        }
    }

    /// Nothing was received although it was waited: whatever had arrived is gone.
    pub(super) fn waited(&mut self) {
        self.ahead = Some(0);
    }

    /// Makes a step; whether a state was entered.
    pub(super) fn step(&mut self, plan: Plan<S, E>) -> Result<Option<Entered<S>>, Excess> {
        if let Some(event) = plan.postpone {
            if self.postponed.len() >= self.limits.postponed {
                return Err(Excess::Postponed(self.limits.postponed));
            }
            self.postponed.push_back(event);
        }
        let entered = match plan.to {
            To::Keep => None,
            To::Repeat => Some(Entered::Same),
            To::Next(state) if state == self.state => None,
            To::Next(state) => {
                self.timeouts.cancel(&Key::State);
                self.insert(|core| core.postponed.pop_back())?;
                Some(Entered::From(std::mem::replace(&mut self.state, state)))
            }
        };
        let mut insert = plan.insert;
        self.insert(|_| insert.pop())?;
        Ok(entered)
    }

    /// Does to the time-outs what one step says.
    pub(super) fn set(&mut self, now: Instant, settings: Vec<Setting<E, N>>) -> Result<(), Excess> {
        self.timeouts.set(now, settings).map_err(|Full| Excess::Timeouts(self.limits.timeouts))
    }

    /// Gives back memory that is not in use.
    pub(super) fn shrink(&mut self) {
        self.queue.shrink_to_fit();
        self.postponed.shrink_to_fit();
        self.timeouts.shrink();
    }

    /// Puts events before all that are queued; the last one comes first.
    fn insert(&mut self, mut last: impl FnMut(&mut Self) -> Option<E>) -> Result<(), Excess> {
        while let Some(event) = last(self) {
            if self.queue.len() >= self.limits.queued {
                return Err(Excess::Queued(self.limits.queued));
            }
            self.queue.push_front(event);
        }
        Ok(())
    }
}

impl Excess {
    pub(super) fn into_reason(self) -> ExitReason {
        ExitReason::from_term(Term::tuple([Term::atom("system_limit"), Term::string(&self.to_string())]))
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, field, max) = match self {
            Self::Postponed(max) => ("postponed", "postponed", max),
            Self::Queued(max) => ("queued", "queued", max),
            Self::Timeouts(max) => ("set as time-outs", "timeouts", max),
        };
        write!(
            f,
            "the state machine has {max} events {what} and may not have more: serve or drop some, or raise \
             `StateMachine::LIMITS.{field}`"
        )
    }
}
