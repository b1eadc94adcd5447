//! Terms and control messages made out of raw bytes: any bytes make some value, and mutation changes it a little.

use arbitrary::{Result, Unstructured};
use engset_dist::control::{AltactTarget, Control, Mfa, Process, Reason, Spawn, SpawnResult};
use engset_term::{Atom, BitString, NodeName, Pid, PortId, Reference, Term};

/// How deep the branching part of a term nests.
const DEPTH: usize = 6;
/// How deep a term nests when it is wrapped again and again.
const WRAPPED_MAX: u16 = 9_000;

const NODES: [&str; 4] = ["a@h", "b@host", "long.name@some.host.example", "nonode@nohost"];

pub(crate) fn term(input: &mut Unstructured<'_>) -> Result<Term> {
    let mut term = nested(input, DEPTH)?;
    if input.ratio(1_u8, 16_u8)? {
        for _ in 0..input.int_in_range(0..=WRAPPED_MAX)? {
            term = Term::tuple([term]);
        }
    }
    Ok(term)
}

pub(crate) fn pid(input: &mut Unstructured<'_>) -> Result<Pid> {
    Ok(Pid::new(node(input)?, input.arbitrary()?, input.arbitrary()?, input.arbitrary()?))
}

/// A control message of any operation.
pub(crate) fn control(input: &mut Unstructured<'_>) -> Result<Control> {
    let (from, to) = (pid(input)?, pid(input)?);
    let token = if input.ratio(1_u8, 4_u8)? { Some(Box::new(nested(input, 1)?)) } else { None };
    Ok(match input.int_in_range(0..=17_u8)? {
        0 => Control::Link { from, to },
        1 => Control::Send { from: None, to, token },
        2 => Control::Send { from: Some(from), to, token },
        3 => Control::Exit { from, to, token, reason: reason(input)? },
        4 => Control::Unlink { from, to },
        5 => Control::NodeLink,
        6 => Control::RegSend { from, to: atom(input)?, token },
        7 => Control::GroupLeader { from, to },
        8 => Control::Exit2 { from, to, token, reason: reason(input)? },
        9 => Control::MonitorP { from, to: process(input)?, reference: reference(input)? },
        10 => Control::DemonitorP { from, to: process(input)?, reference: reference(input)? },
        11 => {
            let reference = reference(input)?;
            Control::MonitorPExit { from: process(input)?, to, reference, reason: reason(input)? }
        }
        12 => {
            let function = Mfa { module: atom(input)?, function: atom(input)?, arity: input.arbitrary()? };
            let options = some(input, 4, |input| nested(input, 2))?;
            Control::SpawnRequest {
                request: reference(input)?,
                from,
                spawn: Box::new(Spawn { group_leader: to, function, options }),
                token,
            }
        }
        13 => {
            let result = match process(input)? {
                Process::Pid(pid) => SpawnResult::Spawned(pid),
                Process::Name(error) => SpawnResult::Error(error),
            };
            let (linked, monitored) = (input.arbitrary()?, input.arbitrary()?);
            Control::SpawnReply { request: reference(input)?, to, linked, monitored, result, token }
        }
        14 => Control::AliasSend { from, to: reference(input)?, token },
        15 => Control::UnlinkId { id: input.int_in_range(1..=u64::MAX)?, from, to },
        16 => Control::UnlinkIdAck { id: input.int_in_range(1..=u64::MAX)?, from, to },
        _ => {
            let to = match process(input)? {
                Process::Name(name) => AltactTarget::Name(name),
                Process::Pid(_) if input.arbitrary()? => AltactTarget::Alias(reference(input)?),
                Process::Pid(pid) => AltactTarget::Pid(pid),
            };
            Control::AltactSigSend { priority: input.arbitrary()?, exit: input.arbitrary()?, from, to, token }
        }
    })
}

