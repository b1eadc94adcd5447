//! Taking bytes apart term by term, without building terms.

use alloc::string::String;
use core::ops::Range;

use bytes::Bytes;
use engset_term::{Atom, NodeName, NodeNameError, Pid, PortId, Reference, Term};

use crate::DecodeErrorKind as Kind;
use crate::limits::Limits;
use crate::opaque::Notes;
use crate::tags;
use crate::{DecodeError, decode};

/// A position in terms without the leading 131, one after the other.
///
/// Methods that read go past what they read; after an error the position is where the mistake is and
/// the reader is of no further use.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    limits: &'a Limits,
    /// The buffer `body` is part of, to share binaries with.
    shared: Option<&'a Bytes>,
    /// The message's atom cache.
    atoms: &'a [Atom],
    memory_left: usize,
    names_left: usize,
    /// How many bytes of cached atoms may still be written out: a reference of two bytes stands for up to 1,020.
    texts_left: usize,
    /// How many bytes values of the program's types may still take.
    values_left: usize,
    /// The node atom read last, for pids of one message mostly share theirs.
    last_node: Option<(&'a [u8], NodeName)>,
}

/// An atom's text where it stands.
pub(crate) enum AtomText<'a> {
    Utf8(&'a str),
    Latin1(&'a [u8]),
    Cached(&'a Atom),
}

/// Making readers.
impl<'a> Reader<'a> {
    /// Reads `body`, terms without the leading 131, within the default limits.
    pub const fn new(body: &'a [u8]) -> Self {
        Self::with_limits(body, &Limits::DEFAULT)
    }

    /// Reads `body` within these limits.
    pub const fn with_limits(body: &'a [u8], limits: &'a Limits) -> Self {
        let memory_left = limits.memory_for(body.len());
        let names_left = limits.node_names_new_max;
        let texts_left = limits.memory_bytes_max;
        let values_left = limits.values_for(body.len());
        Self {
            body,
            at: 0,
            limits,
            shared: None,
            atoms: &[],
            memory_left,
            names_left,
            texts_left,
            values_left,
            last_node: None,
        }
    }

    /// Reads `body` within these limits; terms share its long binaries, see [`decode_bytes`](crate::decode_bytes).
    pub fn shared(body: &'a Bytes, limits: &'a Limits) -> Self {
        Self { shared: Some(body), ..Self::with_limits(body, limits) }
    }

    /// Resolves cached atoms in this table.
    #[must_use]
    pub const fn with_atoms(mut self, atoms: &'a [Atom]) -> Self {
        self.atoms = atoms;
        self
    }
}

/// Parts of making readers that are not for everyone.
impl<'a> Reader<'a> {
    /// A reader of what a compressed term inflated to, with this reader's settings.
    pub(crate) fn inflated<'b>(&self, body: &'b Bytes) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader::shared(body, self.limits).with_atoms(self.atoms)
    }

    /// Lets `read` read the bytes from `from` to `to`, with this reader's settings and at the expense of its budgets.
    pub(crate) fn read_part<R>(&mut self, from: usize, to: usize, read: impl FnOnce(&mut Self) -> R) -> R {
        let mut part = Self { body: self.between(from, to), at: 0, shared: None, ..self.clone() };
        let result = read(&mut part);
        (self.memory_left, self.names_left) = (part.memory_left, part.names_left);
        (self.texts_left, self.values_left) = (part.texts_left, part.values_left);
        result
    }
}

/// Where the reader is.
impl<'a> Reader<'a> {
    /// How many bytes were read.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or(&[])
    }

    /// Whether all was read.
    pub const fn is_at_end(&self) -> bool {
        self.at >= self.body.len()
    }

    /// Fails unless all was read.
    pub const fn expect_end(&self) -> Result<(), DecodeError> {
        if self.is_at_end() { Ok(()) } else { Err(self.error(Kind::TrailingBytes)) }
    }

    /// The tag of the term that comes next, see [`tags`].
    pub fn peek_tag(&self) -> Result<u8, DecodeError> {
        self.body.get(self.at).copied().ok_or_else(|| self.error(Kind::Truncated))
    }

    /// The bytes read since `start`, an earlier [`position`](Self::position).
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.body.get(start..self.at).unwrap_or(&[])
    }
}

