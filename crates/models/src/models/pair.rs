//! Two processes as far as their links and monitors go: the real state of each, and an inbox that its end closes.

use crate::exit::ExitReason;
use crate::lock::Lock;
use crate::signal::{ControlSignal, Dest, Down, Trapped};
use crate::state::{Effect, Effects, Monitored, State};
use engset_term::{NodeName, Pid, Reference, Term};
use loom::sync::Arc;
use std::collections::VecDeque;

/// The first of the two.
pub(super) const LEFT: Pid = Pid::new(NodeName::NONODE, 1, 1, 0);
/// The second.
pub(super) const RIGHT: Pid = Pid::new(NodeName::NONODE, 1, 2, 0);

/// Where signals arrive; nowhere after the end.
struct Inboxes([Lock<Option<VecDeque<ControlSignal>>>; 2]);

/// One of the two; belongs to one thread at a time.
pub(super) struct Peer {
    pub(super) state: State,
    me: Pid,
    inboxes: Arc<Inboxes>,
    /// What came into its mailbox.
    pub(super) downs: Vec<Down>,
    pub(super) trapped: Vec<Trapped>,
    /// Reasons with which it has to end.
    pub(super) exits: Vec<ExitReason>,
}

pub(super) fn boom() -> ExitReason {
    ExitReason::from_term(Term::atom("boom"))
}

pub(super) fn reference(number: u32) -> Reference {
    Reference::from_words(NodeName::NONODE, 1, [number, 0, 0])
}

/// Two processes that trap exits and do not know each other.
pub(super) fn pair() -> (Peer, Peer) {
    let inboxes = Arc::new(Inboxes([Lock::new(Some(VecDeque::new())), Lock::new(Some(VecDeque::new()))]));
    (Peer::new(LEFT, &inboxes), Peer::new(RIGHT, &inboxes))
}

/// Two processes that are linked.
pub(super) fn linked() -> (Peer, Peer) {
    let (mut left, mut right) = pair();
    left.state.link_both(RIGHT);
    right.state.link_both(LEFT);
    (left, right)
}

/// Lets all signals between the two act.
pub(super) fn settle(left: &mut Peer, right: &mut Peer) {
    while left.drain() | right.drain() {}
}

impl Inboxes {
    fn of(&self, pid: Pid) -> &Lock<Option<VecDeque<ControlSignal>>> {
        &self.0[pid.id() as usize - 1]
    }

    fn signal(&self, to: Pid, signal: ControlSignal) {
        let refused = self.of(to).with(|inbox| match inbox {
            Some(inbox) => {
                inbox.push_back(signal);
                None
            }
            None => Some(signal),
        });
        if let Some(signal) = refused {
            self.bounce(to, &signal);
        }
    }

    /// Answers a signal to a process that is not there.
    fn bounce(&self, to: Pid, signal: &ControlSignal) {
        let reason = ExitReason::NoProc;
        match *signal {
            ControlSignal::Link { from } => self.signal(from, ControlSignal::LinkExit { from: to, reason }),
            ControlSignal::Monitor { watcher, reference, .. } => {
                self.signal(watcher, ControlSignal::Down { reference, reason });
            }
            ControlSignal::Unlink { from, id } => {
                self.signal(from, ControlSignal::UnlinkAck { from: to, id });
            }
            _ => {}
        }
    }
}

impl Peer {
    fn new(me: Pid, inboxes: &Arc<Inboxes>) -> Self {
        let mut state = State::default();
        state.trap_exit = true;
        let inboxes = Arc::clone(inboxes);
        Self { state, me, inboxes, downs: Vec::new(), trapped: Vec::new(), exits: Vec::new() }
    }

    fn other(&self) -> Pid {
        if self.me == LEFT { RIGHT } else { LEFT }
    }

    pub(super) fn link(&mut self) {
        let signal = self.state.link(self.other(), self.me);
        if let Some(signal) = signal {
            self.inboxes.signal(self.other(), signal);
        }
    }

    pub(super) fn unlink(&mut self) {
        let signal = self.state.unlink(self.other(), self.me);
        if let Some(signal) = signal {
            self.inboxes.signal(self.other(), signal);
        }
    }

    pub(super) fn monitor(&mut self, number: u32) {
        let (other, reference) = (Dest::Pid(self.other()), reference(number));
        self.state.monitor(reference, Monitored::new(other.clone(), other));
        let signal = ControlSignal::Monitor { watcher: self.me, reference, name: None };
        self.inboxes.signal(self.other(), signal);
    }

    pub(super) fn demonitor(&mut self, number: u32) {
        let reference = reference(number);
        if self.state.demonitor(reference).is_some() {
            let signal = ControlSignal::Demonitor { watcher: self.me, reference };
            self.inboxes.signal(self.other(), signal);
        } else {
            self.downs.retain(|down| down.reference != reference);
        }
    }

    pub(super) fn exit(&self, reason: ExitReason) {
        self.inboxes.signal(self.other(), ControlSignal::Exit { from: self.me, reason });
    }

    /// Lets the signals act that have arrived; whether there were any.
    pub(super) fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(signal) = self.inboxes.of(self.me).with(|inbox| inbox.as_mut()?.pop_front()) {
            any = true;
            let mut effects = Effects::new();
            self.state.handle(self.me, signal, &mut effects);
            for effect in effects {
                self.apply(effect);
            }
        }
        any
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Send(to, signal) | Effect::Signal(Dest::Pid(to), signal) => {
                self.inboxes.signal(to, signal);
            }
            Effect::Down(down) => self.downs.push(down),
            Effect::Trapped(trapped) => self.trapped.push(trapped),
            Effect::Exit(reason) => self.exits.push(reason),
            Effect::Signal(..)
            | Effect::TracedTrapped(..)
            | Effect::GroupLeader(_)
            | Effect::CloseAlias(_) => unreachable!("{effect:?}"),
        }
    }

    /// Ends, in the order in which a process ends: it leaves, tells, and answers what had arrived.
    pub(super) fn end(mut self, reason: &ExitReason) {
        let mut state = std::mem::take(&mut self.state);
        let left = self.inboxes.of(self.me).with(Option::take);
        for (to, signal) in state.finish(self.me, reason) {
            let Dest::Pid(to) = to else { unreachable!("both are known by their pids") };
            self.inboxes.signal(to, signal);
        }
        for signal in left.into_iter().flatten() {
            self.inboxes.bounce(self.me, &signal);
        }
    }
}
