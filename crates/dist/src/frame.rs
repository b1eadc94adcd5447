//! Packets on a stream: a 32-bit length, then the body. A length of zero is a tick.

use bytes::{Buf, Bytes, BytesMut};
use core::fmt;

/// How long a frame may be unless configured otherwise, in bytes.
pub const FRAME_BYTES_MAX_DEFAULT: usize = 64 * 1024 * 1024;
/// The smallest configurable limit of a frame's length: what a peer sends whole must fit.
pub const FRAME_BYTES_MAX_LOWEST: usize = 128 * 1024;
/// The largest configurable limit of a frame's length.
pub const FRAME_BYTES_MAX_HIGHEST: usize = 1024 * 1024 * 1024;

/// So many bytes can be read at a time into fresh memory at least.
pub const READ_BYTES: usize = 64 * 1024;
/// Room that is left over from the last time is used if it is for so many bytes, where no longer frame is announced.
pub const LEFT_OVER_BYTES_MIN: usize = READ_BYTES / 4;
/// Room is made for so many bytes at a time at most, whatever length is announced.
const ROOM_BYTES_MAX: usize = 4 * READ_BYTES;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// An empty packet: the peer is alive.
    Tick,
    /// A packet with this body.
    Body(Bytes),
}

/// A peer announced a frame over the limit. The stream is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong {
    /// The announced length, in bytes.
    pub len: usize,
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for FrameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer announced a frame of {} bytes, the limit is {}", self.len, self.limit)
    }
}

impl core::error::Error for FrameTooLong {}

/// Cuts a stream of bytes into frames. Its memory follows what arrived, never what a length claims.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    /// How much room there was when it was made last.
    block: usize,
    limit: usize,
}

impl FrameReader {
    /// A reader with this limit for a frame's body, which is brought into the configurable range.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(FRAME_BYTES_MAX_LOWEST, FRAME_BYTES_MAX_HIGHEST);
        Self { buffer: BytesMut::new(), block: 0, limit }
    }

    /// Takes bytes from the stream; take the frames before the next bytes.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where to read the next bytes of the stream to, behind those that are there: there is room for
    /// [`LEFT_OVER_BYTES_MIN`] at least, and for the rest of a longer frame within reason. Take the frames before the next
    /// bytes.
    pub fn room(&mut self) -> &mut BytesMut {
        let announced = self.buffer.first_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len));
        let missing = usize::try_from(announced).unwrap_or(0).saturating_sub(self.buffer.len());
        let room = self.buffer.capacity().saturating_sub(self.buffer.len());
        if room < missing.clamp(LEFT_OVER_BYTES_MIN, READ_BYTES) {
            self.buffer.reserve(missing.clamp(READ_BYTES, ROOM_BYTES_MAX));
            self.block = self.buffer.capacity();
        }
        &mut self.buffer
    }

    /// Gives the memory of an empty buffer back: the stream has nothing for now.
    ///
    /// Where frames that were given out hold that memory, the buffer keeps what is left of it for those that come next.
    /// Otherwise small frames that come one by one and are kept would hold a block each. Rest again later.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() && !self.is_lent() {
            self.buffer = BytesMut::new();
        }
    }

    /// Whether frames that were given out still hold memory of the buffer, which is empty.
    fn is_lent(&mut self) -> bool {
        self.buffer.capacity() < self.block && !self.buffer.try_reclaim(self.block)
    }

    /// The next complete frame.
    ///
    /// # Errors
    /// When a frame over the limit is announced, as soon as its length is there.
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, FrameTooLong> {
        let Some(len) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        if len > self.limit {
            return Err(FrameTooLong { len, limit: self.limit });
        }
        if len == 0 {
            self.buffer.advance(4);
            return Ok(Some(Frame::Tick));
        }
        if self.buffer.len().saturating_sub(4) < len {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(Frame::Body(self.buffer.split_to(len).freeze())))
    }

    /// How many bytes wait for the rest of their frame.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// How much memory the buffer has.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::{FRAME_BYTES_MAX_DEFAULT, Frame, FrameReader, LEFT_OVER_BYTES_MIN, READ_BYTES};
    use alloc::vec;
    use alloc::vec::Vec;
    use bytes::Bytes;

    const FRAME: usize = 104;

    /// Reads a small frame that comes by itself.
    fn one(reader: &mut FrameReader) -> Bytes {
        let body = FRAME - 4;
        reader.room().extend_from_slice(&u32::try_from(body).unwrap().to_be_bytes());
        reader.room().extend_from_slice(&vec![7; body]);
        let Ok(Some(Frame::Body(body))) = reader.poll_frame() else { panic!("a frame") };
        assert_eq!(reader.poll_frame(), Ok(None));
        reader.rest();
        body
    }

    #[test]
    fn small_frames_that_come_one_by_one_and_are_kept_share_their_blocks() {
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        let kept: Vec<Bytes> = (0..2_000).map(|_| one(&mut reader)).collect();
        let goes_on = |pair: &[Bytes; 2]| pair[0].as_ptr() as usize + FRAME == pair[1].as_ptr() as usize;
        let blocks = 1 + kept.array_windows().filter(|pair| !goes_on(pair)).count();
        let in_each = (READ_BYTES - LEFT_OVER_BYTES_MIN) / FRAME;
        assert!(blocks <= kept.len().div_ceil(in_each), "{blocks} blocks");
    }

    #[test]
    fn an_idle_reader_holds_nothing_once_its_frames_are_gone() {
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        for count in [1, 2, 100] {
            let kept: Vec<Bytes> = (0..count).map(|_| one(&mut reader)).collect();
            assert!(reader.capacity() > 0, "the block is there in any case");
            drop(kept);
            reader.rest();
            assert_eq!(reader.capacity(), 0);
        }
        // Ticks hold nothing either, nor does room that nothing came into.
        reader.room().extend_from_slice(&[0; 8]);
        while reader.poll_frame() == Ok(Some(Frame::Tick)) {}
        reader.rest();
        assert_eq!(reader.capacity(), 0);
        reader.room();
        reader.rest();
        assert_eq!(reader.capacity(), 0);
    }

    #[test]
    fn room_that_is_left_is_used_down_to_its_limit_and_for_no_longer_frame() {
        for (left, is_used) in [
            (LEFT_OVER_BYTES_MIN - 1, false),
            (LEFT_OVER_BYTES_MIN, true),
            (LEFT_OVER_BYTES_MIN + 1, true),
        ] {
            let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
            let body = reader.room().capacity() - left - 4;
            reader.room().extend_from_slice(&u32::try_from(body).unwrap().to_be_bytes());
            reader.room().extend_from_slice(&vec![7; body]);
            let kept = reader.poll_frame();
            assert_eq!(reader.room().capacity() == left, is_used, "{left}");
            drop(kept);
        }
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        let kept = one(&mut reader);
        reader.room().extend_from_slice(&[0, 1, 0, 0]);
        let room = reader.room();
        assert!(room.capacity() - room.len() >= READ_BYTES);
        drop(kept);
    }
}
