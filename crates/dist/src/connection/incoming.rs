//! The receiving side of a connection: bytes in, signals out.

use super::atom_cache::IncomingCache;
use super::error::ConnectionError;
use super::fragments::{Assembler, FragmentLimits};
use super::{FIRST_FRAGMENT, NEXT_FRAGMENT, NORMAL_HEADER, PASS_THROUGH, VERSION};
use crate::blocks::Blocks;
use crate::control::Control;
use crate::cursor::Cursor;
use crate::flags::Flags;
use crate::frame::{FRAME_BYTES_MAX_DEFAULT, Frame, FrameReader};
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes, BytesMut};
use core::ops::DerefMut;
use core::time::Duration;
use engset_etf::{Payload, tags};
use engset_term::{Instant, NodeName};

/// Limits of the receiving side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingConfig {
    /// The longest frame, in bytes; 128 KiB to 1 GiB.
    pub frame_bytes_max: usize,
    /// The most fragmented signals that are incomplete at one time.
    pub sequences_max: usize,
    /// The most bytes that incomplete fragmented signals may hold; also the limit of one such signal. There is room
    /// for the longest binary that is decoded, and as much beside it.
    pub fragments_bytes_max: usize,
    /// How long an incomplete signal may wait for its next fragment.
    pub fragment_idle_max: Duration,
}

impl Default for IncomingConfig {
    fn default() -> Self {
        Self {
            frame_bytes_max: FRAME_BYTES_MAX_DEFAULT,
            sequences_max: 256,
            fragments_bytes_max: 128 * 1024 * 1024,
            fragment_idle_max: Duration::from_secs(30),
        }
    }
}

/// A signal from the peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// What it is and whom it is for.
    pub control: Control,
    /// The message, the exit reason or the arguments: one term in external format without the version byte,
    /// not looked into, with the atoms that its header named. Present exactly if the control message says so
    /// ([`Control::has_payload`]).
    pub payload: Option<Payload>,
}

/// The receiving side of a connection.
#[derive(Debug)]
pub struct Incoming {
    frames: FrameReader,
    assembler: Assembler,
    form: Form,
    /// Where the peer may refer to atoms that it has named.
    cache: Option<IncomingCache>,
    events: VecDeque<Received>,
    last_received: Instant,
    failed: Option<ConnectionError>,
}

/// In which form frames come.
#[derive(Debug, Clone, Copy)]
enum Form {
    PassThrough,
    Header { fragments: bool },
}

impl Incoming {
    /// Begins with the first byte after the handshake; `flags` are the negotiated ones.
    #[must_use]
    pub fn new(now: Instant, flags: Flags, config: &IncomingConfig) -> Self {
        let fragments = flags.contains(Flags::FRAGMENTS);
        let cache = flags.contains(Flags::DIST_HDR_ATOM_CACHE).then(IncomingCache::default);
        let form = if fragments || cache.is_some() { Form::Header { fragments } } else { Form::PassThrough };
        Self {
            frames: FrameReader::new(config.frame_bytes_max),
            assembler: Assembler::new(FragmentLimits {
                sequences_max: config.sequences_max,
                bytes_max: config.fragments_bytes_max,
                idle_max: config.fragment_idle_max,
            }),
            form,
            cache,
            events: VecDeque::new(),
            last_received: now,
            failed: None,
        }
    }

    /// Tells which nodes are connected, so that signals between them are read with less work. Their names have to stay
    /// [pinned](NodeName::pin) meanwhile.
    #[must_use]
    pub fn between(mut self, nodes: [NodeName; 2]) -> Self {
        if let Some(cache) = &mut self.cache {
            cache.look_out_for(nodes);
        }
        self
    }

