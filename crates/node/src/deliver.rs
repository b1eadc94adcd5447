//! The way in: control messages from a peer become process signals.
//!
//! A peer speaks for its own processes only: a signal whose sender lives elsewhere closes the connection. What is
//! well formed but comes too late (a pid of an earlier incarnation, a monitor that is gone) is ignored, because legal
//! races produce it.

use crate::node::Node;
use crate::outbound::Outbound;
use crate::peers::Link;
use crate::spawning::Wish;
use engset_dist::connection::Received;
use engset_dist::control::{AltactTarget, Control, Process, Reason};
use engset_etf::{DecodeError, Payload};
use engset_process::{ControlSignal, Dest, ExitReason, Mark, TraceToken};
use engset_term::{NodeName, Pid, Reference, Term};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A signal that the peer must not send; the connection is closed. The peer is at fault.
#[derive(Debug)]
pub enum BadSignal {
    /// It speaks for a process of another node.
    ForeignSender(Pid),
    /// It is for a process of another node.
    ForeignReceiver(Pid),
    /// It asks in the name of a reference that another node made, or answers to one that this node did not make.
    ForeignReference(Reference),
    /// Its exit reason is no term.
    Reason(DecodeError),
}

impl fmt::Display for BadSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignSender(pid) => {
                write!(f, "the peer sent a signal in the name of {pid}, which is not its own")
            }
            Self::ForeignReceiver(pid) => write!(f, "the peer sent us a signal for {pid}, which is not ours"),
            Self::ForeignReference(reference) => {
                write!(f, "the peer sent a signal with the reference {reference}, which is of another node")
            }
            Self::Reason(error) => write!(f, "the peer sent an exit reason that is no term: {error}"),
        }
    }
}

impl Error for BadSignal {}

impl Node {
    /// Lets a signal from the peer of `link` act.
    pub(crate) fn deliver(self: &Arc<Self>, link: &Arc<Link>, received: Received) -> Result<(), BadSignal> {
        let Received { control, payload } = received;
        tracing::trace!(peer = %link.peer, ?control, "signal from peer");
        self.check(link, &control)?;
        let payload = payload.unwrap_or_default();
        let reason = |reason: Reason| match reason {
            Reason::Inline(term) => Ok(ExitReason::from_term(*term)),
            Reason::Payload => exit_reason(&payload),
        };
        match control {
            Control::Send { from, to, token } => self.message(from, &Dest::Pid(to), payload, token),
            Control::RegSend { from, to, token } => self.message(Some(from), &Dest::Name(to), payload, token),
            Control::AliasSend { from, to, token } => {
                self.message(Some(from), &Dest::Alias(to), payload, token);
            }
            Control::AltactSigSend { exit: false, priority, from, to, token } => {
                let mark = Mark { priority, ..mark(token) };
                self.processes().deliver_with(Some(from), &altact_dest(to), payload, mark);
            }
            Control::AltactSigSend { exit: true, from, to, .. } => {
                let reason = reason(Reason::Payload)?;
                self.act(from, &altact_dest(to), ControlSignal::Exit { from, reason });
            }
            Control::Exit { from, to, reason: why, token } => {
                let reason = reason(why)?;
                let signal = match mark(token).token.map(Box::new) {
                    Some(token) => ControlSignal::TracedLinkExit { from, reason, token },
                    None => ControlSignal::LinkExit { from, reason },
                };
                self.act(from, &Dest::Pid(to), signal);
            }
            Control::Exit2 { from, to, reason: why, .. } => {
                let reason = reason(why)?;
                self.act(from, &Dest::Pid(to), ControlSignal::Exit { from, reason });
            }
            Control::MonitorPExit { from, to, reference, reason: why } => {
                let reason = reason(why)?;
                if !self.processes().aliases().down(reference, link.peer, reason.clone()) {
                    let from = if let Process::Pid(pid) = from { pid } else { to };
                    self.act(from, &Dest::Pid(to), ControlSignal::Down { reference, reason });
                }
            }
            Control::Link { from, to } => {
                if link.concern(to) {
                    self.act(from, &Dest::Pid(to), ControlSignal::Link { from });
                }
            }
            Control::UnlinkId { id, from, to } => {
                self.act(from, &Dest::Pid(to), ControlSignal::Unlink { from, id });
            }
            Control::UnlinkIdAck { id, from, to } => {
                self.act(from, &Dest::Pid(to), ControlSignal::UnlinkAck { from, id });
            }
            Control::MonitorP { from, to, reference } => self.monitored(link, from, &to, reference),
            Control::DemonitorP { from, to, reference } => self.demonitored(link, from, &to, reference),
            Control::SpawnRequest { request, from, spawn, token } => {
                let wish = Wish { request, from, spawn: *spawn, token, args: payload };
                self.spawn_wished(Some(link), wish);
            }
            Control::SpawnReply { request, to, linked, monitored, result, .. } => {
                self.spawn_replied(Some(link), (request, to), (linked, monitored), result);
            }
            Control::GroupLeader { from, to } => {
                self.act(from, &Dest::Pid(to), ControlSignal::GroupLeader { leader: from });
            }
            // Obsolete.
            Control::Unlink { .. } | Control::NodeLink => {}
        }
        Ok(())
    }

    fn message(&self, from: Option<Pid>, to: &Dest, payload: Payload, token: Option<Box<Term>>) {
        self.processes().deliver_with(from, to, payload, mark(token));
    }

