//! Control messages to signals: strict on arity, types and sizes.

use super::quick::{self, Named};
use super::{
    ALTACT_ALIAS, ALTACT_EXIT, ALTACT_NAME, ALTACT_PRIORITY, ALTACT_TOKEN, AltactTarget, Control, Mfa,
    Process, Reason, SPAWN_LINKED, SPAWN_MONITORED, Spawn, SpawnResult,
};
use crate::cursor::Cursor;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use engset_etf::{DecodeError, Reader, tags};
use engset_term::{Atom, Pid, Reference, Term};

/// The operation whose tuple has an optional element.
const ALTACT_SIG_SEND: u8 = 37;
/// The most elements any control message has.
const ELEMENTS_MAX: usize = 7;
/// An error shows so much of what a peer has sent instead of an operation.
const SHOWN_BYTES_MAX: usize = 80;

/// A trace token, if there is one.
type Token = Option<Box<Term>>;

/// Why bytes are no control message. The peer is to blame; the connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlError {
    /// They do not begin with a tuple. The first byte, if there is one.
    NotATuple(Option<u8>),
    /// The bytes end inside the tuple's head.
    Truncated,
    /// The tuple has no elements, or more than any control message.
    TupleSize(u32),
    /// An element is no well-formed term.
    Term {
        /// Which one, from 1.
        element: u8,
        /// What is wrong.
        error: DecodeError,
    },
    /// The first element is no operation.
    UnknownOp(Term),
    /// The tuple has a wrong number of elements for its operation.
    Arity {
        /// The operation.
        op: u8,
        /// The number of elements.
        elements: u8,
    },
    /// An element is of the wrong type, or has a value that its place does not allow.
    Element {
        /// The operation.
        op: u8,
        /// Which one, from 1.
        element: u8,
    },
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATuple(Some(tag)) => write!(f, "a control message begins with {tag}, not with a tuple"),
            Self::NotATuple(None) => f.write_str("a control message is empty"),
            Self::Truncated => f.write_str("a control message ends inside its head"),
            Self::TupleSize(size) => write!(f, "a control message is a tuple of {size}"),
            Self::Term { element, error } => {
                write!(f, "element {element} of a control message is malformed: {error}")
            }
            Self::UnknownOp(op) => write!(f, "unknown operation {}", op.display_max(SHOWN_BYTES_MAX)),
            Self::Arity { op, elements } => write!(f, "operation {op} does not have {elements} elements"),
            Self::Element { op, element } => {
                let field = field(*op, *element);
                write!(f, "element {element} of operation {op}, {field}, has a wrong type or value")
            }
        }
    }
}

/// What an element of an operation is for.
fn field(op: u8, element: u8) -> &'static str {
    match (op, element) {
        (2 | 12, 2) | (6 | 16, 3) => "the unused atom",
        (6 | 16, 4) => "the receiver's name",
        (19 | 20 | 21 | 28, 4) | (29..=32, 2) => "the reference",
        (33 | 34, 3) => "the alias",
        (35 | 36, 2) => "the identifier",
        (29 | 30, 4) => "the group leader",
        (29 | 30, 5) => "the function",
        (29 | 30, 6) => "the options",
        (31 | 32, 4) | (37, 2) => "the flags",
        (31 | 32, 5) => "the result",
        (35..=37, 4) | (2 | 12 | 31 | 32, 3) => "the receiver",
        (29 | 30 | 35..=37, 3) | (_, 2) => "the sender",
        (_, 3) => "the receiver",
        _ => "one more",
    }
}

impl core::error::Error for ControlError {}

impl Control {
    /// Reads a control message, without version byte, from the beginning of `bytes`. Gives how many bytes it took;
    /// the rest is the payload.
    ///
    /// # Errors
    /// When it is none that OTP 25 to 29 send: see [`ControlError`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), ControlError> {
        Self::decode_with(bytes, &[])
    }

    /// As [`Self::decode`]; references to cached atoms are into `atoms`, what the header of the frame names.
    ///
    /// # Errors
    /// As [`Self::decode`], and where a reference is to no element of `atoms`.
    pub fn decode_with(bytes: &[u8], atoms: &[Atom]) -> Result<(Self, usize), ControlError> {
        let (elements, used) = read_elements(bytes, atoms)?;
        let control = from_elements(elements)?;
        Ok((control, used))
    }

    /// As [`Self::decode_with`], with less work for common messages between the nodes that are known.
    ///
    /// # Errors
    /// As [`Self::decode_with`].
    pub(crate) fn decode_named(bytes: &[u8], named: Named<'_>) -> Result<(Self, usize), ControlError> {
        match quick::decode(bytes, named) {
            Some(read) => Ok(read),
            None => Self::decode_with(bytes, named.atoms),
        }
    }
}

