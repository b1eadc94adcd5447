//! Bytes to terms, with a stack of our own.

use alloc::vec::Vec;

use bytes::Bytes;
use engset_term::{Binary, BitString, Integer, List, Map, Opaque, Term};
use num_bigint::{BigInt, Sign};

use crate::DecodeErrorKind as Kind;
use crate::opaque::Notes;
use crate::reader::little_endian;
use crate::{DecodeError, Limits, Reader, inflate, tags};

/// The term in `bytes`, which begin with 131 and end with the term, within the default limits.
pub fn decode(bytes: &[u8]) -> Result<Term, DecodeError> {
    decode_with(bytes, &Limits::DEFAULT)
}

/// The term in `bytes`, which begin with 131 and end with the term.
pub fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Term, DecodeError> {
    let body = after_version(bytes)?;
    let (term, read) = decode_body(body, limits).map_err(one_byte_later)?;
    if read == body.len() {
        Ok(term)
    } else {
        Err(one_byte_later(DecodeError { offset: read, kind: Kind::TrailingBytes }))
    }
}

/// As [`decode_with`]; the term shares its binaries of 64 bytes and more with `bytes`.
pub fn decode_bytes(bytes: &Bytes, limits: &Limits) -> Result<Term, DecodeError> {
    let body = bytes.slice_ref(after_version(bytes)?);
    let mut reader = Reader::shared(&body, limits);
    let term = reader.term().map_err(one_byte_later)?;
    reader.expect_end().map_err(one_byte_later)?;
    Ok(term)
}

/// The first term in `body`, where no 131 stands, and how many bytes it takes.
pub fn decode_body(body: &[u8], limits: &Limits) -> Result<(Term, usize), DecodeError> {
    let mut reader = Reader::with_limits(body, limits);
    let term = reader.term()?;
    Ok((term, reader.position()))
}

/// The next term of a reader.
pub(crate) fn term(reader: &mut Reader<'_>) -> Result<Term, DecodeError> {
    let outermost = reader.position() == 0;
    match reader.peek_tag()? {
        tags::COMPRESSED if outermost => return compressed(reader),
        tags::LOCAL_EXT if outermost => {
            reader.skip()?;
            return opaque(reader, 0, &Notes::default()).map(Term::Opaque);
        }
        _ => {}
    }
    let mut open: Vec<Open> = Vec::new();
    let mut values: Vec<Term> = Vec::new();
    loop {
        let value = match head(reader)? {
            Head::Leaf(term) if open.is_empty() => return Ok(term),
            Head::Leaf(term) => term,
            Head::Container(kind, count) => {
                if open.len() >= reader.limits().depth_max {
                    return Err(reader.error(Kind::TooDeep));
                }
                reader.charge(count.saturating_mul(size_of::<Term>()).saturating_add(COUNTERS))?;
                if open.is_empty() {
                    open.reserve(OPEN_RESERVED);
                    values.reserve(VALUES_RESERVED);
                }
                open.push(Open { kind, missing: count, start: values.len() });
                if count > 0 {
                    continue;
                }
                let Some(empty) = open.pop() else { continue };
                let term = kind.close(&mut values, empty.start, reader)?;
                if open.is_empty() {
                    return Ok(term);
                }
                term
            }
        };
        values.push(value);
        while let Some(top) = open.last_mut() {
            top.missing = top.missing.saturating_sub(1);
            if top.missing > 0 {
                break;
            }
            let (kind, start) = (top.kind, top.start);
            open.pop();
            let closed = kind.close(&mut values, start, reader)?;
            if open.is_empty() {
                return Ok(closed);
            }
            values.push(closed);
        }
    }
}

/// A container that is being read; its cells begin at `start` of the values.
struct Open {
    kind: ContainerKind,
    missing: usize,
    start: usize,
}

#[derive(Clone, Copy)]
enum ContainerKind {
    Tuple,
    List,
    Map,
}

impl ContainerKind {
    /// Makes the container of the values from `start` on.
    fn close(self, values: &mut Vec<Term>, start: usize, reader: &Reader<'_>) -> Result<Term, DecodeError> {
        match self {
            Self::Tuple => Ok(Term::tuple(values.drain(start..))),
            Self::List => {
                let list = List::from_cells(values.drain(start..));
                list.map(Term::List).ok_or_else(|| reader.error(Kind::Truncated))
            }
            Self::Map => {
                let map = Map::try_from_cells(values.drain(start..));
                map.map(Term::Map).map_err(|_twice| reader.error(Kind::DuplicateKey))
            }
        }
    }
}

