//! The assembler of fragments, against a model of it: signals of many sequences, begun, gone on with, abandoned, too many
//! and too large, with time in between; joined in blocks or not.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use core::time::Duration;
use engset_dist::Flags;
use engset_dist::blocks::Blocks;
use engset_dist::connection::{ConnectionError as E, Incoming, IncomingConfig};
use engset_term::Instant;
use std::collections::BTreeMap;

const SEQUENCES_MAX: usize = 3;
const BYTES_MAX: usize = 1_500;
const IDLE_MAX: Duration = Duration::from_secs(30);
const LATE_MAX: Duration = Duration::from_secs(1);
/// `{22, Pid, Pid}`.
const CONTROL: &[u8] =
    b"h\x03a\x16Xw\x03a@h\0\0\0\x01\0\0\0\0\0\0\0\x07Xw\x03b@h\0\0\0\x01\0\0\0\0\0\0\0\x07";

/// The sequences that are open, by the model.
#[derive(Default)]
struct Model {
    open: BTreeMap<u64, Sequence>,
}

struct Sequence {
    payload: Vec<u8>,
    last: u64,
    touched: Instant,
}

/// Plays a peer that sends fragments in any order.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    // An input that ends early has been played as far as it went.
    play(&mut input).unwrap_or_default();
}

/// Inputs of many fragments.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..64_u8 {
        seeds.push(
            (0..200).map(|at: u8| at.wrapping_mul(kind.wrapping_mul(2) | 1).wrapping_add(kind)).collect(),
        );
        seeds.push(vec![kind; 120]);
    }
    seeds
}

fn play(input: &mut Unstructured<'_>) -> Result<()> {
    let config = IncomingConfig {
        sequences_max: SEQUENCES_MAX,
        fragments_bytes_max: BYTES_MAX,
        fragment_idle_max: IDLE_MAX,
        ..IncomingConfig::default()
    };
    let mut now = Instant::ZERO;
    let mut incoming = Incoming::new(now, Flags::OURS, &config);
    let mut model = Model::default();
    let (mut blocks, in_blocks) = (Blocks::new(), input.arbitrary()?);
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        if input.ratio(1_u8, 8_u8)? {
            now = now.saturating_add(Duration::from_secs(input.int_in_range(0..=20)?));
            let told = incoming.handle_timeout(now);
            model.late(now);
            let stalled = model.stalled(now);
            assert_eq!(
                told.is_err(),
                stalled.is_some(),
                "a sequence that waits too long is noticed, no other"
            );
            if let Err(error) = told {
                assert!(matches!(error, E::SequenceStalled { sequence } if Some(sequence) == stalled));
                return Ok(());
            }
        }
        let (frame, expected) = step(input, &mut model, now)?;
        if in_blocks {
            incoming.room(|| &mut blocks).extend_from_slice(&frame);
            incoming.handle_read(now, frame.len());
        } else {
            // What is wrong with them is told below, too.
            incoming.handle_bytes(now, &frame).unwrap_or_default();
        }
        let arrived = incoming.poll_event().map(|signal| signal.payload.expect("a message").bytes().clone());
        assert_eq!(incoming.fault(), expected.as_ref().err(), "what is wrong is what is told");
        if incoming.fault().is_some() {
            return Ok(());
        }
        if in_blocks && input.ratio(1_u8, 4_u8)? {
            incoming.rest(|| &mut blocks);
        }
        assert_eq!(arrived, expected.unwrap_or_default(), "a signal arrives with its last fragment, whole");
        assert_eq!(incoming.held_bytes(), model.held(), "what is held is what is open");
        assert!(incoming.held_bytes() <= BYTES_MAX, "what is held is bounded");
        assert_eq!(incoming.poll_timeout(), model.due(), "patience begins with the last fragment");
    }
    Ok(())
}

type Outcome = core::result::Result<Option<Bytes>, E>;

/// One fragment, and what comes of it by the model.
fn step(input: &mut Unstructured<'_>, model: &mut Model, now: Instant) -> Result<(Vec<u8>, Outcome)> {
    let sequence = input.int_in_range(0..=4_u64)?;
    let len = input.int_in_range(0..=input.len().min(300))?;
    let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect();
    let is_first = input.ratio(1_u8, 3_u8)?;
    let due = model.open.get(&sequence).map_or(3, |open| open.last.saturating_sub(1));
    let number = match input.int_in_range(0..=15_u8)? {
        0 => u64::MAX,
        1 => 0,
        2 => 1,
        3 => due.wrapping_add(1),
        _ if is_first => input.int_in_range(1..=4)?,
        _ => due,
    };
    let ids = [sequence.to_be_bytes(), number.to_be_bytes()].concat();
    if is_first {
        let frame = frame(&[&[131, 69][..], &ids, &[0], CONTROL, &bytes].concat());
        return Ok((frame, model.first(now, (sequence, number), bytes)));
    }
    let frame = frame(&[&[131, 70][..], &ids, &bytes].concat());
    Ok((frame, model.next(now, (sequence, number), &bytes)))
}

impl Model {
    fn first(&mut self, now: Instant, (sequence, number): (u64, u64), payload: Vec<u8>) -> Outcome {
        match number {
            0 => return Err(E::FragmentZero { sequence }),
            1 => return whole(payload),
            _ => {}
        }
        if self.open.contains_key(&sequence) {
            return Err(E::SequenceReopened { sequence });
        }
        if self.open.len() == SEQUENCES_MAX {
            return Err(E::TooManySequences { limit: SEQUENCES_MAX });
        }
        self.open.insert(sequence, Sequence { payload, last: number, touched: now });
        self.check_held().map(|()| None)
    }

    fn next(&mut self, now: Instant, (sequence, number): (u64, u64), payload: &[u8]) -> Outcome {
        let Some(open) = self.open.get_mut(&sequence) else {
            return Err(E::UnknownSequence { sequence, fragment: number });
        };
        let expected = open.last.saturating_sub(1);
        if number != expected {
            return Err(E::FragmentOutOfOrder { sequence, expected, got: number });
        }
        (open.last, open.touched) = (number, now);
        open.payload.extend_from_slice(payload);
        self.check_held()?;
        if number > 1 {
            return Ok(None);
        }
        whole(self.open.remove(&sequence).map(|open| open.payload).unwrap_or_default())
    }

    fn held(&self) -> usize {
        self.open.values().map(|open| open.payload.len() + CONTROL.len()).sum()
    }

    fn check_held(&self) -> core::result::Result<(), E> {
        if self.held() > BYTES_MAX { Err(E::FragmentsTooLarge { limit: BYTES_MAX }) } else { Ok(()) }
    }

    fn due(&self) -> Option<Instant> {
        self.open.values().map(|open| open.touched.saturating_add(IDLE_MAX)).min()
    }

    /// Whoever looks too late lets all wait from now on.
    fn late(&mut self, now: Instant) {
        if self.due().is_some_and(|due| now.saturating_duration_since(due) > LATE_MAX) {
            self.open.values_mut().for_each(|open| open.touched = now);
        }
    }

    fn stalled(&self, now: Instant) -> Option<u64> {
        let late = |open: &Sequence| open.touched.saturating_add(IDLE_MAX) <= now;
        self.open.iter().find(|(_, open)| late(open)).map(|(sequence, _)| *sequence)
    }
}

fn whole(payload: Vec<u8>) -> Outcome {
    if payload.is_empty() { Err(E::MissingPayload { op: 22 }) } else { Ok(Some(payload.into())) }
}

fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&len[..], body].concat()
}