fn nested(input: &mut Unstructured<'_>, depth: usize) -> Result<Term> {
    let kinds = if depth == 0 { 12 } else { 17 };
    Ok(match input.int_in_range(0..=kinds)? {
        0 => Term::Nil,
        1 => Term::from(input.arbitrary::<i64>()?),
        2 => Term::from(i64::from(input.arbitrary::<i8>()?)),
        3 => Term::from(input.arbitrary::<i128>()?),
        4 => big(input)?,
        5 => Term::float(input.arbitrary()?).unwrap_or(Term::Nil),
        6 => Term::Atom(atom(input)?),
        7 => Term::Pid(pid(input)?),
        8 => Term::Ref(reference(input)?),
        9 => Term::Port(PortId::new(node(input)?, input.arbitrary()?, input.arbitrary()?)),
        10 => Term::binary(bytes(input)?.to_vec()),
        11 => {
            let bits = input.int_in_range(1..=7)?;
            BitString::new(bytes(input)?, bits).map_or(Term::Nil, Term::BitString)
        }
        12 => Term::export(atom(input)?, atom(input)?, input.arbitrary()?),
        13 => Term::tuple(some(input, 300, |input| nested(input, depth - 1))?),
        14 => Term::list(some(input, 300, |input| nested(input, depth - 1))?),
        15 => Term::improper_list(some(input, 20, |input| nested(input, depth - 1))?, nested(input, 0)?),
        16 => Term::list(bytes(input)?.iter().map(|byte| Term::from(i64::from(*byte)))),
        _ => Term::map(some(input, 40, |input| Ok((nested(input, depth - 1)?, nested(input, depth - 1)?)))?),
    })
}

/// Up to `most` of something, fewer when the input ends.
fn some<T>(
    input: &mut Unstructured<'_>,
    most: usize,
    one: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = input.int_in_range(0..=most)?.min(input.len());
    (0..count).map(|_| one(input)).collect()
}

fn bytes<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = input.int_in_range(0..=2_000_usize)?.min(input.len());
    input.bytes(len)
}

/// A large integer, through the text it is printed as.
fn big(input: &mut Unstructured<'_>) -> Result<Term> {
    let digits: String = bytes(input)?.iter().map(|byte| char::from(b'0' + byte % 10)).collect();
    let sign = if input.arbitrary()? { "-" } else { "" };
    Ok(Term::parse(&format!("{sign}1{digits}")).unwrap_or(Term::Nil))
}

fn atom(input: &mut Unstructured<'_>) -> Result<Atom> {
    let text = match input.int_in_range(0..=3_u8)? {
        0 => "ok".to_owned(),
        1 => String::from_utf8_lossy(bytes(input)?).into_owned(),
        2 => bytes(input)?.iter().copied().map(char::from).collect(),
        _ => "a".repeat(input.int_in_range(0..=255)?),
    };
    Ok(Atom::new(&text).unwrap_or(Atom::from_static("long")))
}

fn node(input: &mut Unstructured<'_>) -> Result<NodeName> {
    Ok(NodeName::new(input.choose(&NODES)?).unwrap_or(NodeName::NONODE))
}

fn reference(input: &mut Unstructured<'_>) -> Result<Reference> {
    let (node, creation) = (node(input)?, input.arbitrary()?);
    let words: [u32; 5] = input.arbitrary()?;
    let count = input.int_in_range(1..=5_usize)?;
    Reference::new(node, creation, words.get(..count).unwrap_or(&words))
        .map_err(|_no_words| arbitrary::Error::IncorrectFormat)
}

fn process(input: &mut Unstructured<'_>) -> Result<Process> {
    Ok(if input.arbitrary()? { Process::Pid(pid(input)?) } else { Process::Name(atom(input)?) })
}

fn reason(input: &mut Unstructured<'_>) -> Result<Reason> {
    Ok(if input.arbitrary()? { Reason::Payload } else { Reason::Inline(Box::new(nested(input, 2)?)) })
}
