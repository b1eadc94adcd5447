//! What can be wrong with bytes that claim to be a term.

use core::fmt;

/// Why bytes are no term, and where. Whoever sent them is to blame, or a limit stopped them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// How many bytes were read before the mistake; within a compressed term, how many inflated bytes.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with bytes that claim to be a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The sender: the term needs more bytes than there are.
    Truncated,
    /// The sender: bytes follow the term.
    TrailingBytes,
    /// The sender: the first byte is not 131.
    BadVersion,
    /// The sender: a tag that does not exist.
    UnknownTag,
    /// The sender: a term of another type than is expected here.
    UnexpectedType,
    /// The sender: an integer outside the range expected here.
    IntegerOutOfRange,
    /// The sender: text that is not UTF-8.
    BadUtf8,
    /// The sender: an atom of more than 255 characters.
    AtomTooLong,
    /// The sender: an atom cache entry that this message does not have.
    BadAtomCacheIndex,
    /// The sender: a cached atom inside a term that must be kept as it is.
    CachedAtomInOpaque,
    /// The sender: a float that is not finite or not a number.
    BadFloat,
    /// The sender: a sign byte that is neither 0 nor 1.
    BadSign,
    /// The sender: a count of bits that is not 1 to 8, or bits without bytes.
    BadBits,
    /// The sender: a map with the same key twice.
    DuplicateKey,
    /// The sender: a reference without words or with more than five.
    BadReference,
    /// The sender: a node that is not `name@host`.
    BadNodeName,
    /// The sender: a fun or record whose parts do not fit its size.
    BadOpaque,
    /// The sender: a term private to one node inside another term.
    NestedLocal,
    /// The sender: a compressed term inside another term.
    NestedCompression,
    /// The sender: compressed data that does not inflate to the size it claims.
    BadCompression,
    /// The limit: [`depth_max`](crate::Limits::depth_max).
    TooDeep,
    /// The limit: [`elements_max`](crate::Limits::elements_max).
    TooManyElements,
    /// The limit: [`binary_bytes_max`](crate::Limits::binary_bytes_max).
    BinaryTooLarge,
    /// The limit: [`integer_bits_max`](crate::Limits::integer_bits_max).
    IntegerTooLarge,
    /// The limit: [`memory_bytes_max`](crate::Limits::memory_bytes_max) or its ratio.
    TooMuchMemory,
    /// The limit: [`inflated_bytes_max`](crate::Limits::inflated_bytes_max) or its ratio.
    InflatesTooMuch,
    /// The limit: [`node_names_new_max`](crate::Limits::node_names_new_max), or all names in use.
    TooManyNodeNames,
}

impl DecodeErrorKind {
    /// Whether a limit of who reads has stopped a term that may well be sound.
    ///
    /// ```
    /// use engset_etf::DecodeErrorKind;
    ///
    /// assert!(DecodeErrorKind::IntegerTooLarge.is_limit());
    /// assert!(!DecodeErrorKind::Truncated.is_limit());
    /// ```
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::TooDeep
                | Self::TooManyElements
                | Self::BinaryTooLarge
                | Self::IntegerTooLarge
                | Self::TooMuchMemory
                | Self::InflatesTooMuch
                | Self::TooManyNodeNames
        )
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "term is not complete",
            Self::TrailingBytes => "bytes follow the term",
            Self::BadVersion => "version byte is not 131",
            Self::UnknownTag => "unknown tag",
            Self::UnexpectedType => "term of another type expected",
            Self::IntegerOutOfRange => "integer is out of range",
            Self::BadUtf8 => "text is not UTF-8",
            Self::AtomTooLong => "atom has more than 255 characters",
            Self::BadAtomCacheIndex => "no such atom in the cache",
            Self::CachedAtomInOpaque => "cached atom in a term kept as it is",
            Self::BadFloat => "float is not a finite number",
            Self::BadSign => "sign is neither 0 nor 1",
            Self::BadBits => "count of bits is not 1 to 8",
            Self::DuplicateKey => "map has the same key twice",
            Self::BadReference => "reference has not one to five words",
            Self::BadNodeName => "node is not of the form name@host",
            Self::BadOpaque => "parts of a fun or record do not fit its size",
            Self::NestedLocal => "local term inside another term",
            Self::NestedCompression => "compressed term inside another term",
            Self::BadCompression => "compressed data is damaged",
            Self::TooDeep => "term nests too deep",
            Self::TooManyElements => "container has too many elements",
            Self::BinaryTooLarge => "binary is too large",
            Self::IntegerTooLarge => "integer is too large",
            Self::TooMuchMemory => "term needs too much memory",
            Self::InflatesTooMuch => "compressed term inflates too much",
            Self::TooManyNodeNames => "too many new node names",
        })
    }
}

impl core::error::Error for DecodeError {}
