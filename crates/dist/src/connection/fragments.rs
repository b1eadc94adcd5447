//! Joining the fragments of large signals, within limits on their number, their bytes and their patience.

use super::error::ConnectionError;
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
}

#[derive(Debug)]
struct Sequence {
    control: Control,
    /// What the control message took on the wire, and the atoms; counts as held.
    beside: usize,
    payload: Vec<u8>,
    /// What the header of the first fragment named; it holds for all of them.
    atoms: Option<Arc<[Atom]>>,
    /// The number of the last fragment that came.
    last: u64,
    touched: Instant,
}

impl Assembler {
    pub(super) fn new(limits: FragmentLimits) -> Self {
        Self { limits, open: BTreeMap::new(), held: 0 }
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
        let (payload, atoms) = (payload.bytes().to_vec(), payload.shared_atoms());
        let opened = Sequence { control, beside, payload, atoms, last: number, touched: now };
        self.open.insert(sequence, opened);
        Ok(())
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
        open.payload.extend_from_slice(payload);
        self.hold(payload.len())?;
        if number > 1 {
            return Ok(None);
        }
        let Some(done) = self.open.remove(&sequence) else { return Ok(None) };
        self.held = self.held.saturating_sub(done.payload.len().saturating_add(done.beside));
        let bytes = Bytes::from(done.payload);
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
