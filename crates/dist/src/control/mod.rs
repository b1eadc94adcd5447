//! Control messages: the signals that cross the wire, in the order of the specification.
//!
//! A control message is a tuple whose first element is the operation. Operations that differ only in where the exit
//! reason stands, or in whether a trace token comes along, are one variant of [`Control`].

mod decode;
mod encode;
mod quick;

pub use decode::ControlError;
pub(crate) use quick::Named;

use crate::flags::Flags;
use alloc::boxed::Box;
use alloc::vec::Vec;
use engset_term::{Atom, Pid, Reference, Term};

/// A signal, as it crosses the wire. `token` is a sequential trace token, opaque to us.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// 1: `{1, From, To}`.
    Link {
        /// The process that links.
        from: Pid,
        /// The process to link to.
        to: Pid,
    },
    /// 2, 12: `{2, '', To}`; with sender 22, 23: `{22, From, To}`. The message follows.
    Send {
        /// The sender, if the peer is to know it (flag `SEND_SENDER`).
        from: Option<Pid>,
        /// The receiver.
        to: Pid,
        /// Trace token.
        token: Option<Box<Term>>,
    },
    /// 3, 13: `{3, From, To, Reason}`; 24, 25: the reason follows. A link broke.
    Exit {
        /// The process that ended.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// Trace token.
        token: Option<Box<Term>>,
        /// Why it ended.
        reason: Reason,
    },
    /// 4: `{4, From, To}`. Obsolete since OTP 26; see [`Self::UnlinkId`].
    Unlink {
        /// The process that unlinks.
        from: Pid,
        /// The process it was linked to.
        to: Pid,
    },
    /// 5: `{5}`. Ancient; nobody sends it.
    NodeLink,
    /// 6, 16: `{6, From, '', Name}`. The message follows; an unknown name is no error.
    RegSend {
        /// The sender.
        from: Pid,
        /// The registered name of the receiver.
        to: Atom,
        /// Trace token.
        token: Option<Box<Term>>,
    },
    /// 7: `{7, From, To}`: `From` becomes the group leader of `To`.
    GroupLeader {
        /// The new group leader.
        from: Pid,
        /// The process that gets it.
        to: Pid,
    },
    /// 8, 18: `{8, From, To, Reason}`; 26, 27: the reason follows. `exit/2` was called.
    Exit2 {
        /// The caller.
        from: Pid,
        /// The process to end.
        to: Pid,
        /// Trace token.
        token: Option<Box<Term>>,
        /// The reason given.
        reason: Reason,
    },
    /// 19: `{19, From, PidOrName, Ref}`.
    MonitorP {
        /// The process that monitors.
        from: Pid,
        /// The process to be monitored.
        to: Process,
        /// The monitor.
        reference: Reference,
    },
    /// 20: `{20, From, PidOrName, Ref}`.
    DemonitorP {
        /// The process that monitors.
        from: Pid,
        /// The monitored process.
        to: Process,
        /// The monitor.
        reference: Reference,
    },
    /// 21: `{21, PidOrName, To, Ref, Reason}`; 28: the reason follows. A monitored process ended.
    MonitorPExit {
        /// The monitored process, in the way it was named by the monitor.
        from: Process,
        /// The process that monitors.
        to: Pid,
        /// The monitor.
        reference: Reference,
        /// Why it ended.
        reason: Reason,
    },
    /// 29, 30: `{29, ReqId, From, GroupLeader, {M, F, Arity}, Options}`. The arguments follow, as a list.
    ///
    /// It has to be answered with [`Self::SpawnReply`] always.
    SpawnRequest {
        /// Identifies the request; also the monitor's reference, if one is wanted.
        request: Reference,
        /// The process that asks.
        from: Pid,
        /// What to spawn. Apart, since it is rare and long.
        spawn: Box<Spawn>,
        /// Trace token.
        token: Option<Box<Term>>,
    },
    /// 31, 32: `{31, ReqId, To, Flags, PidOrAtom}`.
    SpawnReply {
        /// The request that is answered.
        request: Reference,
        /// The process that asked.
        to: Pid,
        /// The new process is linked to `to`.
        linked: bool,
        /// The new process is monitored by `to`.
        monitored: bool,
        /// The new process, or the error.
        result: SpawnResult,
        /// Trace token.
        token: Option<Box<Term>>,
    },
    /// 33, 34: `{33, From, Alias}`. The message follows. Deprecated in OTP 28, to be gone in OTP 30.
    AliasSend {
        /// The sender.
        from: Pid,
        /// The alias of the receiver.
        to: Reference,
        /// Trace token.
        token: Option<Box<Term>>,
    },
    /// 35: `{35, Id, From, To}`, to be acknowledged.
    UnlinkId {
        /// Not 0; unique among the unlinks that are not acknowledged.
        id: u64,
        /// The process that unlinks.
        from: Pid,
        /// The process it was linked to.
        to: Pid,
    },
    /// 36: `{36, Id, From, To}`; has to go out before any other signal to that process.
    UnlinkIdAck {
        /// The identifier of the unlink.
        id: u64,
        /// The process that was unlinked.
        from: Pid,
        /// The process that had unlinked.
        to: Pid,
    },
    /// 37: `{37, Flags, From, To}` or `{37, Flags, From, To, Token}` (OTP 28).
    ///
    /// The message follows, or the reason if `exit` is set.
    AltactSigSend {
        /// Flag 1: a priority signal.
        priority: bool,
        /// Flag 16: an exit signal as of `exit/2` instead of a message.
        exit: bool,
        /// The sender.
        from: Pid,
        /// The receiver; flags 4 and 8 say of which kind.
        to: AltactTarget,
        /// Trace token (flag 2).
        token: Option<Box<Term>>,
    },
}

