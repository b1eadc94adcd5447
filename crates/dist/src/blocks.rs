//! Memory that connections read into, kept by their node: fresh memory costs more than what is read into it.
//!
//! What has been read stays where it is, and the signals made of it share its block; a block is filled again when nobody
//! has any of it any more. A connection has a block only while something comes, so an idle one costs nothing here.

use alloc::collections::VecDeque;
use bytes::{Bytes, BytesMut};

/// How long a block is, in bytes: several turns of a fast connection.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// So many blocks are kept at most.
pub const BLOCKS_MAX: usize = 16;
/// A block with less room is full, in bytes: so much can be read at a time at least. It is a fragment with its head and what
/// is before it: the end of one that were left for another read would look like a stream of small signals.
pub const READ_BYTES: usize = 68 * 1024;
/// So much of what is not complete, in bytes, is put elsewhere while nothing comes, and its block given back: whoever sends
/// a little and then nothing would keep a block for it.
pub const LITTLE_BYTES_MAX: usize = BLOCK_BYTES / 16;

/// Blocks that have been read into.
#[derive(Debug, Default)]
pub struct Blocks {
    /// Those with room first, then full ones, the oldest first.
    kept: VecDeque<Block>,
}

/// Memory to read into.
#[derive(Debug)]
pub(crate) struct Block {
    /// The room that is left, where there is enough.
    pub(crate) room: BytesMut,
    /// All of it, as a handle without bytes: the last one that is left when nobody has any of it.
    whole: Bytes,
}

impl Block {
    fn new(mut room: BytesMut) -> Self {
        Self { whole: room.split_to(0).freeze(), room }
    }

    fn has_room(&self) -> bool {
        self.room.capacity() >= READ_BYTES
    }

    /// How much can be put behind what is there.
    pub(crate) fn room_left(&self) -> usize {
        self.room.capacity().saturating_sub(self.room.len())
    }
}

impl Blocks {
    /// Blocks, of which there are none yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { kept: VecDeque::new() }
    }

    /// A block with room for so much at least, which is not more than a block.
    pub(crate) fn take(&mut self, room: usize) -> Block {
        let has_room = |block: &Block| block.room.capacity() >= room;
        let usable = self.kept.iter().position(|block| has_room(block) || block.whole.is_unique());
        let Some(block) = usable.and_then(|at| self.kept.remove(at)) else {
            return Block::new(BytesMut::with_capacity(BLOCK_BYTES));
        };
        if has_room(&block) {
            return block;
        }
        match block.whole.try_into_mut() {
            Ok(room) => Block::new(room),
            Err(_) => Block::new(BytesMut::with_capacity(BLOCK_BYTES)),
        }
    }

    /// Keeps a block for whoever reads next, the oldest full one making place for it.
    pub(crate) fn give(&mut self, mut block: Block) {
        if block.has_room() {
            // Nothing of it is to be seen by the next.
            block.room.clear();
            self.kept.push_front(block);
        } else {
            block.room = BytesMut::new();
            self.kept.push_back(block);
        }
        if self.kept.len() > BLOCKS_MAX {
            let oldest = self.kept.iter().position(|block| !block.has_room()).unwrap_or(0);
            self.kept.remove(oldest);
        }
    }

    /// How many blocks are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

impl Block {
    /// The block that `room` is the rest of.
    pub(crate) fn of(room: BytesMut, whole: Bytes) -> Self {
        Self { room, whole }
    }

    pub(crate) fn into_parts(self) -> (BytesMut, Bytes) {
        (self.room, self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, BLOCKS_MAX, Blocks, READ_BYTES};
    use alloc::vec::Vec;
    use bytes::BufMut;

    #[test]
    fn what_is_left_of_a_block_is_read_into_next() {
        let mut blocks = Blocks::new();
        let mut block = blocks.take(READ_BYTES);
        assert_eq!(block.room.capacity(), BLOCK_BYTES);
        block.room.put_bytes(1, 1_000);
        let message = block.room.split_to(1_000).freeze();
        let place = block.room.as_ptr();
        blocks.give(block);
        let block = blocks.take(READ_BYTES);
        assert_eq!((block.room.as_ptr(), block.room.capacity()), (place, BLOCK_BYTES - 1_000));
        assert!(message.iter().all(|byte| *byte == 1));
    }

    #[test]
    fn a_block_is_filled_again_when_nobody_has_any_of_it() {
        for left in [READ_BYTES - 1, READ_BYTES] {
            let mut blocks = Blocks::new();
            let mut block = blocks.take(READ_BYTES);
            let place = block.room.as_ptr();
            block.room.put_bytes(1, BLOCK_BYTES - left);
            let message = block.room.split_to(BLOCK_BYTES - left).freeze();
            blocks.give(block);
            let other = blocks.take(READ_BYTES);
            assert_eq!(other.room.capacity(), if left < READ_BYTES { BLOCK_BYTES } else { left });
            let is_another = left < READ_BYTES;
            assert_eq!(other.room.as_ptr() != place.wrapping_add(BLOCK_BYTES - left), is_another);
            if is_another {
                drop(message);
                let again = blocks.take(READ_BYTES);
                assert_eq!((again.room.as_ptr(), again.room.capacity()), (place, BLOCK_BYTES));
            }
        }
    }

    #[test]
    fn no_more_blocks_are_kept_than_may_be() {
        for (count, kept) in
            [(BLOCKS_MAX - 1, BLOCKS_MAX - 1), (BLOCKS_MAX, BLOCKS_MAX), (BLOCKS_MAX + 1, BLOCKS_MAX)]
        {
            let mut blocks = Blocks::new();
            let taken: Vec<_> = (0..count).map(|_| blocks.take(READ_BYTES)).collect();
            for mut block in taken {
                block.room.put_bytes(1, BLOCK_BYTES);
                let full = block.room.split_to(BLOCK_BYTES);
                blocks.give(block);
                drop(full);
            }
            assert_eq!(blocks.len(), kept);
        }
    }
}
