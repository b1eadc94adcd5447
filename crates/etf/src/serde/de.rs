//! Bytes to Rust values.

use alloc::string::String;

use engset_term::limits::SERDE_DEPTH_MAX;
use engset_term::{Term, TermKind, names};
use serde::de::value::{BorrowedBytesDeserializer, BytesDeserializer};
use serde::de::{self, Error as _, Visitor};

use super::DeError;
use super::case;
use super::de_access::{Behind, Bytes, Content, Elements, Entries, EnumTerm, Part, Place, Variant, parts};
use super::scope::{self, Form};
use crate::DecodeErrorKind as Kind;
use crate::reader::{AtomText, latin1, little_endian};
use crate::{DecodeError, Reader, tags};

/// Reads one term at a reader's position.
pub(super) struct Deserializer<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    /// How many containers are around the term.
    pub(super) depth: usize,
    /// The term names something, so an atom is as good as a string.
    pub(super) is_name: bool,
    /// Strings in the term may be atoms.
    pub(super) atoms: bool,
    /// How large a value has its place already: that of the element or field that it is. A larger one is behind a
    /// pointer, in memory of its own.
    pub(super) room: usize,
}

/// What an integer's size leaves it to be.
enum Number<'de> {
    Signed(i128),
    Unsigned(u128),
    Large(bool, &'de [u8]),
}

impl<'r, 'de> Deserializer<'r, 'de> {
    pub(super) const fn new(reader: &'r mut Reader<'de>) -> Self {
        // The value itself is where the caller has it.
        Self { reader, depth: 0, is_name: false, atoms: false, room: usize::MAX }
    }

    /// Takes the memory of a value that has no place yet from the budget.
    #[inline]
    pub(super) fn make_room<T>(&mut self) -> Result<(), DeError> {
        if size_of::<T>() > self.room {
            self.room = size_of::<T>();
            self.reader.charge_value(size_of::<T>())?;
        }
        Ok(())
    }