/// Reading one term.
impl<'a> Reader<'a> {
    /// The next term, whole.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        decode::term(self)
    }

    /// Goes past the next term and gives its place.
    pub fn skip_term(&mut self) -> Result<Range<usize>, DecodeError> {
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Goes past the next term and gives its bytes.
    pub fn raw_term(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        self.skip()?;
        Ok(self.since(start))
    }

    /// How many elements the next term, a tuple, has; they come next.
    pub fn tuple_header(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        match self.u8()? {
            tags::SMALL_TUPLE => self.u8().map(u32::from),
            tags::LARGE_TUPLE => self.u32(),
            _ => Err(self.unexpected(start)),
        }
    }

    /// How many elements the next term, a list, has. They come next and then the tail, which is a term
    /// too; for `[]` nothing comes. A list sent as a string of bytes is an unexpected type here.
    pub fn list_header(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        match self.u8()? {
            tags::NIL => Ok(0),
            tags::LIST => self.u32(),
            _ => Err(self.unexpected(start)),
        }
    }

    /// How many pairs the next term, a map, has; keys and values come next by turns.
    pub fn map_header(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        match self.u8()? {
            tags::MAP => self.u32(),
            _ => Err(self.unexpected(start)),
        }
    }

    /// The next term, an atom.
    pub fn atom(&mut self) -> Result<Atom, DecodeError> {
        if let Some(atom) = self.short_atom() {
            return Ok(atom);
        }
        let start = self.at;
        match self.atom_text()? {
            AtomText::Utf8(text) => Atom::new(text).map_err(|_long| self.error_at(start, Kind::AtomTooLong)),
            AtomText::Latin1(bytes) => {
                Atom::new(&latin1(bytes)).map_err(|_long| self.error_at(start, Kind::AtomTooLong))
            }
            AtomText::Cached(atom) => Ok(atom.clone()),
        }
    }

    /// Goes past the next term if it is the atom with this text, and tells whether it did.
    pub fn accept_atom(&mut self, text: &str) -> bool {
        let start = self.at;
        let same = match self.atom_text() {
            Ok(AtomText::Utf8(found)) => found == text,
            Ok(AtomText::Latin1(bytes)) => bytes.iter().map(|byte| char::from(*byte)).eq(text.chars()),
            Ok(AtomText::Cached(atom)) => atom.as_str() == text,
            Err(_) => false,
        };
        if !same {
            self.at = start;
        }
        same
    }

    /// The next term, a pid.
    pub fn pid(&mut self) -> Result<Pid, DecodeError> {
        let start = self.at;
        let tag = self.u8()?;
        if tag != tags::NEW_PID && tag != tags::PID {
            return Err(self.unexpected(start));
        }
        let node = self.node()?;
        let (id, serial) = (self.u32()?, self.u32()?);
        let creation = if tag == tags::PID { u32::from(self.u8()?) } else { self.u32()? };
        Ok(Pid::new(node, creation, id, serial))
    }

    /// The next term, a reference.
    pub fn reference(&mut self) -> Result<Reference, DecodeError> {
        let start = self.at;
        let tag = self.u8()?;
        let count = match tag {
            tags::NEWER_REFERENCE | tags::NEW_REFERENCE => usize::from(self.u16()?),
            tags::REFERENCE => 1,
            _ => return Err(self.unexpected(start)),
        };
        let node = self.node()?;
        let mut words = [0; 5];
        let words = words.get_mut(..count).ok_or_else(|| self.error_at(start, Kind::BadReference))?;
        let creation = match tag {
            tags::NEWER_REFERENCE => self.u32()?,
            tags::NEW_REFERENCE => u32::from(self.u8()?),
            // The oldest form has its only word before the creation.
            _ => 0,
        };
        for word in words.iter_mut() {
            *word = self.u32()?;
        }
        let creation = if tag == tags::REFERENCE { u32::from(self.u8()?) } else { creation };
        Reference::new(node, creation, words).map_err(|_words| self.error_at(start, Kind::BadReference))
    }

    /// The next term, a port identifier.
    pub fn port_id(&mut self) -> Result<PortId, DecodeError> {
        let start = self.at;
        let tag = self.u8()?;
        if !matches!(tag, tags::V4_PORT | tags::NEW_PORT | tags::PORT) {
            return Err(self.unexpected(start));
        }
        let node = self.node()?;
        let id = if tag == tags::V4_PORT { self.u64_be()? } else { u64::from(self.u32()?) };
        let creation = if tag == tags::PORT { u32::from(self.u8()?) } else { self.u32()? };
        Ok(PortId::new(node, creation, id))
    }

    /// The next term, an integer of 64 bits with sign.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.integer()
            .and_then(|value| i64::try_from(value).map_err(|_range| self.error(Kind::IntegerOutOfRange)))
    }

    /// The next term, an integer of 64 bits without sign.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.integer()
            .and_then(|value| u64::try_from(value).map_err(|_range| self.error(Kind::IntegerOutOfRange)))
    }

    /// The next term, a binary.
    pub fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        match self.u8()? {
            tags::BINARY => self.counted_bytes(),
            _ => Err(self.unexpected(start)),
        }
    }

    /// The next term, an integer of at most 64 bits and a sign.
    pub(crate) fn integer(&mut self) -> Result<i128, DecodeError> {
        let start = self.at;
        match self.u8()? {
            tags::SMALL_INTEGER => self.u8().map(i128::from),
            tags::INTEGER => self.i32().map(i128::from),
            tag @ (tags::SMALL_BIG | tags::LARGE_BIG) => {
                let (negative, bytes) = self.big_parts(tag)?;
                let too_large = || self.error_at(start, Kind::IntegerOutOfRange);
                let magnitude = u64::try_from(little_endian(bytes).ok_or_else(too_large)?);
                let magnitude = i128::from(magnitude.map_err(|_range| too_large())?);
                Ok(if negative { magnitude.saturating_neg() } else { magnitude })
            }
            _ => Err(self.unexpected(start)),
        }
    }
}

