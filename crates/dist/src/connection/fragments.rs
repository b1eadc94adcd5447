//! Joining the fragments of large signals, within limits on their number, their bytes and their patience.
//!
//! Where signals in fragments come one after the other, those that fit into a block are joined in one that the node keeps
//! ([`Blocks`]): at most one of a connection's incomplete signals has a block, and not for long with little in it. The others
//! have memory of their own, which follows what has arrived.

use super::error::ConnectionError;
use crate::blocks::{BLOCK_BYTES, Block, Blocks, LITTLE_BYTES_MAX};
use crate::control::Control;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use engset_etf::Payload;
use engset_term::{Atom, Instant};

/// Whoever looks at the time so much later than asked to is the one that was slow, and not the peer.
const LATE_MAX: Duration = Duration::from_secs(1);

/// The limits of an [`Assembler`].
#[derive(Debug, Clone, Copy)]
pub(super) struct FragmentLimits {
    pub(super) sequences_max: usize,
    pub(super) bytes_max: usize,
    pub(super) idle_max: Duration,
}

/// The signals of which the first fragment has come and the last has not.
#[derive(Debug)]
pub(super) struct Assembler {
    limits: FragmentLimits,
    open: BTreeMap<u64, Sequence>,
    held: usize,
    /// What the next signal is joined in, if it fits.
    spare: Option<Block>,
    /// Whether a signal in fragments has begun since the stream rested last.
    began: bool,
    /// Whether one had begun before that: others may follow.
    follows: bool,
}

/// A spare block with less room is of no use: so much most signals in fragments need at least.
const SPARE_BYTES: usize = BLOCK_BYTES / 2;

/// So many fragments like the first one are believed to come, where more are announced.
const ANNOUNCED_MAX: usize = 4;

#[derive(Debug)]
struct Sequence {
    control: Control,
    /// What the control message took on the wire, and the atoms; counts as held.
    beside: usize,
    payload: Joined,
    /// What the header of the first fragment named; it holds for all of them.
    atoms: Option<Arc<[Atom]>>,
    /// The number of the last fragment that came.
    last: u64,
    touched: Instant,
}

/// A payload as far as it has come.
#[derive(Debug)]
enum Joined {
    /// At the beginning of a block's room.
    Inside(Block),
    Own(Vec<u8>),
}

impl Joined {
    fn len(&self) -> usize {
        match self {
            Self::Inside(block) => block.room.len(),
            Self::Own(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Inside(block) if block.room_left() >= bytes.len() => block.room.extend_from_slice(bytes),
            // The fragments are longer than the first one said.
            Self::Inside(block) => {
                let mut own = Vec::with_capacity(block.room.len().saturating_add(bytes.len()));
                own.extend_from_slice(&block.room);
                own.extend_from_slice(bytes);
                *self = Self::Own(own);
            }
            Self::Own(own) => own.extend_from_slice(bytes),
        }
    }

    /// Its block, where little has come into that: it goes on in memory of its own.
    fn leave_block(&mut self) -> Option<Block> {
        let Self::Inside(block) = self else { return None };
        if block.room.len() > LITTLE_BYTES_MAX {
            return None;
        }
        let own = Self::Own(block.room.to_vec());
        match core::mem::replace(self, own) {
            Self::Inside(block) => Some(block),
            Self::Own(_) => None,
        }
    }

    /// The whole payload, and the block that has more room.
    fn finish(self) -> (Bytes, Option<Block>) {
        match self {
            Self::Inside(mut block) => (block.room.split().freeze(), Some(block)),
            Self::Own(bytes) => (bytes.into(), None),
        }
    }
}

impl Assembler {
    pub(super) fn new(limits: FragmentLimits) -> Self {
        Self { limits, open: BTreeMap::new(), held: 0, spare: None, began: false, follows: false }
    }

    /// Whether the next signal may need a block.
    pub(super) fn wants_block(&self) -> bool {
        (self.began || self.follows)
            && self.open.is_empty()
            && self.spare.as_ref().is_none_or(|spare| spare.room_left() < SPARE_BYTES)
    }

    /// Takes a block for the next signal.
    pub(super) fn take_block(&mut self, blocks: &mut Blocks) {
        self.spare.take().into_iter().for_each(|used| blocks.give(used));
        self.spare = Some(blocks.take(SPARE_BYTES));
    }

    /// The stream has nothing for now; whether there is a block to give back.
    pub(super) fn rest(&mut self) -> Option<Block> {
        self.follows = core::mem::take(&mut self.began);
        let little = || self.open.values_mut().find_map(|open| open.payload.leave_block());
        self.spare.take().or_else(little)
    }

