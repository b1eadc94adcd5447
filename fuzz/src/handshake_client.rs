//! The side of a handshake that dialled, against a peer that knows the cookie and says one thing wrong, or nothing: who is
//! believed has shown the digest and the name that was asked for, and nobody gets a proof with a challenge of ours.

use arbitrary::{Result, Unstructured};
use engset_dist::Flags;
use engset_dist::handshake::{
    Cookie, Established, Framing, HandshakeError, Initiator, InitiatorEvent, LocalNode, Step,
};
use engset_term::Instant;

const COOKIE: &str = "a cookie that nobody guesses";
const CHALLENGE: u32 = 0x9ABC_DEF0;
/// A challenge that an acceptor of this node has sent to somebody.
const OURS_ELSEWHERE: u32 = 0x0BAD_CAFE;
const PEER: &str = "b@host";

/// What was done to an honest message.
pub(crate) enum Change {
    Nothing,
    Something,
}

struct Game {
    framing: Framing,
    messages: Vec<Vec<u8>>,
    has_proof: bool,
    /// Whether the peer hands over a challenge that this node has sent elsewhere.
    reflects: bool,
    is_honest: bool,
    is_welcome: bool,
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
        assert!(game.has_proof, "who is believed has shown the digest");
        assert!(!game.reflects, "and does not use us against ourselves");
        assert_eq!(established.peer, PEER, "and is the one that was asked for");
        assert!(game.rest.starts_with(&established.leftover), "no byte is lost or made up");
    }
    let is_good = game.is_honest && game.is_welcome && !game.reflects;
    assert!(!is_good || whole.0.is_some(), "an honest peer is believed: {:?}", whole.1);
}

/// Honest peers of all kinds, and such as change one thing.
pub fn seeds() -> Vec<Vec<u8>> {
    crate::handshake_server::seeds()
}

/// Changes a message in one way, or not.
pub(crate) fn change(input: &mut Unstructured<'_>, message: &mut Vec<u8>) -> Result<Change> {
    let before = message.clone();
    let at = input.int_in_range(0..=message.len())?;
    match input.int_in_range(0..=7_u8)? {
        0..=2 => {}
        3 => {
            if let Some(byte) = message.get_mut(at) {
                *byte = input.arbitrary()?;
            }
        }
        4 => message.truncate(at),
        5 => message.extend_from_slice(input.bytes(input.len().min(3))?),
        6 => *message = input.bytes(input.len().min(30))?.to_vec(),
        _ => message.resize(input.int_in_range(0..=3_000)?, b'x'),
    }
    Ok(if *message == before { Change::Nothing } else { Change::Something })
}

/// A message with its length.
pub(crate) fn counted(framing: Framing, message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let len = match framing {
        Framing::Two => len.get(2..).unwrap_or_default(),
        Framing::Four => &len,
    };
    [len, message].concat()
}

fn game(input: &mut Unstructured<'_>) -> Result<Game> {
    let status =
        *input.choose(&[&b"sok"[..], b"sok", b"sok_simultaneous", b"salive", b"snok", b"snot_allowed"])?;
    let is_welcome = !matches!(status, b"snok" | b"snot_allowed");
    let reflects = input.ratio(1_u8, 5_u8)?;
    let challenge = if reflects { OURS_ELSEWHERE } else { input.int_in_range(1..=0x00FF_FFFF)? };
    let len = u16::try_from(PEER.len()).unwrap_or_default().to_be_bytes();
    let greeting = [
        &b"N"[..],
        &Flags::OURS.0.to_be_bytes(),
        &challenge.to_be_bytes(),
        &[0, 0, 0, 4],
        &len,
        PEER.as_bytes(),
    ]
    .concat();
    let digest = Cookie::new(COOKIE).expect("a valid cookie").digest(CHALLENGE);
    let proof = [&b"a"[..], digest.bytes()].concat();
    let mut messages = vec![status.to_vec(), greeting.clone(), proof.clone()];
    let framing = if input.arbitrary()? { Framing::Four } else { Framing::Two };
    let at = input.int_in_range(0..=2_usize)?;
    let changed = messages.get_mut(at).map_or(Ok(Change::Nothing), |message| change(input, message))?;
    let cut = usize::from(input.int_in_range(1..=64_u8)?);
    let rest = input.bytes(input.len().min(40))?.to_vec();
    let has_proof = messages.last() == Some(&proof);
    // A changed greeting may bring another challenge.
    let elsewhere = OURS_ELSEWHERE.to_be_bytes();
    let reflects = messages.get(1).is_some_and(|greeting| greeting.get(9..13) == Some(&elsewhere));
    let is_honest = matches!(changed, Change::Nothing);
    Ok(Game { framing, messages, has_proof, reflects, is_honest, is_welcome, cut, rest })
}

fn outcome(game: &Game, cut: usize) -> (Option<Established>, Option<HandshakeError>) {
    let cookie = Cookie::new(COOKIE).expect("a valid cookie");
    let stolen = cookie.digest(OURS_ELSEWHERE);
    let local =
        LocalNode { name: "a@host".to_owned(), flags: Flags::OURS, creation: 4, cookie, visible: true };
    let mut initiator =
        Initiator::new(Instant::ZERO, local, PEER, CHALLENGE, game.framing).expect("valid names");
    initiator.forbid_challenges(vec![OURS_ELSEWHERE]);
    let (mut fault, mut established, mut said) = (None, None, Vec::new());
    let mut stream: Vec<u8> =
        game.messages.iter().flat_map(|message| counted(game.framing, message)).collect();
    stream.extend_from_slice(&game.rest);
    for piece in stream.chunks(cut.min(stream.len())) {
        let result = initiator.handle_bytes(Instant::ZERO, piece);
        fault = fault.or(result.err());
        while let Some(event) = initiator.poll_event() {
            match event {
                InitiatorEvent::Established(peer) => {
                    assert!(established.is_none() && fault.is_none(), "a handshake succeeds once");
                    established = Some(peer);
                }
                InitiatorEvent::AskAlive => fault = fault.or(initiator.answer_alive(true).err()),
                InitiatorEvent::WaitForOther => {}
            }
        }
        initiator.poll_transmit(&mut said);
        if fault.is_some() || initiator.step() == Step::Over {
            break;
        }
    }
    let is_said = said.windows(16).any(|window| window == stolen.bytes());
    assert!(!is_said, "nobody gets a proof with a challenge of ours");
    (established, fault)
}
