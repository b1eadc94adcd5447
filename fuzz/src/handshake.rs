//! Both sides of a handshake: against a peer that says anything, and with each other over a line that garbles.

use arbitrary::{Result, Unstructured};
use core::time::Duration;
use engset_dist::Flags;
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Established, Framing, HANDSHAKE_BYTES_MAX, Initiator,
    InitiatorEvent, LocalNode, Step,
};
use engset_term::Instant;

const NOW: Instant = Instant::ZERO;
const DIALLER: &str = "a@host";
const LISTENER: &str = "b@host";

/// Runs both games with what `data` says.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(is_line) = input.arbitrary::<bool>() else { return };
    // An input that ends early has been played as far as it went.
    let played = if is_line { garble(&mut input) } else { strangers(&mut input) };
    played.unwrap_or_default();
}

/// The messages of well-behaved peers, and lines with and without noise.
pub fn seeds() -> Vec<Vec<u8>> {
    let name = |flags: Flags, name: &[u8]| {
        let len = u8::try_from(name.len()).unwrap_or(0);
        [&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9, 0, len], name].concat()
    };
    let reply = [&b"r\0\0\0\x07"[..], &[7; 16]].concat();
    let challenge =
        [&b"N"[..], &Flags::OURS.0.to_be_bytes(), &[0, 0, 0, 9, 0, 0, 0, 4, 0, 6], b"b@host"].concat();
    let acceptors: [&[Vec<u8>]; 4] = [
        &[name(Flags::OURS, b"a@host"), reply.clone()],
        &[name(Flags::OURS, b"a@host"), b"strue".to_vec(), reply.clone()],
        &[name(Flags::OURS | Flags::NAME_ME, b"host"), reply.clone()],
        &[b"n\0\x05\x07\xdf\x5f\xbca@host".to_vec(), b"c\0\0\0\x2d\0\0\0\x09".to_vec(), reply],
    ];
    let initiators: [&[Vec<u8>]; 4] = [
        &[b"sok".to_vec(), challenge.clone(), [&b"a"[..], &[7; 16]].concat()],
        &[b"salive".to_vec(), challenge],
        &[b"snok".to_vec()],
        &[b"snamed:\0\x06c@host\0\0\0\x05".to_vec()],
    ];
    let mut seeds = vec![vec![1; 8], vec![1, 0, 0, 0, 0, 0, 0, 0], (0..200).collect()];
    for decision in 0..6 {
        for messages in acceptors.iter().chain(&initiators) {
            seeds.push(
                [
                    &[0, 0, decision][..],
                    &messages.iter().flat_map(|message| piece(message)).collect::<Vec<_>>(),
                ]
                .concat(),
            );
        }
    }
    seeds
}

/// A counted message as a piece of the input.
fn piece(message: &[u8]) -> Vec<u8> {
    let len = u8::try_from(message.len()).unwrap_or(u8::MAX);
    [&[1, len][..], message].concat()
}

/// Pieces of the input go to an acceptor and an initiator. Nobody succeeds: nobody knows the cookie.
fn strangers(input: &mut Unstructured<'_>) -> Result<()> {
    let framing = framing(input)?;
    let decision = decision(input)?;
    let flags = if decision == 5 { Flags::OURS | Flags::NAME_ME } else { Flags::OURS };
    let mut acceptor = acceptor(framing, Flags::OURS);
    let mut initiator = initiator(framing, flags);
    let mut now = NOW;
    while !input.is_empty() {
        let counted: bool = input.arbitrary()?;
        let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
        let body = input.bytes(len)?;
        let bytes = if counted { message(framing, body) } else { body.to_vec() };
        now = now.saturating_add(Duration::from_millis(1));
        feed_acceptor(&mut acceptor, now, &bytes, decision);
        feed_initiator(&mut initiator, now, &bytes, decision % 2 == 0);
    }
    assert!(accepted(&mut acceptor).is_none(), "nobody is accepted without the cookie");
    assert!(dialled(&mut initiator).is_none(), "nobody is believed without the cookie");
    let late = now.saturating_add(Duration::from_secs(60));
    // Either it was over or it is now.
    drop((acceptor.handle_timeout(late), initiator.handle_timeout(late)));
    assert!(acceptor.poll_timeout().is_none() && initiator.poll_timeout().is_none(), "every handshake ends");
    Ok(())
}

