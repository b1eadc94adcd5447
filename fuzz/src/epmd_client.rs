//! The clients of EPMD against servers that answer with anything, or nearly right: how an answer is cut does not matter,
//! nothing is held that is longer than any answer, and an honest answer is understood.

use arbitrary::{Result, Unstructured};
use engset_dist::epmd::messages::encode_port;
use engset_dist::epmd::{EpmdError, Lookup, Names, NodeEntry, Register, Request};

/// What each client makes of an answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Creation(u32),
    Entry(Option<NodeEntry>),
    Names(Vec<(String, u16)>),
    Fault(EpmdError),
}

/// Plays the server that `data` describes, to each client.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    // An input that ends early has been played as far as it went.
    play(&mut input).unwrap_or_default();
}

/// Answers of all kinds, right and nearly so.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..=255_u8 {
        seeds.push(vec![kind; 40]);
        seeds.push((0..64).map(|at: u8| at.wrapping_mul(kind | 1).wrapping_add(kind)).collect());
    }
    seeds
}

fn play(input: &mut Unstructured<'_>) -> Result<()> {
    let entry = entry(input)?;
    let cut = usize::from(input.int_in_range(1..=32_u8)?);
    let creation: u32 = input.arbitrary()?;
    let is_big: bool = input.arbitrary()?;
    let alive = if is_big {
        [&b"v\0"[..], &creation.to_be_bytes()].concat()
    } else {
        [&b"y\0"[..], &u16::try_from(creation & 0xFFFF).unwrap_or(0).to_be_bytes()].concat()
    };
    let line = format!("name {} at port {}\n", entry.name, entry.tcp_port);
    let names = [&4369_u32.to_be_bytes()[..], line.repeat(input.int_in_range(0..=3)?).as_bytes()].concat();
    let honest = [alive, encode_port(Some(&entry)), names];
    for (client, answer) in honest.into_iter().enumerate() {
        let changed = changed(input, &answer)?;
        let whole = outcome(client, &entry.name, &changed, usize::MAX);
        let pieces = outcome(client, &entry.name, &changed, cut);
        // A whole piece that is too long is refused at once, in pieces perhaps after its answer was taken.
        if changed == answer {
            assert_eq!(whole, pieces, "how an answer is cut does not matter");
            assert!(!matches!(whole, Outcome::Fault(_)), "an honest answer is understood: {whole:?}");
        }
        for outcome in [whole, pieces] {
            check(&outcome, &entry.name);
        }
    }
    Ok(())
}

/// Whatever a server says, what is believed of it could have been registered.
fn check(outcome: &Outcome, name: &str) {
    match outcome {
        Outcome::Entry(Some(entry)) => {
            assert_eq!(entry.name, name, "the answer is about the node asked for");
            let again = Request::Register(entry.clone()).encode();
            assert!(again.is_ok(), "what is believed is within limits: {again:?}");
        }
        Outcome::Names(names) => {
            assert!(names.iter().all(|(name, _)| !name.is_empty()), "a name is not empty");
        }
        Outcome::Creation(_) | Outcome::Entry(None) | Outcome::Fault(_) => {}
    }
}

fn entry(input: &mut Unstructured<'_>) -> Result<NodeEntry> {
    let name = *input.choose(&["a", "shop", "\u{e4}pfel", "a-very-long-name-with-numbers-0123456789"])?;
    let mut entry = NodeEntry::new(name, input.int_in_range(1..=u16::MAX)?);
    entry.extra = input.bytes(input.len().min(5))?.to_vec();
    Ok(entry)
}

fn changed(input: &mut Unstructured<'_>, answer: &[u8]) -> Result<Vec<u8>> {
    let mut answer = answer.to_vec();
    let at = input.int_in_range(0..=answer.len())?;
    match input.int_in_range(0..=7_u8)? {
        0..=2 => {}
        3 => {
            if let Some(byte) = answer.get_mut(at) {
                *byte = input.arbitrary()?;
            }
        }
        4 => answer.truncate(at),
        5 => answer.extend_from_slice(input.bytes(input.len().min(6))?),
        6 => answer = input.bytes(input.len().min(60))?.to_vec(),
        _ => answer.resize(input.int_in_range(0..=3_000)?, b'n'),
    }
    Ok(answer)
}

fn outcome(client: usize, name: &str, answer: &[u8], cut: usize) -> Outcome {
    let pieces = || answer.chunks(cut.min(answer.len()).max(1));
    match client {
        0 => {
            let mut register = Register::new(NodeEntry::new(name, 1));
            let creation = pieces().find_map(|piece| register.handle_bytes(piece).transpose());
            let closed = || Err(register.handle_eof());
            creation.unwrap_or_else(closed).map_or_else(Outcome::Fault, Outcome::Creation)
        }
        1 => {
            let mut lookup = Lookup::new(name);
            let entry = pieces().find_map(|piece| lookup.handle_bytes(piece).transpose());
            let closed = || Err(lookup.handle_eof());
            entry.unwrap_or_else(closed).map_or_else(Outcome::Fault, Outcome::Entry)
        }
        _ => {
            let mut names = Names::new();
            let refused = pieces().find_map(|piece| names.handle_bytes(piece).err());
            let list = refused.map_or_else(|| names.handle_eof(), Err);
            list.map_or_else(Outcome::Fault, |list| Outcome::Names(list.names))
        }
    }
}