/// Parts of terms, after the tag was read.
impl<'a> Reader<'a> {
    /// An atom, tag included.
    pub(crate) fn atom_text(&mut self) -> Result<AtomText<'a>, DecodeError> {
        let start = self.at;
        let tag = self.u8()?;
        let len = match tag {
            tags::SMALL_ATOM_UTF8 | tags::SMALL_ATOM => usize::from(self.u8()?),
            tags::ATOM_UTF8 | tags::ATOM => usize::from(self.u16()?),
            tags::ATOM_CACHE_REF => {
                let index = usize::from(self.u8()?);
                let atom =
                    self.atoms.get(index).ok_or_else(|| self.error_at(start, Kind::BadAtomCacheIndex))?;
                return Ok(AtomText::Cached(atom));
            }
            _ => return Err(self.unexpected(start)),
        };
        let bytes = self.take(len)?;
        if tag == tags::SMALL_ATOM || tag == tags::ATOM {
            return if len > 255 {
                Err(self.error_at(start, Kind::AtomTooLong))
            } else {
                Ok(latin1_text(bytes))
            };
        }
        let text = core::str::from_utf8(bytes).map_err(|_utf8| self.error_at(start, Kind::BadUtf8))?;
        if len > 255 && text.chars().count() > 255 {
            return Err(self.error_at(start, Kind::AtomTooLong));
        }
        Ok(AtomText::Utf8(text))
    }

    /// Goes past the next term if it is an atom that is short and of ASCII, which is the same in Latin-1 and UTF-8.
    #[inline]
    fn short_atom(&mut self) -> Option<Atom> {
        let (head, len, rest): (usize, _, _) = match self.rest() {
            [tags::SMALL_ATOM_UTF8 | tags::SMALL_ATOM, len, rest @ ..] => (2, *len, rest),
            [tags::ATOM_UTF8 | tags::ATOM, 0, len, rest @ ..] => (3, *len, rest),
            _ => return None,
        };
        let atom = Atom::short(rest.first_chunk()?, len)?;
        self.advance(head.saturating_add(usize::from(len)));
        Some(atom)
    }

    fn node(&mut self) -> Result<NodeName, DecodeError> {
        let start = self.at;
        if let Some((last, node)) = self.last_node
            && self.rest().starts_with(last)
        {
            self.advance(last.len());
            return Ok(node);
        }
        let node = if let Some(atom) = self.short_atom() {
            self.node_named(atom.as_str(), start)?
        } else {
            match self.atom_text()? {
                AtomText::Utf8(text) => self.node_named(text, start)?,
                AtomText::Latin1(bytes) => self.node_named(&latin1(bytes), start)?,
                AtomText::Cached(atom) => self.node_named(atom.as_str(), start)?,
            }
        };
        self.last_node = Some((self.since(start), node));
        Ok(node)
    }

    fn node_named(&mut self, text: &str, start: usize) -> Result<NodeName, DecodeError> {
        if let Some(node) = NodeName::find(text) {
            return Ok(node);
        }
        let left = self.names_left.checked_sub(1);
        let left = left.ok_or_else(|| self.error_at(start, Kind::TooManyNodeNames))?;
        let node = NodeName::new(text).map_err(|error| {
            let full = error == NodeNameError::TableFull;
            self.error_at(start, if full { Kind::TooManyNodeNames } else { Kind::BadNodeName })
        })?;
        self.names_left = left;
        Ok(node)
    }

    /// Sign and magnitude, least significant byte first.
    pub(crate) fn big_parts(&mut self, tag: u8) -> Result<(bool, &'a [u8]), DecodeError> {
        let start = self.at;
        let len = if tag == tags::SMALL_BIG { u32::from(self.u8()?) } else { self.u32()? };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len.saturating_mul(8) > self.limits.integer_bits_max {
            return Err(self.error_at(start, Kind::IntegerTooLarge));
        }
        let negative = match self.u8()? {
            0 => false,
            1 => true,
            _ => return Err(self.error_at(start, Kind::BadSign)),
        };
        Ok((negative, self.take(len)?))
    }

    /// The bytes of a binary after its tag: a length and as many bytes.
    pub(crate) fn counted_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        let len = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if len > self.limits.binary_bytes_max {
            return Err(self.error_at(start, Kind::BinaryTooLarge));
        }
        self.take(len)
    }

    /// The bytes of a bitstring after its tag, and how many bits of the last one count, 1 to 8.
    pub(crate) fn bits(&mut self) -> Result<(&'a [u8], u8), DecodeError> {
        let start = self.at;
        let len = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if len > self.limits.binary_bytes_max {
            return Err(self.error_at(start, Kind::BinaryTooLarge));
        }
        let bits = self.u8()?;
        let sound = if len == 0 { bits == 0 } else { (1..=8).contains(&bits) };
        if !sound {
            return Err(self.error_at(start, Kind::BadBits));
        }
        Ok((self.take(len)?, bits))
    }

    /// A float of either form, the tag read.
    pub(crate) fn float(&mut self, tag: u8) -> Result<f64, DecodeError> {
        let start = self.at;
        let value = if tag == tags::NEW_FLOAT {
            f64::from_bits(self.u64_be()?)
        } else {
            let text = self.take(31)?;
            let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            let text = core::str::from_utf8(text.get(..end).unwrap_or(text)).unwrap_or("");
            let number = text.trim_start().parse();
            number.map_err(|_not_a_number| self.error_at(start, Kind::BadFloat))?
        };
        if value.is_finite() { Ok(value) } else { Err(self.error_at(start, Kind::BadFloat)) }
    }

    /// Checks a container's count of elements against the limit and, at `least` bytes each, against
    /// the bytes that are left.
    pub(crate) fn check_count(&self, count: u32, least: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.limits.elements_max {
            return Err(self.error(Kind::TooManyElements));
        }
        if count.saturating_mul(least) > self.left() {
            return Err(self.error(Kind::Truncated));
        }
        Ok(count)
    }

    /// Where the tail of a list stands: how many elements come before another tail, if this one is a list again. So a
    /// list is written whose length is not known before, as OTP's manual of `ei` shows. Nothing is read of other tails.
    pub(crate) fn list_goes_on(&mut self) -> Result<usize, DecodeError> {
        while self.rest().first() == Some(&tags::LIST) {
            let count = self.list_header()?;
            let count = self.check_count(count, 1)?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }

    /// Goes past the `[]` that ends a proper list.
    pub(crate) fn end_of_list(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        if self.u8()? == tags::NIL { Ok(()) } else { Err(self.unexpected(start)) }
    }

    /// What stands at a place of the atom table.
    pub(crate) fn cached(&self, index: u8) -> Option<&'a Atom> {
        self.atoms.get(usize::from(index))
    }

    pub(crate) const fn has_atoms(&self) -> bool {
        !self.atoms.is_empty()
    }

    /// Takes the text of a cached atom, which is copied, from its budget.
    pub(crate) fn charge_text(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let left = self.texts_left.checked_sub(bytes);
        self.texts_left = left.ok_or_else(|| self.error(Kind::TooMuchMemory))?;
        Ok(())
    }

    /// Takes a value of the program's types from their budget.
    #[inline]
    pub(crate) fn charge_value(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.values_left.checked_sub(bytes) {
            Some(left) => {
                self.values_left = left;
                Ok(())
            }
            None => Err(self.error(Kind::TooMuchMemory)),
        }
    }

    /// Takes so many bytes of memory from the budget.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let left = self.memory_left.checked_sub(bytes);
        self.memory_left = left.ok_or_else(|| self.error(Kind::TooMuchMemory))?;
        Ok(())
    }
}

