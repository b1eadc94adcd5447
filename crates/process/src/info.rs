//! What can be seen of a process from outside (OTP's `process_info`).

use crate::signal::Dest;
use engset_term::{Atom, Pid};

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for something.
    Waiting,
    /// It is in a run queue.
    Runnable,
    /// A worker runs it.
    Running,
}

/// The callback of its behaviour that a process runs, or in which it waits for something.
///
/// A behaviour says so by [`crate::Cx::set_callback`]; the names are those of OTP's behaviours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Callback {
    /// The first one: the state is made.
    Init = 1,
    /// A request, of a server or of an event handler (`handle_call`, `handle_cast`).
    HandleRequest,
    /// An event, of a state machine or of event handlers (`handle_event`).
    HandleEvent,
    /// What is no request (`handle_info`).
    HandleInfo,
    /// What a server wanted to go on with (`handle_continue`).
    HandleContinue,
    /// A state is entered (`enter` of a state machine).
    StateEnter,
    /// The last one.
    Terminate,
}

/// What serves a process and answers its system messages, in OTP's words.
///
/// A behaviour says so by [`crate::Cx::set_behaviour`]; a process without one answers no system messages by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Behaviour {
    /// `gen_server`.
    GenServer = 1,
    /// `gen_statem`.
    GenStatem,
    /// `gen_event`.
    GenEvent,
    /// `supervisor`.
    Supervision,
}

impl Behaviour {
    const ALL: [Self; 4] = [Self::GenServer, Self::GenStatem, Self::GenEvent, Self::Supervision];

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|behaviour| *behaviour as u8 == byte)
    }
}

impl Callback {
    const ALL: [Self; 7] = [
        Self::Init,
        Self::HandleRequest,
        Self::HandleEvent,
        Self::HandleInfo,
        Self::HandleContinue,
        Self::StateEnter,
        Self::Terminate,
    ];

    /// As one byte, 0 for none.
    pub(crate) fn to_byte(callback: Option<Self>) -> u8 {
        callback.map_or(0, |callback| callback as u8)
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|callback| *callback as u8 == byte)
    }
}

/// What can be seen of a process from outside, at one moment.
///
/// Taking it neither stops nor wakes the process, and works also for one that computes without end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// The process.
    pub pid: Pid,
    /// Whether it runs.
    pub status: Status,
    /// Its registered names.
    pub names: Vec<Atom>,
    /// What it calls itself, see [`crate::Cx::set_label`].
    pub label: Option<String>,
    /// What it began with: the type of its code, or of its server.
    pub initial_call: &'static str,
    /// What serves it; `None` for a process without behaviour.
    pub behaviour: Option<Behaviour>,
    /// The callback of its behaviour that it is in; `None` between two, and for a process without behaviour.
    pub callback: Option<Callback>,
    /// The processes that it descends from, the one that started it first, as far as they are alive.
    pub ancestors: Vec<Pid>,
    /// Its group leader, see [`crate::Cx::group_leader`].
    pub group_leader: Option<Pid>,
    /// The processes linked to it.
    pub links: Vec<Pid>,
    /// Whom it monitors, as it was given.
    pub monitors: Vec<Dest>,
    /// Who monitors it.
    pub monitored_by: Vec<Pid>,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// How many messages wait, in the mailbox and on their way into it.
    pub message_queue_len: usize,
    /// How many bytes these messages take; without [`crate::MailboxLimits`] what their type takes by itself.
    pub message_queue_bytes: usize,
    /// How many messages it has received (or, of those from outside, not understood).
    pub messages_received: u64,
    /// How many messages for which there was no room went back to their senders.
    pub messages_refused: u64,
    /// How many messages for which there was no room were dropped.
    pub messages_dropped: u64,
    /// How many time slices it has had. One ends when the process waits, or after [`crate::SLICE_MESSAGES`] messages.
    pub reductions: u64,
    /// How many bytes the process takes, with what waits for it, without what its values point to.
    pub memory: usize,
}
