//! Pure: one process's links, monitors and flags, and its reaction to each control signal.
//!
//! Links are symmetric. A link that its owner removed stays in the table, inactive, until the other side has
//! acknowledged the unlink id; an exit signal that crosses the unlink on its way is ignored, and a link signal that
//! arrives meanwhile does not make it active again (Erlang distribution protocol, "Link Protocol").

use crate::exit::ExitReason;
use crate::signal::{ControlSignal, Dest, Down, Epoch, Trapped};
use crate::small_map::SmallMap;
use crate::trace_token::TraceToken;
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use smallvec::SmallVec;

/// What a process does because of a control signal, in this order: one thing nearly always.
pub(crate) type Effects = SmallVec<[Effect; 1]>;

/// What others are told of the end of a process, in this order.
pub(crate) type Told = SmallVec<[(Dest, ControlSignal); 1]>;

/// One of [`Effects`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Send a signal to another process.
    Send(Pid, ControlSignal),
    /// Send a signal to whoever that is.
    Signal(Dest, ControlSignal),
    /// Put a DOWN message into the own mailbox.
    Down(Down),
    /// Put a trapped exit signal into the own mailbox.
    Trapped(Trapped),
    /// The same, with the trace token of the process that ended.
    TracedTrapped(Trapped, Box<TraceToken>),
    /// End with this reason.
    Exit(ExitReason),
    /// What this process starts from now on has this group leader.
    GroupLeader(Pid),
    /// The alias that a monitor was has ended with it.
    CloseAlias(Reference),
}

/// The relations of one process. Empty tables take no memory of their own.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) trap_exit: bool,
    /// Whether it ever had to do with a process of another node.
    pub(crate) met_remote: bool,
    links: SmallMap<Pid, Link>,
    monitoring: SmallMap<Reference, Monitored>,
    watched_by: SmallMap<Reference, Pid>,
    last_unlink_id: u64,
    pub(crate) names: Vec<Atom>,
    pub(crate) aliases: Vec<Reference>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) group_leader: Option<Pid>,
    /// Whether the reason of its end is a result, and no crash.
    pub(crate) ends_quietly: bool,
}

/// A monitor that this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Monitored {
    /// The target as the owner named it; shown in the DOWN message.
    pub(crate) given: Dest,
    /// Where signals about the monitor go.
    pub(crate) target: Dest,
    /// The connection over which it was made.
    pub(crate) epoch: Epoch,
    /// What stands in the place of `'DOWN'`.
    pub(crate) tag: Option<Box<Term>>,
    /// Whether the reference is an alias that ends with the monitor.
    pub(crate) is_alias: bool,
}

/// One link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    state: LinkState,
    /// The connection over which this process made it; none for a link that the other side made. What the other side
    /// makes over a later connection arrives after the loss of the earlier one; what this side makes does not wait.
    epoch: Epoch,
}

impl Monitored {
    pub(crate) const fn new(given: Dest, target: Dest) -> Self {
        Self { given, target, epoch: Epoch::NONE, tag: None, is_alias: false }
    }
}

impl Link {
    const fn new(state: LinkState) -> Self {
        Self { state, epoch: Epoch::NONE }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Active,
    /// Removed by this side; the other side has not acknowledged this id yet.
    Unlinking(u64),
}

impl State {
    /// Links to `to`; what must be sent, if anything.
    pub(crate) fn link(&mut self, to: Pid, me: Pid) -> Option<ControlSignal> {
        if to == me {
            return None;
        }
        self.met_remote |= to.node() != me.node();
        if self.links.get(&to).is_some_and(|link| link.state == LinkState::Active) {
            return None;
        }
        self.links.insert(to, Link::new(LinkState::Active));
        Some(ControlSignal::Link { from: me })
    }

    /// Notes over which connection the link that was just made goes.
    pub(crate) fn link_goes_over(&mut self, to: Pid, epoch: Epoch) {
        if let Some(link) = self.links.get_mut(&to) {
            link.epoch = epoch;
        }
    }

    /// Notes over which connection the monitor that was just made goes.
    pub(crate) fn monitor_goes_over(&mut self, reference: Reference, epoch: Epoch) {
        if let Some(monitored) = self.monitoring.get_mut(&reference) {
            monitored.epoch = epoch;
        }
    }

    /// Enters a link that both sides know of already, as `spawn_link` makes it.
    pub(crate) fn link_both(&mut self, to: Pid) {
        self.links.insert(to, Link::new(LinkState::Active));
    }

