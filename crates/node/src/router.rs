//! The way out: process signals become control messages for a peer.

use crate::node::Node;
use crate::watchers::{MonitorNodes, NodeType};
use bytes::Bytes;
use engset_dist::Flags;
use engset_dist::control::{AltactTarget, Control, Process, Reason};
use engset_process::{ControlSignal, Dest, Epoch, ExitReason, Router};
use engset_term::{Atom, NodeName, Pid, Reference};
use std::task::Waker;

impl Router for Node {
    fn message(&self, from: Pid, to: &Dest, payload: Bytes) {
        let Some(peer) = to.node() else { return };
        self.transmit(peer, None, self.send_control(peer, from, to), Some(payload));
    }

    fn message_if_connected(&self, from: Pid, to: &Dest, payload: Bytes) -> bool {
        let Some(peer) = to.node() else { return false };
        let Some(link) = self.link(peer) else { return false };
        self.transmit_over(&link, None, &self.send_control(peer, from, to), Some(payload))
    }

    fn watch_nodes(&self, pid: Pid) -> Vec<NodeName> {
        let all = MonitorNodes { node_type: Some(NodeType::All), ..MonitorNodes::default() };
        if let Err(error) = self.monitor_nodes(pid, all) {
            tracing::error!(%pid, "a process does not hear of other nodes: {error}");
        }
        self.connected().into_iter().map(|(peer, _)| peer).collect()
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
        if let Some(control) = control(from, monitored_as, to, signal) {
            self.transmit(peer, concerned, control, None)
        } else {
            Epoch::NONE
        }
    }

    fn is_busy(&self, to: &Dest, sender: &Waker) -> bool {
        to.node().is_some_and(|peer| self.peer_is_busy(peer, sender))
    }

    fn forget(&self, pid: Pid) {
        self.forget_process(pid);
    }
}

impl Node {
    fn send_control(&self, peer: NodeName, from: Pid, to: &Dest) -> Control {
        match to {
            Dest::Pid(pid) => Control::Send { from: Some(from), to: *pid, token: None },
            Dest::Name(name) | Dest::RemoteName(name, _) => {
                Control::RegSend { from, to: name.clone(), token: None }
            }
            Dest::Alias(alias) if self.takes(peer, Flags::ALIAS) => {
                Control::AliasSend { from, to: *alias, token: None }
            }
            Dest::Alias(alias) => {
                let to = AltactTarget::Alias(*alias);
                Control::AltactSigSend { priority: false, exit: false, from, to, token: None }
            }
        }
    }

    /// The name by which `peer` made a monitor that fires now, if it used one: it is told the same name.
    fn monitored_as(&self, peer: NodeName, reference: Reference) -> Option<Atom> {
        let link = self.link(peer)?;
        let fired = link.state.lock().concerned.by_name.remove(&reference);
        fired.map(|(_, name)| name)
    }

    /// Whether `peer` has a capability; of a peer that is not connected it is taken to have it.
    fn takes(&self, peer: NodeName, flag: Flags) -> bool {
        self.link(peer).is_none_or(|link| link.flags.contains(flag))
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
        | ControlSignal::Unlink { .. }
        | ControlSignal::UnlinkAck { .. }
        | ControlSignal::Demonitor { .. }
        | ControlSignal::Down { .. }
        | ControlSignal::AliasUsed { .. }
        | ControlSignal::NodeDown { .. } => false,
    }
}

fn control(from: Pid, monitored_as: Option<Atom>, to: &Dest, signal: ControlSignal) -> Option<Control> {
    let pid = match to {
        Dest::Pid(pid) => Some(*pid),
        Dest::Name(_) | Dest::RemoteName(..) | Dest::Alias(_) => None,
    };
    let process = match to {
        Dest::Pid(pid) => Process::Pid(*pid),
        Dest::Name(name) | Dest::RemoteName(name, _) => Process::Name(name.clone()),
        Dest::Alias(_) => return None,
    };
    let inline = |reason: &ExitReason| Reason::Inline(reason.to_term());
    Some(match signal {
        ControlSignal::LinkExit { from, reason } => {
            Control::Exit { from, to: pid?, token: None, reason: inline(&reason) }
        }
        ControlSignal::Exit { from, reason } => {
            Control::Exit2 { from, to: pid?, token: None, reason: inline(&reason) }
        }
        ControlSignal::Link { from } => Control::Link { from, to: pid? },
        ControlSignal::Unlink { from, id } => Control::UnlinkId { id, from, to: pid? },
        ControlSignal::UnlinkAck { from, id } => Control::UnlinkIdAck { id, from, to: pid? },
        ControlSignal::Monitor { watcher, reference, .. } => {
            Control::MonitorP { from: watcher, to: process, reference }
        }
        ControlSignal::Demonitor { watcher, reference } => {
            Control::DemonitorP { from: watcher, to: process, reference }
        }
        ControlSignal::Down { reference, reason } => Control::MonitorPExit {
            from: monitored_as.map_or(Process::Pid(from), Process::Name),
            to: pid?,
            reference,
            reason: inline(&reason),
        },
        ControlSignal::GroupLeader { leader } => Control::GroupLeader { from: leader, to: pid? },
        ControlSignal::AliasUsed { .. } | ControlSignal::NodeDown { .. } => return None,
    })
}
