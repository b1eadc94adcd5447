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
use engset_etf::Body;
use engset_term::Pid;

/// About how many bytes one call of [`Outgoing::poll_transmit`] gives; it goes over by less than two fragments.
pub const POLL_BYTES_MAX: usize = 256 * 1024;
/// Payloads up to this length are copied behind their frame's head; longer ones are queued as they are.
const COPY_BYTES_MAX: usize = 4 * 1024;
/// Payloads longer than this go in fragments, in bytes. A binary that just fills a fragment goes whole, with what is
/// around it.
pub const WHOLE_BYTES_MAX: usize = FRAGMENT_BYTES + FRAGMENT_BYTES / 2;
/// Room for a frame or two, where nothing waits.
const TAIL_BYTES_FIRST: usize = 256;
/// So many pieces of joined frames are kept after they were given out, to be filled again once they are written: fresh
/// memory costs more than what is put into it.
const LENT_MAX: usize = 32;
/// A piece that holds more is not kept: it became so long by one frame.
const LENT_BYTES_MAX: usize = 2 * FRAGMENT_BYTES;
/// A frame's length field.
const LENGTH_BYTES: usize = 4;
/// The head of a further fragment: length, two tag bytes, sequence and number.
const NEXT_HEAD_BYTES: usize = LENGTH_BYTES + 2 + 16;

/// Limits of the sending side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingConfig {
    /// From so many queued bytes on, [`Outgoing::is_busy`] says that senders should wait (`+zdbbl` in OTP). What goes in
    /// fragments counts for its own sender only: others can send meanwhile.
    pub busy_bytes: usize,
    /// A signal that would make the queue longer than this is refused, unless the queue is empty. What goes in fragments
    /// does not count.
    pub queue_bytes_max: usize,
    /// A signal that goes in fragments and would make all such signals together longer than this is refused, unless it is
    /// the only one: a single signal may be of any size.
    pub large_bytes_max: usize,
}

impl Default for OutgoingConfig {
    fn default() -> Self {
        Self {
            busy_bytes: 1024 * 1024,
            queue_bytes_max: 16 * 1024 * 1024,
            large_bytes_max: 256 * 1024 * 1024,
        }
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
    /// Full pieces given out, oldest first; those that nobody else has any more are filled again.
    lent: VecDeque<Bytes>,
    /// How many bytes were ever put into `ready` and `tail`, and taken from there.
    ready_in: u64,
    ready_out: u64,
    bulk: VecDeque<Bulk>,
    /// How many entries of `bulk` each sender has.
    bulk_senders: BTreeMap<u64, usize>,
    /// How many entries of `bulk` have no known sender.
    bulk_anonymous: usize,
    queued: usize,
    /// How many of the queued bytes belong to signals in fragments.
    queued_large: usize,
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
    /// It leaves when so many bytes of `ready` have: what its sender queued there before goes first.
    after: u64,
    item: Item,
}

#[derive(Debug)]
enum Item {
    /// A whole frame, in pieces.
    Whole { head: Bytes, payload: Rope },
    /// A signal in fragments: the head of the first frame is there until it has left.
    Fragmented { head: Option<Bytes>, payload: Rope, sequence: u64, left: u64 },
}

/// Where a signal is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Ready,
    Bulk {
        /// How many fragments, when it goes in fragments.
        fragments: Option<u64>,
    },
}

/// Bytes in pieces, taken from the front.
#[derive(Debug, Default)]
struct Rope {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Rope {
    fn of(body: Body) -> Self {
        Self { len: body.len(), pieces: body.into_pieces().collect() }
    }

