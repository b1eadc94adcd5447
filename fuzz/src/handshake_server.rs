//! The side of a handshake that was dialled, against a peer that knows the cookie and says one thing wrong, or nothing:
//! who is let in has shown the digest, and how its bytes are cut does not matter.

use crate::handshake_client::{Change, change, counted};
use arbitrary::{Result, Unstructured};
use engset_dist::Flags;
use engset_dist::handshake::{
    Acceptor, AcceptorEvent, Cookie, Decision, Established, Framing, HandshakeError, LocalNode, Step,
};
use engset_term::Instant;

const COOKIE: &str = "a cookie that nobody guesses";
const CHALLENGE: u32 = 0x1234_5678;
const HOST: &str = "b@host";

/// What the dialling peer is like.
struct Game {
    decision: Decision,
    framing: Framing,
    messages: Vec<Vec<u8>>,
    /// Whether the reply is the right one, and whether all of it is as an honest peer says it.
    has_proof: bool,
    is_honest: bool,
    /// Whether the peer hands us our own challenge to answer.
    reflects: bool,
    cut: usize,
    rest: Vec<u8>,
}

/// Plays the peer that `data` describes.
pub fn run(data: &[u8]) {
    let Ok(game) = game(&mut Unstructured::new(data)) else { return };
    let whole = outcome(&game, usize::MAX);
    let pieces = outcome(&game, game.cut);
    assert_eq!(whole.0.is_some(), pieces.0.is_some(), "how bytes are cut does not matter");
    if whole.0.is_none() {
        assert_eq!(whole.1, pieces.1, "nor for the fault");
    }
    for established in [&whole.0, &pieces.0].into_iter().flatten() {
        assert!(game.has_proof, "who is let in has shown the digest");
        assert!(!game.reflects, "and does not hand us our own challenge");
        assert!(game.rest.starts_with(&established.leftover), "no byte is lost or made up");
        assert!(established.flags.contains(Flags::MANDATORY), "what every node must do, this one can");
    }
    let welcome = !matches!(game.decision, Decision::Nok | Decision::NotAllowed);
    assert!(
        !(game.is_honest && welcome && !game.reflects) || whole.0.is_some(),
        "an honest peer is let in: {:?}",
        whole.1
    );
}

/// Honest peers of all kinds, and such as change one thing.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..=255_u8 {
        seeds.push(vec![kind; 32]);
        seeds.push((0..48).map(|at: u8| at.wrapping_mul(kind | 1).wrapping_add(kind)).collect());
    }
    seeds
}

fn game(input: &mut Unstructured<'_>) -> Result<Game> {
    let decision = match input.int_in_range(0..=5_u8)? {
        0 | 1 => Decision::Ok,
        2 => Decision::OkSimultaneous,
        3 => Decision::Alive,
        4 => Decision::Nok,
        _ => Decision::NotAllowed,
    };
    let is_old: bool = input.ratio(1_u8, 4_u8)?;
    let name = *input.choose(&["a@host", "\u{e4}@host", "a.long-name@some.host.example"])?;
    let name: Vec<u8> = name.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let flags = Flags::OURS;
    let mut messages = Vec::new();
    if is_old {
        let low = u32::try_from(flags.0 & u64::from(u32::MAX)).unwrap_or_default();
        messages.push([&b"n\0\x05"[..], &low.to_be_bytes(), &name].concat());
    } else {
        let len = u16::try_from(name.len()).unwrap_or_default().to_be_bytes();
        messages.push([&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9], &len, &name].concat());
    }
    if decision == Decision::Alive {
        messages.push(b"strue".to_vec());
    }
    if is_old {
        let high = u32::try_from(flags.0 >> 32).unwrap_or_default();
        messages.push([&b"c"[..], &high.to_be_bytes(), &[0, 0, 0, 9]].concat());
    }
    let digest = Cookie::new(COOKIE).expect("a valid cookie").digest(CHALLENGE);
    let reply = [&b"r"[..], &input.arbitrary::<u32>()?.to_be_bytes(), digest.bytes()].concat();
    messages.push(reply);
    let proof = digest.bytes().to_vec();
    let framing = if input.arbitrary()? { Framing::Four } else { Framing::Two };
    let at = input.int_in_range(0..=messages.len().saturating_sub(1))?;
    let changed = messages.get_mut(at).map_or(Ok(Change::Nothing), |message| change(input, message))?;
    let cut = usize::from(input.int_in_range(1..=64_u8)?);
    let rest = input.bytes(input.len().min(40))?.to_vec();
    let has_proof = messages
        .last()
        .is_some_and(|reply| reply.len() == 21 && reply.first() == Some(&b'r') && reply.ends_with(&proof));
    let own = CHALLENGE.to_be_bytes();
    let reflects = messages.last().is_some_and(|reply| reply.get(1..5) == Some(&own));
    let is_honest = matches!(changed, Change::Nothing);
    Ok(Game { decision, framing, messages, has_proof, is_honest, reflects, cut, rest })
}

fn outcome(game: &Game, cut: usize) -> (Option<Established>, Option<HandshakeError>) {
    let local = LocalNode {
        name: HOST.to_owned(),
        flags: Flags::OURS,
        creation: 4,
        cookie: Cookie::new(COOKIE).expect("a valid cookie"),
        visible: true,
    };
    let mut acceptor = Acceptor::new(Instant::ZERO, local, CHALLENGE, game.framing).expect("a valid name");
    let (mut fault, mut established) = (None, None);
    let mut stream: Vec<u8> =
        game.messages.iter().flat_map(|message| counted(game.framing, message)).collect();
    stream.extend_from_slice(&game.rest);
    for piece in stream.chunks(cut.min(stream.len())) {
        let mut result = acceptor.handle_bytes(Instant::ZERO, piece);
        if result.is_ok() && acceptor.step() == Step::Decision {
            result = acceptor.decide(game.decision.clone());
        }
        fault = fault.or(result.err());
        while let Some(event) = acceptor.poll_event() {
            if let AcceptorEvent::Established(peer) = event {
                assert!(established.is_none() && fault.is_none(), "a handshake succeeds once");
                established = Some(peer);
            }
        }
        if fault.is_some() || acceptor.step() == Step::Over {
            break;
        }
    }
    (established, fault)
}