    pub(super) fn inside(&self) -> Result<usize, DeError> {
        if self.depth >= SERDE_DEPTH_MAX { Err(DeError::TooDeep) } else { Ok(self.depth.saturating_add(1)) }
    }

    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        match self.number()? {
            Number::Signed(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(small), _) => visitor.visit_i64(small),
                (_, Ok(small)) => visitor.visit_u64(small),
                _ => visitor.visit_i128(value),
            },
            Number::Unsigned(value) => visitor.visit_u128(value),
            Number::Large(..) => Err(DecodeError { offset: start, kind: Kind::IntegerOutOfRange }.into()),
        }
    }

    fn native_integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.number()? {
            Number::Signed(value) => visitor.visit_i128(value),
            Number::Unsigned(value) => visitor.visit_u128(value),
            Number::Large(negative, bytes) => {
                visitor.visit_seq(parts([Part::Truth(negative), Part::Bytes(bytes)]))
            }
        }
    }

    fn number(self) -> Result<Number<'de>, DeError> {
        let tag = self.reader.peek_tag()?;
        if tag != tags::SMALL_BIG && tag != tags::LARGE_BIG {
            return Ok(Number::Signed(self.reader.integer()?));
        }
        self.reader.u8()?;
        let (negative, bytes) = self.reader.big_parts(tag)?;
        Ok(match (negative, little_endian(bytes), little_endian(bytes).map(i128::try_from)) {
            (_, _, Some(Ok(value))) => Number::Signed(if negative { value.saturating_neg() } else { value }),
            (false, Some(value), _) => Number::Unsigned(value),
            (true, Some(I128_MIN_MAGNITUDE), _) => Number::Signed(i128::MIN),
            _ => Number::Large(negative, bytes),
        })
    }

    fn float(&mut self) -> Result<f64, DeError> {
        let tag = self.reader.peek_tag()?;
        if tag == tags::NEW_FLOAT || tag == tags::FLOAT {
            self.reader.u8()?;
            return Ok(self.reader.float(tag)?);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "an integer read as a float is rounded, as Erlang does"
        )]
        let value = self.reader.integer()? as f64;
        Ok(value)
    }

    /// A binary, a charlist, or an atom where these are names.
    fn text<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        match self.reader.peek_tag()? {
            tags::BINARY => {
                let bytes = self.reader.binary()?;
                let text = core::str::from_utf8(bytes);
                visitor.visit_borrowed_str(
                    text.map_err(|_utf8| DecodeError { offset: start, kind: Kind::BadUtf8 })?,
                )
            }
            tags::STRING => {
                let bytes = self.string_bytes()?;
                visitor.visit_string(latin1(bytes))
            }
            tags::NIL | tags::LIST => {
                let text = self.charlist()?;
                visitor.visit_string(text)
            }
            _ if self.is_name || self.atoms => self.atom(visitor),
            _ => Err(self.reader.unexpected(start).into()),
        }
    }

    fn atom<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.atom_text()? {
            AtomText::Utf8(text) => visitor.visit_borrowed_str(text),
            AtomText::Latin1(bytes) => visitor.visit_string(latin1(bytes)),
            AtomText::Cached(atom) => {
                self.reader.charge_text(atom.as_str().len())?;
                visitor.visit_str(atom.as_str())
            }
        }
    }

    fn charlist(&mut self) -> Result<String, DeError> {
        let count = self.reader.list_header()?;
        let mut count = self.reader.check_count(count, 1)?;
        let mut text = String::new();
        if count == 0 {
            return Ok(text);
        }
        while count > 0 {
            for _ in 0..count {
                let start = self.reader.position();
                let code = u32::try_from(self.reader.integer()?).ok().and_then(char::from_u32);
                text.push(code.ok_or(DecodeError { offset: start, kind: Kind::IntegerOutOfRange })?);
            }
            count = self.reader.list_goes_on()?;
        }
        self.reader.end_of_list()?;
        Ok(text)
    }

    /// The bytes of a list in its short form.
    fn string_bytes(&mut self) -> Result<&'de [u8], DeError> {
        self.reader.u8()?;
        let len = self.reader.u16()?;
        Ok(self.reader.take(usize::from(len))?)
    }

    pub(super) fn elements<V: Visitor<'de>>(
        mut self,
        visitor: V,
        count: u32,
        (behind, place): (Behind, Place),
    ) -> Result<V::Value, DeError> {
        self.make_room::<V::Value>()?;
        let depth = self.inside()?;
        let count = self.reader.check_count(count, 1)?;
        // Behind `[]` is nothing.
        let behind = if count == 0 { Behind::Nothing } else { behind };
        let atoms = self.atoms;
        let mut elements = Elements { reader: self.reader, depth, left: count, atoms, behind, place };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.left > 0 {
            return Err(DeError::invalid_length(count, &"fewer elements"));
        }
        if behind == Behind::Tail {
            self.reader.end_of_list()?;
        }
        Ok(value)
    }

    pub(super) fn entries<V: Visitor<'de>>(
        mut self,
        visitor: V,
        is_struct: bool,
        place: Place,
    ) -> Result<V::Value, DeError> {
        self.make_room::<V::Value>()?;
        let depth = self.inside()?;
        let count = self.reader.map_header()?;
        let count = self.reader.check_count(count, 2)?;
        let atoms = self.atoms;
        let mut entries = Entries { reader: self.reader, depth, left: count, atoms, is_struct, place };
        let value = visitor.visit_map(&mut entries)?;
        if entries.left > 0 {
            return Err(DeError::invalid_length(count, &"fewer pairs"));
        }
        Ok(value)
    }

    /// A value that is native to Erlang, as plain data.
    fn native<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let reader = self.reader;
        let start = reader.position();
        match reader.peek_tag()? {
            tags::NEW_PID | tags::PID => {
                let pid = reader.pid()?;
                let node = pid.node().text();
                visitor.visit_seq(parts([
                    Part::Text(&node),
                    Part::Number(u64::from(pid.creation())),
                    Part::Number(u64::from(pid.id())),
                    Part::Number(u64::from(pid.serial())),
                ]))
            }
            tags::NEWER_REFERENCE | tags::NEW_REFERENCE | tags::REFERENCE => {
                let reference = reader.reference()?;
                let node = reference.node().text();
                visitor.visit_seq(parts([
                    Part::Text(&node),
                    Part::Number(u64::from(reference.creation())),
                    Part::Words(reference.words()),
                ]))
            }
            tags::V4_PORT | tags::NEW_PORT | tags::PORT => {
                let port = reader.port_id()?;
                let node = port.node().text();
                let creation = Part::Number(u64::from(port.creation()));
                visitor.visit_seq(parts([Part::Text(&node), creation, Part::Number(port.id())]))
            }
            tags::BIT_BINARY => {
                reader.u8()?;
                let (bytes, bits) = reader.bits()?;
                visitor.visit_seq(parts([Part::Bytes(bytes), Part::Number(u64::from(bits))]))
            }
            tags::EXPORT => {
                reader.u8()?;
                let (module, function) = (reader.atom()?, reader.atom()?);
                let arity = u64::try_from(reader.integer()?).unwrap_or(u64::MAX);
                let names = [Part::Text(module.as_str()), Part::Text(function.as_str()), Part::Number(arity)];
                visitor.visit_seq(parts(names))
            }
            tags::NEW_FUN | tags::RECORD | tags::LOCAL_EXT if reader.has_atoms() => {
                // The bytes as they stand may refer to the message's atoms.
                let (Term::Fun(opaque) | Term::Opaque(opaque)) = reader.term()? else {
                    return Err(reader.unexpected(start).into());
                };
                visitor.visit_newtype_struct(BytesDeserializer::new(opaque.external()))
            }
            tags::NEW_FUN | tags::RECORD | tags::LOCAL_EXT => {
                reader.term()?;
                let raw = reader.since(start);
                visitor.visit_newtype_struct(BorrowedBytesDeserializer::new(raw))
            }
            _ => Err(reader.unexpected(start).into()),
        }
    }

    /// Any term for the terms package's own type.
    fn term<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        let kind = match self.reader.peek_tag()? {
            tags::NEW_PID | tags::PID => TermKind::Pid,
            tags::NEWER_REFERENCE | tags::NEW_REFERENCE | tags::REFERENCE => TermKind::Reference,
            tags::V4_PORT | tags::NEW_PORT | tags::PORT => TermKind::PortId,
            tags::SMALL_TUPLE | tags::LARGE_TUPLE => TermKind::Tuple,
            tags::LIST => TermKind::ImproperList,
            tags::SMALL_BIG | tags::LARGE_BIG => TermKind::Integer,
            tags::BIT_BINARY => TermKind::BitString,
            tags::NEW_FUN => TermKind::Fun,
            tags::RECORD | tags::LOCAL_EXT => TermKind::Opaque,
            tags::EXPORT => TermKind::Export,
            tags::SMALL_ATOM_UTF8
            | tags::ATOM_UTF8
            | tags::SMALL_ATOM
            | tags::ATOM
            | tags::ATOM_CACHE_REF => TermKind::Atom,
            tags::STRING => {
                let bytes = self.string_bytes()?;
                return visitor.visit_seq(Bytes { bytes, reader: self.reader });
            }
            tags::BINARY => {
                let bytes = self.reader.binary()?;
                return visitor.visit_borrowed_bytes(bytes);
            }
            _ => return de::Deserializer::deserialize_any(self, visitor),
        };
        visitor.visit_enum(EnumTerm { kind, content: self })
    }

    /// Goes past the next atom if it is one of these.
    fn accept_any(&mut self, atoms: &[&str]) -> bool {
        atoms.iter().any(|atom| self.reader.accept_atom(atom))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = DeError;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek_tag()? {
            tags::SMALL_INTEGER | tags::INTEGER | tags::SMALL_BIG | tags::LARGE_BIG => self.integer(visitor),
            tags::NEW_FLOAT | tags::FLOAT => visitor.visit_f64(self.float()?),
            tags::BINARY => {
                let bytes = self.reader.binary()?;
                match core::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_borrowed_str(text),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            tags::NIL | tags::LIST | tags::STRING => self.deserialize_seq(visitor),
            tags::SMALL_TUPLE | tags::LARGE_TUPLE => {
                let count = self.reader.tuple_header()?;
                self.elements(visitor, count, (Behind::Nothing, Place::New))
            }
            tags::MAP => self.entries(visitor, false, Place::New),
            tags::SMALL_ATOM_UTF8
            | tags::ATOM_UTF8
            | tags::SMALL_ATOM
            | tags::ATOM
            | tags::ATOM_CACHE_REF => {
                if self.accept_any(&["true"]) {
                    visitor.visit_bool(true)
                } else if self.accept_any(&["false"]) {
                    visitor.visit_bool(false)
                } else if !self.is_name && self.accept_any(NOTHING) {
                    visitor.visit_unit()
                } else {
                    self.atom(visitor)
                }
            }
            _ => self.native(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        if self.accept_any(&["true"]) {
            visitor.visit_bool(true)
        } else if self.accept_any(&["false"]) {
            visitor.visit_bool(false)
        } else {
            Err(self.reader.unexpected(self.reader.position()).into())
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek_tag()? {
            tags::STRING => visitor.visit_borrowed_bytes(self.string_bytes()?),
            tags::NIL => {
                self.reader.u8()?;
                visitor.visit_borrowed_bytes(&[])
            }
            tags::LIST => self.deserialize_seq(visitor),
            _ => visitor.visit_borrowed_bytes(self.reader.binary()?),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        self.make_room::<V::Value>()?;
        if self.accept_any(NOTHING) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        if self.accept_any(&["ok", "nil", "undefined"]) {
            visitor.visit_unit()
        } else {
            Err(self.reader.unexpected(self.reader.position()).into())
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.accept_any(&[name, &case::atom_of(name)]) {
            visitor.visit_unit()
        } else {
            Err(self.reader.unexpected(self.reader.position()).into())
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let tag = self.reader.peek_tag()?;
        let sound = match name {
            names::TERM => return self.term(visitor),
            names::ATOM => return self.atom(visitor),
            names::INTEGER => return self.native_integer(visitor),
            names::PID => matches!(tag, tags::NEW_PID | tags::PID),
            names::REFERENCE => matches!(tag, tags::NEWER_REFERENCE | tags::NEW_REFERENCE | tags::REFERENCE),
            names::PORT_ID => matches!(tag, tags::V4_PORT | tags::NEW_PORT | tags::PORT),
            names::BIT_STRING => tag == tags::BIT_BINARY,
            names::OPAQUE => matches!(tag, tags::NEW_FUN | tags::RECORD | tags::LOCAL_EXT),
            names::EXPORT => tag == tags::EXPORT,
            names::IMPROPER_LIST if tag == tags::LIST => {
                let count = self.reader.list_header()?;
                return self.elements(visitor, count.saturating_add(1), (Behind::TailAsElement, Place::New));
            }
            names::IMPROPER_LIST => false,
            scope::ATOM_TEXT => return visitor.visit_newtype_struct(Self { atoms: true, ..self }),
            _ => return visitor.visit_newtype_struct(self),
        };
        if sound { self.native(visitor) } else { Err(self.reader.unexpected(self.reader.position()).into()) }
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek_tag()? {
            tags::STRING => {
                let bytes = self.string_bytes()?;
                visitor.visit_seq(Bytes { bytes, reader: self.reader })
            }
            tags::BINARY => {
                let bytes = self.reader.binary()?;
                visitor.visit_seq(Bytes { bytes, reader: self.reader })
            }
            _ => {
                let count = self.reader.list_header()?;
                self.elements(visitor, count, (Behind::Tail, Place::New))
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let count = self.reader.tuple_header()?;
        if usize::try_from(count) != Ok(len) {
            return Err(DecodeError { offset: start, kind: Kind::UnexpectedType }.into());
        }
        self.elements(visitor, count, (Behind::Nothing, Place::Inside))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.entries(visitor, false, Place::New)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match Form::of(name) {
            Form::Map => self.entries(visitor, false, Place::Inside),
            Form::Elixir(module) => self.elixir_struct(module, visitor),
            Form::Record(tag) => self.record(tag, fields, visitor),
            Form::Keyword => self.keyword(fields, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.make_room::<V::Value>()?;
        let start = self.reader.position();
        let depth = self.inside()?;
        let values = match self.reader.peek_tag()? {
            tags::SMALL_TUPLE | tags::LARGE_TUPLE => {
                let count = self.reader.tuple_header()?;
                let count = self.reader.check_count(count, 1)?;
                count.checked_sub(1).ok_or(DecodeError { offset: start, kind: Kind::UnexpectedType })?
            }
            _ => 0,
        };
        let name_at = self.reader.position();
        let content = Content { depth, atoms: self.atoms };
        visitor.visit_enum(Variant { reader: self.reader, content, variants, values, name_at })
    }

    fn deserialize_identifier<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek_tag()? {
            tags::SMALL_INTEGER | tags::INTEGER => self.integer(visitor),
            _ => {
                self.is_name = true;
                self.text(visitor)
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.reader.skip_term()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Atoms that stand for no value.
const NOTHING: &[&str] = &["undefined", "nil", "null"];
const I128_MIN_MAGNITUDE: u128 = i128::MIN.unsigned_abs();