    /// Moves the first `len` bytes to the end of `out`, or what there is; how many that were.
    fn take(&mut self, len: usize, out: &mut Vec<Bytes>) -> usize {
        let mut wanted = len.min(self.len);
        let taken = wanted;
        self.len = self.len.saturating_sub(taken);
        while wanted > 0
            && let Some(front) = self.pieces.front_mut()
        {
            let piece = if front.len() > wanted {
                front.split_to(wanted)
            } else {
                self.pieces.pop_front().unwrap_or_default()
            };
            wanted = wanted.saturating_sub(piece.len());
            out.push(piece);
        }
        taken
    }
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
            ready_in: 0,
            ready_out: 0,
            lent: VecDeque::new(),
            bulk: VecDeque::new(),
            bulk_senders: BTreeMap::new(),
            bulk_anonymous: 0,
            queued: 0,
            queued_large: 0,
            written_since_tick: false,
        }
    }

    /// Lets other limits hold from now on.
    pub fn set_config(&mut self, config: OutgoingConfig) {
        self.config = config;
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
    pub fn send(&mut self, control: &Control, payload: Option<Body>) -> Result<(), SendError> {
        if payload.is_some() != control.has_payload() {
            return Err(SendError::PayloadMismatch { op: control.op() });
        }
        let suited = control.for_peer(self.flags);
        let control = suited.as_ref().unwrap_or(control);
        let mut missing = control.needs().without(self.flags);
        if !self.flags.contains(Flags::NATIVE_RECORDS) && payload.as_ref().is_some_and(Body::contains_record)
        {
            missing = missing | Flags::NATIVE_RECORDS;
        }
        if !missing.is_empty() {
            return Err(SendError::NotSupported(missing));
        }
        let sender = control.sender().map(|pid| pid.number());
        let payload = payload.unwrap_or_default();
        let lane = self.lane(control, &payload, sender);
        let payload = self.encode_control(control, payload, lane);
        let sent = match lane {
            Lane::Ready => self.send_at_once(payload),
            Lane::Bulk { fragments } => self.send_in_bulk(payload, sender, fragments),
        };
        if sent.is_err()
            && let Some(atoms) = &mut self.sent_atoms
        {
            atoms.take_back();
        }
        sent
    }

    /// Moves the next bytes to write to the end of `out`, about [`POLL_BYTES_MAX`]. Nothing is added when the queue is
    /// empty.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if self.ready.is_empty() && self.bulk.is_empty() && self.tail.len() <= POLL_BYTES_MAX {
            // The common case: keep the buffer for the next signals.
            self.took(self.tail.len());
            self.ready_out = self.ready_out.saturating_add(self.tail.len() as u64);
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
        let mut room = if self.is_bulk_due() { POLL_BYTES_MAX / 2 } else { POLL_BYTES_MAX };
        let mut taken = 0_usize;
        while room > 0 || (self.inside_frame && !self.bulk.is_empty()) {
            let Some(chunk) = self.next_ready(room) else { break };
            room = room.saturating_sub(chunk.len());
            taken = taken.saturating_add(chunk.len());
            self.ready_out = self.ready_out.saturating_add(chunk.len() as u64);
            out.push(chunk);
        }
        while taken < POLL_BYTES_MAX && self.is_bulk_due() {
            taken = taken.saturating_add(self.next_bulk(out));
        }
        self.took(taken);
    }

    /// Whether `sender` should wait until the peer has read more: the queue is long, or a large signal of its own is
    /// under way.
    #[must_use]
    pub fn is_busy(&self, sender: Pid) -> bool {
        self.is_long() || self.bulk_senders.contains_key(&sender.number())
    }

    /// Whether any sender should wait.
    #[must_use]
    pub fn is_busy_for_some(&self) -> bool {
        self.is_long() || !self.bulk.is_empty()
    }

    /// Whether the queue is so long that all senders should wait.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.queued.saturating_sub(self.queued_large) >= self.config.busy_bytes
            || self.queued_large >= self.config.large_bytes_max / 2
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

    /// How many of these belong to signals that go in fragments.
    #[must_use]
    pub fn queued_large_bytes(&self) -> usize {
        self.queued_large
    }

    /// A tick interval is over ([`Tick::Send`](super::Tick::Send)): queues a tick if nothing was written in it and
    /// nothing waits. Gives whether it did.
    pub fn tick_due(&mut self) -> bool {
        self.give_back();
        let written = core::mem::replace(&mut self.written_since_tick, false);
        if written || self.queued > 0 {
            return false;
        }
        self.tail.extend_from_slice(&[0; LENGTH_BYTES]);
        self.queued = self.queued.saturating_add(LENGTH_BYTES);
        self.ready_in = self.ready_in.saturating_add(LENGTH_BYTES as u64);
        true
    }

    /// Gives back memory that was kept for more of what was sent in bulk, or for one long control message.
    pub(super) fn give_back(&mut self) {
        self.lent.clear();
        self.scratch.clear();
        self.scratch.shrink_to(TAIL_BYTES_FIRST);
    }

    fn lane(&self, control: &Control, payload: &Body, sender: Option<u64>) -> Lane {
        let fragments = if self.has_reason_inside(control) { None } else { self.fragments(payload.len()) };
        if fragments.is_some() || self.is_behind_bulk(sender) {
            Lane::Bulk { fragments }
        } else {
            Lane::Ready
        }
    }

    /// Whether an exit reason that is a payload goes into the control message.
    fn has_reason_inside(&self, control: &Control) -> bool {
        matches!(control.reason(), Some(Reason::Payload)) && !self.flags.contains(Flags::EXIT_PAYLOAD)
    }

    /// Writes the control message to `scratch`; gives what is left to be the frame's payload.
    fn encode_control(&mut self, control: &Control, payload: Body, lane: Lane) -> Body {
        if let Some(sent) = &mut self.sent_atoms {
            sent.begin();
        }
        self.scratch.clear();
        let is_inside = self.has_reason_inside(control);
        let cache = if lane == Lane::Ready { self.sent_atoms.as_mut() } else { None };
        if is_inside {
            control.encode_with_reason(&payload.into_bytes(), cache, &mut self.scratch);
            return Body::default();
        }
        control.encode_for(self.flags, cache, &mut self.scratch);
        payload
    }

    /// Queues a whole frame among those that leave first.
    fn send_at_once(&mut self, payload: Body) -> Result<(), SendError> {
        if self.tail.capacity() == 0 {
            self.tail = self.spare_tail();
        }
        let start = self.tail.len();
        let mut tail = core::mem::take(&mut self.tail);
        let put = self.put_head(None, payload.len(), &mut tail);
        self.tail = tail;
        let frame_bytes = self.tail.len().saturating_sub(start).saturating_add(payload.len());
        if let Err(error) = put.and_then(|()| self.check_room(frame_bytes, false)) {
            self.tail.truncate(start);
            return Err(error);
        }
        self.queued = self.queued.saturating_add(frame_bytes);
        self.ready_in = self.ready_in.saturating_add(frame_bytes as u64);
        match payload.as_slice() {
            Some(bytes) if bytes.len() <= COPY_BYTES_MAX => {
                self.tail.extend_from_slice(bytes);
                if self.tail.len() >= FRAGMENT_BYTES {
                    self.freeze_tail(true);
                }
            }
            _ => {
                self.freeze_tail(false);
                let mut pieces = payload.into_pieces().peekable();
                while let Some(bytes) = pieces.next() {
                    self.ready.push_back(Piece { bytes, ends_frame: pieces.peek().is_none() });
                }
            }
        }
        Ok(())
    }

    /// Queues a signal behind those that leave one fragment at a time.
    fn send_in_bulk(
        &mut self,
        payload: Body,
        sender: Option<u64>,
        fragments: Option<u64>,
    ) -> Result<(), SendError> {
        let mut head = Vec::new();
        let sequence = sender.unwrap_or(0);
        self.put_head(fragments.map(|count| (sequence, count)), payload.len(), &mut head)?;
        let more = usize::try_from(fragments.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX);
        let wire_bytes =
            more.saturating_mul(NEXT_HEAD_BYTES).saturating_add(head.len()).saturating_add(payload.len());
        self.check_room(wire_bytes, fragments.is_some())?;
        self.queued = self.queued.saturating_add(wire_bytes);
        if fragments.is_some() {
            self.queued_large = self.queued_large.saturating_add(wire_bytes);
        }
        let (head, payload) = (Bytes::from(head), Rope::of(payload));
        self.push_bulk(
            sender,
            match fragments {
                Some(left) => Item::Fragmented { head: Some(head), payload, sequence, left },
                None => Item::Whole { head, payload },
            },
        );
        Ok(())
    }

    fn check_room(&self, more: usize, in_fragments: bool) -> Result<(), SendError> {
        let (queued, limit) = if in_fragments {
            (self.queued_large, self.config.large_bytes_max)
        } else {
            (self.queued.saturating_sub(self.queued_large), self.config.queue_bytes_max)
        };
        if queued > 0 && queued.saturating_add(more) > limit {
            return Err(SendError::SendQueueFull { queued });
        }
        Ok(())
    }

    /// Appends all of a frame that comes before its payload, the control message in `scratch` included. With `fragments`
    /// it is the first of so many, of this sequence.
    fn put_head(
        &self,
        fragments: Option<(u64, u64)>,
        payload_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        match (self.has_headers(), fragments) {
            (false, _) => out.extend_from_slice(&[PASS_THROUGH, VERSION]),
            (true, Some((sequence, count))) => {
                out.extend_from_slice(&[VERSION, FIRST_FRAGMENT]);
                out.extend_from_slice(&sequence.to_be_bytes());
                out.extend_from_slice(&count.to_be_bytes());
                out.push(0);
            }
            (true, None) => {
                out.extend_from_slice(&[VERSION, NORMAL_HEADER]);
                match &self.sent_atoms {
                    Some(sent) => sent.put_section(out),
                    None => out.push(0),
                }
            }
        }
        out.extend_from_slice(&self.scratch);
        if !self.has_headers() && payload_bytes > 0 {
            out.push(VERSION);
        }
        let in_frame = if fragments.is_some() { FRAGMENT_BYTES } else { payload_bytes };
        let head_bytes = out.len().saturating_sub(start);
        let len = head_bytes.saturating_add(in_frame).saturating_sub(LENGTH_BYTES);
        let Ok(field) = u32::try_from(len) else { return Err(SendError::TooLong { len }) };
        if let Some(place) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut()) {
            *place = field.to_be_bytes();
        }
        Ok(())
    }

    fn has_headers(&self) -> bool {
        self.flags.intersects(Flags::FRAGMENTS | Flags::DIST_HDR_ATOM_CACHE)
    }

    fn fragments(&self, payload_bytes: usize) -> Option<u64> {
        let large = self.flags.contains(Flags::FRAGMENTS) && payload_bytes > WHOLE_BYTES_MAX;
        large.then(|| u64::try_from(payload_bytes.div_ceil(FRAGMENT_BYTES)).unwrap_or(u64::MAX))
    }

    /// Whether a signal of this sender has to wait for what is in `bulk`.
    fn is_behind_bulk(&self, sender: Option<u64>) -> bool {
        match sender {
            Some(sender) => self.bulk_anonymous > 0 || self.bulk_senders.contains_key(&sender),
            None => !self.bulk.is_empty(),
        }
    }

    /// Whether the next of `bulk` may leave.
    fn is_bulk_due(&self) -> bool {
        self.bulk.front().is_some_and(|bulk| bulk.after <= self.ready_out)
    }

    fn push_bulk(&mut self, sender: Option<u64>, item: Item) {
        match sender {
            Some(sender) => {
                let count = self.bulk_senders.entry(sender).or_insert(0);
                *count = count.saturating_add(1);
            }
            None => self.bulk_anonymous = self.bulk_anonymous.saturating_add(1),
        }
        self.bulk.push_back(Bulk { sender, after: self.ready_in, item });
    }

    fn freeze_tail(&mut self, ends_frame: bool) {
        if !self.tail.is_empty() {
            let bytes = Bytes::from(core::mem::take(&mut self.tail));
            if (FRAGMENT_BYTES..=LENT_BYTES_MAX).contains(&bytes.len()) {
                if self.lent.len() >= LENT_MAX {
                    self.lent.pop_front();
                }
                self.lent.push_back(bytes.clone());
            }
            self.ready.push_back(Piece { bytes, ends_frame });
        }
    }

    /// Memory for the next frames: a piece given out that has been written, where there is one.
    fn spare_tail(&mut self) -> Vec<u8> {
        if self.lent.front().is_some_and(Bytes::is_unique)
            && let Some(mut written) = self.lent.pop_front()
        {
            // What is kept is copied, onto itself.
            written.truncate(1);
            let mut tail = Vec::from(written);
            tail.clear();
            return tail;
        }
        Vec::with_capacity(TAIL_BYTES_FIRST)
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
        let is_large = matches!(bulk.item, Item::Fragmented { .. });
        let (head_bytes, payload_bytes, done) = match &mut bulk.item {
            Item::Whole { head, payload } => {
                out.push(core::mem::take(head));
                (out.last().map_or(0, Bytes::len), payload.take(usize::MAX, out), true)
            }
            Item::Fragmented { head, payload, sequence, left } => {
                let in_frame = FRAGMENT_BYTES.min(payload.len);
                out.push(head.take().unwrap_or_else(|| next_fragment_head(*sequence, *left, in_frame)));
                *left = left.saturating_sub(1);
                (out.last().map_or(0, Bytes::len), payload.take(in_frame, out), *left == 0)
            }
        };
        if done {
            self.pop_bulk();
        }
        let taken = head_bytes.saturating_add(payload_bytes);
        if is_large {
            self.queued_large = self.queued_large.saturating_sub(taken);
        }
        taken
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

#[cfg(test)]
mod tests {
    use super::{LENT_BYTES_MAX, LENT_MAX, Outgoing, OutgoingConfig, TAIL_BYTES_FIRST};
    use crate::control::{Control, Reason};
    use crate::flags::Flags;
    use alloc::vec;
    use alloc::vec::Vec;
    use engset_etf::Body;
    use engset_term::{NodeName, Pid, Term};

    /// Sends an exit signal whose reason is in the control message.
    fn exit(out: &mut Outgoing, bytes: usize) {
        let pid = |id| Pid::new(NodeName::NONODE, 1, id, 0);
        let control = Control::Exit { from: pid(1), to: pid(2), token: None, reason: Reason::Payload };
        out.send(&control, Some(Body::of(&Term::binary(vec![1; bytes])))).unwrap();
    }

    /// A large message of a sender whose small ones fill more than one poll does not overtake them.
    #[test]
    fn a_large_signal_leaves_after_what_its_sender_sent_before() {
        let mut out = Outgoing::new(Flags::OURS, OutgoingConfig::default());
        let pid = |id| Pid::new(NodeName::NONODE, 1, id, 0);
        let control = Control::Send { from: Some(pid(1)), to: pid(2), token: None };
        let send = |bytes: usize, times: usize, out: &mut Outgoing| {
            for _ in 0..times {
                out.send(&control, Some(Body::of(&Term::binary(vec![1; bytes])))).unwrap();
            }
        };
        send(1_000, 600, &mut out);
        send(1_000_000, 1, &mut out);
        send(10, 1, &mut out);
        let large = out.queued_large_bytes();
        let small_after = 100;
        let mut polls = 0;
        while !out.is_empty() {
            out.poll_chunks(&mut Vec::new());
            let small = out.queued_bytes() - out.queued_large_bytes();
            assert!(small <= small_after || out.queued_large_bytes() == large, "poll {polls}");
            polls += 1;
        }
        assert!(polls > 2);
    }

    #[test]
    fn what_is_kept_to_be_filled_again_has_limits() {
        let flags = Flags::OURS.without(Flags::EXIT_PAYLOAD);
        let mut out = Outgoing::new(flags, OutgoingConfig::default());
        let mut pieces = Vec::new();
        for (bytes, is_kept) in [(LENT_BYTES_MAX - 1_000, true), (LENT_BYTES_MAX, false)] {
            exit(&mut out, bytes);
            out.poll_chunks(&mut pieces);
            assert_eq!(out.lent.len(), usize::from(is_kept), "{bytes} bytes");
            assert!(out.scratch.capacity() >= bytes);
            assert!(!out.tick_due());
            assert!(out.lent.is_empty() && out.scratch.capacity() <= TAIL_BYTES_FIRST);
        }
        for _ in 0..=LENT_MAX {
            exit(&mut out, LENT_BYTES_MAX / 2);
            out.poll_chunks(&mut pieces);
        }
        assert_eq!(out.lent.len(), LENT_MAX);
    }
}
