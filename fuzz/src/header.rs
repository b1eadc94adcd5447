//! The distribution header with its atom cache, against a model of it: whatever a peer puts into which slot and refers to
//! in whatever order, each reference means what the model says, or the fault is the one that the model says.

use arbitrary::{Result, Unstructured};
use core::time::Duration;
use engset_dist::Flags;
use engset_dist::connection::{AtomCacheFault, ConnectionError, Incoming, IncomingConfig};
use engset_dist::control::Control;
use engset_term::{Atom, Instant, Term};
use std::collections::BTreeMap;

/// Most frames of one input.
const FRAMES_MAX: usize = 64;

/// What the peer has put into the slots, by the model.
type Slots = BTreeMap<u16, String>;

/// One reference of a header.
enum Reference {
    Old(u16),
    New(u16, Vec<u8>),
}

/// Plays a peer that names atoms and refers to them.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    // An input that ends early has been played as far as it went.
    play(&mut input).unwrap_or_default();
}

/// Inputs that fill slots and use them.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..64_u8 {
        seeds.push(
            (0..250).map(|at: u8| at.wrapping_mul(kind.wrapping_mul(2) | 1).wrapping_add(kind)).collect(),
        );
        seeds.push([vec![kind; 16], (0..=200).collect(), vec![kind; 64]].concat());
    }
    seeds
}

fn play(input: &mut Unstructured<'_>) -> Result<()> {
    let flags = *input.choose(&[Flags::OURS, Flags::OURS.without(Flags::FRAGMENTS)])?;
    let config = IncomingConfig { fragment_idle_max: Duration::from_secs(30), ..IncomingConfig::default() };
    let mut incoming = Incoming::new(Instant::ZERO, flags, &config);
    let mut slots = Slots::new();
    for _ in 0..FRAMES_MAX {
        if input.is_empty() {
            break;
        }
        let (references, is_long) = (references(input)?, input.arbitrary()?);
        let expected = named(&mut slots, &references, is_long);
        let count = u8::try_from(references.len()).unwrap_or(u8::MAX);
        let section = section(&references, is_long);
        // {6, Pid, '', Name}, the name and each element of the message by reference; without references written out.
        let name = if count == 0 { b"w\x01n".to_vec() } else { vec![82, count - 1] };
        let control = [&[104, 4, 97, 6, 88][..], b"w\x03a@h", &[0; 12], b"w\x00", &name].concat();
        let message: Vec<u8> = (0..count).flat_map(|index| [82, index]).collect();
        let body = [&[131, 68][..], &section, &control, &[104, count], &message].concat();
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        let cut = input.int_in_range(0..=body.len())?;
        let (head, tail) = body.split_at(cut);
        let first = incoming.handle_bytes(Instant::ZERO, &[&len[..], head].concat());
        let read = first.and_then(|()| incoming.handle_bytes(Instant::ZERO, tail));
        match expected {
            Ok(atoms) => {
                assert_eq!(read, Ok(()), "a header that means something is taken");
                check(&mut incoming, &atoms);
            }
            Err(fault) => {
                assert_eq!(read, Err(ConnectionError::AtomCache(fault)), "the fault is the one there is");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The signal that came names these atoms.
fn check(incoming: &mut Incoming, atoms: &[Atom]) {
    let signal = incoming.poll_event().expect("a whole frame is a signal");
    let Control::RegSend { to, .. } = signal.control else { panic!("another signal than sent") };
    assert_eq!(to.as_str(), atoms.last().map_or("n", |atom| atom.as_str()), "the control message's atom");
    let payload = signal.payload.expect("a message");
    let expected = Term::tuple(atoms.iter().cloned().map(Term::Atom));
    assert_eq!(payload.term().as_ref(), Ok(&expected), "the message's atoms");
    let plain = payload.to_plain().expect("what reads can be written out");
    assert_eq!(engset_etf::decode(&[&[131][..], &plain].concat()), Ok(expected), "written out, the same");
    assert_eq!(incoming.poll_event(), None, "one frame is one signal");
}

fn references(input: &mut Unstructured<'_>) -> Result<Vec<Reference>> {
    let count = input.int_in_range(0..=input.len().min(255))? % 12;
    let mut references = Vec::new();
    for _ in 0..count {
        // Few slots, so that they meet again, over all segments.
        let slot =
            u16::from(input.int_in_range(0..=7_u8)?) << 8 | u16::from(*input.choose(&[0_u8, 1, 127, 255])?);
        references.push(match input.int_in_range(0..=9_u8)? {
            0..=2 => Reference::Old(slot),
            3 => Reference::New(slot, "\u{F6}".repeat(input.int_in_range(0..=260)?).into_bytes()),
            4 => Reference::New(slot, input.bytes(input.len().min(3))?.to_vec()),
            _ => Reference::New(slot, format!("atom{}", input.arbitrary::<u8>()?).into_bytes()),
        });
    }
    Ok(references)
}

/// What the header names, by the model, which then has the new atoms; or what is wrong with it.
fn named(
    slots: &mut Slots,
    references: &[Reference],
    is_long: bool,
) -> core::result::Result<Vec<Atom>, AtomCacheFault> {
    let mut atoms = Vec::new();
    for reference in references {
        let text = match reference {
            Reference::Old(slot) => {
                slots.get(slot).cloned().ok_or(AtomCacheFault::EmptySlot { slot: *slot })?
            }
            Reference::New(slot, text) => {
                let text = sent(text, is_long);
                let text = String::from_utf8(text.to_vec()).map_err(|_error| AtomCacheFault::NotUtf8)?;
                if text.chars().count() > 255 {
                    return Err(AtomCacheFault::TooLong);
                }
                slots.insert(*slot, text.clone());
                text
            }
        };
        atoms.push(Atom::new(&text).expect("an atom of the model is an atom"));
    }
    Ok(atoms)
}

/// As much of a text as its length can say.
fn sent(text: &[u8], is_long: bool) -> &[u8] {
    let most = if is_long { usize::from(u16::MAX) } else { 255 };
    text.get(..most).unwrap_or(text)
}

fn section(references: &[Reference], is_long: bool) -> Vec<u8> {
    let count = references.len();
    let mut out = vec![u8::try_from(count).unwrap_or(u8::MAX)];
    if count == 0 {
        return out;
    }
    let mut halves: Vec<u8> = references
        .iter()
        .map(|reference| {
            let (slot, new) = match reference {
                Reference::Old(slot) => (slot, 0),
                Reference::New(slot, _) => (slot, 8),
            };
            new | u8::try_from(slot >> 8).unwrap_or(7)
        })
        .collect();
    halves.push(u8::from(is_long));
    out.extend(halves.chunks(2).map(|pair| match pair {
        [low, high] => low | high << 4,
        [low, ..] => *low,
        [] => 0,
    }));
    for reference in references {
        match reference {
            Reference::Old(slot) => out.extend(slot.to_be_bytes().get(1..).unwrap_or_default()),
            Reference::New(slot, text) => {
                let text = sent(text, is_long);
                out.extend(slot.to_be_bytes().get(1..).unwrap_or_default());
                let len = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
                out.extend(len.get(usize::from(!is_long)..).unwrap_or_default());
                out.extend(text);
            }
        }
    }
    out
}
