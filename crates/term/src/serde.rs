//! Terms and identifiers through serde.
//!
//! A format that knows terms recognises the names in [`names`], under which each value passes as a
//! newtype struct, and makes a native term of it. To any other format they are plain data: a pid is a
//! tuple of its parts, an atom a string.
//! Reading a [`Term`], a format that knows terms answers with an enum access whose variant is a
//! [`TermKind`] where the plain data model has no word, and with plain data elsewhere.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use num_bigint::{BigInt, Sign};
use serde::de::{self, Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};

use crate::limits::SERDE_DEPTH_MAX;
use crate::{
    Atom, Binary, BitString, Export, Float, Integer, List, Map, NodeName, Opaque, Pid, PortId, Reference,
    Term,
};

/// The newtype struct names under which native values pass.
pub mod names {
    /// A string.
    pub const ATOM: &str = "$engset.Atom";
    /// Node name, creation, id, serial.
    pub const PID: &str = "$engset.Pid";
    /// Node name, creation, sequence of words.
    pub const REFERENCE: &str = "$engset.Reference";
    /// Node name, creation, id.
    pub const PORT_ID: &str = "$engset.PortId";
    /// Whether negative, magnitude as little-endian bytes.
    pub const INTEGER: &str = "$engset.Integer";
    /// Bytes, bits used in the last one.
    pub const BIT_STRING: &str = "$engset.BitString";
    /// External format bytes.
    pub const OPAQUE: &str = "$engset.Opaque";
    /// Module, function, arity.
    pub const EXPORT: &str = "$engset.Export";
    /// The sequence of elements with the tail last.
    pub const IMPROPER_LIST: &str = "$engset.ImproperList";
    /// Any term.
    pub const TERM: &str = "$engset.Term";
}

/// Kinds of term that have no word of their own in serde's data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum TermKind {
    /// Content: [`Atom`].
    Atom,
    /// Content: [`Pid`].
    Pid,
    /// Content: [`Reference`].
    Reference,
    /// Content: [`PortId`].
    PortId,
    /// Content: a sequence.
    Tuple,
    /// Content: a sequence of the elements with the tail last.
    ImproperList,
    /// Content: [`Integer`].
    Integer,
    /// Content: [`BitString`].
    BitString,
    /// Content: [`Opaque`].
    Fun,
    /// Content: [`Opaque`].
    Opaque,
    /// Content: [`Export`].
    Export,
}

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::ATOM, self.as_str())
    }
}

/// As an atom.
impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::ATOM, self.text().as_str())
    }
}

impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = (self.node().text(), self.creation(), self.id(), self.serial());
        serializer.serialize_newtype_struct(names::PID, &(parts.0.as_str(), parts.1, parts.2, parts.3))
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.node().text();
        serializer.serialize_newtype_struct(names::REFERENCE, &(node.as_str(), self.creation(), self.words()))
    }
}

impl Serialize for PortId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.node().text();
        serializer.serialize_newtype_struct(names::PORT_ID, &(node.as_str(), self.creation(), self.id()))
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Small(value) => serializer.serialize_i64(*value),
            Self::Big(big) => {
                let (sign, bytes) = big.as_bigint().to_bytes_le();
                let parts = (sign == Sign::Minus, Bytes(&bytes));
                serializer.serialize_newtype_struct(names::INTEGER, &parts)
            }
        }
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl Serialize for BitString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::BIT_STRING, &(Bytes(self.bytes()), self.last_bits()))
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::OPAQUE, &Bytes(self.external()))
    }
}

impl Serialize for Export {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = (self.module.as_str(), self.function.as_str(), self.arity);
        serializer.serialize_newtype_struct(names::EXPORT, &parts)
    }
}

/// Fails for terms nested deeper than [`SERDE_DEPTH_MAX`].
impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_deeper_than(SERDE_DEPTH_MAX) {
            return Err(ser::Error::custom("term nests too deep for serde"));
        }
        Checked(self).serialize(serializer)
    }
}

