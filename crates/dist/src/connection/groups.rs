//! The sending side of a connection that has several streams: which signal goes on which.
//!
//! The first stream, *main*, carries the handshake, the ticks, and what has no sender. Each further stream carries the
//! signals of a group of senders, so that a large signal, or a lost packet, holds up its own group only. A sender is
//! always of the same group, and each stream keeps the order of what is put on it: so the signals of one sender arrive in
//! the order in which it sent them, whomever they are for. Nothing is promised between senders, as nowhere in Erlang.
//!
//! Each stream is an [`Outgoing`] with its own atom cache. A sender waits when its own stream is long; the limits of what
//! is queued hold for all streams together.

use super::outgoing::{Outgoing, OutgoingConfig, SendError, WHOLE_BYTES_MAX};
use crate::control::Control;
use crate::flags::Flags;
use alloc::vec::Vec;
use bytes::Bytes;
use engset_etf::Body;
use engset_term::Pid;

/// How many streams for groups of senders a connection has in each direction, where its carrier has streams.
pub const SENDER_GROUPS: usize = 8;

/// The sending side of a connection: one stream, or a main one and one for each group of senders.
#[derive(Debug)]
pub struct OutgoingStreams {
    main: Outgoing,
    /// Empty where the carrier has one stream.
    groups: Vec<Outgoing>,
    config: OutgoingConfig,
}

impl OutgoingStreams {
    /// Begins after the handshake; `flags` are the negotiated ones. With no groups, all goes on the main stream.
    #[must_use]
    pub fn new(flags: Flags, config: OutgoingConfig, groups: usize) -> Self {
        let stream = || Outgoing::new(flags, config.clone());
        Self { main: stream(), groups: (0..groups).map(|_| stream()).collect(), config }
    }

    /// Lets other limits hold from now on.
    pub fn set_config(&mut self, config: OutgoingConfig) {
        for stream in core::iter::once(&mut self.main).chain(&mut self.groups) {
            stream.set_config(config.clone());
        }
        self.config = config;
    }

    /// Queues a signal, as [`Outgoing::send`] does. `caller` is the process that makes the signal, for those whose
    /// control message does not name it ([`Control::sender`]).
    ///
    /// # Errors
    /// As [`Outgoing::send`], where the limits are those of all streams together.
    pub fn send(
        &mut self,
        caller: Option<Pid>,
        control: &Control,
        payload: Option<Body>,
    ) -> Result<(), SendError> {
        if self.groups.is_empty() {
            return self.main.send(control, payload);
        }
        self.check_room(payload.as_ref().map_or(0, Body::len))?;
        self.stream_mut(control.sender().or(caller)).send(control, payload)
    }

    /// The stream of a group; without one, the main stream.
    #[must_use]
    pub fn stream(&self, group: Option<usize>) -> &Outgoing {
        group.and_then(|group| self.groups.get(group)).unwrap_or(&self.main)
    }

    /// Moves the next bytes to write on the stream of this group, or the main one, to the end of `out`
    /// ([`Outgoing::poll_chunks`]).
    pub fn poll_chunks(&mut self, group: Option<usize>, out: &mut Vec<Bytes>) {
        group.and_then(|group| self.groups.get_mut(group)).unwrap_or(&mut self.main).poll_chunks(out);
    }

    /// Whether `sender` should wait until the peer has read more: the queue of its stream is long or a large signal of its
    /// own is under way, or all streams together hold half of what they may.
    #[must_use]
    pub fn is_busy(&self, sender: Pid) -> bool {
        if self.groups.is_empty() {
            return self.main.is_busy(sender);
        }
        self.stream(Some(group_of(sender, self.groups.len()))).is_busy(sender) || self.is_nearly_full()
    }

    /// Whether any sender should wait.
    #[must_use]
    pub fn is_busy_for_some(&self) -> bool {
        self.streams().any(Outgoing::is_busy_for_some) || (!self.groups.is_empty() && self.is_nearly_full())
    }

    /// Whether all senders should wait.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.streams().all(Outgoing::is_long) || (!self.groups.is_empty() && self.is_nearly_full())
    }

    /// How many bytes wait to be written on all streams.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.sum(Outgoing::queued_bytes)
    }

    /// A tick interval is over: queues a tick on the main stream, if nothing was written there ([`Outgoing::tick_due`]).
    pub fn tick_due(&mut self) -> bool {
        self.groups.iter_mut().for_each(Outgoing::give_back);
        self.main.tick_due()
    }

    fn stream_mut(&mut self, sender: Option<Pid>) -> &mut Outgoing {
        let count = self.groups.len();
        let group = sender.and_then(|sender| self.groups.get_mut(group_of(sender, count)));
        group.unwrap_or(&mut self.main)
    }

    /// Whether all streams together have room for a signal with a payload of so many bytes.
    fn check_room(&self, payload_bytes: usize) -> Result<(), SendError> {
        let (queued, limit) = if payload_bytes > WHOLE_BYTES_MAX {
            (self.sum(Outgoing::queued_large_bytes), self.config.large_bytes_max)
        } else {
            (self.small_bytes(), self.config.queue_bytes_max)
        };
        if queued > 0 && queued.saturating_add(payload_bytes) > limit {
            return Err(SendError::SendQueueFull { queued });
        }
        Ok(())
    }

    fn is_nearly_full(&self) -> bool {
        self.small_bytes() >= self.config.queue_bytes_max / 2
            || self.sum(Outgoing::queued_large_bytes) >= self.config.large_bytes_max / 2
    }

    fn small_bytes(&self) -> usize {
        self.queued_bytes().saturating_sub(self.sum(Outgoing::queued_large_bytes))
    }

    fn sum(&self, bytes: impl Fn(&Outgoing) -> usize) -> usize {
        self.streams().map(bytes).fold(0, usize::saturating_add)
    }

    fn streams(&self) -> impl Iterator<Item = &Outgoing> {
        core::iter::once(&self.main).chain(&self.groups)
    }
}

/// The group of a sender among so many: always the same for a pid, and spread evenly over those of a node, which count up.
#[must_use]
pub fn group_of(sender: Pid, groups: usize) -> usize {
    // Multiplied by 2^64 / golden ratio, the high half depends on all bits.
    let mixed = sender.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    usize::try_from(mixed).unwrap_or(0).checked_rem(groups).unwrap_or(0)
}
