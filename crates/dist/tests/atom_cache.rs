//! The atom cache between our own two sides: whatever is sent, in whatever order it leaves, arrives as it was.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::Flags;
use engset_dist::connection::{Incoming, IncomingConfig, Outgoing, OutgoingConfig, Received, SendError};
use engset_dist::control::{AltactTarget, Control, Process, Reason};
use engset_etf::encode_body;
use engset_term::{Atom, Instant, NodeName, Pid, Reference, Term};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Instant = Instant::ZERO;

fn forms() -> [Flags; 6] {
    let (cache, fragments) = (Flags::DIST_HDR_ATOM_CACHE, Flags::FRAGMENTS);
    [
        Flags::OURS,
        Flags::OURS.without(cache),
        Flags::OURS.without(fragments),
        Flags::OURS.without(cache | fragments),
        Flags::OURS.without(Flags::EXIT_PAYLOAD),
        Flags::OURS.without(Flags::SEND_SENDER),
    ]
}

#[derive(Debug, Clone)]
struct Step {
    sender: u32,
    kind: u8,
    /// Which atom; there are more of them than places in the cache.
    atom: u16,
    bytes: usize,
    /// What leaves before the next signal is queued.
    then: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![6 => 1..200_usize, 2 => 4_000..70_000_usize, 1 => 120_000..300_000_usize];
    let step = (0..4_u32, 0..6_u8, 0..3_000_u16, bytes, 0..4_u8);
    vec(step.prop_map(|(sender, kind, atom, bytes, then)| Step { sender, kind, atom, bytes, then }), 1..60)
}

fn atom(number: u16) -> Atom {
    let text = match number % 50 {
        0 => "\u{1F600}".repeat(usize::from(number % 255) + 1),
        1 => "a".repeat(255),
        _ => format!("name_{number}"),
    };
    Atom::new(&text).unwrap()
}

fn signal(step: &Step, number: usize) -> (Control, Option<Vec<u8>>) {
    let node = NodeName::new("sender@h").unwrap();
    let here = NodeName::new("receiver@h").unwrap();
    let from = Pid::new(node, 7, step.sender, 0);
    let to = Pid::new(here, 9, 1, 0);
    let reference = Reference::from_words(here, 9, [1, 2, 3]);
    let name = atom(step.atom);
    let token = step.atom.is_multiple_of(7).then(|| Box::new(Term::Pid(from)));
    let mut payload = Vec::new();
    let filling = vec![u8::try_from(number % 250).unwrap(); step.bytes];
    // The tag of a reference stands in it, too.
    encode_body(
        &Term::tuple([Term::Atom(name.clone()), Term::from(82), Term::binary(filling)]),
        &mut payload,
    );
    let payload = Some(payload);
    match step.kind {
        0 => (Control::Send { from: Some(from), to, token }, payload),
        1 => (Control::RegSend { from, to: name, token }, payload),
        2 => (Control::MonitorP { from, to: Process::Name(name), reference }, None),
        3 => (Control::Exit { from, to, token, reason: Reason::Payload }, payload),
        4 => {
            let reason = Reason::Inline(Box::new(Term::Atom(name)));
            (Control::MonitorPExit { from: Process::Pid(from), to, reference, reason }, None)
        }
        _ => (Control::AliasSend { from, to: reference, token }, payload),
    }
}

/// What says the same, in whatever form it came.
fn plain(received: &Received) -> (Control, Option<Vec<u8>>) {
    let payload = received.payload.as_ref().map(|payload| payload.to_plain().unwrap().to_vec());
    let mut control = received.control.clone();
    if let (Control::Exit { reason, .. }, None) = (&mut control, &payload)
        && let Reason::Inline(term) = std::mem::replace(reason, Reason::Payload)
    {
        let mut bytes = Vec::new();
        encode_body(&term, &mut bytes);
        return (control, Some(bytes));
    }
    (control, payload)
}