/// Both sides talk with each other; single bytes change on the way.
fn garble(input: &mut Unstructured<'_>) -> Result<()> {
    let framing = framing(input)?;
    let (mut acceptor, mut initiator) = (acceptor(framing, Flags::OURS), initiator(framing, Flags::OURS));
    let decision = decision(input)? % 5;
    let cut = usize::from(input.int_in_range(1..=64_u8)?);
    let noise: Vec<(u8, u8)> = input.arbitrary()?;
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    let leftover = input.bytes(len)?;
    let mut at = 0_usize;
    let mut garbled = |bytes: &mut [u8]| {
        for byte in bytes {
            let change = noise.iter().find(|(place, _)| usize::from(*place) == at);
            *byte ^= change.map_or(0, |(_, change)| *change);
            at += 1;
        }
    };
    for turn in 0..6 {
        let mut out = Vec::new();
        if turn % 2 == 0 {
            initiator.poll_transmit(&mut out);
            garbled(&mut out);
            out.chunks(cut).for_each(|piece| feed_acceptor(&mut acceptor, NOW, piece, decision));
        } else {
            acceptor.poll_transmit(&mut out);
            garbled(&mut out);
            if acceptor.step() == Step::Over {
                out.extend_from_slice(leftover);
            }
            out.chunks(cut).for_each(|piece| feed_initiator(&mut initiator, NOW, piece, true));
        }
    }
    let (accepted, dialled) = (accepted(&mut acceptor), dialled(&mut initiator));
    if let Some(dialled) = &dialled {
        assert_eq!(
            (dialled.peer.as_str(), dialled.local.as_str()),
            (LISTENER, DIALLER),
            "the names are the ones asked for"
        );
        // All of one piece belongs together; what comes later goes to the connection.
        assert!(leftover.starts_with(&dialled.leftover), "no byte after the handshake is lost or made up");
    }
    let welcome = matches!(decision, 0 | 1 | 4);
    if welcome && noise.is_empty() {
        let (accepted, dialled) =
            (accepted.expect("the acceptor is content"), dialled.expect("the initiator is content"));
        assert_eq!(accepted.flags, dialled.flags, "both sides negotiate the same");
        assert_eq!(accepted.peer, DIALLER, "the acceptor knows who dials");
    }
    Ok(())
}

fn framing(input: &mut Unstructured<'_>) -> Result<Framing> {
    Ok(if input.arbitrary()? { Framing::Four } else { Framing::Two })
}

/// 0 and 1 welcome, 2 and 3 refuse, 4 asks, 5 names.
fn decision(input: &mut Unstructured<'_>) -> Result<u8> {
    input.int_in_range(0..=5)
}

fn decide(acceptor: &mut Acceptor, decision: u8) {
    let decision = match decision {
        0 => Decision::Ok,
        1 => Decision::OkSimultaneous,
        2 => Decision::Nok,
        3 => Decision::NotAllowed,
        4 => Decision::Alive,
        _ => Decision::Named { name: "c@host".to_owned(), creation: 5 },
    };
    // A decision that does not fit ends the handshake, which the next bytes show.
    drop(acceptor.decide(decision));
}

fn feed_acceptor(acceptor: &mut Acceptor, now: Instant, bytes: &[u8], decision: u8) {
    let was_over = acceptor.step() == Step::Over;
    let result = acceptor.handle_bytes(now, bytes);
    assert!(!was_over || result.is_err(), "what is over stays over");
    if acceptor.step() == Step::Decision {
        decide(acceptor, decision);
    }
    if result.is_err() {
        assert!(acceptor.poll_timeout().is_none(), "a failed handshake waits for nothing");
    }
}

fn feed_initiator(initiator: &mut Initiator, now: Instant, bytes: &[u8], replace: bool) {
    let was_over = initiator.step() == Step::Over;
    let result = initiator.handle_bytes(now, bytes);
    assert!(!was_over || result.is_err(), "what is over stays over");
    if initiator.step() == Step::AliveAnswer {
        // Bytes that came too early end the handshake, which the next bytes show.
        drop(initiator.answer_alive(replace));
    }
    if result.is_err() {
        assert!(initiator.poll_timeout().is_none(), "a failed handshake waits for nothing");
    }
}

fn accepted(acceptor: &mut Acceptor) -> Option<Established> {
    let mut out = Vec::new();
    acceptor.poll_transmit(&mut out);
    assert!(out.len() <= HANDSHAKE_BYTES_MAX, "what is said is short");
    core::iter::from_fn(|| acceptor.poll_event()).find_map(|event| match event {
        AcceptorEvent::Established(established) => Some(established),
        AcceptorEvent::Name { .. } => None,
    })
}

fn dialled(initiator: &mut Initiator) -> Option<Established> {
    let mut out = Vec::new();
    initiator.poll_transmit(&mut out);
    assert!(out.len() <= HANDSHAKE_BYTES_MAX, "what is said is short");
    core::iter::from_fn(|| initiator.poll_event()).find_map(|event| match event {
        InitiatorEvent::Established(established) => Some(established),
        InitiatorEvent::WaitForOther | InitiatorEvent::AskAlive => None,
    })
}

fn acceptor(framing: Framing, flags: Flags) -> Acceptor {
    Acceptor::new(NOW, local(LISTENER, flags), 0x1234_5678, framing).expect("a valid name")
}

fn initiator(framing: Framing, flags: Flags) -> Initiator {
    let name = if flags.contains(Flags::NAME_ME) { "host" } else { DIALLER };
    Initiator::new(NOW, local(name, flags), LISTENER, 0x9ABC_DEF0, framing).expect("valid names")
}

fn local(name: &str, flags: Flags) -> LocalNode {
    let cookie = Cookie::new("a cookie that nobody guesses").expect("a valid cookie");
    LocalNode { name: name.to_owned(), flags, creation: 4, cookie, visible: true }
}

fn message(framing: Framing, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let len = match framing {
        Framing::Two => len.get(2..).unwrap_or_default(),
        Framing::Four => &len,
    };
    [len, body].concat()
}
