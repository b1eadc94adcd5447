//! An established connection: frames of all kinds into its receiving side, and signals from its sending side.

use crate::shape;
use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use core::time::Duration;
use engset_dist::Flags;
use engset_dist::blocks::Blocks;
use engset_dist::connection::{
    ConnectionError, Incoming, IncomingConfig, Outgoing, OutgoingConfig, Received,
};
use engset_dist::control::{AltactTarget, Control};
use engset_etf::encode;
use engset_term::{Instant, Term};

/// Room for incomplete signals that a short input fills.
const FRAGMENTS_BYTES_MAX: usize = 2_048;
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Plays both games with what `data` says.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(is_sending) = input.ratio(1_u8, 4_u8) else { return };
    // An input that ends early has been played as far as it went.
    let played = if is_sending { send(&mut input) } else { receive(&mut input) };
    played.unwrap_or_default();
}

/// Inputs that make every kind of frame.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..=255_u8 {
        seeds.push((0..200).map(|at: u8| at.wrapping_mul(kind).wrapping_add(kind)).collect());
        seeds.push([vec![kind; 4], vec![0; 60], vec![1, 2, 3], vec![kind; 30]].concat());
    }
    seeds
}

enum Step {
    Bytes(Vec<u8>),
    Wait(Duration),
}

/// Feeds the same stream in one way and cut into small pieces: the outcome is the same, and memory is bounded.
fn receive(input: &mut Unstructured<'_>) -> Result<()> {
    let flags = *input.choose(&[
        Flags::OURS,
        Flags::OURS.without(Flags::FRAGMENTS),
        Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE),
        Flags::OURS.without(Flags::FRAGMENTS | Flags::DIST_HDR_ATOM_CACHE),
    ])?;
    let cut = usize::from(input.int_in_range(1..=40_u8)?);
    let mut steps = Vec::new();
    while !input.is_empty() && steps.len() < 64 {
        let Ok(step) = step(input) else { break };
        steps.push(step);
    }
    let (whole, pieces) = (outcome(flags, &steps, usize::MAX), outcome(flags, &steps, cut));
    assert_eq!(whole, pieces, "how a stream is cut does not matter");
    Ok(())
}

fn outcome(flags: Flags, steps: &[Step], cut: usize) -> (Vec<Received>, Option<ConnectionError>) {
    let config = IncomingConfig {
        frame_bytes_max: FRAME_BYTES_MAX,
        sequences_max: 3,
        fragments_bytes_max: FRAGMENTS_BYTES_MAX,
        fragment_idle_max: Duration::from_secs(30),
    };
    let mut now = Instant::ZERO;
    let mut incoming = Incoming::new(now, flags, &config);
    let mut blocks = Blocks::new();
    let (mut events, mut fault, mut came) = (Vec::new(), None, 0);
    for step in steps {
        let results: Vec<_> = match step {
            Step::Wait(time) => {
                now = now.saturating_add(*time);
                vec![incoming.handle_timeout(now)]
            }
            Step::Bytes(bytes) => {
                came += bytes.len();
                bytes
                    .chunks(cut.min(bytes.len()).max(1))
                    .map(|piece| {
                        if cut == usize::MAX {
                            return incoming.handle_bytes(now, piece);
                        }
                        // As a driver does that reads into the connection's own memory.
                        incoming.room(|| &mut blocks).extend_from_slice(piece);
                        incoming.handle_read(now, piece.len());
                        events.extend(core::iter::from_fn(|| incoming.poll_event()));
                        incoming.rest(|| &mut blocks);
                        incoming.fault().cloned().map_or(Ok(()), Err)
                    })
                    .collect()
            }
        };
        for result in results {
            if fault.is_some() && matches!(step, Step::Bytes(_)) {
                assert_eq!(fault, result.clone().err(), "a connection that has failed stays so");
            }
            fault = fault.or(result.err());
        }
        events.extend(core::iter::from_fn(|| incoming.poll_event()));
        assert!(incoming.held_bytes() <= came, "nothing is held that has not come");
        let most = FRAME_BYTES_MAX + 4 + FRAGMENTS_BYTES_MAX;
        assert!(fault.is_some() || incoming.held_bytes() <= most, "what is held is bounded");
        assert!(fault.is_some() || incoming.poll_timeout().is_none_or(|due| due > Instant::ZERO));
    }
    for event in &events {
        assert_eq!(event.payload.is_some(), event.control.has_payload(), "a payload is where it belongs");
        if let Some(payload) = &event.payload {
            let (term, plain) = (payload.term(), payload.to_plain());
            assert!(
                payload.atoms().is_empty() || plain.is_ok() || term.is_err(),
                "what reads can be written out"
            );
        }
    }
    (events, fault)
}