/// A term known not to nest too deep.
struct Checked<'a>(&'a Term);

impl Serialize for Checked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Term::Int(value) => serializer.serialize_i64(*value),
            Term::Big(big) => Integer::Big(big.clone()).serialize(serializer),
            Term::Float(float) => float.serialize(serializer),
            Term::Atom(atom) => atom.serialize(serializer),
            Term::Pid(pid) => pid.serialize(serializer),
            Term::Ref(reference) => reference.serialize(serializer),
            Term::Port(port) => port.serialize(serializer),
            Term::Tuple(items) => {
                let mut tuple = serializer.serialize_tuple(items.len())?;
                for item in items.iter() {
                    tuple.serialize_element(&Checked(item))?;
                }
                tuple.end()
            }
            Term::Nil => serializer.serialize_seq(Some(0))?.end(),
            Term::List(list) if list.is_proper() => Items(list.elements()).serialize(serializer),
            Term::List(list) => {
                serializer.serialize_newtype_struct(names::IMPROPER_LIST, &Items(list.cells()))
            }
            Term::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs.iter() {
                    map.serialize_entry(&Checked(key), &Checked(value))?;
                }
                map.end()
            }
            Term::Binary(binary) => binary.serialize(serializer),
            Term::BitString(bits) => bits.serialize(serializer),
            Term::Fun(opaque) | Term::Opaque(opaque) => opaque.serialize(serializer),
            Term::Export(export) => export.serialize(serializer),
        }
    }
}

struct Items<'a>(&'a [Term]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&Checked(item))?;
        }
        list.end()
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Reads the newtype struct `name` whose content reads as `P` and makes a value of it.
struct Native<P, T> {
    name: &'static str,
    make: fn(P) -> Option<T>,
}

impl<'de, P: Deserialize<'de>, T> Native<P, T> {
    fn read<D: Deserializer<'de>>(
        name: &'static str,
        from: D,
        make: fn(P) -> Option<T>,
    ) -> Result<T, D::Error> {
        from.deserialize_newtype_struct(name, Self { name, make })
    }
}

impl<'de, P: Deserialize<'de>, T> Visitor<'de> for Native<P, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<T, D::Error> {
        let parts = P::deserialize(content)?;
        (self.make)(parts).ok_or_else(|| de::Error::custom(format_args!("malformed {}", self.name)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        self.visit_newtype_struct(de::value::SeqAccessDeserializer::new(seq))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.visit_newtype_struct(de::value::StrDeserializer::new(text))
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::ATOM, from, |text: Text| Self::new(&text.0).ok())
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::ATOM, from, |text: Text| Self::new(&text.0).ok())
    }
}

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::PID, from, |(node, creation, id, serial): (Text, u32, u32, u32)| {
            Some(Self::new(NodeName::new(&node.0).ok()?, creation, id, serial))
        })
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::REFERENCE, from, |(node, creation, words): (Text, u32, Vec<u32>)| {
            Self::new(NodeName::new(&node.0).ok()?, creation, &words).ok()
        })
    }
}

impl<'de> Deserialize<'de> for PortId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::PORT_ID, from, |(node, creation, id): (Text, u32, u64)| {
            Some(Self::new(NodeName::new(&node.0).ok()?, creation, id))
        })
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::OPAQUE, from, |bytes: Binary| Some(Self::from_external(bytes)))
    }
}

impl<'de> Deserialize<'de> for BitString {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::BIT_STRING, from, |(bytes, bits): (Binary, u8)| Self::new(&bytes, bits))
    }
}

impl<'de> Deserialize<'de> for Export {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Native::read(names::EXPORT, from, |(module, function, arity): (Text, Text, u8)| {
            Some(Self { module: Atom::new(&module.0).ok()?, function: Atom::new(&function.0).ok()?, arity })
        })
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(names::INTEGER, IntegerVisitor)
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(BinaryVisitor)
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(names::TERM, TermVisitor)
    }
}

