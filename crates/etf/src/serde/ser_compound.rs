//! Containers on their way to bytes: lists, tuples, maps, and structs in their forms.

use alloc::vec::Vec;

use serde::Serialize;
use serde::ser::{self, SerializeSeq};

use super::SerError;
use super::scope::{STRUCT, elixir_module};
use super::ser::Serializer;
use crate::tags;
use crate::write::{put_nil, put_tuple_header};

/// A container being written.
pub(super) struct Compound<'a, 'b> {
    serializer: &'b mut Serializer<'a>,
    /// Where the container's tag stands.
    start: usize,
    count: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Written with its count.
    Counted,
    /// The count is written at the end.
    List,
    ImproperList,
    Map,
    /// A tuple of a tag and fields without their names.
    Record,
    /// A list of pairs.
    Keyword,
}

impl<'a, 'b> Compound<'a, 'b> {
    /// The container whose head has been written at `start`.
    pub(super) const fn new(serializer: &'b mut Serializer<'a>, start: usize, kind: Kind) -> Self {
        Self { serializer, start, count: 0, kind }
    }

    /// The pair that makes a map a struct of this Elixir module.
    pub(super) fn put_module(&mut self, module: &str) -> Result<(), SerError> {
        self.serializer.atom(STRUCT)?;
        self.serializer.atom(&elixir_module(module))?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.count = self.count.saturating_add(1);
        value.serialize(&mut *self.serializer)
    }

    fn put_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerError> {
        match self.kind {
            Kind::Record => {}
            Kind::Keyword => {
                put_tuple_header(self.serializer.out, 2);
                self.serializer.atom(key)?;
            }
            Kind::Counted | Kind::List | Kind::ImproperList | Kind::Map => self.serializer.atom(key)?,
        }
        self.put(value)
    }

    /// A field that the type leaves out; a record has a place for each.
    fn skip_field(&mut self) -> Result<(), SerError> {
        if self.kind == Kind::Record {
            self.count = self.count.saturating_add(1);
            self.serializer.nothing()?;
        }
        Ok(())
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
            Kind::Record => set_arity(out, self.start, self.count),
            Kind::List | Kind::Keyword if self.count == 0 => {
                out.truncate(self.start);
                put_nil(out);
                Ok(())
            }
            Kind::List if pack_string(out, self.start, self.count) => Ok(()),
            Kind::List | Kind::Keyword => {
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

/// Writes the arity of a record with so many fields into its head at `start`, which was made for those that are not
/// left out.
fn set_arity(out: &mut [u8], start: usize, fields: usize) -> Result<(), SerError> {
    let arity = fields.saturating_add(1);
    let at = start.saturating_add(1);
    match (out.get(start), u8::try_from(arity)) {
        (Some(&tags::SMALL_TUPLE), Ok(arity)) => {
            *out.get_mut(at).ok_or(SerError::Malformed)? = arity;
            Ok(())
        }
        (Some(&tags::LARGE_TUPLE), _) => set_count(out, start, arity),
        _ => Err(SerError::Malformed),
    }
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

    fn skip_field(&mut self, _: &'static str) -> Result<(), SerError> {
        Self::skip_field(self)
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

/// Bytes before the elements of a list, and of a list in its short form.
const LIST_HEAD: usize = 5;
const STRING_HEAD: usize = 3;
