//! What Elixir and Erlang expect and serde cannot say: `nil`, atoms and charlists for strings, improper lists.
//!
//! [`nil`], [`atom`] and [`charlist`] are for `#[serde(with = "…")]` on a field. They hold for all that is in the field:
//! an `Option<Vec<String>>` as [`atom`] is `undefined` or a list of atoms. Each takes any serde type.
//!
//! A struct's form is said by its serde name, `#[serde(rename = "…")]`:
//!
//! | name | term |
//! |---|---|
//! | any other | `#{field => …}` |
//! | `%MyApp.User` | the Elixir struct `%MyApp.User{field: …}`; on input the module is checked |
//! | `#user` | the record `{user, …}`; on input tag and size are checked |
//! | `[]` | the keyword list `[field: …]`; on input the first value of a key counts, a key alone is `true`, others are passed over |
//!
//! The name of a variant or of a unit struct is written in snake case; `:Name` is written as `Name`, and a name that Rust
//! cannot have, such as `fetch!`, as it is.
//!
//! ```
//! use engset_etf::{conventions, from_term, to_term};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename = "%MyApp.User")]
//! struct User {
//!     name: String,
//!     #[serde(with = "conventions::atom")]
//!     role: String,
//!     #[serde(with = "conventions::nil", default)]
//!     age: Option<u8>,
//! }
//!
//! let user = User { name: "Ada".to_owned(), role: "admin".to_owned(), age: None };
//! let term = to_term(&user).expect("it has an Erlang form");
//! assert_eq!(
//!     term.to_string(),
//!     "#{'__struct__' => 'Elixir.MyApp.User',age => nil,name => <<\"Ada\">>,role => admin}"
//! );
//! assert_eq!(from_term::<User>(&term), Ok(user));
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use ::serde::de::{Error as _, SeqAccess, Visitor};
use ::serde::ser::SerializeSeq;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};
use engset_term::names;

use super::scope;

/// No value and `()` are written as the atom `nil`, where they are `undefined` and `ok` otherwise. Read are `nil`,
/// `undefined` and `null`, as everywhere.
pub mod nil {
    use super::{Deserialize, Deserializer, Serialize, Serializer, scope};

    /// Writes `value`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(scope::NIL, value)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// Strings are written as atoms, and read from atoms and all that a string is read from otherwise. An atom has at most
/// 255 characters; a longer string is not written.
///
/// The atoms of a peer are kept as text: none is interned.
pub mod atom {
    use super::{Deserialize, Deserializer, Inside, PhantomData, Serialize, Serializer, scope};

    /// Writes `value`.
    ///
    /// # Errors
    /// Those of the serializer, such as for a string that is too long.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(scope::ATOM_TEXT, value)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_newtype_struct(scope::ATOM_TEXT, Inside(PhantomData))
    }
}

/// Strings are written as charlists, which are lists of code points, as Erlang's `"text"` and Elixir's `'text'` are.
/// Read are such lists and binaries, as everywhere.
pub mod charlist {
    use super::{Deserialize, Deserializer, Serialize, Serializer, scope};

    /// Writes `value`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(scope::CHARLIST, value)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// A value in which no value is `nil`, for where a field's attribute has no place: see [`nil`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nil<T>(pub T);

/// A text that is a list of code points as a term, for where a field's attribute has no place: see [`charlist`].
///
/// ```
/// use engset_etf::{conventions::Charlist, from_term, to_term};
/// use engset_term::Term;
///
/// let term = to_term(&Charlist::from("hi")).expect("it has an Erlang form");
/// assert_eq!(term, Term::list([Term::from(104), Term::from(105)]));
/// assert_eq!(from_term(&Term::string("hi")), Ok(Charlist::from("hi")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Charlist(pub String);

/// A list that ends in something other than `[]`: `[a, b | tail]`.
///
/// ```
/// use engset_etf::{conventions::ImproperList, from_term, to_term};
///
/// let list = ImproperList { elements: vec![1, 2], tail: "end".to_owned() };
/// let term = to_term(&list).expect("it has an Erlang form");
/// assert_eq!(term.to_string(), "[1,2|<<\"end\">>]");
/// assert_eq!(from_term(&term), Ok(list));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImproperList<T, U = T> {
    /// At least one: without any there is nothing to be written.
    pub elements: Vec<T>,
    /// What follows the last element; that of a proper list is `[]`.
    pub tail: U,
}

impl From<&str> for Charlist {
    fn from(text: &str) -> Self {
        Self(String::from(text))
    }
}

impl From<String> for Charlist {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Charlist {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Charlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Charlist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        charlist::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Charlist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        charlist::deserialize(deserializer).map(Self)
    }
}

impl<T: Serialize> Serialize for Nil<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        nil::serialize(&self.0, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nil<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        nil::deserialize(deserializer).map(Self)
    }
}

impl<T: Serialize, U: Serialize> Serialize for ImproperList<T, U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::IMPROPER_LIST, &Cells(self))
    }
}

/// The elements with the tail last.
struct Cells<'a, T, U>(&'a ImproperList<T, U>);

impl<T: Serialize, U: Serialize> Serialize for Cells<'_, T, U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.0.elements.len().saturating_add(1);
        let mut sequence = serializer.serialize_seq(Some(cells))?;
        for element in &self.0.elements {
            sequence.serialize_element(element)?;
        }
        sequence.serialize_element(&self.0.tail)?;
        sequence.end()
    }
}

impl<'de, T: Deserialize<'de>, U: Deserialize<'de>> Deserialize<'de> for ImproperList<T, U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(names::IMPROPER_LIST, CellsVisitor(PhantomData))
    }
}

struct CellsVisitor<T, U>(PhantomData<(T, U)>);

impl<'de, T: Deserialize<'de>, U: Deserialize<'de>> Visitor<'de> for CellsVisitor<T, U> {
    type Value = ImproperList<T, U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list with a tail")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while cells.size_hint().is_some_and(|left| left > 1)
            && let Some(element) = cells.next_element()?
        {
            elements.push(element);
        }
        let tail = cells.next_element()?.ok_or_else(|| A::Error::custom("the list has no tail"))?;
        Ok(ImproperList { elements, tail })
    }
}

/// Reads what is in a newtype that a [`scope`] names.
struct Inside<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Inside<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}