    fn act(&self, from: Pid, to: &Dest, signal: ControlSignal) {
        self.processes().signal(from, to, signal);
    }

    fn monitored(&self, link: &Arc<Link>, watcher: Pid, to: &Process, reference: Reference) {
        let (target, name) = match to {
            Process::Pid(pid) => (Some(*pid), None),
            Process::Name(name) => (self.processes().whereis(name), Some(name.clone())),
        };
        let signal = ControlSignal::Monitor { watcher, reference, name: name.clone() };
        match target {
            Some(pid) => {
                if !link.concern(pid) {
                    return;
                }
                if let Some(name) = name {
                    link.state.lock().concerned.by_name.insert(reference, (pid, name));
                }
                self.act(watcher, &Dest::Pid(pid), signal);
            }
            None => {
                let control = Control::MonitorPExit {
                    from: to.clone(),
                    to: watcher,
                    reference,
                    reason: Reason::Inline(Box::new(ExitReason::NoProc.to_term())),
                };
                // Over this connection or not at all: who asked is told of its loss.
                self.transmit_over(link, None, &mut Some(Outbound::new(control, None)));
            }
        }
    }

    fn demonitored(&self, link: &Arc<Link>, watcher: Pid, to: &Process, reference: Reference) {
        let target = match to {
            Process::Pid(pid) => Some(*pid),
            Process::Name(_) => link.state.lock().concerned.by_name.remove(&reference).map(|(pid, _)| pid),
        };
        if let Some(pid) = target {
            self.act(watcher, &Dest::Pid(pid), ControlSignal::Demonitor { watcher, reference });
        }
    }

    fn check(&self, link: &Arc<Link>, control: &Control) -> Result<(), BadSignal> {
        if let Some(sender) = control.sender()
            && sender.node() != link.peer
        {
            return Err(BadSignal::ForeignSender(sender));
        }
        if let Some(pid) = receiver(control)
            && pid.node() != self.here()
        {
            return Err(BadSignal::ForeignReceiver(pid));
        }
        match reference(control, link.peer, self.here()) {
            Some((reference, maker)) if reference.node() != maker => {
                Err(BadSignal::ForeignReference(reference))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What is no trace token is none.
fn mark(token: Option<Box<Term>>) -> Mark {
    Mark { token: token.and_then(|token| TraceToken::from_term(&token)), priority: false }
}

/// The exit reason that a payload is. A process of the peer may end with a term that is more than this node reads; this is
/// no fault of the peer: the end is told all the same, for the reason `{unread_reason, Why}`.
fn exit_reason(payload: &Payload) -> Result<ExitReason, BadSignal> {
    match whole(payload) {
        Ok(term) => Ok(ExitReason::from_term(term)),
        Err(error) if error.kind.is_limit() && payload.is_well_formed() => {
            tracing::warn!(
                "an exit reason from a peer is over a limit, `unread_reason` stands for it: {error}"
            );
            let parts = [Term::atom("unread_reason"), Term::string(&error.to_string())];
            Ok(ExitReason::from_term(Term::tuple(parts)))
        }
        Err(error) => Err(BadSignal::Reason(error)),
    }
}

/// The one term that a payload is.
fn whole(payload: &Payload) -> Result<Term, DecodeError> {
    let mut reader = payload.reader();
    let term = reader.term()?;
    reader.expect_end()?;
    Ok(term)
}

fn altact_dest(to: AltactTarget) -> Dest {
    match to {
        AltactTarget::Pid(pid) => Dest::Pid(pid),
        AltactTarget::Alias(alias) => Dest::Alias(alias),
        AltactTarget::Name(name) => Dest::Name(name),
    }
}

/// The reference that a signal is about, and which node makes such references: who asks does.
fn reference(control: &Control, peer: NodeName, here: NodeName) -> Option<(Reference, NodeName)> {
    match control {
        Control::MonitorP { reference, .. }
        | Control::DemonitorP { reference, .. }
        | Control::SpawnRequest { request: reference, .. } => Some((*reference, peer)),
        Control::MonitorPExit { reference, .. }
        | Control::SpawnReply { request: reference, .. }
        | Control::AliasSend { to: reference, .. }
        | Control::AltactSigSend { to: AltactTarget::Alias(reference), .. } => Some((*reference, here)),
        _ => None,
    }
}

fn receiver(control: &Control) -> Option<Pid> {
    match control {
        Control::Link { to, .. }
        | Control::Send { to, .. }
        | Control::Exit { to, .. }
        | Control::Unlink { to, .. }
        | Control::GroupLeader { to, .. }
        | Control::Exit2 { to, .. }
        | Control::MonitorPExit { to, .. }
        | Control::SpawnReply { to, .. }
        | Control::UnlinkId { to, .. }
        | Control::UnlinkIdAck { to, .. }
        | Control::MonitorP { to: Process::Pid(to), .. }
        | Control::DemonitorP { to: Process::Pid(to), .. }
        | Control::AltactSigSend { to: AltactTarget::Pid(to), .. } => Some(*to),
        Control::MonitorP { to: Process::Name(_), .. }
        | Control::DemonitorP { to: Process::Name(_), .. }
        | Control::AltactSigSend { .. }
        | Control::NodeLink
        | Control::RegSend { .. }
        | Control::SpawnRequest { .. }
        | Control::AliasSend { .. } => None,
    }
}