/// Bytes and numbers.
impl<'a> Reader<'a> {
    pub(crate) const fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(crate) const fn shared_buffer(&self) -> Option<&'a Bytes> {
        self.shared
    }

    pub(crate) const fn left(&self) -> usize {
        self.body.len().saturating_sub(self.at)
    }

    pub(crate) fn byte_at(&self, position: usize) -> Option<u8> {
        self.body.get(position).copied()
    }

    pub(crate) fn between(&self, from: usize, to: usize) -> &'a [u8] {
        self.body.get(from..to).unwrap_or(&[])
    }

    /// Goes on by so many bytes, which are there.
    pub(crate) const fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Goes to the end, so that nothing more is found.
    pub(crate) const fn give_up(&mut self) {
        self.at = self.body.len();
    }

    /// Goes back to an earlier position.
    pub(crate) const fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.saturating_add(len);
        let bytes = self.body.get(self.at..end).ok_or_else(|| self.error(Kind::Truncated))?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    fn u64_be(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.rest().first_chunk().ok_or_else(|| self.error(Kind::Truncated))?;
        self.at = self.at.saturating_add(N);
        Ok(*bytes)
    }

    pub(crate) const fn error(&self, kind: Kind) -> DecodeError {
        self.error_at(self.at, kind)
    }

    pub(crate) const fn error_at(&self, offset: usize, kind: Kind) -> DecodeError {
        DecodeError { offset, kind }
    }

    /// The tag at `start` exists but is of another type, or does not exist.
    pub(crate) fn unexpected(&self, start: usize) -> DecodeError {
        let tag = self.body.get(start).copied().unwrap_or(0);
        let known = matches!(
            tag,
            tags::RECORD | tags::NEW_FLOAT | tags::BIT_BINARY | tags::COMPRESSED | tags::ATOM_CACHE_REF
                | tags::NEW_PID..=tags::NEWER_REFERENCE | tags::SMALL_INTEGER..=tags::MAP
                | tags::ATOM_UTF8..=tags::LOCAL_EXT
        );
        self.error_at(start, if known { Kind::UnexpectedType } else { Kind::UnknownTag })
    }
}

