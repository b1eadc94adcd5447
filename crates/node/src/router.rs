//! The way out: process signals become control messages for a peer.

use crate::node::Node;
use crate::outbound::Outbound;
use crate::own_name::outward;
use crate::peers::{Link, LinkState, Peer};
use crate::spawning::{Wish, request_control};
use crate::watchers::NodedownReason;
use engset_dist::control::{Control, Process, Reason};
use engset_etf::Body;
use engset_process::{ControlSignal, Dest, Epoch, ExitReason, Router, SpawnRequest};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::sync::Arc;
use std::task::Waker;

impl Router for Node {
    fn message(&self, from: Pid, to: &Dest, body: Body) {
        let Some(peer) = to.node() else { return };
        let control = send_control(from, to, self.token(from));
        self.transmit(peer, None, Outbound::new(control, Some(body)));
    }

    fn message_if_connected(&self, from: Pid, to: &Dest, body: Body) -> bool {
        let Some(peer) = to.node() else { return false };
        let Some(link) = self.link(peer) else { return false };
        let control = send_control(from, to, self.token(from));
        self.transmit_over(&link, None, &mut Some(Outbound::new(control, Some(body))))
    }

    fn watch_nodes(&self, pid: Pid) -> Vec<NodeName> {
        self.watch_full_nodes(pid)
    }

    fn signal(&self, from: Pid, to: &Dest, signal: ControlSignal) -> Epoch {
        let Some(peer) = to.node() else { return Epoch::NONE };
        if !connects(&signal) && !self.knows(peer) {
            return Epoch::NONE;
        }
        let concerned = match &signal {
            // A caller hears of the loss by its alias.
            ControlSignal::Monitor { reference, .. } if self.processes().aliases().is_open(*reference) => {
                None
            }
            ControlSignal::Link { .. } | ControlSignal::Monitor { .. } => Some(from),
            _ => None,
        };
        let monitored_as = match &signal {
            ControlSignal::Down { reference, .. } => self.monitored_as(peer, *reference),
            _ => None,
        };
        let reason = reason(&signal).map(|reason| Body::of(&reason.to_term()));
        if let Some(control) = control(from, monitored_as, to, &signal) {
            self.transmit(peer, concerned, Outbound::new(control, reason).by(from))
        } else {
            Epoch::NONE
        }
    }

    fn request_spawn(&self, from: Pid, node: NodeName, request: SpawnRequest) -> Epoch {
        let token = if node == self.here() { None } else { self.token(from) };
        let (control, args) = request_control(from, request, token);
        if node != self.here() {
            return self.transmit(node, None, Outbound::new(control, Some(args)));
        }
        if let Control::SpawnRequest { request, from, spawn, token } = control
            && let Some(node) = self.this()
        {
            let args = args.into_bytes().into();
            let wish = Wish { request, from, spawn: *spawn, token, args };
            node.spawn_wished(None, wish);
        }
        Epoch::NONE
    }

    fn is_busy(&self, from: Pid, node: NodeName, sender: &Waker) -> bool {
        self.peer_is_busy(from, node, sender)
    }

    fn forget(&self, pid: Pid, peer: Option<NodeName>) {
        self.forget_process(pid, peer);
    }
}

impl Node {
    /// The trace token that goes along with what a process sends now.
    #[inline]
    fn token(&self, from: Pid) -> Option<Box<Term>> {
        self.processes().trace_token(from).map(|token| Box::new(token.to_term()))
    }