/// Where an exit reason stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// In the control message.
    Inline(Box<Term>),
    /// After the control message, as the payload (flag `EXIT_PAYLOAD`).
    Payload,
}

/// A process, by its pid or its registered name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// By pid.
    Pid(Pid),
    /// By name.
    Name(Atom),
}

/// The receiver of an [`Control::AltactSigSend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AltactTarget {
    /// By pid.
    Pid(Pid),
    /// By alias (flag 4).
    Alias(Reference),
    /// By registered name (flag 8).
    Name(Atom),
}

/// The answer to a spawn request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnResult {
    /// The new process.
    Spawned(Pid),
    /// Why there is none, such as `badopt` or `notsup`.
    Error(Atom),
}

/// What is spawned for a [`Control::SpawnRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// The group leader of the new process.
    pub group_leader: Pid,
    /// What to run.
    pub function: Mfa,
    /// Options, such as `link` and `monitor`.
    pub options: Vec<Term>,
}

/// `Module:Function/Arity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfa {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments.
    pub arity: u8,
}

impl Control {
    /// Whether a payload (message, reason or arguments) follows.
    #[must_use]
    pub fn has_payload(&self) -> bool {
        match self {
            Self::Send { .. }
            | Self::RegSend { .. }
            | Self::SpawnRequest { .. }
            | Self::AliasSend { .. }
            | Self::AltactSigSend { .. } => true,
            Self::Exit { reason, .. } | Self::Exit2 { reason, .. } | Self::MonitorPExit { reason, .. } => {
                matches!(reason, Reason::Payload)
            }
            Self::Link { .. }
            | Self::Unlink { .. }
            | Self::NodeLink
            | Self::GroupLeader { .. }
            | Self::MonitorP { .. }
            | Self::DemonitorP { .. }
            | Self::SpawnReply { .. }
            | Self::UnlinkId { .. }
            | Self::UnlinkIdAck { .. } => false,
        }
    }

    /// The operation's number.
    #[must_use]
    pub fn op(&self) -> u8 {
        let traced = |token: &Option<Box<Term>>, plain: u8, with_token: u8| {
            if token.is_some() { with_token } else { plain }
        };
        match self {
            Self::Link { .. } => 1,
            Self::Send { from: None, token, .. } => traced(token, 2, 12),
            Self::Send { from: Some(_), token, .. } => traced(token, 22, 23),
            Self::Exit { reason: Reason::Inline(_), token, .. } => traced(token, 3, 13),
            Self::Exit { reason: Reason::Payload, token, .. } => traced(token, 24, 25),
            Self::Unlink { .. } => 4,
            Self::NodeLink => 5,
            Self::RegSend { token, .. } => traced(token, 6, 16),
            Self::GroupLeader { .. } => 7,
            Self::Exit2 { reason: Reason::Inline(_), token, .. } => traced(token, 8, 18),
            Self::Exit2 { reason: Reason::Payload, token, .. } => traced(token, 26, 27),
            Self::MonitorP { .. } => 19,
            Self::DemonitorP { .. } => 20,
            Self::MonitorPExit { reason: Reason::Inline(_), .. } => 21,
            Self::MonitorPExit { reason: Reason::Payload, .. } => 28,
            Self::SpawnRequest { token, .. } => traced(token, 29, 30),
            Self::SpawnReply { token, .. } => traced(token, 31, 32),
            Self::AliasSend { token, .. } => traced(token, 33, 34),
            Self::UnlinkId { .. } => 35,
            Self::UnlinkIdAck { .. } => 36,
            Self::AltactSigSend { .. } => 37,
        }
    }

