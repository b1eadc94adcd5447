//! Bytes to terms: by calls as deep as most terms are, by a stack of our own below that.

use alloc::vec::Vec;

use bytes::Bytes;
use engset_term::{Atom, Binary, BitString, Integer, List, Map, Opaque, Term, Tuple};
use num_bigint::{BigInt, Sign};

use crate::DecodeErrorKind as Kind;
use crate::limits::RECURSION_MAX;
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

/// As [`decode_with`]; the term shares its long binaries with `bytes`: those of 4 KiB and more that are a
/// 64th of them or more.
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
    let short_max = reader.limits().binary_bytes_max.min(BINARY_INLINE_BYTES);
    let short_max = u8::try_from(short_max).unwrap_or(0);
    let mut decoder = Decoder { reader, failure: None, short_max };
    let mut term = Term::Nil;
    decoder.value(&mut term, 0);
    decoder.failure.map_or(Ok(term), |(position, error)| {
        reader.rewind(position);
        Err(error)
    })
}

/// Reads one term. Each value is written to where it stays: moving values of 32 bytes through results takes longer
/// than reading them.
struct Decoder<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// The first failure, and where it was met. From then on the reader is at its end and values mean nothing.
    failure: Option<(usize, DecodeError)>,
    /// Binaries up to this size are within the limit and fit into a term.
    short_max: u8,
}

impl Decoder<'_, '_> {
    /// One term, inside `depth` containers.
    fn value(&mut self, slot: &mut Term, depth: usize) {
        match *self.reader.rest() {
            [tags::SMALL_INTEGER, byte, ..] => {
                self.reader.advance(2);
                *slot = Term::Int(i64::from(byte));
            }
            [tags::INTEGER, a, b, c, d, ..] => {
                self.reader.advance(5);
                *slot = Term::Int(i64::from(i32::from_be_bytes([a, b, c, d])));
            }
            [tags::NIL, ..] => {
                self.reader.advance(1);
                *slot = Term::Nil;
            }
            [tags::SMALL_ATOM_UTF8 | tags::SMALL_ATOM, len, ref rest @ ..] => self.atom(slot, rest, len, 2),
            [tags::ATOM_UTF8 | tags::ATOM, 0, len, ref rest @ ..] => self.atom(slot, rest, len, 3),
            [tags::BINARY, 0, 0, 0, len, ref rest @ ..] if len <= self.short_max => {
                match rest.first_chunk() {
                    Some(bytes) => {
                        self.reader.advance(usize::from(len).saturating_add(5));
                        *slot = Term::Binary(Binary::short(bytes, len));
                    }
                    // The last bytes of all.
                    None => self.leaf(slot),
                }
            }
            _ => match admitted(self.reader, depth) {
                Ok(None) => self.leaf(slot),
                Ok(Some((shape, count))) if depth >= RECURSION_MAX => self.deep(slot, depth, shape, count),
                Ok(Some((shape, count))) if count > CLAIMED_CELLS_MAX => self.many(slot, depth, shape, count),
                Ok(Some((shape, count))) => self.few(slot, depth, shape, count),
                Err(error) => self.fail(error),
            },
        }
    }

    /// An atom whose text is the first `len` bytes of `rest`, with `head` bytes before it.
    #[inline]
    fn atom(&mut self, slot: &mut Term, rest: &[u8], len: u8, head: usize) {
        // What is ASCII is the same in Latin-1 and UTF-8.
        let atom = match rest.first_chunk() {
            Some(block) => Atom::short(block, len),
            None => last_atom(rest, len),
        };
        match atom {
            Some(atom) => {
                self.reader.advance(usize::from(len).saturating_add(head));
                *slot = Term::Atom(atom);
            }
            None => self.leaf(slot),
        }
    }

