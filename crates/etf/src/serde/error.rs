//! What can go wrong between a Rust type and a term.

use core::fmt;

use alloc::boxed::Box;
use alloc::string::ToString;

use crate::DecodeError;

/// Why a value has no term. The caller's type or value is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SerError {
    /// A float that is NaN or an infinity.
    NotFinite,
    /// A name of more than 255 characters.
    AtomTooLong,
    /// Values nest deeper than 128.
    TooDeep,
    /// A value of the terms package that is not put together as it should be.
    Malformed,
    /// The term would be larger than the default limits of reading.
    Limit(DecodeError),
    /// The type's own `Serialize` failed; its words.
    Custom(Box<str>),
}

/// Why a term is not a value of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeError {
    /// The sender: the bytes are no term, or a limit stopped them.
    Decode(DecodeError),
    /// The sender: terms nest deeper than 128.
    TooDeep,
    /// The sender, or the wanted type: the term is of another shape; serde's words.
    Custom(Box<str>),
}

impl fmt::Display for SerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("float is not finite"),
            Self::AtomTooLong => f.write_str("name has more than 255 characters"),
            Self::TooDeep => f.write_str("value nests too deep"),
            Self::Malformed => f.write_str("value does not make a term"),
            Self::Limit(error) => write!(f, "term is too large: {error}"),
            Self::Custom(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::TooDeep => f.write_str("term nests too deep for serde"),
            Self::Custom(text) => f.write_str(text),
        }
    }
}

impl core::error::Error for SerError {}
impl core::error::Error for DeError {}

impl From<DecodeError> for DeError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl serde::ser::Error for SerError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string().into())
    }
}

impl serde::de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string().into())
    }
}