fn step(input: &mut Unstructured<'_>) -> Result<Step> {
    let kind = input.int_in_range(0..=14_u8)?;
    Ok(Step::Bytes(match kind {
        0 => return Ok(Step::Wait(Duration::from_secs(input.int_in_range(0..=40)?))),
        1 => some_bytes(input)?,
        2 => vec![0; 4],
        3 => frame(&some_bytes(input)?),
        4 => [&input.arbitrary::<u32>()?.to_be_bytes()[..], &some_bytes(input)?].concat(),
        5 => frame(&[&[131, 68][..], &some_bytes(input)?].concat()),
        6 | 7 => frame(&[&[131, 68, 0][..], &signal(input)?].concat()),
        8 => frame(&[&[112][..], &control(input)?, &[131], &payload(input)?].concat()),
        9 => frame(&[&[112, 131][..], &control(input)?, &[131], &payload(input)?].concat()),
        10 => frame(&[&[131, 69][..], &fragment_ids(input)?, &[0], &signal(input)?].concat()),
        11 | 12 => frame(&[&[131, 70][..], &fragment_ids(input)?, &some_bytes(input)?].concat()),
        13 => frame(&[&[131, 69][..], &fragment_ids(input)?, &atoms(input)?, &signal(input)?].concat()),
        _ => frame(&[&[131, 68][..], &atoms(input)?, &signal(input)?].concat()),
    }))
}

/// An atom section that brings one atom, or refers to one.
fn atoms(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (slot, is_new) = (input.int_in_range(0..=3_u8)?, input.arbitrary()?);
    Ok(if is_new { vec![1, 8, slot, 1, b'a'] } else { vec![1, 0, slot] })
}

fn signal(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok([control(input)?, payload(input)?].concat())
}

fn control(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    shape::control(input)?.encode(&mut out);
    Ok(out)
}

fn payload(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match input.int_in_range(0..=2_u8)? {
        0 => Vec::new(),
        1 => some_bytes(input)?,
        _ => body(&shape::term(input)?),
    })
}

fn fragment_ids(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let sequence = input.int_in_range(0..=4_u64)?;
    let number = if input.ratio(1_u8, 16_u8)? { u64::MAX } else { input.int_in_range(0..=4_u64)? };
    Ok([sequence.to_be_bytes(), number.to_be_bytes()].concat())
}

fn some_bytes(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    Ok(input.bytes(len)?.to_vec())
}

fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&len.to_be_bytes()[..], body].concat()
}

fn body(term: &Term) -> Vec<u8> {
    encode(term).split_off(1)
}

/// Sends signals of several senders: each arrives once, and those of one sender in order.
fn send(input: &mut Unstructured<'_>) -> Result<()> {
    let cache = Flags::DIST_HDR_ATOM_CACHE;
    let both = [Flags::OURS, Flags::OURS.without(Flags::FRAGMENTS)];
    let flags = *input.choose(&[both[0], both[1], both[0].without(cache), both[1].without(cache)])?;
    let mut outgoing = Outgoing::new(flags, OutgoingConfig::default());
    let mut incoming = Incoming::new(Instant::ZERO, flags, &IncomingConfig::default());
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    while !input.is_empty() && sent.len() < 32 {
        let Ok(control) = shape::control(input) else { break };
        let payload = if control.has_payload() { Some(large_payload(input)?) } else { None };
        if outgoing.send(&control, payload.clone().map(Into::into)).is_ok() {
            // Peers that have operation 37 get it for messages to aliases.
            let control = match control {
                Control::AliasSend { from, to, token } => {
                    let to = AltactTarget::Alias(to);
                    Control::AltactSigSend { priority: false, exit: false, from, to, token }
                }
                control => control,
            };
            sent.push(Received { control, payload: payload.map(Into::into) });
        }
        if input.arbitrary()? {
            pass_on(&mut outgoing, &mut incoming, &mut arrived);
        }
    }
    while !outgoing.is_empty() {
        pass_on(&mut outgoing, &mut incoming, &mut arrived);
    }
    assert_eq!(incoming.held_bytes(), 0, "nothing is left half sent");
    assert_eq!(sent.len(), arrived.len(), "each signal arrives once");
    let mut senders: Vec<_> = sent.iter().map(|signal| signal.control.sender()).collect();
    senders.sort_unstable();
    senders.dedup();
    let of = |signals: &[Received], sender| -> Vec<(Control, Option<Bytes>)> {
        let of_sender = signals.iter().filter(|signal| signal.control.sender() == sender);
        let bytes = |signal: &Received| signal.payload.as_ref().map(|payload| payload.bytes().clone());
        of_sender.map(|signal| (signal.control.clone(), bytes(signal))).collect()
    };
    for sender in senders {
        assert!(of(&sent, sender) == of(&arrived, sender), "signals of one sender keep their order");
    }
    Ok(())
}

fn pass_on(outgoing: &mut Outgoing, incoming: &mut Incoming, arrived: &mut Vec<Received>) {
    let before = outgoing.queued_bytes();
    let mut bytes = Vec::new();
    outgoing.poll_transmit(&mut bytes);
    assert_eq!(before - outgoing.queued_bytes(), bytes.len(), "the queue is as long as it says");
    incoming.handle_bytes(Instant::ZERO, &bytes).expect("what is sent can be received");
    arrived.extend(core::iter::from_fn(|| incoming.poll_event()));
}

/// A payload that often needs several fragments.
fn large_payload(input: &mut Unstructured<'_>) -> Result<Bytes> {
    if input.ratio(1_u8, 3_u8)? {
        let len = usize::from(input.arbitrary::<u16>()?) * 4;
        return Ok(body(&Term::binary(vec![input.arbitrary()?; len])).into());
    }
    Ok(body(&shape::term(input)?).into())
}
