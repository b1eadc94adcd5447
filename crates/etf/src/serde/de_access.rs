//! What stands inside a term, for serde's visitors: elements, pairs, variants, parts.

use alloc::string::String;

use engset_term::TermKind;
use serde::de::value::{SeqDeserializer, StrDeserializer, U32Deserializer, UnitDeserializer};
use serde::de::{
    self, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::DeError;
use super::case;
use super::de::Deserializer;
use super::scope::STRUCT;
use crate::{DecodeError, DecodeErrorKind, Reader, tags};

/// Elements of a tuple or list.
pub(super) struct Elements<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) depth: usize,
    pub(super) left: usize,
    pub(super) atoms: bool,
    pub(super) behind: Behind,
    pub(super) place: Place,
}

/// Where the values of a container's elements are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the value that the container is: a struct, a tuple, an array.
    Inside,
    /// In memory that is taken for them: a vector, a map.
    New,
}

impl Place {
    /// Takes the memory of one more value, where it has no place yet, from the budget.
    #[inline]
    fn one_more<T>(self, reader: &mut Reader<'_>) -> Result<(), DeError> {
        // A byte for each that came, or none, is never too much.
        if self == Self::New && size_of::<T>() > 1 {
            reader.charge_value(size_of::<T>())?;
        }
        Ok(())
    }
}

/// What comes behind the elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing that is part of it.
    Nothing,
    /// The tail of a list, which may be a list again: then its elements come, too.
    Tail,
    /// The same, and the last of the elements is the tail.
    TailAsElement,
}

/// Pairs of a map.
pub(super) struct Entries<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) depth: usize,
    pub(super) left: usize,
    pub(super) atoms: bool,
    /// The pair that names the module of a struct is passed over.
    pub(super) is_struct: bool,
    pub(super) place: Place,
}

/// Bytes one by one.
pub(super) struct Bytes<'r, 'de> {
    pub(super) bytes: &'de [u8],
    pub(super) reader: &'r mut Reader<'de>,
}

/// A variant by name and the values that follow it.
pub(super) struct Variant<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) content: Content,
    pub(super) variants: &'static [&'static str],
    pub(super) values: usize,
    pub(super) name_at: usize,
}

/// What holds for the terms in a container.
#[derive(Clone, Copy)]
pub(super) struct Content {
    pub(super) depth: usize,
    pub(super) atoms: bool,
}

/// A term of a kind that serde's data model has no word for.
pub(super) struct EnumTerm<'r, 'de> {
    pub(super) kind: TermKind,
    pub(super) content: Deserializer<'r, 'de>,
}

/// One part of a native value.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    Number(u64),
    Truth(bool),
    Words(&'a [u32]),
}

/// The parts of a native value as a sequence.
pub(super) fn parts<const N: usize>(
    parts: [Part<'_>; N],
) -> SeqDeserializer<core::array::IntoIter<Part<'_>, N>, DeError> {
    SeqDeserializer::new(parts.into_iter())
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        match (self.behind, self.left) {
            (Behind::Tail, 0) => self.left = self.reader.list_goes_on()?,
            (Behind::TailAsElement, 1) => self.left = self.reader.list_goes_on()?.saturating_add(1),
            _ => {}
        }
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.place.one_more::<T::Value>(self.reader)?;
        let (depth, atoms, room) = (self.depth, self.atoms, size_of::<T::Value>());
        let element = Deserializer { reader: self.reader, depth, is_name: false, atoms, room };
        seed.deserialize(element).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        loop {
            let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
            self.left = left;
            if !self.is_struct || !self.reader.accept_atom(STRUCT) {
                break;
            }
            self.reader.skip_term()?;
        }
        self.place.one_more::<K::Value>(self.reader)?;
        let (depth, atoms, room) = (self.depth, self.atoms, size_of::<K::Value>());
        seed.deserialize(Deserializer { reader: self.reader, depth, is_name: true, atoms, room }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        self.place.one_more::<V::Value>(self.reader)?;
        let (depth, atoms, room) = (self.depth, self.atoms, size_of::<V::Value>());
        seed.deserialize(Deserializer { reader: self.reader, depth, is_name: false, atoms, room })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> SeqAccess<'de> for Bytes<'_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        let Some((byte, rest)) = self.bytes.split_first() else { return Ok(None) };
        self.bytes = rest;
        Place::New.one_more::<T::Value>(self.reader)?;
        seed.deserialize(byte.into_deserializer()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len())
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let name = match self.reader.peek_tag()? {
            tags::BINARY => {
                let text = core::str::from_utf8(self.reader.binary()?);
                String::from(
                    text.map_err(|_utf8| self.reader.error_at(self.name_at, DecodeErrorKind::BadUtf8))?,
                )
            }
            _ => String::from(self.reader.atom()?.as_str()),
        };
        let known = case::find(&name, self.variants).unwrap_or(&name);
        let value = seed.deserialize(StrDeserializer::<DeError>::new(known))?;
        Ok((value, self))
    }
}