    /// The process the signal comes from, when its pid is known: signals of one sender stay in order.
    #[must_use]
    pub fn sender(&self) -> Option<Pid> {
        match self {
            Self::Link { from, .. }
            | Self::Exit { from, .. }
            | Self::Unlink { from, .. }
            | Self::RegSend { from, .. }
            | Self::Exit2 { from, .. }
            | Self::MonitorP { from, .. }
            | Self::DemonitorP { from, .. }
            | Self::MonitorPExit { from: Process::Pid(from), .. }
            | Self::SpawnRequest { from, .. }
            | Self::SpawnReply { result: SpawnResult::Spawned(from), .. }
            | Self::AliasSend { from, .. }
            | Self::UnlinkId { from, .. }
            | Self::UnlinkIdAck { from, .. }
            | Self::AltactSigSend { from, .. } => Some(*from),
            Self::Send { from, .. } => *from,
            // Names the leader, who may be of any node, and not who sent it.
            Self::GroupLeader { .. }
            | Self::NodeLink
            | Self::MonitorPExit { from: Process::Name(_), .. }
            | Self::SpawnReply { result: SpawnResult::Error(_), .. } => None,
        }
    }

    /// The capabilities a peer must have to understand this signal in any form.
    #[must_use]
    pub fn needs(&self) -> Flags {
        match self {
            Self::MonitorP { to: Process::Name(_), .. }
            | Self::DemonitorP { to: Process::Name(_), .. }
            | Self::MonitorPExit { from: Process::Name(_), .. } => {
                Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME
            }
            Self::MonitorP { .. } | Self::DemonitorP { .. } | Self::MonitorPExit { .. } => {
                Flags::DIST_MONITOR
            }
            Self::SpawnRequest { .. } | Self::SpawnReply { .. } => Flags::SPAWN,
            Self::AliasSend { .. } => Flags::ALIAS,
            Self::UnlinkId { .. } | Self::UnlinkIdAck { .. } => Flags::UNLINK_ID,
            Self::AltactSigSend { .. } => Flags::ALTACT_SIG,
            Self::Link { .. }
            | Self::Send { .. }
            | Self::Exit { .. }
            | Self::Unlink { .. }
            | Self::NodeLink
            | Self::RegSend { .. }
            | Self::GroupLeader { .. }
            | Self::Exit2 { .. } => Flags::NONE,
        }
    }

    /// The signal in the form that a peer with these capabilities takes, where that is another one: messages to aliases
    /// are of operation 37 for a peer that has it (OTP 28), and of 33 or 34 for all others.
    #[must_use]
    pub(crate) fn for_peer(&self, flags: Flags) -> Option<Self> {
        let has_altact = flags.contains(Flags::ALTACT_SIG);
        if let Self::AliasSend { from, to, token } = self
            && has_altact
        {
            let (to, token) = (AltactTarget::Alias(*to), token.clone());
            return Some(Self::AltactSigSend { priority: false, exit: false, from: *from, to, token });
        }
        if let Self::AltactSigSend { exit: false, from, to: AltactTarget::Alias(to), token, .. } = self
            && !has_altact
        {
            return Some(Self::AliasSend { from: *from, to: *to, token: token.clone() });
        }
        None
    }

    /// The exit reason of signals that have one.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Exit { reason, .. } | Self::Exit2 { reason, .. } | Self::MonitorPExit { reason, .. } => {
                Some(reason)
            }
            Self::Link { .. }
            | Self::Send { .. }
            | Self::Unlink { .. }
            | Self::NodeLink
            | Self::RegSend { .. }
            | Self::GroupLeader { .. }
            | Self::MonitorP { .. }
            | Self::DemonitorP { .. }
            | Self::SpawnRequest { .. }
            | Self::SpawnReply { .. }
            | Self::AliasSend { .. }
            | Self::UnlinkId { .. }
            | Self::UnlinkIdAck { .. }
            | Self::AltactSigSend { .. } => None,
        }
    }
}

/// Flag of operation 31: the new process is linked.
const SPAWN_LINKED: i64 = 1;
/// Flag of operation 31: the new process is monitored.
const SPAWN_MONITORED: i64 = 2;
/// Flags of operation 37.
const ALTACT_PRIORITY: i64 = 1;
const ALTACT_TOKEN: i64 = 2;
const ALTACT_ALIAS: i64 = 4;
const ALTACT_NAME: i64 = 8;
const ALTACT_EXIT: i64 = 16;

#[cfg(test)]
mod tests;