    /// Enters what a process of another node has with this one from its first moment.
    pub(crate) fn spawned_for(&mut self, from: Pid, link: bool, monitor: Option<Reference>, me: Pid) {
        self.met_remote |= from.node() != me.node();
        if link {
            self.link_both(from);
        }
        if let Some(reference) = monitor {
            self.watched(reference, from);
        }
    }

    /// Removes the link to `to`; what must be sent, if anything.
    pub(crate) fn unlink(&mut self, to: Pid, me: Pid) -> Option<ControlSignal> {
        let link = self.links.get_mut(&to)?;
        if link.state != LinkState::Active {
            return None;
        }
        self.last_unlink_id += 1;
        link.state = LinkState::Unlinking(self.last_unlink_id);
        Some(ControlSignal::Unlink { from: me, id: self.last_unlink_id })
    }

    /// Enters a monitor that this process makes.
    pub(crate) fn monitor(&mut self, reference: Reference, monitored: Monitored) {
        self.met_remote |= monitored.target.node().is_some_and(|node| node != reference.node());
        self.monitoring.insert(reference, monitored);
    }

    /// Takes back a monitor; where to say so, if it was active.
    pub(crate) fn demonitor(&mut self, reference: Reference) -> Option<Monitored> {
        self.monitoring.remove(&reference)
    }

    /// Enters a monitor on this process.
    pub(crate) fn watched(&mut self, reference: Reference, watcher: Pid) {
        self.watched_by.insert(reference, watcher);
    }

    /// Removes a monitor that `watcher` holds on this process; whether there was one.
    pub(crate) fn unwatched_by(&mut self, reference: Reference, watcher: Pid) -> bool {
        let watched = self.watched_by.get(&reference) == Some(&watcher);
        if watched {
            self.watched_by.remove(&reference);
        }
        watched
    }

    /// The processes linked to this one.
    pub(crate) fn links(&self) -> impl Iterator<Item = Pid> + '_ {
        self.links.iter().filter(|(_, link)| link.state == LinkState::Active).map(|(pid, _)| *pid)
    }

