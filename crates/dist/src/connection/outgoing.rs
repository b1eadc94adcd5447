//! The sending side of a connection: signals in, frames out, in order and within limits.
//!
//! Two lanes: `ready` holds frames that may leave at once; `bulk` holds large signals, which leave one fragment at a
//! time, and whatever must not overtake them. A signal goes to `bulk` if its sender has something there already, or if
//! nobody can tell who its sender is while `bulk` is in use. So no signal overtakes another of the same sender, and a
//! small signal of somebody else waits for one fragment, not for a whole large message.
//!
//! Frames in `ready` leave in the order in which they are built, so their atoms go through the cache that the peer keeps.
//! What goes to `bulk` may be overtaken, and writes its atoms out.

use super::sent_atoms::SentAtoms;
use super::{FIRST_FRAGMENT, FRAGMENT_BYTES, NEXT_FRAGMENT, NORMAL_HEADER, PASS_THROUGH, VERSION};
use crate::control::{Control, Reason};
use crate::flags::Flags;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use engset_etf::contains_record;

/// About how many bytes one call of [`Outgoing::poll_transmit`] gives; it goes over by less than two fragments.
pub const POLL_BYTES_MAX: usize = 256 * 1024;
/// Payloads up to this length are copied behind their frame's head; longer ones are queued as they are.
const COPY_BYTES_MAX: usize = 4 * 1024;
/// Room for a frame's head beside its control message; a header that names new atoms needs more.
const HEAD_ROOM: usize = 40;
/// A frame's length field.
const LENGTH_BYTES: usize = 4;
/// The head of a further fragment: length, two tag bytes, sequence and number.
const NEXT_HEAD_BYTES: usize = LENGTH_BYTES + 2 + 16;

/// Limits of the sending side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingConfig {
    /// From so many queued bytes on, [`Outgoing::is_busy`] says that senders should wait (`+zdbbl` in OTP).
    pub busy_bytes: usize,
    /// A signal that would make the queue longer than this is refused, unless the queue is empty: a single signal
    /// may be of any size.
    pub queue_bytes_max: usize,
}

impl Default for OutgoingConfig {
    fn default() -> Self {
        Self { busy_bytes: 1024 * 1024, queue_bytes_max: 16 * 1024 * 1024 }
    }
}

/// Why a signal was not queued. Nothing of it will be sent; the connection is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The queue is full: the peer reads too slowly for what is sent.
    SendQueueFull {
        /// What is queued, in bytes.
        queued: usize,
    },
    /// The peer cannot understand this signal. The flags it lacks.
    NotSupported(Flags),
    /// The signal is too long for one frame, and the peer does not take fragments.
    TooLong {
        /// The length of the frame, in bytes.
        len: usize,
    },
    /// The caller gave a payload to an operation without one, or none to one that needs it.
    PayloadMismatch {
        /// The operation.
        op: u8,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SendQueueFull { queued } => {
                write!(f, "the send queue is full ({queued} bytes); the peer reads too slowly")
            }
            Self::NotSupported(flags) => write!(f, "the peer does not support {flags}"),
            Self::TooLong { len } => {
                write!(f, "the signal needs a frame of {len} bytes, which no peer takes")
            }
            Self::PayloadMismatch { op } => {
                write!(f, "operation {op} was given a payload it does not have, or lacks the one it needs")
            }
        }
    }
}

impl core::error::Error for SendError {}

/// The sending side of a connection.
#[derive(Debug)]
pub struct Outgoing {
    flags: Flags,
    config: OutgoingConfig,
    /// Frames that may leave at once, before those in `tail`.
    ready: VecDeque<Piece>,
    /// The last piece given out ended inside a frame, so `ready` has to go on before `bulk` may.
    inside_frame: bool,
    /// What the peer's atom cache holds, if it has one.
    sent_atoms: Option<SentAtoms>,
    /// A control message while its frame is built.
    scratch: Vec<u8>,
    /// The newest frames that may leave at once, joined.
    tail: Vec<u8>,
    bulk: VecDeque<Bulk>,
    /// How many entries of `bulk` each sender has.
    bulk_senders: BTreeMap<u64, usize>,
    /// How many entries of `bulk` have no known sender.
    bulk_anonymous: usize,
    queued: usize,
    written_since_tick: bool,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// Whether the next piece begins a new frame.
    ends_frame: bool,
}