fn pass(outgoing: &mut Outgoing, incoming: &mut Incoming, vectored: bool) {
    let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
    if vectored {
        outgoing.poll_chunks(&mut chunks);
        bytes = chunks.concat();
    } else {
        outgoing.poll_transmit(&mut bytes);
    }
    // Cut anywhere.
    for piece in bytes.chunks(bytes.len() / 3 + 1) {
        incoming.handle_bytes(NOW, piece).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// distribution_SUITE: contended_atom_cache_entry, contended_unicode_atom_cache_entry.
    #[test]
    fn signals_arrive_as_they_were_sent_whatever_leaves_first(steps in steps(), form in 0..6_usize) {
        let flags = forms()[form];
        let mut outgoing = Outgoing::new(flags, OutgoingConfig::default());
        let mut incoming = Incoming::new(NOW, flags, &IncomingConfig::default());
        let mut sent = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let (control, payload) = signal(step, number);
            outgoing.send(&control, payload.clone().map(Into::into)).unwrap();
            let control = match control {
                Control::Send { to, token, .. } if !flags.contains(Flags::SEND_SENDER) => {
                    Control::Send { from: None, to, token }
                }
                Control::AliasSend { from, to, token } if flags.contains(Flags::ALTACT_SIG) => {
                    let to = AltactTarget::Alias(to);
                    Control::AltactSigSend { priority: false, exit: false, from, to, token }
                }
                control => control,
            };
            sent.push((step.sender, (control, payload)));
            for _ in 0..step.then / 2 {
                pass(&mut outgoing, &mut incoming, step.then.is_multiple_of(2));
            }
        }
        while !outgoing.is_empty() {
            pass(&mut outgoing, &mut incoming, true);
        }
        let mut arrived = Vec::new();
        while let Some(received) = incoming.poll_event() {
            arrived.push(plain(&received));
        }
        prop_assert_eq!(arrived.len(), sent.len());
        prop_assert_eq!(incoming.held_bytes(), 0);
        for sender in 0..4 {
            let sent: Vec<_> = sent.iter().filter(|(from, _)| *from == sender).map(|(_, signal)| signal).collect();
            let mut rest = arrived.iter();
            // In order: each is found behind the one before it.
            for signal in sent {
                prop_assert!(rest.any(|came| came == signal), "sender {} lost {:?}", sender, signal.0);
            }
        }
    }
}

#[test]
fn a_message_after_the_first_is_shorter() {
    let step = Step { sender: 1, kind: 1, atom: 5, bytes: 10, then: 0 };
    let lengths = |flags| {
        let mut outgoing = Outgoing::new(flags, OutgoingConfig::default());
        [0, 1].map(|number| {
            let (control, payload) = signal(&step, number);
            outgoing.send(&control, payload.map(Into::into)).unwrap();
            let mut bytes = Vec::new();
            outgoing.poll_transmit(&mut bytes);
            bytes.len()
        })
    };
    let [first, second] = lengths(Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE));
    assert_eq!(first, second);
    let [new, known] = lengths(Flags::OURS);
    assert!(new > known && known < first, "{first} bytes without, {new} and then {known} with the cache");
}

#[test]
fn a_refused_signal_leaves_no_entry_behind() {
    let config = OutgoingConfig { queue_bytes_max: 400, ..OutgoingConfig::default() };
    let mut outgoing = Outgoing::new(Flags::OURS, config);
    let mut incoming = Incoming::new(NOW, Flags::OURS, &IncomingConfig::default());
    let step = |atom, bytes| Step { sender: 1, kind: 1, atom, bytes, then: 0 };
    let send = |outgoing: &mut Outgoing, step: &Step| {
        let (control, payload) = signal(step, 0);
        outgoing.send(&control, payload.map(Into::into))
    };
    send(&mut outgoing, &step(2, 10)).unwrap();
    let refused = send(&mut outgoing, &step(3, 1_000));
    assert!(matches!(refused, Err(SendError::SendQueueFull { .. })), "{refused:?}");
    send(&mut outgoing, &step(3, 10)).unwrap();
    pass(&mut outgoing, &mut incoming, false);
    let names: Vec<_> = std::iter::from_fn(|| incoming.poll_event())
        .map(|received| match received.control {
            Control::RegSend { to, .. } => to,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [atom(2), atom(3)]);
}
