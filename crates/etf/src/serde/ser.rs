//! Rust values to bytes.

use alloc::vec::Vec;

use engset_term::limits::{ATOM_CHARACTERS_MAX, SERDE_DEPTH_MAX};
use engset_term::names;
use serde::Serialize;
use serde::ser::{self, SerializeSeq};

use super::SerError;
use super::case;
use super::part::Parts;
use crate::tags;
use crate::write::{
    put_atom, put_big, put_binary, put_float, put_int, put_map_header, put_nil, put_tag_count,
    put_tuple_header,
};

/// Writes terms at the end of a buffer.
pub(super) struct Serializer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    depth: usize,
    /// A list's last element is its tail.
    improper: bool,
}

/// A container being written.
pub(super) struct Compound<'a, 'b> {
    serializer: &'b mut Serializer<'a>,
    /// Where the container's tag stands.
    start: usize,
    count: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Written with its count.
    Counted,
    /// The count is written at the end.
    List,
    ImproperList,
    Map,
}

impl<'a> Serializer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, depth: 0, improper: false }
    }

    fn atom(&mut self, text: &str) -> Result<(), SerError> {
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
        Ok(Compound { serializer: self, start, count: 0, kind })
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
        put_binary(self.out, value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        put_binary(self.out, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerError> {
        put_binary(self.out, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), SerError> {
        self.atom("undefined")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        self.atom("ok")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerError> {
        self.atom(&case::snake(name))
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
        // `Ok(())` is `ok`: a unit's content is the atom `ok` and nothing else.
        if name == "Result" && variant == "Ok" && self.out.get(content..) == Some(ATOM_OK) {
            self.out.truncate(start);
            self.out.extend_from_slice(ATOM_OK);
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

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a, 'b>, SerError> {
        self.serialize_map(None)
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

impl Compound<'_, '_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.count = self.count.saturating_add(1);
        value.serialize(&mut *self.serializer)
    }

    fn put_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerError> {
        self.serializer.atom(key)?;
        self.put(value)
    }

    fn close(self) -> Result<(), SerError> {
        self.serializer.depth = self.serializer.depth.saturating_sub(1);
        let out = &mut *self.serializer.out;
        match self.kind {
            Kind::Counted => Ok(()),
            Kind::Map => set_count(out, self.start, self.count),
            Kind::ImproperList => match self.count.checked_sub(1) {
                Some(elements @ 1..) => set_count(out, self.start, elements),
                _ => Err(SerError::Malformed),
            },
            Kind::List if self.count == 0 => {
                out.truncate(self.start);
                put_nil(out);
                Ok(())
            }
            Kind::List if pack_string(out, self.start, self.count) => Ok(()),
            Kind::List => {
                put_nil(out);
                set_count(out, self.start, self.count)
            }
        }
    }
}

/// Writes a count into the head of a container at `start`.
fn set_count(out: &mut [u8], start: usize, count: usize) -> Result<(), SerError> {
    let count = u32::try_from(count).map_err(|_large| SerError::Malformed)?;
    let head = out.get_mut(start.saturating_add(1)..).and_then(|bytes| bytes.first_chunk_mut());
    *head.ok_or(SerError::Malformed)? = count.to_be_bytes();
    Ok(())
}

/// Turns the list at `start` into its short form if it has up to 65,535 elements, all of them bytes.
fn pack_string(out: &mut Vec<u8>, start: usize, count: usize) -> bool {
    let Ok(len) = u16::try_from(count) else { return false };
    let Some((_, elements)) = out.get(start..).and_then(<[u8]>::split_first_chunk::<LIST_HEAD>) else {
        return false;
    };
    if elements.len() != count.saturating_mul(2) {
        return false;
    }
    let (pairs, _) = elements.as_chunks::<2>();
    if !pairs.iter().all(|[tag, _]| *tag == tags::SMALL_INTEGER) {
        return false;
    }
    // Bytes move to the front one by one: the short form is never longer.
    let Some(head) = out.get_mut(start..) else { return false };
    for at in 0..count {
        let from = LIST_HEAD.saturating_add(at.saturating_mul(2)).saturating_add(1);
        let byte = head.get(from).copied().unwrap_or(0);
        if let Some(to) = head.get_mut(STRING_HEAD.saturating_add(at)) {
            *to = byte;
        }
    }
    let [high, low] = len.to_be_bytes();
    for (to, byte) in head.iter_mut().zip([tags::STRING, high, low]) {
        *to = byte;
    }
    out.truncate(start.saturating_add(STRING_HEAD).saturating_add(count));
    true
}

impl SerializeSeq for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.put(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeTuple for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.put(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.put(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.put(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerError> {
        self.put(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(&mut *self.serializer)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        self.put_field(key, value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        self.put_field(key, value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

pub(super) fn put_atom_checked(out: &mut Vec<u8>, text: &str) -> Result<(), SerError> {
    if text.len() > ATOM_CHARACTERS_MAX && text.chars().count() > ATOM_CHARACTERS_MAX {
        return Err(SerError::AtomTooLong);
    }
    put_atom(out, text);
    Ok(())
}

const ATOM_OK: &[u8] = &[tags::SMALL_ATOM_UTF8, 2, b'o', b'k'];
/// Bytes before the elements of a list, and of a list in its short form.
const LIST_HEAD: usize = 5;
const STRING_HEAD: usize = 3;
