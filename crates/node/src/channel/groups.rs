//! The further streams of a connection, one for each group of senders: what comes on them, and which of them are read.
//!
//! Each stream is cut into frames and signals by itself; what has become a signal acts at once, so that a large one on
//! one stream holds up nobody on the others. When incomplete signals of all these streams hold more than
//! [`held_max`], only the stream that holds most is read until it holds less: its signal gets complete, or is
//! refused as too large, and then there is room for the others. The peer waits meanwhile, by the flow control of its
//! carrier, and the time of an incomplete signal stands still. What is incomplete on a stream that the peer has ended
//! stays so: it is let go, and the others are read.

use super::{Channel, CloseReason, Phase, Up, act};
use crate::node::Node;
use bytes::{Bytes, BytesMut};
use engset_dist::Flags;
use engset_dist::connection::{ConnectionError, Incoming, IncomingConfig};
use engset_term::{Instant, NodeName};
use std::sync::Arc;
use std::task::Waker;

/// The receiving side of the streams for groups of senders.
#[derive(Debug)]
pub(super) struct Groups {
    /// None where the peer has ended the stream.
    streams: Vec<Option<Stream>>,
    held_max: usize,
}

#[derive(Debug)]
struct Stream {
    incoming: Incoming,
    is_paused: bool,
}

/// What incomplete signals of all groups may hold until only one of them is read on, in bytes: half of what those of one
/// stream may. So all of them hold one and a half times as much at most.
fn held_max(config: &IncomingConfig) -> usize {
    config.fragments_bytes_max / 2
}

impl Groups {
    pub(super) fn new(now: Instant, flags: Flags, config: &IncomingConfig, count: usize) -> Self {
        let stream = |_| Some(Stream { incoming: Incoming::new(now, flags, config), is_paused: false });
        Self { streams: (0..count).map(stream).collect(), held_max: held_max(config) }
    }

