//! Packets on a stream: a 32-bit length, then the body. A length of zero is a tick.

use crate::blocks::{BLOCK_BYTES, Block, Blocks, LITTLE_BYTES_MAX, READ_BYTES};
use bytes::{Buf, Bytes, BytesMut};
use core::fmt;
use core::ops::DerefMut;

/// How long a frame may be unless configured otherwise, in bytes.
pub const FRAME_BYTES_MAX_DEFAULT: usize = 64 * 1024 * 1024;
/// The smallest configurable limit of a frame's length: what a peer sends whole must fit.
pub const FRAME_BYTES_MAX_LOWEST: usize = 128 * 1024;
/// The largest configurable limit of a frame's length.
pub const FRAME_BYTES_MAX_HIGHEST: usize = 1024 * 1024 * 1024;

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
    /// The whole of the block that the buffer is the rest of, if it is of one.
    whole: Option<Bytes>,
    /// Whether frames have been cut from memory that is not a block, and may be much longer than what is left in it.
    is_rest_of_long: bool,
    limit: usize,
}

impl FrameReader {
    /// A reader with this limit for a frame's body, which is brought into the configurable range.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            whole: None,
            is_rest_of_long: false,
            limit: limit.clamp(FRAME_BYTES_MAX_LOWEST, FRAME_BYTES_MAX_HIGHEST),
        }
    }

    /// Takes bytes from the stream; take the frames before the next bytes.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where to read the next bytes of the stream to, behind those that are there: there is room for [`READ_BYTES`] at
    /// least, of `blocks` unless they are part of a frame that is longer than a block. Take the frames before the next
    /// bytes.
    pub fn room<B: DerefMut<Target = Blocks>>(&mut self, blocks: impl FnOnce() -> B) -> &mut BytesMut {
        let room = self.buffer.capacity().saturating_sub(self.buffer.len());
        let announced = self.buffer.first_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len));
        let missing = usize::try_from(announced)
            .unwrap_or(usize::MAX)
            .saturating_add(4)
            .saturating_sub(self.buffer.len());
        if room >= READ_BYTES && (room >= missing || missing > BLOCK_BYTES / 2) {
            return &mut self.buffer;
        }
        let needed = self.buffer.len().saturating_add(missing.max(READ_BYTES));
        if needed > BLOCK_BYTES {
            // Its memory follows what arrives: at most a block's length more at a time, whatever is announced.
            self.whole = None;
            self.buffer.reserve(missing.clamp(READ_BYTES, BLOCK_BYTES));
            return &mut self.buffer;
        }
        let mut blocks = blocks();
        self.is_rest_of_long = false;
        let (mut buffer, whole) = blocks.take(needed).into_parts();
        buffer.extend_from_slice(&self.buffer);
        let full = core::mem::replace(&mut self.buffer, buffer);
        if let Some(whole) = self.whole.replace(whole) {
            blocks.give(Block::of(full, whole));
        }
        &mut self.buffer
    }

    /// Gives memory back of which there is little in use: the stream has nothing for now.
    pub fn rest<B: DerefMut<Target = Blocks>>(&mut self, blocks: impl FnOnce() -> B) {
        if self.buffer.len() > LITTLE_BYTES_MAX && !self.is_rest_of_long {
            return;
        }
        let left = if self.buffer.is_empty() { BytesMut::new() } else { BytesMut::from(&self.buffer[..]) };
        self.is_rest_of_long = false;
        let buffer = core::mem::replace(&mut self.buffer, left);
        if let Some(whole) = self.whole.take() {
            blocks().give(Block::of(buffer, whole));
        }
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
        self.is_rest_of_long |= self.whole.is_none();
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
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::{FRAME_BYTES_MAX_DEFAULT, Frame, FrameReader};
    use crate::blocks::{BLOCK_BYTES, Blocks, LITTLE_BYTES_MAX, READ_BYTES};
    use alloc::vec;
    use alloc::vec::Vec;
    use bytes::Bytes;

    const FRAME: usize = 104;

    /// Reads a small frame that comes by itself.
    fn one(reader: &mut FrameReader, blocks: &mut Blocks) -> Bytes {
        let body = FRAME - 4;
        let room = reader.room(|| &mut *blocks);
        room.extend_from_slice(&u32::try_from(body).unwrap().to_be_bytes());
        room.extend_from_slice(&vec![7; body]);
        let Ok(Some(Frame::Body(body))) = reader.poll_frame() else { panic!("a frame") };
        assert_eq!(reader.poll_frame(), Ok(None));
        reader.rest(|| blocks);
        body
    }

    #[test]
    fn small_frames_that_come_one_by_one_and_are_kept_share_their_blocks() {
        let mut blocks = Blocks::new();
        let mut readers = [(); 2].map(|()| FrameReader::new(FRAME_BYTES_MAX_DEFAULT));
        let kept: Vec<Bytes> = (0..10_000).map(|at| one(&mut readers[at % 2], &mut blocks)).collect();
        let goes_on = |pair: &[Bytes; 2]| pair[0].as_ptr() as usize + FRAME == pair[1].as_ptr() as usize;
        let used = 1 + kept.array_windows().filter(|pair| !goes_on(pair)).count();
        assert!(used <= kept.len().div_ceil((BLOCK_BYTES - READ_BYTES) / FRAME), "{used} blocks");
    }

    #[test]
    fn an_idle_reader_holds_nothing() {
        let mut blocks = Blocks::new();
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        let kept = one(&mut reader, &mut blocks);
        assert_eq!(reader.capacity(), 0);
        drop(kept);
        // Ticks hold nothing either, nor does room that nothing came into.
        reader.room(|| &mut blocks).extend_from_slice(&[0; 8]);
        while reader.poll_frame() == Ok(Some(Frame::Tick)) {}
        reader.rest(|| &mut blocks);
        assert_eq!(reader.capacity(), 0);
        reader.room(|| &mut blocks);
        reader.rest(|| &mut blocks);
        assert_eq!((reader.capacity(), blocks.len()), (0, 1));
    }

    #[test]
    fn a_reader_that_rests_with_little_of_a_frame_gives_its_block_back() {
        for (len, is_little) in [(1, true), (LITTLE_BYTES_MAX, true), (LITTLE_BYTES_MAX + 1, false)] {
            let (mut blocks, body) = (Blocks::new(), 2 * LITTLE_BYTES_MAX);
            let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
            let mut bytes = u32::try_from(body).unwrap().to_be_bytes().to_vec();
            bytes.resize(4 + body, 6);
            for part in [&bytes[..len], &bytes[len..]] {
                reader.room(|| &mut blocks).extend_from_slice(part);
                if part.len() == len {
                    assert_eq!(reader.poll_frame(), Ok(None));
                    reader.rest(|| &mut blocks);
                    assert_eq!((blocks.len(), reader.held_bytes()), (usize::from(is_little), len));
                    assert_eq!(reader.capacity() <= 2 * LITTLE_BYTES_MAX, is_little, "{len} bytes");
                }
            }
            assert_eq!(reader.poll_frame(), Ok(Some(Frame::Body(vec![6; body].into()))));
        }
    }

    /// Reads a frame with a body of so many bytes, `at_once` of them at a time; the most memory that the reader had.
    fn long(body: usize, at_once: usize) -> usize {
        let mut blocks = Blocks::new();
        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        let mut bytes = u32::try_from(body).unwrap().to_be_bytes().to_vec();
        bytes.resize(4 + body, 5);
        let mut most = 0;
        for (at, part) in bytes.chunks(at_once).enumerate() {
            let arrived = at * at_once;
            let room = reader.room(|| &mut blocks);
            assert!(room.capacity() - room.len() >= READ_BYTES);
            assert!(room.capacity() <= 2 * (arrived + BLOCK_BYTES), "{} after {arrived}", room.capacity());
            most = most.max(room.capacity());
            room.extend_from_slice(part);
        }
        assert_eq!(reader.poll_frame(), Ok(Some(Frame::Body(vec![5; body].into()))));
        most
    }

    #[test]
    fn a_frame_that_has_begun_gets_its_room_although_a_block_with_less_is_kept() {
        let mut blocks = Blocks::new();
        // Two that are left with little more than a read each.
        let mut used = [(); 2].map(|()| FrameReader::new(FRAME_BYTES_MAX_DEFAULT));
        let body = BLOCK_BYTES - READ_BYTES - 1_000;
        for reader in &mut used {
            let room = reader.room(|| &mut blocks);
            room.extend_from_slice(&u32::try_from(body).unwrap().to_be_bytes());
            room.extend_from_slice(&vec![7; body]);
        }
        let kept = used.each_mut().map(FrameReader::poll_frame);
        used.iter_mut().for_each(|reader| reader.rest(|| &mut blocks));

        let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
        let (body, mut most) = (BLOCK_BYTES - READ_BYTES - 4, 0);
        let mut bytes = u32::try_from(body).unwrap().to_be_bytes().to_vec();
        bytes.resize(4 + body, 5);
        for part in bytes.chunks(1_000) {
            let room = reader.room(|| &mut blocks);
            assert!(room.capacity() - room.len() >= READ_BYTES);
            room.extend_from_slice(part);
            most = most.max(blocks.len());
        }
        assert_eq!(reader.poll_frame(), Ok(Some(Frame::Body(vec![5; body].into()))));
        assert!(most <= 3, "{most} blocks");
        assert_eq!(
            kept,
            [(); 2].map(|()| Ok(Some(Frame::Body(vec![7; BLOCK_BYTES - READ_BYTES - 1_000].into()))))
        );
    }

    #[test]
    fn what_follows_a_long_frame_does_not_keep_its_memory_while_nothing_comes() {
        for rest in [1, LITTLE_BYTES_MAX + 1] {
            let (mut blocks, body) = (Blocks::new(), 3 * BLOCK_BYTES);
            let mut reader = FrameReader::new(FRAME_BYTES_MAX_DEFAULT);
            let mut bytes = u32::try_from(body).unwrap().to_be_bytes().to_vec();
            bytes.resize(4 + body, 5);
            bytes.extend(vec![1; rest]);
            let mut long = None;
            for part in bytes.chunks(READ_BYTES) {
                reader.room(|| &mut blocks).extend_from_slice(part);
                long = long.or(reader.poll_frame().unwrap());
            }
            let Some(Frame::Body(long)) = long else { panic!("a frame") };
            // What is behind it in the same memory, or is not.
            let is_behind = |reader: &FrameReader| long.as_ptr_range().end == reader.buffer.as_ptr();
            assert!(is_behind(&reader));
            reader.rest(|| &mut blocks);
            assert!(!is_behind(&reader) && reader.held_bytes() == rest);
            assert_eq!(&reader.buffer[..], vec![1; rest]);
        }
    }

    #[test]
    fn frames_of_all_lengths_are_read_with_memory_that_follows_what_arrives() {
        for body in [READ_BYTES - 5, READ_BYTES, BLOCK_BYTES - 5, BLOCK_BYTES - 4, BLOCK_BYTES - 3] {
            assert!(long(body, READ_BYTES) <= 2 * BLOCK_BYTES);
        }
        long(5 * BLOCK_BYTES, READ_BYTES);
        long(5 * BLOCK_BYTES, 1_000);
    }
}
