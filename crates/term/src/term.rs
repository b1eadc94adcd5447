//! The term itself: every kind of value Erlang has.

use alloc::sync::Arc;

use bytes::Bytes;

use crate::cells::Cells;
use crate::{
    Atom, Big, Binary, BitString, Float, FloatError, Integer, List, Map, Opaque, Pid, PortId, Reference,
    Tuple,
};

/// Any Erlang value, at most 32 bytes; a clone never copies more than that.
///
/// `==` and `Hash` are Erlang's `=:=`: `1` and `1.0` differ.
/// `Ord` is Erlang's order with `1` before `1.0`; see [`Term::arith_cmp`] for the order of `==`.
#[derive(Clone)]
pub enum Term {
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond 64 bits.
    Big(Big),
    /// A finite float.
    Float(Float),
    /// An atom.
    Atom(Atom),
    /// A process identifier.
    Pid(Pid),
    /// A reference.
    Ref(Reference),
    /// A port identifier.
    Port(PortId),
    /// A tuple.
    Tuple(Tuple),
    /// The empty list.
    Nil,
    /// A non-empty list, proper or not.
    List(List),
    /// A map.
    Map(Map),
    /// A binary.
    Binary(Binary),
    /// A bitstring that is not a binary.
    BitString(BitString),
    /// A fun of another node, kept verbatim.
    Fun(Opaque),
    /// An external fun, `fun module:function/arity`.
    Export(Arc<Export>),
    /// A value only its maker can read (a record of OTP 29, a term private to one node), kept verbatim.
    Opaque(Opaque),
}

/// `fun module:function/arity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Export {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments it takes.
    pub arity: u8,
}

/// Constructors.
impl Term {
    /// The atom with this text, at most 255 bytes.
    ///
    /// # Panics
    /// See [`Atom::from_static`]; a text that comes from elsewhere goes through [`Atom::new`].
    pub const fn atom(text: &'static str) -> Self {
        Self::Atom(Atom::from_static(text))
    }

    /// An integer of any size.
    pub fn int(value: impl Into<Integer>) -> Self {
        Self::from(value.into())
    }

    /// A float; fails for NaN and the infinities.
    pub const fn float(value: f64) -> Result<Self, FloatError> {
        match Float::new(value) {
            Ok(float) => Ok(Self::Float(float)),
            Err(error) => Err(error),
        }
    }

    /// A tuple.
    pub fn tuple(items: impl IntoIterator<Item = Self>) -> Self {
        Self::Tuple(items.into_iter().collect())
    }

    /// A proper list; `[]` when there is no item.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::improper_list(items, Self::Nil)
    }

    /// The list of `items` that goes on with `tail`; `tail` itself when there is no item.
    pub fn improper_list(items: impl IntoIterator<Item = Self>, tail: Self) -> Self {
        List::new(items, tail).map_or_else(|tail| tail, Self::List)
    }

    /// A map; where a key occurs twice, the later value stays.
    pub fn map(pairs: impl IntoIterator<Item = (Self, Self)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// A binary.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(Binary::from(bytes.into()))
    }

    /// The binary of a text's UTF-8, as Elixir's strings are.
    pub fn string(text: &str) -> Self {
        Self::Binary(Binary::from(text))
    }

    /// The list of a text's code points, as Erlang's strings are.
    pub fn charlist(text: &str) -> Self {
        Self::list(text.chars().map(|c| Self::Int(i64::from(u32::from(c)))))
    }

    /// `fun module:function/arity`.
    pub fn export(module: Atom, function: Atom, arity: u8) -> Self {
        Self::Export(Arc::new(Export { module, function, arity }))
    }
}

/// Looking into a term.
impl Term {
    /// The atom, if it is one.
    pub const fn as_atom(&self) -> Option<&Atom> {
        if let Self::Atom(atom) = self { Some(atom) } else { None }
    }

    /// Whether this is the atom with this text.
    pub fn is_atom(&self, text: &str) -> bool {
        self.as_atom().is_some_and(|atom| atom.as_str() == text)
    }

    /// `true` or `false`, if it is one of these atoms.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The integer, if it is one that fits 64 bits.
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one of any size.
    pub fn as_integer(&self) -> Option<Integer> {
        if let Self::Big(big) = self {
            Some(Integer::Big(big.clone()))
        } else {
            self.as_int().map(Integer::Small)
        }
    }