#[derive(Debug)]
struct Bulk {
    sender: Option<u64>,
    item: Item,
}

#[derive(Debug)]
enum Item {
    /// Whole frames, in pieces.
    Whole { head: Bytes, payload: Bytes },
    /// A signal in fragments: the head of the first frame is there until it has left.
    Fragmented { head: Option<Bytes>, payload: Bytes, sequence: u64, left: u64 },
}

/// A frame on its way into a lane: everything up to the payload, and the payload.
struct Built {
    head: Vec<u8>,
    payload: Bytes,
    /// How many fragments, when it goes in fragments.
    fragments: Option<u64>,
    wire_bytes: usize,
}

impl Outgoing {
    /// Begins after the handshake; `flags` are the negotiated ones.
    #[must_use]
    pub fn new(flags: Flags, config: OutgoingConfig) -> Self {
        let sent_atoms = flags.contains(Flags::DIST_HDR_ATOM_CACHE).then(SentAtoms::default);
        Self {
            flags,
            config,
            sent_atoms,
            scratch: Vec::new(),
            ready: VecDeque::new(),
            inside_frame: false,
            tail: Vec::new(),
            bulk: VecDeque::new(),
            bulk_senders: BTreeMap::new(),
            bulk_anonymous: 0,
            queued: 0,
            written_since_tick: false,
        }
    }

    /// Queues a signal. `payload` is one term in external format without the version byte, given exactly if
    /// [`Control::has_payload`].
    ///
    /// The form follows what the peer can do: exit reasons move into or out of the control message, the sender of a
    /// message is left out for a peer that does not know such messages, messages to aliases are of operation 37 for a
    /// peer that has it, and a large payload goes in fragments.
    ///
    /// # Errors
    /// When the queue is full, the peer lacks a capability, or the payload does not fit the operation.
    pub fn send(&mut self, control: &Control, payload: Option<Bytes>) -> Result<(), SendError> {
        if payload.is_some() != control.has_payload() {
            return Err(SendError::PayloadMismatch { op: control.op() });
        }
        let suited = control.for_peer(self.flags);
        let control = suited.as_ref().unwrap_or(control);
        let mut missing = control.needs().without(self.flags);
        if !self.flags.contains(Flags::NATIVE_RECORDS) && payload.as_deref().is_some_and(contains_record) {
            missing = missing | Flags::NATIVE_RECORDS;
        }
        if !missing.is_empty() {
            return Err(SendError::NotSupported(missing));
        }
        let sender = control.sender().map(|pid| pid.number());
        let built = self.build(control, payload.unwrap_or_default(), sender).and_then(|built| {
            let is_full = self.queued.saturating_add(built.wire_bytes) > self.config.queue_bytes_max;
            if self.queued > 0 && is_full {
                return Err(SendError::SendQueueFull { queued: self.queued });
            }
            Ok(built)
        });
        let built = built.inspect_err(|_| {
            if let Some(sent) = &mut self.sent_atoms {
                sent.take_back();
            }
        })?;
        self.queued = self.queued.saturating_add(built.wire_bytes);
        self.enqueue(built, sender);
        Ok(())
    }

