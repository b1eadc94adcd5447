//! Rust values to bytes.

use alloc::vec::Vec;

use engset_term::limits::{ATOM_CHARACTERS_MAX, SERDE_DEPTH_MAX};
use engset_term::names;
use serde::Serialize;
use serde::ser;

use super::SerError;
use super::case;
use super::part::Parts;
use super::scope::{Form, Scope, Text};
use super::ser_compound::{Compound, Kind};
use crate::tags;
use crate::write::{
    put_atom, put_big, put_binary, put_charlist, put_float, put_int, put_map_header, put_tag_count,
    put_tuple_header,
};

/// Writes terms at the end of a buffer.
pub(super) struct Serializer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) depth: usize,
    /// A list's last element is its tail.
    improper: bool,
    scope: Scope,
}

impl<'a> Serializer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, depth: 0, improper: false, scope: Scope::PLAIN }
    }

    pub(super) fn atom(&mut self, text: &str) -> Result<(), SerError> {
        put_atom_checked(self.out, text)
    }

    /// `{variant, ...}` with so many values to follow.
    fn variant(&mut self, variant: &str, values: usize) -> Result<(), SerError> {
        put_tuple_header(self.out, values.saturating_add(1));
        self.atom(&case::atom_of(variant))
    }

    fn open<'b>(&'b mut self, start: usize, kind: Kind) -> Result<Compound<'a, 'b>, SerError> {
        if self.depth >= SERDE_DEPTH_MAX {
            return Err(SerError::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        Ok(Compound::new(self, start, kind))
    }

    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        if self.depth >= SERDE_DEPTH_MAX {
            return Err(SerError::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        value.serialize(&mut *self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// The atom that stands for no value.
    pub(super) fn nothing(&mut self) -> Result<(), SerError> {
        self.atom(if self.scope.is_nil { "nil" } else { "undefined" })
    }

    /// The atom that stands for `()`.
    const fn unit(&self) -> &'static str {
        if self.scope.is_nil { "nil" } else { "ok" }
    }

    /// Whether all that was written from `start` on is a `()`.
    fn is_unit(&self, start: usize) -> bool {
        let mut unit = Vec::with_capacity(8);
        put_atom(&mut unit, self.unit());
        self.out.get(start..) == Some(&*unit)
    }

    fn big(&mut self, negative: bool, magnitude: u128) {
        put_big(self.out, negative, &magnitude.to_le_bytes());
    }
}

impl<'a, 'b> ser::Serializer for &'b mut Serializer<'a> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Compound<'a, 'b>;
    type SerializeTuple = Compound<'a, 'b>;
    type SerializeTupleStruct = Compound<'a, 'b>;
    type SerializeTupleVariant = Compound<'a, 'b>;
    type SerializeMap = Compound<'a, 'b>;
    type SerializeStruct = Compound<'a, 'b>;
    type SerializeStructVariant = Compound<'a, 'b>;

    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        self.atom(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i16(self, value: i16) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i32(self, value: i32) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i64(self, value: i64) -> Result<(), SerError> {
        put_int(self.out, value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerError> {
        match i64::try_from(value) {
            Ok(small) => put_int(self.out, small),
            Err(_) => self.big(value < 0, value.unsigned_abs()),
        }
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_u16(self, value: u16) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_u32(self, value: u32) -> Result<(), SerError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_u64(self, value: u64) -> Result<(), SerError> {
        self.serialize_u128(u128::from(value))
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerError> {
        match i64::try_from(value) {
            Ok(small) => put_int(self.out, small),
            Err(_) => self.big(false, value),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerError> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), SerError> {
        if !value.is_finite() {
            return Err(SerError::NotFinite);
        }
        put_float(self.out, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        match self.scope.text {
            Text::Binary => put_binary(self.out, value.as_bytes()),
            Text::Charlist => put_charlist(self.out, value),
            Text::Atom => self.atom(value)?,
        }
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerError> {
        put_binary(self.out, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), SerError> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        self.atom(self.unit())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerError> {
        self.atom(&case::atom_of(name))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), SerError> {
        self.atom(&case::atom_of(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        if !name.starts_with("$engset.") {
            return value.serialize(self);
        }
        if name == names::IMPROPER_LIST {
            self.improper = true;
            return value.serialize(self);
        }
        if let Some(scope) = self.scope.inside(name) {
            let outer = core::mem::replace(&mut self.scope, scope);
            let result = value.serialize(&mut *self);
            self.scope = outer;
            return result;
        }
        match Parts::new(self.out, name) {
            Some(mut parts) => value.serialize(&mut parts),
            None => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        let start = self.out.len();
        self.variant(variant, 1)?;
        let content = self.out.len();
        self.inside(value)?;
        // `Ok(())` is `ok`, and `Err(())` is `error`: a unit's content is one atom and nothing else.
        if name == "Result" && self.is_unit(content) {
            self.out.truncate(start);
            self.atom(&case::atom_of(variant))?;
        }
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, 'b>, SerError> {
        let start = self.out.len();
        let kind = if core::mem::take(&mut self.improper) { Kind::ImproperList } else { Kind::List };
        put_tag_count(self.out, tags::LIST, 0);
        self.open(start, kind)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 'b>, SerError> {
        let start = self.out.len();
        put_tuple_header(self.out, len);
        self.open(start, Kind::Counted)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'a, 'b>, SerError> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'b>, SerError> {
        let start = self.out.len();
        self.variant(variant, len)?;
        self.open(start, Kind::Counted)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, 'b>, SerError> {
        let start = self.out.len();
        put_map_header(self.out, 0);
        self.open(start, Kind::Map)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Compound<'a, 'b>, SerError> {
        let start = self.out.len();
        match Form::of(name) {
            Form::Map => self.serialize_map(None),
            Form::Elixir(module) => {
                put_map_header(self.out, 0);
                let mut compound = self.open(start, Kind::Map)?;
                compound.put_module(module)?;
                Ok(compound)
            }
            Form::Record(tag) => {
                put_tuple_header(self.out, len.saturating_add(1));
                self.atom(tag)?;
                self.open(start, Kind::Record)
            }
            Form::Keyword => {
                put_tag_count(self.out, tags::LIST, 0);
                self.open(start, Kind::Keyword)
            }
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'b>, SerError> {
        self.variant(variant, 1)?;
        self.serialize_map(None)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

pub(super) fn put_atom_checked(out: &mut Vec<u8>, text: &str) -> Result<(), SerError> {
    if text.len() > ATOM_CHARACTERS_MAX && text.chars().count() > ATOM_CHARACTERS_MAX {
        return Err(SerError::AtomTooLong);
    }
    put_atom(out, text);
    Ok(())
}