    /// Takes bytes from the peer. Drain [`Self::poll_event`] before the next bytes.
    ///
    /// # Errors
    /// The connection is to be closed. Signals before the fault are still in `poll_event`.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.frames.handle_bytes(bytes);
        self.handle_read(now, bytes.len());
        while let Some(received) = self.next_signal() {
            self.events.push_back(received);
        }
        self.fault().cloned().map_or(Ok(()), Err)
    }

    /// Where to read the next bytes from the peer to, memory of `blocks`, instead of a buffer that is copied: put them
    /// behind those that are there, and call [`Self::handle_read`].
    pub fn room<B: DerefMut<Target = Blocks>>(&mut self, blocks: impl FnOnce() -> B) -> &mut BytesMut {
        if !self.assembler.wants_block() {
            return self.frames.room(blocks);
        }
        let mut blocks = blocks();
        self.assembler.take_block(&mut blocks);
        self.frames.room(|| blocks)
    }

    /// So many bytes were put into [`Self::room`]. Drain [`Self::poll_event`], and see whether there is a
    /// [`fault`](Self::fault), before the next bytes. Each frame is looked at when its signal is asked for.
    pub fn handle_read(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 && self.failed.is_none() {
            self.last_received = now;
        }
    }

    /// Why the connection is to be closed, if it is.
    #[must_use]
    pub fn fault(&self) -> Option<&ConnectionError> {
        self.failed.as_ref()
    }

    /// Nothing more has come for now: memory that is not needed is given back.
    pub fn rest<B: DerefMut<Target = Blocks>>(&mut self, blocks: impl FnOnce() -> B) {
        let Some(spare) = self.assembler.rest() else { return self.frames.rest(blocks) };
        let mut blocks = blocks();
        blocks.give(spare);
        self.frames.rest(|| blocks);
    }

    /// The next signal.
    pub fn poll_event(&mut self) -> Option<Received> {
        if self.events.is_empty() { self.next_signal() } else { self.events.pop_front() }
    }

    /// When bytes last came from the peer; ticks count.
    #[must_use]
    pub fn last_received(&self) -> Instant {
        self.last_received
    }

    /// When [`Self::handle_timeout`] wants to be called: while a fragmented signal is incomplete.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.assembler.poll_timeout()
    }

    /// The time went on.
    ///
    /// # Errors
    /// When an incomplete signal waited too long for its next fragment.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectionError> {
        let result = self.assembler.handle_timeout(now);
        if self.failed.is_none() {
            self.failed = result.clone().err();
        }
        result
    }

    /// Reading goes on after the owner had paused it: that nothing came meanwhile is not the peer's fault.
    pub fn resume(&mut self, now: Instant) {
        self.assembler.touch(now);
    }

    /// How many bytes wait for the rest of their frame or signal.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.frames.held_bytes().saturating_add(self.assembler.held_bytes())
    }

    /// The signal of the next frame that is one, or the last fragment of one.
    fn next_signal(&mut self) -> Option<Received> {
        while self.failed.is_none() {
            match self.frames.poll_frame().map_err(ConnectionError::FrameTooLong) {
                Ok(None) => return None,
                Ok(Some(Frame::Tick)) => {}
                Ok(Some(Frame::Body(body))) => match self.handle_frame(body) {
                    Ok(None) => {}
                    Ok(received) => return received,
                    Err(error) => self.failed = Some(error),
                },
                Err(error) => self.failed = Some(error),
            }
        }
        None
    }

    fn handle_frame(&mut self, body: Bytes) -> Result<Option<Received>, ConnectionError> {
        let (first, second) = (body.first().copied().unwrap_or(0), body.get(1).copied());
        match (self.form, first, second) {
            (Form::PassThrough, PASS_THROUGH, Some(VERSION)) => self.handle_pass_through(body),
            (Form::Header { .. }, PASS_THROUGH, _) => Err(ConnectionError::PassThroughAfterHeader),
            (Form::PassThrough, VERSION, Some(tag @ (NORMAL_HEADER | FIRST_FRAGMENT | NEXT_FRAGMENT))) => {
                Err(ConnectionError::HeaderNotNegotiated { tag })
            }
            (Form::Header { .. }, VERSION, Some(NORMAL_HEADER)) => self.handle_normal(body),
            (Form::Header { fragments: false }, VERSION, Some(FIRST_FRAGMENT | NEXT_FRAGMENT)) => {
                Err(ConnectionError::FragmentsNotNegotiated)
            }
            (Form::Header { fragments: true }, VERSION, Some(FIRST_FRAGMENT)) => self.handle_first(body),
            (Form::Header { fragments: true }, VERSION, Some(NEXT_FRAGMENT)) => self.handle_next(&body),
            (_, first, second) => Err(ConnectionError::UnknownFrame { first, second }),
        }
    }

    fn handle_pass_through(&self, mut body: Bytes) -> Result<Option<Received>, ConnectionError> {
        body.advance(2.min(body.len()));
        let (control, used) = Control::decode(&body)?;
        let mut payload = body.slice(used.min(body.len())..);
        if control.has_payload() {
            match payload.first() {
                None => return Err(ConnectionError::MissingPayload { op: control.op() }),
                Some(&VERSION) => payload.advance(1),
                Some(&got) => return Err(ConnectionError::BadPayloadVersion { got }),
            }
        }
        received(control, payload.into()).map(Some)
    }

    fn handle_normal(&mut self, mut body: Bytes) -> Result<Option<Received>, ConnectionError> {
        body.advance(2.min(body.len()));
        let (control, _, payload) = self.open(body, NORMAL_HEADER)?;
        received(control, payload).map(Some)
    }

    fn handle_first(&mut self, mut body: Bytes) -> Result<Option<Received>, ConnectionError> {
        let mut cursor = Cursor::new(body.get(2..).unwrap_or_default());
        let (sequence, number) = fragment_ids(&mut cursor, FIRST_FRAGMENT)?;
        let left = cursor.rest().len();
        keep_last(&mut body, left);
        if number == 0 {
            return Err(ConnectionError::FragmentZero { sequence });
        }
        let (control, used, payload) = self.open(body, FIRST_FRAGMENT)?;
        if number == 1 {
            return received(control, payload).map(Some);
        }
        if !control.has_payload() {
            return Err(ConnectionError::UnexpectedPayload { op: control.op(), len: payload.len() });
        }
        let now = self.last_received;
        self.assembler.begin(now, (sequence, number), (control, used), &payload)?;
        Ok(None)
    }

    fn handle_next(&mut self, body: &[u8]) -> Result<Option<Received>, ConnectionError> {
        let mut cursor = Cursor::new(body.get(2..).unwrap_or_default());
        let ids = fragment_ids(&mut cursor, NEXT_FRAGMENT)?;
        let whole = self.assembler.go_on(self.last_received, ids, cursor.rest())?;
        whole.map(|(control, payload)| received(control, payload)).transpose()
    }

    /// The atoms, the control message and the beginning of the payload of a frame with a header, from the atoms on. Also
    /// tells how many bytes the control message took.
    fn open(&mut self, mut body: Bytes, tag: u8) -> Result<(Control, usize, Payload), ConnectionError> {
        let mut cursor = Cursor::new(&body);
        let Some(cache) = &mut self.cache else {
            let references = usize::from(cursor.u8().ok_or(ConnectionError::BadHeader { tag })?);
            if references > 0 {
                return Err(ConnectionError::AtomCacheNotNegotiated { references });
            }
            let (control, used) = Control::decode(cursor.rest())?;
            let left = cursor.rest().len().saturating_sub(used);
            keep_last(&mut body, left);
            return Ok((control, used, body.into()));
        };
        cache.read_section(&mut cursor)?;
        let (control, used) = Control::decode_named(cursor.rest(), cache.named())?;
        let left = cursor.rest().len().saturating_sub(used);
        keep_last(&mut body, left);
        // What comes in fragments may refer to an atom further on.
        let may_refer = tag == FIRST_FRAGMENT || body.contains(&tags::ATOM_CACHE_REF);
        let atoms = if control.has_payload() && may_refer { cache.shared() } else { None };
        let payload = match atoms {
            Some(atoms) => Payload::with_atoms(body, atoms),
            None => body.into(),
        };
        Ok((control, used, payload))
    }
}

fn received(control: Control, payload: Payload) -> Result<Received, ConnectionError> {
    let payload = match (control.has_payload(), payload.is_empty()) {
        (true, true) => return Err(ConnectionError::MissingPayload { op: control.op() }),
        (false, false) => {
            return Err(ConnectionError::UnexpectedPayload { op: control.op(), len: payload.len() });
        }
        (true, false) => Some(payload),
        (false, true) => None,
    };
    Ok(Received { control, payload })
}

fn fragment_ids(cursor: &mut Cursor<'_>, tag: u8) -> Result<(u64, u64), ConnectionError> {
    cursor.u64().zip(cursor.u64()).ok_or(ConnectionError::BadHeader { tag })
}

/// Leaves the last `len` bytes of a frame.
fn keep_last(body: &mut Bytes, len: usize) {
    body.advance(body.len().saturating_sub(len));
}