    /// A container of few cells, which are read to where they stay.
    fn few(&mut self, slot: &mut Term, depth: usize, shape: Shape, count: usize) {
        match shape {
            Shape::Tuple => *slot = Term::Tuple(Tuple::filled(count, |cells| self.fill(cells, depth))),
            Shape::List => self.short_list(slot, depth, count),
            Shape::Map => match Map::try_filled(count, |cells| self.fill(cells, depth)) {
                Ok(map) => *slot = Term::Map(map),
                Err(_twice) => self.fail(self.reader.error(Kind::DuplicateKey)),
            },
        }
    }

    /// The cells of a container that is inside `depth` others.
    #[inline]
    fn fill(&mut self, cells: &mut [Term], depth: usize) {
        for cell in cells {
            self.value(cell, depth.saturating_add(1));
            if self.failure.is_some() {
                return;
            }
        }
    }

    /// A list of few cells, of which the last is the tail.
    fn short_list(&mut self, slot: &mut Term, depth: usize, count: usize) {
        let mut goes_on = false;
        let list = List::filled(count, |cells| {
            let Some((tail, elements)) = cells.split_last_mut() else { return };
            self.fill(elements, depth);
            goes_on = self.reader.rest().first() == Some(&tags::LIST);
            if !goes_on && self.failure.is_none() {
                self.value(tail, depth.saturating_add(1));
            }
        });
        match list {
            Some(list) if goes_on => self.rest_of_list(slot, depth, list.elements().to_vec()),
            Some(list) => *slot = Term::List(list),
            None => self.fail(self.reader.error(Kind::Truncated)),
        }
    }

    /// What comes behind these elements of a list: as long as the tail is a list again, its elements, which are no deeper.
    fn rest_of_list(&mut self, slot: &mut Term, depth: usize, mut cells: Vec<Term>) {
        loop {
            let more = match more_of_list(self.reader, depth, cells.len()) {
                Ok(0) => break,
                Ok(more) => more,
                Err(error) => return self.fail(error),
            };
            for _ in 0..more {
                if !self.push(&mut cells, depth) {
                    return;
                }
            }
        }
        if self.push(&mut cells, depth) {
            *slot = self.sound(Shape::List.of(cells));
        }
    }

    /// One more cell of a container; false after a failure.
    #[inline]
    fn push(&mut self, cells: &mut Vec<Term>, depth: usize) -> bool {
        let mut cell = Term::Nil;
        self.value(&mut cell, depth.saturating_add(1));
        let is_sound = self.failure.is_none();
        if is_sound {
            cells.push(cell);
        }
        is_sound
    }

    /// A container of more cells than are made room for because it is said that they come.
    fn many(&mut self, slot: &mut Term, depth: usize, shape: Shape, count: usize) {
        let mut cells = Vec::with_capacity(CLAIMED_CELLS_MAX);
        // The tail of a list may be one more list.
        let is_list = matches!(shape, Shape::List);
        for _ in usize::from(is_list)..count {
            if !self.push(&mut cells, depth) {
                return;
            }
        }
        if is_list {
            return self.rest_of_list(slot, depth, cells);
        }
        *slot = self.sound(shape.of(cells));
    }

    /// A container below which the depth is kept on a stack of our own.
    #[cold]
    fn deep(&mut self, slot: &mut Term, depth: usize, shape: Shape, count: usize) {
        let mut values: Vec<Term> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut next = Ok(Some((shape, count)));
        loop {
            let mut value = Term::Nil;
            match next {
                Ok(Some((shape, missing))) if missing > 0 => {
                    open.push(Open { shape, missing, start: values.len() });
                    next = next_head(self.reader, &mut open, depth, values.len());
                    continue;
                }
                Ok(Some((shape, _))) => value = self.sound(shape.of([])),
                Ok(None) => self.leaf(&mut value),
                Err(error) => self.fail(error),
            }
            values.push(value);
            while let Some(full) = open.pop_if(Open::takes_last) {
                let whole = full.shape.of(values.drain(full.start..));
                values.push(self.sound(whole));
            }
            if open.is_empty() || self.failure.is_some() {
                *slot = values.pop().unwrap_or(Term::Nil);
                return;
            }
            next = next_head(self.reader, &mut open, depth, values.len());
        }
    }