/// Text that may come as a loan or as a value of its own.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self)
    }
}

struct IntegerVisitor;

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
        Ok(Integer::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Integer, E> {
        Ok(Integer::from(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Integer, E> {
        Ok(Integer::from(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Integer, E> {
        Ok(Integer::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Integer, A::Error> {
        let negative: bool = parts.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let bytes: Binary = parts.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Ok(Integer::from(BigInt::from_bytes_le(sign, &bytes)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Integer, D::Error> {
        content.deserialize_any(self)
    }
}

struct BinaryVisitor;

impl<'de> Visitor<'de> for BinaryVisitor {
    type Value = Binary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Binary, E> {
        Ok(Binary::copy_from_slice(bytes))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Binary, E> {
        Ok(Binary::from(bytes))
    }

    fn visit_str<E>(self, text: &str) -> Result<Binary, E> {
        Ok(Binary::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Binary, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element::<u8>()? {
            bytes.push(byte);
        }
        Ok(Binary::from(bytes))
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Term, E> {
        Ok(Term::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Term, E> {
        Term::float(value).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Term, E> {
        Ok(Term::string(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Term, E> {
        Ok(Term::Binary(Binary::copy_from_slice(bytes)))
    }

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::atom("undefined"))
    }

    fn visit_none<E>(self) -> Result<Term, E> {
        Ok(Term::atom("undefined"))
    }

    fn visit_some<D: Deserializer<'de>>(self, content: D) -> Result<Term, D::Error> {
        Term::deserialize(content)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Term, D::Error> {
        content.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Term, A::Error> {
        collect(items).map(Term::list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Term, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry::<Term, Term>()? {
            pairs.push(pair);
        }
        Map::try_from_pairs(pairs).map(Term::Map).map_err(de::Error::custom)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Term, A::Error> {
        let (kind, content): (u32, A::Variant) = access.variant()?;
        match TermKind::from_number(kind) {
            Some(TermKind::Atom) => content.newtype_variant().map(Term::Atom),
            Some(TermKind::Pid) => content.newtype_variant().map(Term::Pid),
            Some(TermKind::Reference) => content.newtype_variant().map(Term::Ref),
            Some(TermKind::PortId) => content.newtype_variant().map(Term::Port),
            Some(TermKind::Tuple) => content.tuple_variant(0, ItemsVisitor).map(Term::tuple),
            Some(TermKind::ImproperList) => {
                let cells = content.tuple_variant(0, ItemsVisitor)?;
                List::from_cells(cells)
                    .map(Term::List)
                    .ok_or_else(|| de::Error::custom("list without elements"))
            }
            Some(TermKind::Integer) => content.newtype_variant::<Integer>().map(Term::from),
            Some(TermKind::BitString) => content.newtype_variant().map(Term::BitString),
            Some(TermKind::Fun) => content.newtype_variant().map(Term::Fun),
            Some(TermKind::Opaque) => content.newtype_variant().map(Term::Opaque),
            Some(TermKind::Export) => {
                content.newtype_variant().map(|export| Term::Export(alloc::sync::Arc::new(export)))
            }
            None => Err(de::Error::custom("unknown kind of term")),
        }
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Vec<Term>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of terms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<Term>, A::Error> {
        collect(items)
    }
}

fn collect<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Vec<Term>, A::Error> {
    let mut all = Vec::new();
    while let Some(item) = items.next_element()? {
        all.push(item);
    }
    Ok(all)
}

impl TermKind {
    const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Atom,
            1 => Self::Pid,
            2 => Self::Reference,
            3 => Self::PortId,
            4 => Self::Tuple,
            5 => Self::ImproperList,
            6 => Self::Integer,
            7 => Self::BitString,
            8 => Self::Fun,
            9 => Self::Opaque,
            10 => Self::Export,
            _ => return None,
        })
    }
}
