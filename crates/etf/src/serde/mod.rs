//! Rust types to terms and back by way of serde.
//!
//! | Rust | term | also read |
//! |---|---|---|
//! | `bool` | `true`, `false` | |
//! | integers of any width | integer | |
//! | `f32`, `f64` | float (finite only) | integer |
//! | `char`, `str`, `String` | binary | charlist; atoms for names of fields and variants |
//! | bytes | binary | list of bytes |
//! | sequence | list | binary, as a list of its bytes |
//! | tuple, tuple struct | tuple | |
//! | map | map | |
//! | struct | map with atom keys | keys as binaries |
//! | newtype struct | its content | |
//! | `Option` | `undefined`, content | `nil`, `null` |
//! | `()` | `ok` | `nil`, `undefined` |
//! | unit struct | atom | |
//! | unit variant | atom in `snake_case` | the name as written, as an atom or a binary |
//! | other variants | `{variant, ...}`, for struct variants `{variant, #{...}}` | |
//! | `Result` | `{ok, V}`, `{error, E}`, `ok` for `Ok(())`, `error` for `Err(())` | `{ok, ok}` |
//!
//! [`conventions`] has other forms, chosen by attributes: Elixir structs, records, keyword lists, `nil`, atoms and
//! charlists for strings.
//! The identifiers and terms of `engset-term` pass as themselves.

mod case;
pub mod conventions;
mod de;
mod de_access;
mod de_struct;
mod error;
mod part;
mod scope;
mod ser;
mod ser_compound;

use alloc::vec::Vec;

use ::serde::{Serialize, de::Deserialize, de::DeserializeOwned};
use engset_term::Term;

pub use error::{DeError, SerError};

use crate::{Limits, Reader};

/// Appends the term that stands for `value` to `out`, without 131. After an error `out` is as before.
pub fn to_body<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), SerError> {
    let start = out.len();
    let result = value.serialize(&mut ser::Serializer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// The term that stands for `value`.
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, SerError> {
    let mut body = Vec::new();
    to_body(value, &mut body)?;
    Reader::new(&body).term().map_err(SerError::Limit)
}

/// The value that the one term in `body`, without 131, stands for, within the default limits.
pub fn from_body<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, DeError> {
    from_body_with(Reader::new(body))
}

/// The value that the one term left in `reader` stands for.
pub fn from_body_with<'de, T: Deserialize<'de>>(mut reader: Reader<'de>) -> Result<T, DeError> {
    let value = T::deserialize(de::Deserializer::new(&mut reader))?;
    reader.expect_end()?;
    Ok(value)
}

/// The value that `term` stands for.
pub fn from_term<T: DeserializeOwned>(term: &Term) -> Result<T, DeError> {
    let mut body = Vec::new();
    crate::encode_body(term, &mut body);
    // The term is our own, only its depth can still be too much.
    from_body_with(Reader::with_limits(&body, &Limits::ANY_SIZE))
}