    /// A term that is neither a container nor among the most frequent.
    fn leaf(&mut self, slot: &mut Term) {
        let reader = &mut *self.reader;
        let failed = match reader.peek_tag() {
            Ok(tags::BINARY) => {
                reader.advance(1);
                let bytes = reader.counted_bytes().and_then(|bytes| binary(reader, bytes));
                bytes.map(|bytes| *slot = Term::Binary(bytes))
            }
            Ok(tags::NEW_PID | tags::PID) => reader.pid().map(|pid| *slot = Term::Pid(pid)),
            Ok(tags::NEWER_REFERENCE | tags::NEW_REFERENCE | tags::REFERENCE) => {
                reader.reference().map(|reference| *slot = Term::Ref(reference))
            }
            Ok(tag) => scalar(reader, tag).map(|term| *slot = term),
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            self.fail(error);
        }
    }

    fn sound(&mut self, whole: Result<Term, Kind>) -> Term {
        whole.unwrap_or_else(|kind| {
            self.fail(self.reader.error(kind));
            Term::Nil
        })
    }

    #[cold]
    fn fail(&mut self, error: DecodeError) {
        let position = self.reader.position();
        self.failure.get_or_insert((position, error));
        self.reader.give_up();
    }
}

/// A container that is being read; its cells begin at `start` of the values.
struct Open {
    shape: Shape,
    missing: usize,
    start: usize,
}