/// How many elements the tuple of an operation has; 37 has one more with a token.
const fn elements_of(op: u8) -> Option<u8> {
    Some(match op {
        5 => 1,
        1 | 2 | 4 | 7 | 22 | 24 | 26 | 33 => 3,
        3 | 6 | 8 | 12 | 19 | 20 | 23 | 25 | 27 | 28 | 34 | 35 | 36 | 37 => 4,
        13 | 16 | 18 | 21 | 31 => 5,
        29 | 32 => 6,
        30 => 7,
        _ => return None,
    })
}

fn read_elements(bytes: &[u8], atoms: &[Atom]) -> Result<(Elements, usize), ControlError> {
    let mut head = Cursor::new(bytes);
    let count = match head.u8() {
        Some(tags::SMALL_TUPLE) => head.u8().map(u32::from),
        Some(tags::LARGE_TUPLE) => head.u32(),
        tag => return Err(ControlError::NotATuple(tag)),
    };
    let size = count.ok_or(ControlError::Truncated)?;
    let Ok(count @ 1..=ELEMENTS_MAX) = usize::try_from(size) else {
        return Err(ControlError::TupleSize(size));
    };
    let mut elements = Elements { terms: [const { Term::Nil }; ELEMENTS_MAX], count: 0, op: 0 };
    let mut reader = Reader::new(head.rest()).with_atoms(atoms);
    for slot in elements.terms.iter_mut().take(count) {
        elements.count = elements.count.saturating_add(1);
        let element = elements.count;
        *slot = reader.term().map_err(|error| ControlError::Term { element, error })?;
    }
    Ok((elements, bytes.len().saturating_sub(reader.rest().len())))
}

fn from_elements(mut tuple: Elements) -> Result<Control, ControlError> {
    let op = tuple.take(1);
    let known = op.as_int().and_then(|op| u8::try_from(op).ok());
    let Some((op, elements)) = known.and_then(|op| Some((op, elements_of(op)?))) else {
        return Err(ControlError::UnknownOp(op));
    };
    tuple.op = op;
    let long_altact = op == ALTACT_SIG_SEND && tuple.count == 5;
    if tuple.count != elements && !long_altact {
        return Err(ControlError::Arity { op, elements: tuple.count });
    }
    tuple.control()
}

/// The elements of the tuple, in order; elements are numbered from 1, as in Erlang.
struct Elements {
    terms: [Term; ELEMENTS_MAX],
    count: u8,
    op: u8,
}

impl Elements {
    fn control(mut self) -> Result<Control, ControlError> {
        Ok(match self.op {
            1 => Control::Link { from: self.pid(2)?, to: self.pid(3)? },
            2 | 12 => {
                self.atom(2)?;
                Control::Send { from: None, to: self.pid(3)?, token: self.rest(4) }
            }
            3 | 13 | 24 | 25 => {
                let (from, to, token, reason) = self.exit()?;
                Control::Exit { from, to, token, reason }
            }
            4 => Control::Unlink { from: self.pid(2)?, to: self.pid(3)? },
            5 => Control::NodeLink,
            6 | 16 => {
                self.atom(3)?;
                Control::RegSend { from: self.pid(2)?, to: self.atom(4)?, token: self.rest(5) }
            }
            7 => Control::GroupLeader { from: self.pid(2)?, to: self.pid(3)? },
            8 | 18 | 26 | 27 => {
                let (from, to, token, reason) = self.exit()?;
                Control::Exit2 { from, to, token, reason }
            }
            19 => {
                Control::MonitorP { from: self.pid(2)?, to: self.process(3)?, reference: self.reference(4)? }
            }
            20 => Control::DemonitorP {
                from: self.pid(2)?,
                to: self.process(3)?,
                reference: self.reference(4)?,
            },
            21 | 28 => Control::MonitorPExit {
                from: self.process(2)?,
                to: self.pid(3)?,
                reference: self.reference(4)?,
                reason: self.rest(5).map_or(Reason::Payload, Reason::Inline),
            },
            22 | 23 => Control::Send { from: Some(self.pid(2)?), to: self.pid(3)?, token: self.rest(4) },
            29 | 30 => self.spawn_request()?,
            31 | 32 => self.spawn_reply()?,
            33 | 34 => Control::AliasSend { from: self.pid(2)?, to: self.reference(3)?, token: self.rest(4) },
            35 => Control::UnlinkId { id: self.unlink_id()?, from: self.pid(3)?, to: self.pid(4)? },
            36 => Control::UnlinkIdAck { id: self.unlink_id()?, from: self.pid(3)?, to: self.pid(4)? },
            _ => self.altact()?,
        })
    }

    /// 3, 8: `{From, To, Reason}`; 13, 18: `{From, To, Token, Reason}`; others without the reason.
    fn exit(&mut self) -> Result<(Pid, Pid, Token, Reason), ControlError> {
        let (from, to) = (self.pid(2)?, self.pid(3)?);
        let (token, reason) = match self.op {
            3 | 8 => (None, Reason::Inline(Box::new(self.take(4)))),
            13 | 18 => (Some(Box::new(self.take(4))), Reason::Inline(Box::new(self.take(5)))),
            _ => (self.rest(4), Reason::Payload),
        };
        Ok((from, to, token, reason))
    }