/// Going past terms.
impl Reader<'_> {
    /// Goes past one term without a stack: only how many terms are still to come matters.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut to_come: usize = 1;
        let mut outermost = true;
        while let Some(left) = to_come.checked_sub(1) {
            to_come = left.saturating_add(self.skip_head(outermost, None)?);
            outermost = false;
            if to_come > self.left() {
                return Err(self.error(Kind::Truncated));
            }
        }
        Ok(())
    }

    /// Goes past a leaf, or past the head of a container, and tells how many terms follow in it. Inside a term that is
    /// kept as it is, `notes` say where cached atoms are.
    pub(crate) fn skip_head(
        &mut self,
        outermost: bool,
        mut notes: Option<&mut Notes>,
    ) -> Result<usize, DecodeError> {
        let start = self.at;
        let tag = self.peek_tag()?;
        match tag {
            tags::SMALL_TUPLE | tags::LARGE_TUPLE => {
                return self.tuple_header().and_then(|count| self.check_count(count, 1));
            }
            tags::LIST => {
                let count = self.list_header()?;
                return self.check_count(count, 1).map(|count| count.saturating_add(1));
            }
            tags::MAP => {
                let count = self.map_header()?;
                return self.check_count(count, 2).map(|count| count.saturating_mul(2));
            }
            tags::SMALL_ATOM_UTF8
            | tags::ATOM_UTF8
            | tags::SMALL_ATOM
            | tags::ATOM
            | tags::ATOM_CACHE_REF => {
                self.skip_atom(notes)?;
                return Ok(0);
            }
            _ => {}
        }
        self.u8()?;
        match tag {
            tags::SMALL_INTEGER => self.take(1).map(drop)?,
            tags::INTEGER => self.take(4).map(drop)?,
            tags::NEW_FLOAT | tags::FLOAT => self.float(tag).map(drop)?,
            tags::SMALL_BIG | tags::LARGE_BIG => self.big_parts(tag).map(drop)?,
            tags::NIL => {}
            tags::STRING => {
                let len = self.u16()?;
                self.take(usize::from(len))?;
            }
            tags::BINARY => self.counted_bytes().map(drop)?,
            tags::BIT_BINARY => self.bits().map(drop)?,
            tags::NEW_PID => self.skip_named(12, notes)?,
            tags::PID => self.skip_named(9, notes)?,
            tags::V4_PORT => self.skip_named(12, notes)?,
            tags::NEW_PORT => self.skip_named(8, notes)?,
            tags::PORT | tags::REFERENCE => self.skip_named(5, notes)?,
            tags::NEWER_REFERENCE | tags::NEW_REFERENCE => {
                let words = usize::from(self.u16()?);
                if !(1..=5).contains(&words) {
                    return Err(self.error_at(start, Kind::BadReference));
                }
                let creation: usize = if tag == tags::NEW_REFERENCE { 1 } else { 4 };
                self.skip_named(creation.saturating_add(words.saturating_mul(4)), notes)?;
            }
            tags::EXPORT => {
                self.skip_atom(notes.as_deref_mut())?;
                self.skip_atom(notes)?;
                if self.take(2)?.first() != Some(&tags::SMALL_INTEGER) {
                    return Err(self.error_at(start, Kind::UnexpectedType));
                }
            }
            tags::NEW_FUN => return self.skip_fun_head(start).map(|()| 0),
            tags::RECORD => return self.skip_record_head(notes),
            tags::LOCAL_EXT if outermost && start == 0 => self.at = self.body.len(),
            tags::LOCAL_EXT => return Err(self.error_at(start, Kind::NestedLocal)),
            tags::COMPRESSED if outermost && start == 0 => crate::inflate::skip(self)?,
            tags::COMPRESSED => return Err(self.error_at(start, Kind::NestedCompression)),
            _ => return Err(self.error_at(start, Kind::UnknownTag)),
        }
        Ok(0)
    }

    fn skip_atom(&mut self, notes: Option<&mut Notes>) -> Result<(), DecodeError> {
        if let Some(notes) = notes
            && self.peek_tag()? == tags::ATOM_CACHE_REF
        {
            if !self.has_atoms() {
                return Err(self.error(Kind::CachedAtomInOpaque));
            }
            self.charge(Notes::REFERENCE_BYTES)?;
            notes.reference(self.at);
        }
        self.atom_text().map(drop)
    }

    /// A node and so many bytes.
    fn skip_named(&mut self, len: usize, notes: Option<&mut Notes>) -> Result<(), DecodeError> {
        self.skip_atom(notes)?;
        self.take(len).map(drop)
    }

    /// A fun after its tag, by its own size; its parts are looked at when it is decoded.
    fn skip_fun_head(&mut self, start: usize) -> Result<(), DecodeError> {
        let size = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let rest = size.checked_sub(4).ok_or_else(|| self.error_at(start, Kind::BadOpaque))?;
        self.take(rest).map(drop)
    }

    /// A record after its tag; its field names and values follow.
    fn skip_record_head(&mut self, mut notes: Option<&mut Notes>) -> Result<usize, DecodeError> {
        let count = self.u32()?;
        self.u8()?;
        self.skip_atom(notes.as_deref_mut())?;
        self.skip_atom(notes.as_deref_mut())?;
        let count = self.check_count(count, 2)?;
        for _ in 0..count {
            self.skip_atom(notes.as_deref_mut())?;
        }
        Ok(count)
    }
}

/// Most Latin-1 is ASCII, which is UTF-8 too.
fn latin1_text(bytes: &[u8]) -> AtomText<'_> {
    let ascii = bytes.is_ascii().then(|| core::str::from_utf8(bytes).ok()).flatten();
    ascii.map_or(AtomText::Latin1(bytes), AtomText::Utf8)
}

pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The number in these bytes, least significant first, if it fits 128 bits.
pub(crate) fn little_endian(bytes: &[u8]) -> Option<u128> {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let mut all = [0; 16];
    all.get_mut(..used)?.copy_from_slice(bytes.get(..used)?);
    Some(u128::from_le_bytes(all))
}