enum Head {
    Leaf(Term),
    /// A container and how many cells follow.
    Container(ContainerKind, usize),
}

/// Reads a leaf whole, or what stands before a container's cells.
fn head(reader: &mut Reader<'_>) -> Result<Head, DecodeError> {
    let start = reader.position();
    let tag = reader.peek_tag()?;
    Ok(Head::Leaf(match tag {
        tags::SMALL_TUPLE | tags::LARGE_TUPLE => {
            let count = reader.tuple_header()?;
            return Ok(Head::Container(ContainerKind::Tuple, reader.check_count(count, 1)?));
        }
        tags::LIST => {
            let count = reader.list_header()?;
            let count = reader.check_count(count, 1)?;
            if count == 0 {
                // No element and a tail: the tail is the whole term.
                return head_of_tail(reader);
            }
            return Ok(Head::Container(ContainerKind::List, count.saturating_add(1)));
        }
        tags::MAP => {
            let count = reader.map_header()?;
            let count = reader.check_count(count, 2)?;
            return Ok(Head::Container(ContainerKind::Map, count.saturating_mul(2)));
        }
        tags::SMALL_ATOM_UTF8 | tags::ATOM_UTF8 | tags::SMALL_ATOM | tags::ATOM | tags::ATOM_CACHE_REF => {
            let atom = reader.atom()?;
            // What is in the cache is there already, and shared.
            if atom.as_str().len() > ATOM_INLINE_BYTES && tag != tags::ATOM_CACHE_REF {
                reader.charge(atom.as_str().len().saturating_add(COUNTERS))?;
            }
            Term::Atom(atom)
        }
        tags::NEW_PID | tags::PID => Term::Pid(reader.pid()?),
        tags::NEWER_REFERENCE | tags::NEW_REFERENCE | tags::REFERENCE => Term::Ref(reader.reference()?),
        tags::V4_PORT | tags::NEW_PORT | tags::PORT => Term::Port(reader.port_id()?),
        tags::NEW_FUN => Term::Fun(kept(reader)?),
        tags::RECORD => Term::Opaque(kept(reader)?),
        tags::LOCAL_EXT => return Err(reader.error(Kind::NestedLocal)),
        tags::COMPRESSED => return Err(reader.error(Kind::NestedCompression)),
        _ => {
            reader.u8()?;
            scalar(reader, tag, start)?
        }
    }))
}

/// OTP never writes a list without elements but reads one as its tail.
fn head_of_tail(reader: &mut Reader<'_>) -> Result<Head, DecodeError> {
    while reader.peek_tag()? == tags::LIST {
        let count = reader.list_header()?;
        let count = reader.check_count(count, 1)?;
        if count > 0 {
            return Ok(Head::Container(ContainerKind::List, count.saturating_add(1)));
        }
    }
    head(reader)
}

/// The rest of a number, a run of bytes, `[]` or an external fun, the tag read.
fn scalar(reader: &mut Reader<'_>, tag: u8, start: usize) -> Result<Term, DecodeError> {
    Ok(match tag {
        tags::SMALL_INTEGER => Term::Int(i64::from(reader.u8()?)),
        tags::INTEGER => Term::Int(i64::from(reader.i32()?)),
        tags::SMALL_BIG | tags::LARGE_BIG => big(reader, tag)?,
        tags::NEW_FLOAT | tags::FLOAT => {
            let value = reader.float(tag)?;
            Term::float(value).map_err(|_infinite| reader.error_at(start, Kind::BadFloat))?
        }
        tags::NIL => Term::Nil,
        tags::STRING => string(reader)?,
        tags::BINARY => {
            let bytes = reader.counted_bytes()?;
            Term::Binary(binary(reader, bytes)?)
        }
        tags::BIT_BINARY => {
            let (bytes, bits) = reader.bits()?;
            reader.charge(bytes.len().saturating_add(BINARY_COUNTERS))?;
            match BitString::new(bytes, bits) {
                Some(bits) => Term::BitString(bits),
                None => Term::Binary(Binary::copy_from_slice(bytes)),
            }
        }
        tags::EXPORT => {
            let (module, function) = (reader.atom()?, reader.atom()?);
            let arity = reader.integer()?;
            let arity = u8::try_from(arity).map_err(|_range| reader.error(Kind::IntegerOutOfRange))?;
            reader.charge(EXPORT_BYTES)?;
            Term::export(module, function, arity)
        }
        _ => return Err(reader.unexpected(start)),
    })
}