    fn spawn_request(&mut self) -> Result<Control, ControlError> {
        let function = self.take(5);
        let function = match function.as_tuple() {
            Some([Term::Atom(module), Term::Atom(function), Term::Int(arity)]) => {
                let arity = u8::try_from(*arity).ok().ok_or_else(|| self.wrong(5))?;
                Mfa { module: module.clone(), function: function.clone(), arity }
            }
            Some(_) | None => return Err(self.wrong(5)),
        };
        let options = self.take(6);
        let options = if options.is_nil() {
            Vec::new()
        } else {
            options.as_proper_list().ok_or_else(|| self.wrong(6))?.to_vec()
        };
        Ok(Control::SpawnRequest {
            request: self.reference(2)?,
            from: self.pid(3)?,
            spawn: Box::new(Spawn { group_leader: self.pid(4)?, function, options }),
            token: self.rest(7),
        })
    }

    fn spawn_reply(&mut self) -> Result<Control, ControlError> {
        let flags = self.int(4)?;
        if flags & !(SPAWN_LINKED | SPAWN_MONITORED) != 0 {
            return Err(self.wrong(4));
        }
        let result = match self.process(5)? {
            Process::Pid(pid) => SpawnResult::Spawned(pid),
            Process::Name(error) => SpawnResult::Error(error),
        };
        Ok(Control::SpawnReply {
            request: self.reference(2)?,
            to: self.pid(3)?,
            linked: flags & SPAWN_LINKED != 0,
            monitored: flags & SPAWN_MONITORED != 0,
            result,
            token: self.rest(6),
        })
    }

    fn altact(&mut self) -> Result<Control, ControlError> {
        let flags = self.int(2)?;
        let all = ALTACT_PRIORITY | ALTACT_TOKEN | ALTACT_ALIAS | ALTACT_NAME | ALTACT_EXIT;
        let has_token = self.count == 5;
        if flags & !all != 0 {
            return Err(self.wrong(2));
        }
        if (flags & ALTACT_TOKEN != 0) != has_token {
            return Err(ControlError::Arity { op: self.op, elements: self.count });
        }
        let to = match (flags & ALTACT_ALIAS != 0, flags & ALTACT_NAME != 0) {
            (false, false) => AltactTarget::Pid(self.pid(4)?),
            (true, false) => AltactTarget::Alias(self.reference(4)?),
            (false, true) => AltactTarget::Name(self.atom(4)?),
            (true, true) => return Err(self.wrong(2)),
        };
        Ok(Control::AltactSigSend {
            priority: flags & ALTACT_PRIORITY != 0,
            exit: flags & ALTACT_EXIT != 0,
            from: self.pid(3)?,
            to,
            token: self.rest(5),
        })
    }

    /// 1 to 2^64-1.
    fn unlink_id(&mut self) -> Result<u64, ControlError> {
        let id = self.take(2).as_integer().and_then(|id| u128::try_from(&id).ok());
        id.and_then(|id| u64::try_from(id).ok()).filter(|id| *id != 0).ok_or_else(|| self.wrong(2))
    }

    fn pid(&mut self, element: u8) -> Result<Pid, ControlError> {
        self.take(element).as_pid().ok_or_else(|| self.wrong(element))
    }

    fn reference(&mut self, element: u8) -> Result<Reference, ControlError> {
        self.take(element).as_ref_id().ok_or_else(|| self.wrong(element))
    }

    fn int(&mut self, element: u8) -> Result<i64, ControlError> {
        self.take(element).as_int().ok_or_else(|| self.wrong(element))
    }

    fn atom(&mut self, element: u8) -> Result<Atom, ControlError> {
        self.take(element).as_atom().cloned().ok_or_else(|| self.wrong(element))
    }

    fn process(&mut self, element: u8) -> Result<Process, ControlError> {
        let term = self.take(element);
        match (term.as_pid(), term.as_atom()) {
            (Some(pid), _) => Ok(Process::Pid(pid)),
            (None, Some(name)) => Ok(Process::Name(name.clone())),
            (None, None) => Err(self.wrong(element)),
        }
    }

    /// An element that not all tuples of the operation have.
    fn rest(&mut self, element: u8) -> Token {
        (element <= self.count).then(|| Box::new(self.take(element)))
    }

    fn take(&mut self, element: u8) -> Term {
        let slot = self.terms.get_mut(usize::from(element).saturating_sub(1));
        slot.map_or(Term::Nil, |slot| core::mem::replace(slot, Term::Nil))
    }

    fn wrong(&self, element: u8) -> ControlError {
        ControlError::Element { op: self.op, element }
    }
}