    /// A first fragment, more than one: `number` counts down to one.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        (sequence, number): (u64, u64),
        (control, control_bytes): (Control, usize),
        payload: &Payload,
    ) -> Result<(), ConnectionError> {
        if self.open.contains_key(&sequence) {
            return Err(ConnectionError::SequenceReopened { sequence });
        }
        if self.open.len() >= self.limits.sequences_max {
            return Err(ConnectionError::TooManySequences { limit: self.limits.sequences_max });
        }
        let beside = control_bytes.saturating_add(size_of_val(payload.atoms()));
        self.hold(beside.saturating_add(payload.len()))?;
        self.began = true;
        let mut joined = self.memory_for(payload.len(), number);
        joined.push(payload.bytes());
        let atoms = payload.shared_atoms();
        let opened = Sequence { control, beside, payload: joined, atoms, last: number, touched: now };
        self.open.insert(sequence, opened);
        Ok(())
    }

    /// What a payload is joined in, of whose `fragments` the first has `len` bytes.
    fn memory_for(&mut self, len: usize, fragments: u64) -> Joined {
        let announced = len.saturating_mul(usize::try_from(fragments).unwrap_or(usize::MAX));
        match self.spare.take_if(|spare| spare.room_left() >= announced) {
            Some(spare) => Joined::Inside(spare),
            // Whatever is announced, it follows what has arrived.
            None => Joined::Own(Vec::with_capacity(announced.min(len.saturating_mul(ANNOUNCED_MAX)))),
        }
    }

    /// A further fragment; gives the signal when it was the last.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        (sequence, number): (u64, u64),
        payload: &[u8],
    ) -> Result<Option<(Control, Payload)>, ConnectionError> {
        let Some(open) = self.open.get_mut(&sequence) else {
            return Err(ConnectionError::UnknownSequence { sequence, fragment: number });
        };
        let expected = open.last.saturating_sub(1);
        if number != expected {
            return Err(ConnectionError::FragmentOutOfOrder { sequence, expected, got: number });
        }
        open.last = number;
        open.touched = now;
        open.payload.push(payload);
        self.hold(payload.len())?;
        if number > 1 {
            return Ok(None);
        }
        let Some(done) = self.open.remove(&sequence) else { return Ok(None) };
        self.held = self.held.saturating_sub(done.payload.len().saturating_add(done.beside));
        let (bytes, block) = done.payload.finish();
        if block.is_some() {
            self.spare = block;
        }
        let payload = match done.atoms {
            Some(atoms) => Payload::with_atoms(bytes, atoms),
            None => Payload::new(bytes),
        };
        Ok(Some((done.control, payload)))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let oldest = self.open.values().map(|sequence| sequence.touched).min()?;
        Some(oldest.saturating_add(self.limits.idle_max))
    }

    /// Called late, as where the machine was suspended or too busy, it lets all wait from now on: what has come meanwhile
    /// was not looked at either.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectionError> {
        if self.poll_timeout().is_some_and(|due| now.saturating_duration_since(due) > LATE_MAX) {
            self.touch(now);
            return Ok(());
        }
        let stalled = |open: &Sequence| open.touched.saturating_add(self.limits.idle_max) <= now;
        match self.open.iter().find(|(_, open)| stalled(open)) {
            Some((sequence, _)) => Err(ConnectionError::SequenceStalled { sequence: *sequence }),
            None => Ok(()),
        }
    }

    /// Lets all that is incomplete wait from now on.
    pub(super) fn touch(&mut self, now: Instant) {
        self.open.values_mut().for_each(|open| open.touched = now);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }

    fn hold(&mut self, bytes: usize) -> Result<(), ConnectionError> {
        self.held = self.held.saturating_add(bytes);
        if self.held > self.limits.bytes_max {
            return Err(ConnectionError::FragmentsTooLarge { limit: self.limits.bytes_max });
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::{ANNOUNCED_MAX, Assembler, FragmentLimits, Joined};
    use core::time::Duration;

    #[test]
    fn memory_for_a_signal_follows_what_has_come_of_it_not_what_it_claims() {
        let limits = FragmentLimits { sequences_max: 1, bytes_max: usize::MAX, idle_max: Duration::MAX };
        let mut assembler = Assembler::new(limits);
        for len in [0, 1, 1_000, 65_536] {
            for fragments in [2, 3, 4, 5, 1_000, u64::MAX] {
                let Joined::Own(memory) = assembler.memory_for(len, fragments) else { panic!("no block") };
                let believed = len * usize::try_from(fragments).unwrap().min(ANNOUNCED_MAX);
                assert_eq!(memory.capacity(), believed, "{len} of {fragments}");
            }
        }
    }
}