    /// Tells which nodes are connected ([`Incoming::between`]).
    pub(super) fn between(self, nodes: [NodeName; 2]) -> Self {
        let between = |stream: Stream| Stream { incoming: stream.incoming.between(nodes), ..stream };
        Self { streams: self.streams.into_iter().map(|stream| stream.map(between)).collect(), ..self }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.read().filter_map(|stream| stream.incoming.poll_timeout()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectionError> {
        let mut read = self.streams.iter_mut().flatten().filter(|stream| !stream.is_paused);
        read.try_for_each(|stream| stream.incoming.handle_timeout(now))
    }

    /// When bytes last came on any of them.
    pub(super) fn last_received(&self) -> Option<Instant> {
        self.streams.iter().flatten().map(|stream| stream.incoming.last_received()).max()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.streams.iter().flatten().map(|stream| stream.incoming.held_bytes()).sum()
    }

    /// Nothing more comes on the stream of this group.
    fn end(&mut self, now: Instant, group: usize) {
        self.streams.get_mut(group).map(Option::take);
        self.pace(now);
    }

    /// Decides anew which streams are read.
    fn pace(&mut self, now: Instant) {
        let fullest = if self.held_bytes() > self.held_max {
            let held =
                |stream: &Option<Stream>| stream.as_ref().map_or(0, |stream| stream.incoming.held_bytes());
            self.streams.iter().enumerate().max_by_key(|(_, stream)| held(stream)).map(|(at, _)| at)
        } else {
            None
        };
        for (at, stream) in self.streams.iter_mut().enumerate() {
            let Some(stream) = stream else { continue };
            let pauses = fullest.is_some_and(|fullest| fullest != at);
            if std::mem::replace(&mut stream.is_paused, pauses) && !pauses {
                stream.incoming.resume(now);
            }
        }
    }

    fn read(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().flatten().filter(|stream| !stream.is_paused)
    }
}

/// The streams for groups of senders, where the carrier has such. They are used once [`Channel::peer`] is known; what
/// comes on them before waits.
impl Channel {
    /// Lets the connection have streams for this many groups of senders, beside the main one that the channel is about;
    /// the peer must have as many.
    #[must_use]
    pub fn with_groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Where to read the next bytes on the stream of this group to, unless it is not to be read now; put them behind those
    /// that are there, and call [`Self::handle_group_read`].
    pub fn group_room(&mut self, group: usize) -> Option<&mut BytesMut> {
        let Phase::Up(up) = &mut self.phase else { return None };
        let stream = up.groups.streams.get_mut(group)?.as_mut().filter(|stream| !stream.is_paused)?;
        Some(stream.incoming.room(|| self.node.blocks.lock()))
    }

    /// So many bytes were put into [`Self::group_room`]; how many signals came with them. Streams that were not to be read
    /// may be after this.
    ///
    /// # Errors
    /// As [`Self::handle_bytes`].
    pub fn handle_group_read(
        &mut self,
        now: Instant,
        group: usize,
        bytes: usize,
    ) -> Result<usize, CloseReason> {
        self.node.count_bytes(bytes, 0);
        let Phase::Up(up) = &mut self.phase else { return Ok(0) };
        let result = up.handle_group_read(&self.node, now, group, bytes);
        self.note(result)
    }

    /// Nothing more has come on this stream for now: memory that is not needed is given back.
    pub fn rest_group(&mut self, group: usize) {
        if let Phase::Up(up) = &mut self.phase
            && let Some(Some(stream)) = up.groups.streams.get_mut(group)
        {
            stream.incoming.rest(|| self.node.blocks.lock());
        }
    }

    /// The peer has ended the stream of this group. Streams that were not to be read may be after this.
    pub fn handle_group_end(&mut self, now: Instant, group: usize) {
        if let Phase::Up(up) = &mut self.phase {
            up.groups.end(now, group);
            // Less than before is never too much.
            up.held.set(up.held_bytes(), usize::MAX).ok();
        }
    }

    /// Queues a tick on the main stream now, for a carrier that wants to know whether the peer is there: it answers, by an
    /// acknowledgement of the carrier's. Without effect before the peer has proven who it is, and where something waits to
    /// be written there, which is as good.
    pub fn show_life(&mut self) {
        if let Phase::Up(up) = &mut self.phase {
            let mut state = up.link.state.lock();
            // The first call may find that something was written, which has been answered or not.
            if !state.outgoing.tick_due() {
                state.outgoing.tick_due();
            }
        }
    }

    /// Appends pieces to be written on the stream of this group, as [`Self::poll_transmit`] does for the main one.
    ///
    /// # Errors
    /// When this node closed the connection.
    pub fn poll_group_transmit(
        &mut self,
        group: usize,
        out: &mut Vec<Bytes>,
        driver: &Waker,
    ) -> Result<(), CloseReason> {
        let Phase::Up(up) = &self.phase else { return Ok(()) };
        let before = out.len();
        let result = up.poll_stream(&self.node, Some(group), out, driver);
        self.node.count_bytes(0, out.iter().skip(before).map(Bytes::len).sum());
        self.note(result)
    }
}

impl Up {
    pub(super) fn held_bytes(&self) -> usize {
        self.incoming.held_bytes().saturating_add(self.groups.held_bytes())
    }

    fn handle_group_read(
        &mut self,
        node: &Arc<Node>,
        now: Instant,
        group: usize,
        bytes: usize,
    ) -> Result<usize, CloseReason> {
        let Some(Some(stream)) = self.groups.streams.get_mut(group) else { return Ok(0) };
        stream.incoming.handle_read(now, bytes);
        let signals = act(&self.link, &mut stream.incoming, node)?;
        self.groups.pace(now);
        self.held.set(self.held_bytes(), node.config().held_bytes_max).map_err(CloseReason::Holds)?;
        Ok(signals)
    }
}

#[cfg(test)]
mod tests;