    /// Takes a signal and sends it over this connection; false where that is lost, and the signal is left then.
    pub(crate) fn transmit_over(
        &self,
        link: &Arc<Link>,
        concerned: Option<Pid>,
        signal: &mut Option<Outbound>,
    ) -> bool {
        let driver = {
            let mut state = link.state.lock();
            if state.closed {
                return false;
            }
            if let Some(pid) = concerned {
                state.concerned.pids.insert(pid);
            }
            let Some(signal) = signal.take() else { return true };
            let sender = signal.sender();
            // Who is told that it goes nowhere is known by another name here than there.
            let inside = link.alias.as_ref().map(|_| signal.control.clone());
            let Outbound { control, payload, caller } = signal;
            let (control, payload) = outward(link.alias.as_deref(), control, payload);
            let sent = state.outgoing.send(caller, &control, payload);
            let control = inside.unwrap_or(control);
            match sent {
                Ok(()) => {
                    if state.outgoing.is_busy_for_some() {
                        self.note_busy(link.peer, &mut state, sender);
                    }
                    state.driver.take()
                }
                Err(error @ engset_dist::connection::SendError::SendQueueFull { .. }) => {
                    drop(state);
                    self.refused(&control);
                    self.link_down(link, &error, NodedownReason::ConnectionClosed);
                    return true;
                }
                Err(error) => {
                    drop(state);
                    tracing::warn!(peer = %link.peer, "a signal cannot be sent: {error}");
                    self.refused(&control);
                    None
                }
            }
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        true
    }

    /// Whether more is queued for `peer` than should be; `sender` is woken when it is not any more.
    pub(crate) fn peer_is_busy(&self, from: Pid, peer: NodeName, sender: &Waker) -> bool {
        let link = {
            let mut peers = self.peers.lock();
            match peers.get_mut(&peer) {
                None => return false,
                Some(Peer::Up(link)) => Arc::clone(link),
                Some(Peer::Connecting(connecting)) => {
                    let busy = connecting.is_busy;
                    if busy {
                        note(&mut connecting.senders, sender);
                    }
                    return busy;
                }
            }
        };
        let mut state = link.state.lock();
        let busy = !state.closed && state.outgoing.is_busy(from);
        if busy {
            note(state.senders.entry(from).or_default(), sender);
        }
        busy
    }

    /// Notes a queue that has become long, and suspends the sender of what has just been queued if it is to wait.
    #[inline(never)]
    fn note_busy(&self, peer: NodeName, state: &mut LinkState, sender: Option<Pid>) {
        if !std::mem::replace(&mut state.is_busy, true) {
            self.processes().link_is_busy();
        }
        if let Some(sender) = sender.filter(|sender| state.outgoing.is_busy(*sender)) {
            self.processes().suspend_sender(sender, peer);
        }
    }

    /// The name by which `peer` made a monitor that fires now, if it used one: it is told the same name.
    fn monitored_as(&self, peer: NodeName, reference: Reference) -> Option<Atom> {
        let link = self.link(peer)?;
        let fired = link.state.lock().concerned.by_name.remove(&reference);
        fired.map(|(_, name)| name)
    }
}

/// Notes a waker once, however often its task is polled.
fn note(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

fn send_control(from: Pid, to: &Dest, token: Option<Box<Term>>) -> Control {
    match to {
        Dest::Pid(pid) => Control::Send { from: Some(from), to: *pid, token },
        Dest::Name(name) | Dest::RemoteName(name, _) => Control::RegSend { from, to: name.clone(), token },
        Dest::Alias(alias) => Control::AliasSend { from, to: *alias, token },
    }
}

/// Whether the signal is worth a connection. Those that end a relation are not: without a connection there is none.
fn connects(signal: &ControlSignal) -> bool {
    match signal {
        ControlSignal::Exit { .. }
        | ControlSignal::Link { .. }
        | ControlSignal::Monitor { .. }
        | ControlSignal::GroupLeader { .. } => true,
        ControlSignal::LinkExit { .. }
        | ControlSignal::TracedLinkExit { .. }
        | ControlSignal::Unlink { .. }
        | ControlSignal::UnlinkAck { .. }
        | ControlSignal::Demonitor { .. }
        | ControlSignal::Down { .. }
        | ControlSignal::AliasUsed { .. }
        | ControlSignal::Spawned { .. }
        | ControlSignal::NodeDown { .. } => false,
    }
}

/// The exit reason of a signal that has one: it goes as a payload, so that a large one goes in fragments.
fn reason(signal: &ControlSignal) -> Option<&ExitReason> {
    match signal {
        ControlSignal::LinkExit { reason, .. }
        | ControlSignal::TracedLinkExit { reason, .. }
        | ControlSignal::Exit { reason, .. }
        | ControlSignal::Down { reason, .. } => Some(reason),
        _ => None,
    }
}

fn control(from: Pid, monitored_as: Option<Atom>, to: &Dest, signal: &ControlSignal) -> Option<Control> {
    let pid = match to {
        Dest::Pid(pid) => Some(*pid),
        Dest::Name(_) | Dest::RemoteName(..) | Dest::Alias(_) => None,
    };
    let process = match to {
        Dest::Pid(pid) => Process::Pid(*pid),
        Dest::Name(name) | Dest::RemoteName(name, _) => Process::Name(name.clone()),
        Dest::Alias(_) => return None,
    };
    Some(match signal {
        ControlSignal::LinkExit { from, .. } => {
            Control::Exit { from: *from, to: pid?, token: None, reason: Reason::Payload }
        }
        ControlSignal::TracedLinkExit { from, token, .. } => Control::Exit {
            from: *from,
            to: pid?,
            token: Some(Box::new(token.to_term())),
            reason: Reason::Payload,
        },
        ControlSignal::Exit { from, .. } => {
            Control::Exit2 { from: *from, to: pid?, token: None, reason: Reason::Payload }
        }
        ControlSignal::Link { from } => Control::Link { from: *from, to: pid? },
        ControlSignal::Unlink { from, id } => Control::UnlinkId { id: *id, from: *from, to: pid? },
        ControlSignal::UnlinkAck { from, id } => Control::UnlinkIdAck { id: *id, from: *from, to: pid? },
        ControlSignal::Monitor { watcher, reference, .. } => {
            Control::MonitorP { from: *watcher, to: process, reference: *reference }
        }
        ControlSignal::Demonitor { watcher, reference } => {
            Control::DemonitorP { from: *watcher, to: process, reference: *reference }
        }
        ControlSignal::Down { reference, .. } => Control::MonitorPExit {
            from: monitored_as.map_or(Process::Pid(from), Process::Name),
            to: pid?,
            reference: *reference,
            reason: Reason::Payload,
        },
        ControlSignal::GroupLeader { leader } => Control::GroupLeader { from: *leader, to: pid? },
        ControlSignal::AliasUsed { .. } | ControlSignal::Spawned { .. } | ControlSignal::NodeDown { .. } => {
            return None;
        }
    })
}