impl Open {
    /// Counts one more cell, and tells whether it was the last.
    const fn takes_last(&mut self) -> bool {
        self.missing = self.missing.saturating_sub(1);
        self.missing == 0
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Tuple,
    List,
    Map,
}

impl Shape {
    /// The container of these cells.
    #[inline]
    fn of(self, cells: impl IntoIterator<Item = Term>) -> Result<Term, Kind> {
        match self {
            Self::Tuple => Ok(Term::tuple(cells)),
            Self::List => List::from_cells(cells).map(Term::List).ok_or(Kind::Truncated),
            Self::Map => Map::try_from_cells(cells).map(Term::Map).map_err(|_twice| Kind::DuplicateKey),
        }
    }
}

/// The head of a container whose cells may follow, if it is one.
fn admitted(reader: &mut Reader<'_>, depth: usize) -> Result<Option<(Shape, usize)>, DecodeError> {
    let head = shape(reader)?;
    if let Some((_, count)) = head {
        admit(reader, depth, count)?;
    }
    Ok(head)
}

/// As [`admitted`], inside the innermost of these containers, which are themselves inside `depth` others, when there are
/// so many values. A list in the tail of a list is no container by itself: the list goes on.
fn next_head(
    reader: &mut Reader<'_>,
    open: &mut [Open],
    depth: usize,
    values: usize,
) -> Result<Option<(Shape, usize)>, DecodeError> {
    let inside = depth.saturating_add(open.len());
    if let Some(Open { shape: Shape::List, missing: missing @ 1, start }) = open.last_mut() {
        let more = more_of_list(reader, inside.saturating_sub(1), values.saturating_sub(*start))?;
        *missing = missing.saturating_add(more);
    }
    admitted(reader, inside)
}

/// Where the tail of a list stands that is inside `depth` containers and has so many elements: how many more come.
#[inline]
fn more_of_list(reader: &mut Reader<'_>, depth: usize, elements: usize) -> Result<usize, DecodeError> {
    let more = reader.list_goes_on()?;
    if more > 0 {
        if elements.saturating_add(more) > reader.limits().elements_max {
            return Err(reader.error(Kind::TooManyElements));
        }
        admit(reader, depth, more)?;
    }
    Ok(more)
}

/// Whether a container may be inside `depth` others, and have so many cells.
#[inline]
fn admit(reader: &mut Reader<'_>, depth: usize, count: usize) -> Result<(), DecodeError> {
    if depth >= reader.limits().depth_max {
        return Err(reader.error(Kind::TooDeep));
    }
    reader.charge(count.saturating_mul(size_of::<Term>()).saturating_add(COUNTERS))
}

/// What stands before a container's cells, and how many cells follow; nothing is read of any other term.
#[inline]
fn shape(reader: &mut Reader<'_>) -> Result<Option<(Shape, usize)>, DecodeError> {
    loop {
        return Ok(Some(match reader.peek_tag()? {
            tags::SMALL_TUPLE | tags::LARGE_TUPLE => {
                let count = reader.tuple_header()?;
                (Shape::Tuple, reader.check_count(count, 1)?)
            }
            tags::LIST => {
                let count = reader.list_header()?;
                let count = reader.check_count(count, 1)?;
                if count == 0 {
                    // OTP never writes a list without elements but reads one as its tail.
                    continue;
                }
                (Shape::List, count.saturating_add(1))
            }
            tags::MAP => {
                let count = reader.map_header()?;
                (Shape::Map, reader.check_count(count, 2)?.saturating_mul(2))
            }
            _ => return Ok(None),
        }));
    }
}

/// A short atom among the last bytes of all, which fill no block.
fn last_atom(rest: &[u8], len: u8) -> Option<Atom> {
    let text = rest.get(..usize::from(len))?;
    let mut block = [0; Atom::SHORT_BYTES];
    block.get_mut(..text.len())?.copy_from_slice(text);
    Atom::short(&block, len)
}

/// An atom; what it takes beside the term is counted.
fn charged_atom(reader: &mut Reader<'_>) -> Result<Atom, DecodeError> {
    let tag = reader.peek_tag()?;
    let atom = reader.atom()?;
    // What is in the cache is there already, and shared.
    if atom.as_str().len() > ATOM_INLINE_BYTES && tag != tags::ATOM_CACHE_REF {
        reader.charge(atom.as_str().len().saturating_add(COUNTERS))?;
    }
    Ok(atom)
}

/// A leaf with this tag, which comes next.
fn scalar(reader: &mut Reader<'_>, tag: u8) -> Result<Term, DecodeError> {
    match tag {
        tags::SMALL_ATOM_UTF8 | tags::ATOM_UTF8 | tags::SMALL_ATOM | tags::ATOM | tags::ATOM_CACHE_REF => {
            return charged_atom(reader).map(Term::Atom);
        }
        tags::V4_PORT | tags::NEW_PORT | tags::PORT => return reader.port_id().map(Term::Port),
        tags::NEW_FUN => return kept(reader).map(Term::Fun),
        tags::RECORD => return kept(reader).map(Term::Opaque),
        tags::LOCAL_EXT => return Err(reader.error(Kind::NestedLocal)),
        tags::COMPRESSED => return Err(reader.error(Kind::NestedCompression)),
        _ => {}
    }
    let start = reader.position();
    reader.u8()?;
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
        Some(buffer) if is_worth_sharing(bytes.len(), buffer.len()) => {
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

/// Whether so many bytes share what they came in, which they keep alive: all of it, whoever keeps only them.
const fn is_worth_sharing(bytes: usize, whole: usize) -> bool {
    bytes >= SHARED_BYTES_MIN && bytes >= whole / SHARED_PARTS_MAX
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

/// Binaries this long may share the buffer they came in; shorter ones would only keep it alive, and the block it was read
/// into with others: a 64th of which is this.
const SHARED_BYTES_MIN: usize = 4_096;
/// They do so if they are no smaller part of it.
const SHARED_PARTS_MAX: usize = 64;
/// The counters before shared cells or text.
const COUNTERS: usize = 16;
/// A shared binary besides its bytes: the counters of value and buffer and what points there.
const BINARY_COUNTERS: usize = 72;
const EXPORT_BYTES: usize = size_of::<engset_term::Export>() + COUNTERS;
/// Atoms up to this size take no memory beside the term.
const ATOM_INLINE_BYTES: usize = 23;
/// Binaries up to this size take no memory beside the term.
const BINARY_INLINE_BYTES: usize = Binary::INLINE_BYTES;
/// For so many cells of a container room is made at once, if as many bytes follow; for more as they come.
const CLAIMED_CELLS_MAX: usize = 128;

#[cfg(test)]
mod tests;