    /// The float, if it is one; integers are not.
    pub const fn as_float(&self) -> Option<f64> {
        if let Self::Float(float) = self { Some(float.value()) } else { None }
    }

    /// The elements, if it is a tuple.
    pub fn as_tuple(&self) -> Option<&[Self]> {
        if let Self::Tuple(tuple) = self { Some(tuple.as_slice()) } else { None }
    }

    /// The list, if it is one that is not empty.
    pub const fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The elements, if it is a proper list or `[]`.
    pub fn as_proper_list(&self) -> Option<&[Self]> {
        if let Self::Nil = self {
            return Some(&[]);
        }
        self.as_list().filter(|list| list.is_proper()).map(List::elements)
    }

    /// The map, if it is one.
    pub const fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The bytes, if it is a binary.
    pub fn as_binary(&self) -> Option<&[u8]> {
        if let Self::Binary(binary) = self { Some(binary.as_slice()) } else { None }
    }

    /// The text, if it is a binary of UTF-8 or a list of code points.
    pub fn to_text(&self) -> Option<alloc::string::String> {
        if let Self::Binary(binary) = self {
            return binary.as_text().map(Into::into);
        }
        let code = |item: &Self| char::from_u32(u32::try_from(item.as_int()?).ok()?);
        self.as_proper_list()?.iter().map(code).collect()
    }

    /// The pid, if it is one.
    pub const fn as_pid(&self) -> Option<Pid> {
        if let Self::Pid(pid) = self { Some(*pid) } else { None }
    }

    /// The reference, if it is one.
    pub const fn as_ref_id(&self) -> Option<Reference> {
        if let Self::Ref(reference) = self { Some(*reference) } else { None }
    }

    /// The port identifier, if it is one.
    pub const fn as_port(&self) -> Option<PortId> {
        if let Self::Port(port) = self { Some(*port) } else { None }
    }

    /// Whether it is `[]`.
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Whether containers nest more than `depth` deep; a leaf has depth zero.
    pub fn is_deeper_than(&self, depth: usize) -> bool {
        u32::try_from(depth).is_ok_and(|depth| self.levels() > depth)
    }

    pub(crate) const fn is_container(&self) -> bool {
        matches!(self, Self::Tuple(_) | Self::List(_) | Self::Map(_))
    }

    /// The terms inside a container, in the container's own layout.
    pub(crate) fn cells(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(tuple) => Some(tuple.as_slice()),
            Self::List(list) => Some(list.cells()),
            Self::Map(map) => Some(map.cells()),
            _ => None,
        }
    }

    /// How many levels of containers there are: zero for a leaf.
    #[inline]
    pub(crate) fn levels(&self) -> u32 {
        match self {
            Self::Tuple(tuple) => tuple.inner().levels(),
            Self::List(list) => list.inner().levels(),
            Self::Map(map) => map.inner().levels(),
            _ => 0,
        }
    }

    pub(crate) const fn cells_mut(&mut self) -> Option<&mut Cells> {
        match self {
            Self::Tuple(tuple) => Some(tuple.cells_mut()),
            Self::List(list) => Some(list.cells_mut()),
            Self::Map(map) => Some(map.cells_mut()),
            _ => None,
        }
    }
}

impl From<Integer> for Term {
    fn from(value: Integer) -> Self {
        match value {
            Integer::Small(small) => Self::Int(small),
            Integer::Big(big) => Self::Big(big),
        }
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Term {
            fn from(value: $kind) -> Self {
                Self::from(Integer::from(value))
            }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, num_bigint::BigInt);

macro_rules! from_variant {
    ($($kind:ident => $variant:ident),*) => {$(
        impl From<$kind> for Term {
            fn from(value: $kind) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
from_variant!(
    Atom => Atom, Float => Float, Pid => Pid, Reference => Ref, PortId => Port, Tuple => Tuple, List => List,
    Map => Map, Binary => Binary, BitString => BitString
);

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Atom(Atom::from(value))
    }
}

impl TryFrom<f64> for Term {
    type Error = FloatError;

    fn try_from(value: f64) -> Result<Self, FloatError> {
        Self::float(value)
    }
}

/// The binary of the text's UTF-8.
impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<Bytes> for Term {
    fn from(bytes: Bytes) -> Self {
        Self::binary(bytes)
    }
}

const _: () = assert!(size_of::<Term>() <= 32, "a term is at most 32 bytes");
const _: () = assert!(size_of::<Pid>() == 16, "a pid is 16 bytes");