    /// Whom this process monitors, as it was given.
    pub(crate) fn monitoring(&self) -> impl Iterator<Item = Dest> + '_ {
        self.monitoring.iter().map(|(_, monitored)| monitored.given.clone())
    }

    /// Who monitors this process.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = Pid> + '_ {
        self.watched_by.iter().map(|(_, watcher)| *watcher)
    }

    /// Whether nothing of it would be missed.
    pub(crate) fn is_default(&self) -> bool {
        let is_plain = !self.trap_exit && !self.met_remote && self.last_unlink_id == 0;
        let is_unknown = self.names.is_empty() && self.aliases.is_empty() && self.label.is_none();
        is_plain && is_unknown && !self.ends_quietly && self.group_leader.is_none() && self.len() == 0
    }

    /// How many entries there are of all kinds.
    pub(crate) fn len(&self) -> usize {
        self.links.len() + self.monitoring.len() + self.watched_by.len()
    }

    /// Reacts to one signal; effects are appended to `effects` in the order in which they must happen.
    pub(crate) fn handle(&mut self, me: Pid, signal: ControlSignal, effects: &mut Effects) {
        match signal {
            ControlSignal::LinkExit { from, reason } => self.handle_link_exit(from, reason, None, effects),
            ControlSignal::TracedLinkExit { from, reason, token } => {
                self.handle_link_exit(from, reason, Some(token), effects);
            }
            ControlSignal::Exit { from, reason } => self.handle_exit(me, from, reason, effects),
            ControlSignal::Link { from } => {
                self.met_remote |= from.node() != me.node();
                if self.links.get(&from).is_none() {
                    self.links.insert(from, Link::new(LinkState::Active));
                }
            }
            ControlSignal::Unlink { from, id } => {
                if self.links.get(&from).is_some_and(|link| link.state == LinkState::Active) {
                    self.links.remove(&from);
                }
                effects.push(Effect::Send(from, ControlSignal::UnlinkAck { from: me, id }));
            }
            ControlSignal::UnlinkAck { from, id } => {
                if self.links.get(&from).is_some_and(|link| link.state == LinkState::Unlinking(id)) {
                    self.links.remove(&from);
                }
            }
            ControlSignal::Monitor { watcher, reference, name: _ } => {
                self.met_remote |= watcher.node() != me.node();
                self.watched(reference, watcher);
            }
            ControlSignal::Demonitor { watcher, reference } => {
                self.unwatched_by(reference, watcher);
            }
            ControlSignal::Down { reference, reason } => {
                if let Some(monitored) = self.monitoring.remove(&reference) {
                    self.fired(reference, monitored, reason, effects);
                }
            }
            ControlSignal::AliasUsed { alias } => {
                self.aliases.retain(|other| *other != alias);
                if let Some(monitored) = self.monitoring.remove(&alias) {
                    let signal = ControlSignal::Demonitor { watcher: me, reference: alias };
                    effects.push(Effect::Signal(monitored.target, signal));
                }
            }
            ControlSignal::GroupLeader { leader } => {
                self.group_leader = Some(leader);
                effects.push(Effect::GroupLeader(leader));
            }
            ControlSignal::Spawned { request, pid, linked, monitored, epoch } => {
                self.met_remote |= pid.node() != me.node();
                if linked {
                    self.links.insert(pid, Link { state: LinkState::Active, epoch });
                }
                if monitored {
                    let target = Dest::Pid(pid);
                    let monitored = Monitored { epoch, ..Monitored::new(target.clone(), target) };
                    self.monitoring.insert(request, monitored);
                }
            }
            ControlSignal::NodeDown { node, epoch } => self.handle_node_down(node, epoch, effects),
        }
    }

    /// What the end of this process with `reason` tells others.
    pub(crate) fn finish(&mut self, me: Pid, reason: &ExitReason) -> Told {
        let mut told = Told::new();
        for (pid, link) in std::mem::take(&mut self.links).into_sorted() {
            if link.state == LinkState::Active {
                told.push((Dest::Pid(pid), ControlSignal::LinkExit { from: me, reason: reason.clone() }));
            }
        }
        for (reference, watcher) in std::mem::take(&mut self.watched_by).into_sorted() {
            told.push((Dest::Pid(watcher), ControlSignal::Down { reference, reason: reason.clone() }));
        }
        for (reference, monitored) in std::mem::take(&mut self.monitoring).into_sorted() {
            told.push((monitored.target, ControlSignal::Demonitor { watcher: me, reference }));
        }
        told
    }

    fn fired(
        &mut self,
        reference: Reference,
        monitored: Monitored,
        reason: ExitReason,
        effects: &mut Effects,
    ) {
        if monitored.is_alias {
            self.aliases.retain(|alias| *alias != reference);
            effects.push(Effect::CloseAlias(reference));
        }
        let Monitored { given: process, tag, .. } = monitored;
        effects.push(Effect::Down(Down { reference, process, reason, tag }));
    }

    fn handle_link_exit(
        &mut self,
        from: Pid,
        reason: ExitReason,
        token: Option<Box<TraceToken>>,
        effects: &mut Effects,
    ) {
        match self.links.get(&from).map(|link| link.state) {
            Some(LinkState::Active) => {
                self.links.remove(&from);
                self.propagate(from, reason, token, effects);
            }
            // The other side is gone: no acknowledgement will come.
            Some(LinkState::Unlinking(_)) => {
                self.links.remove(&from);
            }
            None => {}
        }
    }

    fn handle_exit(&self, me: Pid, from: Pid, reason: ExitReason, effects: &mut Effects) {
        if reason == ExitReason::Kill {
            effects.push(Effect::Exit(ExitReason::Killed));
        } else if reason == ExitReason::Normal && from == me && !self.trap_exit {
            effects.push(Effect::Exit(reason));
        } else {
            self.propagate(from, reason, None, effects);
        }
    }

    fn propagate(
        &self,
        from: Pid,
        reason: ExitReason,
        token: Option<Box<TraceToken>>,
        effects: &mut Effects,
    ) {
        if self.trap_exit {
            let trapped = Trapped { from, reason };
            effects.push(match token {
                Some(token) => Effect::TracedTrapped(trapped, token),
                None => Effect::Trapped(trapped),
            });
        } else if reason != ExitReason::Normal {
            effects.push(Effect::Exit(reason));
        }
    }

    fn handle_node_down(&mut self, node: NodeName, epoch: Epoch, effects: &mut Effects) {
        self.watched_by.retain(|_, watcher| watcher.node() != node);
        let lost: Vec<Reference> = self
            .monitoring
            .iter()
            .filter(|(_, monitored)| monitored.target.node() == Some(node) && monitored.epoch <= epoch)
            .map(|(reference, _)| *reference)
            .collect();
        for reference in lost {
            if let Some(monitored) = self.monitoring.remove(&reference) {
                self.fired(reference, monitored, ExitReason::NoConnection, effects);
            }
        }
        let linked = self.links.iter().filter(|(pid, link)| pid.node() == node && link.epoch <= epoch);
        for pid in linked.map(|(pid, _)| *pid).collect::<Vec<Pid>>() {
            self.handle_link_exit(pid, ExitReason::NoConnection, None, effects);
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