    /// Moves the next bytes to write to the end of `out`, about [`POLL_BYTES_MAX`]. Nothing is added when the queue is
    /// empty.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if self.ready.is_empty() && self.bulk.is_empty() && self.tail.len() <= POLL_BYTES_MAX {
            // The common case: keep the buffer for the next signals.
            self.took(self.tail.len());
            out.extend_from_slice(&self.tail);
            self.tail.clear();
            return;
        }
        let mut chunks = Vec::new();
        self.poll_chunks(&mut chunks);
        for chunk in &chunks {
            out.extend_from_slice(chunk);
        }
    }

    /// Like [`Self::poll_transmit`], but gives pieces for a vectored write: large payloads are not copied.
    pub fn poll_chunks(&mut self, out: &mut Vec<Bytes>) {
        // Half of the room is kept for large signals, so that a stream of small ones does not hold them up for ever.
        let mut room = if self.bulk.is_empty() { POLL_BYTES_MAX } else { POLL_BYTES_MAX / 2 };
        let mut taken = 0_usize;
        while room > 0 || (self.inside_frame && !self.bulk.is_empty()) {
            let Some(chunk) = self.next_ready(room) else { break };
            room = room.saturating_sub(chunk.len());
            taken = taken.saturating_add(chunk.len());
            out.push(chunk);
        }
        while taken < POLL_BYTES_MAX && !self.bulk.is_empty() {
            taken = taken.saturating_add(self.next_bulk(out));
        }
        self.took(taken);
    }

    /// Whether senders should wait until the peer has read more.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.queued >= self.config.busy_bytes
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued
    }

    /// A tick interval is over ([`Tick::Send`](super::Tick::Send)): queues a tick if nothing was written in it and
    /// nothing waits. Gives whether it did.
    pub fn tick_due(&mut self) -> bool {
        let written = core::mem::replace(&mut self.written_since_tick, false);
        if written || self.queued > 0 {
            return false;
        }
        self.tail.extend_from_slice(&[0; LENGTH_BYTES]);
        self.queued = self.queued.saturating_add(LENGTH_BYTES);
        true
    }

    fn build(&mut self, control: &Control, payload: Bytes, sender: Option<u64>) -> Result<Built, SendError> {
        let mut payload = payload;
        let reason_inside = match control.reason() {
            Some(Reason::Payload) => !self.flags.contains(Flags::EXIT_PAYLOAD),
            Some(Reason::Inline(_)) | None => false,
        };
        let fragments = if reason_inside { None } else { self.fragments(payload.len()) };
        let in_bulk = fragments.is_some() || self.is_behind_bulk(sender);
        if let Some(sent) = &mut self.sent_atoms {
            sent.begin();
        }
        self.scratch.clear();
        let cache = if in_bulk { None } else { self.sent_atoms.as_mut() };
        if reason_inside {
            control.encode_with_reason(&payload, cache, &mut self.scratch);
            payload = Bytes::new();
        } else {
            control.encode_for(self.flags, cache, &mut self.scratch);
        }
        let mut head = Vec::with_capacity(self.scratch.len().saturating_add(HEAD_ROOM));
        head.extend_from_slice(&[0; LENGTH_BYTES]);
        if !self.has_headers() {
            head.extend_from_slice(&[PASS_THROUGH, VERSION]);
        } else if let Some(count) = fragments {
            head.extend_from_slice(&[VERSION, FIRST_FRAGMENT]);
            head.extend_from_slice(&sender.unwrap_or(0).to_be_bytes());
            head.extend_from_slice(&count.to_be_bytes());
            head.push(0);
        } else {
            head.extend_from_slice(&[VERSION, NORMAL_HEADER]);
            match &self.sent_atoms {
                Some(sent) => sent.put_section(&mut head),
                None => head.push(0),
            }
        }
        head.extend_from_slice(&self.scratch);
        if !self.has_headers() && !payload.is_empty() {
            head.push(VERSION);
        }
        let in_first = if fragments.is_some() { FRAGMENT_BYTES } else { payload.len() };
        let first_frame = head.len().saturating_add(in_first);
        let Some(len) = first_frame.checked_sub(LENGTH_BYTES).and_then(|len| u32::try_from(len).ok()) else {
            return Err(SendError::TooLong { len: first_frame });
        };
        if let Some(field) = head.first_chunk_mut() {
            *field = len.to_be_bytes();
        }
        let more = usize::try_from(fragments.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX);
        let wire_bytes =
            more.saturating_mul(NEXT_HEAD_BYTES).saturating_add(head.len()).saturating_add(payload.len());
        Ok(Built { head, payload, fragments, wire_bytes })
    }

    fn has_headers(&self) -> bool {
        self.flags.intersects(Flags::FRAGMENTS | Flags::DIST_HDR_ATOM_CACHE)
    }

    fn fragments(&self, payload_bytes: usize) -> Option<u64> {
        let large = self.flags.contains(Flags::FRAGMENTS) && payload_bytes > FRAGMENT_BYTES;
        large.then(|| u64::try_from(payload_bytes.div_ceil(FRAGMENT_BYTES)).unwrap_or(u64::MAX))
    }

    /// Whether a signal of this sender has to wait for what is in `bulk`.
    fn is_behind_bulk(&self, sender: Option<u64>) -> bool {
        match sender {
            Some(sender) => self.bulk_anonymous > 0 || self.bulk_senders.contains_key(&sender),
            None => !self.bulk.is_empty(),
        }
    }

    fn enqueue(&mut self, built: Built, sender: Option<u64>) {
        let behind_bulk = self.is_behind_bulk(sender);
        let Built { head, payload, fragments, .. } = built;
        if let Some(left) = fragments {
            let head = Some(Bytes::from(head));
            self.push_bulk(sender, Item::Fragmented { head, payload, sequence: sender.unwrap_or(0), left });
        } else if behind_bulk {
            self.push_bulk(sender, Item::Whole { head: Bytes::from(head), payload });
        } else if payload.len() <= COPY_BYTES_MAX {
            self.tail.extend_from_slice(&head);
            self.tail.extend_from_slice(&payload);
            if self.tail.len() >= FRAGMENT_BYTES {
                self.freeze_tail(true);
            }
        } else {
            self.tail.extend_from_slice(&head);
            self.freeze_tail(false);
            self.ready.push_back(Piece { bytes: payload, ends_frame: true });
        }
    }

    fn push_bulk(&mut self, sender: Option<u64>, item: Item) {
        match sender {
            Some(sender) => {
                let count = self.bulk_senders.entry(sender).or_insert(0);
                *count = count.saturating_add(1);
            }
            None => self.bulk_anonymous = self.bulk_anonymous.saturating_add(1),
        }
        self.bulk.push_back(Bulk { sender, item });
    }

    fn freeze_tail(&mut self, ends_frame: bool) {
        if !self.tail.is_empty() {
            let bytes = Bytes::from(core::mem::take(&mut self.tail));
            self.ready.push_back(Piece { bytes, ends_frame });
        }
    }

    /// The next piece of `ready`: all of it, or `room` bytes if no fragment can come in between.
    fn next_ready(&mut self, room: usize) -> Option<Bytes> {
        if self.ready.is_empty() {
            self.freeze_tail(true);
        }
        let front = self.ready.front_mut()?;
        if front.bytes.len() > room && self.bulk.is_empty() {
            self.inside_frame = true;
            return Some(front.bytes.split_to(room));
        }
        let piece = self.ready.pop_front()?;
        self.inside_frame = !piece.ends_frame;
        Some(piece.bytes)
    }

    /// Gives one fragment, or one whole frame, and its length.
    fn next_bulk(&mut self, out: &mut Vec<Bytes>) -> usize {
        let Some(bulk) = self.bulk.front_mut() else { return 0 };
        let (head, payload, done) = match &mut bulk.item {
            Item::Whole { head, payload } => (core::mem::take(head), core::mem::take(payload), true),
            Item::Fragmented { head, payload, sequence, left } => {
                let piece = payload.split_to(FRAGMENT_BYTES.min(payload.len()));
                let head = head.take().unwrap_or_else(|| next_fragment_head(*sequence, *left, piece.len()));
                *left = left.saturating_sub(1);
                (head, piece, *left == 0)
            }
        };
        if done {
            self.pop_bulk();
        }
        let len = head.len().saturating_add(payload.len());
        out.push(head);
        if !payload.is_empty() {
            out.push(payload);
        }
        len
    }

    fn pop_bulk(&mut self) {
        let Some(bulk) = self.bulk.pop_front() else { return };
        match bulk.sender {
            None => self.bulk_anonymous = self.bulk_anonymous.saturating_sub(1),
            Some(sender) => {
                let left = self.bulk_senders.get(&sender).map_or(0, |count| count.saturating_sub(1));
                if left == 0 {
                    self.bulk_senders.remove(&sender);
                } else {
                    self.bulk_senders.insert(sender, left);
                }
            }
        }
    }

    fn took(&mut self, bytes: usize) {
        self.queued = self.queued.saturating_sub(bytes);
        self.written_since_tick |= bytes > 0;
    }
}

fn next_fragment_head(sequence: u64, number: u64, payload_bytes: usize) -> Bytes {
    let len = payload_bytes.saturating_add(NEXT_HEAD_BYTES.saturating_sub(LENGTH_BYTES));
    let mut head = Vec::with_capacity(NEXT_HEAD_BYTES);
    head.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    head.extend_from_slice(&[VERSION, NEXT_FRAGMENT]);
    head.extend_from_slice(&sequence.to_be_bytes());
    head.extend_from_slice(&number.to_be_bytes());
    Bytes::from(head)
}
