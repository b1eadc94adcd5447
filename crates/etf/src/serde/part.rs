//! Native values as they come through serde, in parts, to bytes.
//!
//! The terms package sends each native value as a newtype struct of a known name with a string, bytes
//! or a tuple of parts inside, see [`engset_term::names`]. The parts come in a fixed order and are
//! written as they come; what the format has in another order is set in afterwards.

use alloc::vec::Vec;
use core::fmt;

use engset_term::names;
use serde::Serialize;
use serde::ser::{self, Impossible};

use super::SerError;
use super::ser::put_atom_checked;
use crate::tags;
use crate::write::{put_big, put_int, put_tag_count};

/// A native value being written.
pub(super) struct Parts<'a> {
    out: &'a mut Vec<u8>,
    kind: Kind,
    /// How many parts were written.
    count: usize,
    start: usize,
    creation: u32,
    negative: bool,
    words: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Atom,
    Pid,
    Reference,
    PortId,
    Integer,
    BitString,
    Opaque,
    Export,
}

/// One part.
enum Part<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    Number(u64),
    Truth(bool),
}

impl<'a> Parts<'a> {
    /// Begins the value of this name; `None` for names that are not native.
    pub(super) fn new(out: &'a mut Vec<u8>, name: &str) -> Option<Self> {
        let kind = match name {
            names::ATOM => Kind::Atom,
            names::PID => Kind::Pid,
            names::REFERENCE => Kind::Reference,
            names::PORT_ID => Kind::PortId,
            names::INTEGER => Kind::Integer,
            names::BIT_STRING => Kind::BitString,
            names::OPAQUE => Kind::Opaque,
            names::EXPORT => Kind::Export,
            _ => return None,
        };
        let start = out.len();
        match kind {
            Kind::Pid => out.push(tags::NEW_PID),
            Kind::Reference => out.extend_from_slice(&[tags::NEWER_REFERENCE, 0, 0]),
            Kind::PortId => out.push(tags::V4_PORT),
            Kind::Export => out.push(tags::EXPORT),
            Kind::Atom | Kind::Integer | Kind::BitString | Kind::Opaque => {}
        }
        Some(Self { out, kind, count: 0, start, creation: 0, negative: false, words: 0 })
    }

    fn put(&mut self, part: &Part<'_>) -> Result<(), SerError> {
        let at = self.count;
        self.count = at.saturating_add(1);
        match (self.kind, at, part) {
            (Kind::Atom | Kind::Pid | Kind::Reference | Kind::PortId, 0, Part::Text(text))
            | (Kind::Export, 0 | 1, Part::Text(text)) => put_atom_checked(self.out, text),
            (Kind::Pid | Kind::Reference | Kind::PortId, 1, Part::Number(number)) => {
                self.creation = narrow(*number)?;
                if self.kind == Kind::Reference {
                    self.out.extend_from_slice(&self.creation.to_be_bytes());
                }
                Ok(())
            }
            (Kind::Pid, 2, Part::Number(number)) => self.put_word(*number),
            (Kind::Pid, 3, Part::Number(number)) => {
                self.put_word(*number)?;
                self.put_word(u64::from(self.creation))
            }
            (Kind::PortId, 2, Part::Number(number)) => {
                self.out.extend_from_slice(&number.to_be_bytes());
                self.put_word(u64::from(self.creation))
            }
            (Kind::Reference, _, Part::Number(number)) => {
                self.words = self.words.saturating_add(1);
                self.put_word(*number)?;
                self.set(1, &self.words.to_be_bytes())
            }
            (Kind::Integer, 0, Part::Truth(negative)) => {
                self.negative = *negative;
                Ok(())
            }
            (Kind::Integer, 1, Part::Bytes(magnitude)) => {
                put_big(self.out, self.negative, magnitude);
                Ok(())
            }
            (Kind::BitString, 0, Part::Bytes(bytes)) => {
                put_tag_count(self.out, tags::BIT_BINARY, bytes.len());
                self.out.push(0);
                self.out.extend_from_slice(bytes);
                Ok(())
            }
            (Kind::BitString, 1, Part::Number(bits)) => self.set(5, &[narrow(*bits)?]),
            (Kind::Opaque, 0, Part::Bytes(bytes)) => {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
            (Kind::Export, 2, Part::Number(arity)) => {
                put_int(self.out, narrow(*arity)?);
                Ok(())
            }
            _ => Err(SerError::Malformed),
        }
    }

    fn put_word(&mut self, number: u64) -> Result<(), SerError> {
        let word: u32 = narrow(number)?;
        self.out.extend_from_slice(&word.to_be_bytes());
        Ok(())
    }

    /// Replaces bytes already written, counted from the value's tag.
    fn set(&mut self, offset: usize, bytes: &[u8]) -> Result<(), SerError> {
        let from = self.start.saturating_add(offset);
        let to = self.out.get_mut(from..from.saturating_add(bytes.len())).ok_or(SerError::Malformed)?;
        to.copy_from_slice(bytes);
        Ok(())
    }
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, SerError> {
    T::try_from(number).map_err(|_large| SerError::Malformed)
}

/// Kinds of value no native value has inside.
macro_rules! malformed {
    ($($method:ident($($kind:ty),*);)*) => {$(
        fn $method(self $(, _: $kind)*) -> Result<(), SerError> {
            Err(SerError::Malformed)
        }
    )*};
}

impl<'a, 'b> ser::Serializer for &'b mut Parts<'a> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), SerError>;
    type SerializeTupleVariant = Impossible<(), SerError>;
    type SerializeMap = Impossible<(), SerError>;
    type SerializeStruct = Impossible<(), SerError>;
    type SerializeStructVariant = Impossible<(), SerError>;

    malformed! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        self.put(&Part::Truth(value))
    }

    fn serialize_u8(self, value: u8) -> Result<(), SerError> {
        self.put(&Part::Number(u64::from(value)))
    }

    fn serialize_u16(self, value: u16) -> Result<(), SerError> {
        self.put(&Part::Number(u64::from(value)))
    }

    fn serialize_u32(self, value: u32) -> Result<(), SerError> {
        self.put(&Part::Number(u64::from(value)))
    }

    fn serialize_u64(self, value: u64) -> Result<(), SerError> {
        self.put(&Part::Number(value))
    }

    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        self.put(&Part::Text(value))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerError> {
        self.put(&Part::Bytes(value))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, SerError> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, SerError> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, SerError> {
        Err(SerError::Malformed)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, SerError> {
        Err(SerError::Malformed)
    }
}

impl ser::SerializeSeq for &mut Parts<'_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), SerError> {
        Ok(())
    }
}

impl ser::SerializeTuple for &mut Parts<'_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), SerError> {
        Ok(())
    }
}
