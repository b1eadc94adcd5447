//! What few processes have: it takes no room in the others.

use super::Locals;
use crate::current::Current;
use crate::exit::ExitReason;
use engset_term::{Instant, NodeName, Pid};

/// What few processes have.
#[derive(Default)]
pub(super) struct Rare {
    /// Set when a signal has decided that the process ends: its code never runs past the receive in which this turned
    /// out.
    pub(super) exiting: Option<ExitReason>,
    /// Of a request that is being served between two time slices.
    pub(super) deadline: Option<Instant>,
    /// Who waits for it, as [`Current`] has it.
    pub(super) caller: u64,
    pub(super) group_leader: Option<Pid>,
    /// As [`Current`] has it.
    pub(super) caller_away: Option<Pid>,
    /// As [`Current`] has it.
    pub(super) busy_with: Option<NodeName>,
    /// As [`Current`] has it.
    pub(super) answers: u64,
    /// As [`Current`] has it.
    pub(super) is_traced: bool,
    pub(super) locals: Option<Locals>,
}

impl Rare {
    #[inline(never)]
    pub(super) fn show(&self, current: &Current<'_>) {
        current.deadline.set(self.deadline);
        current.caller.set(self.caller);
        current.caller_away.set(self.caller_away);
        current.group_leader.set(self.group_leader);
        current.busy_with.set(self.busy_with);
        current.answers.set(self.answers);
        current.is_traced.set(self.is_traced);
    }

    #[inline(never)]
    pub(super) fn note(&mut self, current: &Current<'_>) {
        self.deadline = current.deadline.get();
        self.caller = current.caller.get();
        self.caller_away = current.caller_away.get();
        self.busy_with = current.busy_with.get();
        self.answers = current.answers.get();
        self.is_traced = current.is_traced.get();
    }
}