fn big(reader: &mut Reader<'_>, tag: u8) -> Result<Term, DecodeError> {
    let (negative, bytes) = reader.big_parts(tag)?;
    if let Some(Ok(magnitude)) = little_endian(bytes).map(i128::try_from) {
        return Ok(Term::from(Integer::from(if negative { magnitude.saturating_neg() } else { magnitude })));
    }
    reader.charge(bytes.len().saturating_add(BINARY_COUNTERS))?;
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    Ok(Term::from(BigInt::from_bytes_le(sign, bytes)))
}

fn string(reader: &mut Reader<'_>) -> Result<Term, DecodeError> {
    let len = usize::from(reader.u16()?);
    let bytes = reader.take(len)?;
    let cells = len.saturating_add(1).saturating_mul(size_of::<Term>());
    reader.charge(cells.saturating_add(COUNTERS))?;
    let cells = bytes.iter().map(|byte| Term::Int(i64::from(*byte))).chain(core::iter::once(Term::Nil));
    Ok(List::from_cells(cells).map_or(Term::Nil, Term::List))
}

fn binary(reader: &mut Reader<'_>, bytes: &[u8]) -> Result<Binary, DecodeError> {
    match reader.shared_buffer() {
        Some(buffer) if bytes.len() >= SHARED_BYTES_MIN => {
            reader.charge(BINARY_COUNTERS)?;
            Ok(Binary::from(buffer.slice_ref(bytes)))
        }
        _ => {
            if bytes.len() > BINARY_INLINE_BYTES {
                reader.charge(bytes.len().saturating_add(BINARY_COUNTERS))?;
            }
            Ok(Binary::copy_from_slice(bytes))
        }
    }
}

/// A fun or a record, kept as it is after a look at its parts.
fn kept(reader: &mut Reader<'_>) -> Result<Opaque, DecodeError> {
    let start = reader.position();
    let mut notes = Notes::default();
    reader.walk(&mut notes)?;
    opaque(reader, start, &notes)
}

/// What was read since `start`, kept as it is; cached atoms are written out, since the bytes go their own way.
fn opaque(reader: &mut Reader<'_>, start: usize, notes: &Notes) -> Result<Opaque, DecodeError> {
    if notes.has_references() {
        let bytes = reader.written_out(start, notes)?;
        return Ok(Opaque::from_external(Binary::from(Bytes::from(bytes))));
    }
    let bytes = reader.since(start);
    binary(reader, bytes).map(Opaque::from_external)
}

fn compressed(reader: &mut Reader<'_>) -> Result<Term, DecodeError> {
    reader.u8()?;
    let inflated = Bytes::from(inflate::inflate(reader)?);
    let mut inner = reader.inflated(&inflated);
    if inner.peek_tag()? == tags::COMPRESSED {
        return Err(inner.error(Kind::NestedCompression));
    }
    let term = inner.term()?;
    inner.expect_end()?;
    Ok(term)
}

fn after_version(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    match bytes.split_first() {
        Some((&tags::VERSION, body)) => Ok(body),
        Some(_) => Err(DecodeError { offset: 0, kind: Kind::BadVersion }),
        None => Err(DecodeError { offset: 0, kind: Kind::Truncated }),
    }
}

const fn one_byte_later(error: DecodeError) -> DecodeError {
    DecodeError { offset: error.offset.saturating_add(1), kind: error.kind }
}

/// Binaries this long share the buffer they came in; shorter ones would only keep it alive.
const SHARED_BYTES_MIN: usize = 64;
/// The counters before shared cells or text.
const COUNTERS: usize = 16;
/// A shared binary besides its bytes: the counters of value and buffer and what points there.
const BINARY_COUNTERS: usize = 72;
const EXPORT_BYTES: usize = size_of::<engset_term::Export>() + COUNTERS;
/// Binaries and atoms up to these sizes take no memory beside the term.
const BINARY_INLINE_BYTES: usize = 22;
const ATOM_INLINE_BYTES: usize = 23;
/// For how many containers and cells room is made at first; most messages need no more.
const OPEN_RESERVED: usize = 8;
const VALUES_RESERVED: usize = 16;