impl<'de> Variant<'_, 'de> {
    fn expect_values(&self, count: usize) -> Result<(), DeError> {
        if self.values == count {
            Ok(())
        } else {
            Err(DeError::invalid_length(self.values, &"as many values as the variant has"))
        }
    }

    /// What is in the variant, in the place of the whole.
    fn content<'s>(&'s mut self, room: usize) -> Deserializer<'s, 'de> {
        let Content { depth, atoms } = self.content;
        Deserializer { reader: self.reader, depth, is_name: false, atoms, room }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        self.expect_values(0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, DeError> {
        if self.values == 0 {
            // A bare `ok` is `{ok, ok}`: the atom is read again, as the content. A bare `error` brings nothing.
            self.reader.rewind(self.name_at);
            let start = self.name_at;
            if self.variants.contains(&"Err") && self.reader.accept_atom("error") {
                return seed.deserialize(UnitDeserializer::<DeError>::new());
            }
            if !self.reader.accept_atom("ok") {
                return Err(DecodeError { offset: start, kind: DecodeErrorKind::UnexpectedType }.into());
            }
            self.reader.rewind(start);
            return seed.deserialize(self.content(size_of::<T::Value>()));
        }
        self.expect_values(1)?;
        seed.deserialize(self.content(size_of::<T::Value>()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DeError> {
        self.expect_values(len)?;
        let Content { depth, atoms } = self.content;
        let (reader, behind, place) = (self.reader, Behind::Nothing, Place::Inside);
        let mut elements = Elements { reader, depth, left: self.values, atoms, behind, place };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.left == 0 { Ok(value) } else { Err(DeError::invalid_length(len, &"fewer values")) }
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.expect_values(1)?;
        self.content(size_of::<V::Value>()).entries(visitor, false, Place::Inside)
    }
}

impl<'r, 'de> EnumAccess<'de> for EnumTerm<'r, 'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let kind = seed.deserialize(U32Deserializer::<DeError>::new(self.kind as u32))?;
        Ok((kind, self))
    }
}

impl<'de> VariantAccess<'de> for EnumTerm<'_, 'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        Err(DeError::custom("a term of this kind has content"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        seed.deserialize(self.content)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        let content = self.content;
        let (count, behind) = match self.kind {
            TermKind::ImproperList => {
                (content.reader.list_header()?.saturating_add(1), Behind::TailAsElement)
            }
            _ => (content.reader.tuple_header()?, Behind::Nothing),
        };
        content.elements(visitor, count, (behind, Place::New))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, DeError> {
        Err(DeError::custom("a term of this kind has no fields"))
    }
}

impl<'a> IntoDeserializer<'_, DeError> for Part<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Part<'_> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Text(text) => visitor.visit_str(text),
            Self::Bytes(bytes) => visitor.visit_bytes(bytes),
            Self::Number(number) => visitor.visit_u64(number),
            Self::Truth(truth) => visitor.visit_bool(truth),
            Self::Words(words) => {
                visitor.visit_seq(SeqDeserializer::<_, DeError>::new(words.iter().copied()))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}
