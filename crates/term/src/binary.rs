//! Runs of bytes: binaries, bitstrings, and terms kept as the bytes they came in.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

/// An Erlang binary. Up to 22 bytes live inside the value, longer ones share one buffer.
#[derive(Clone)]
pub struct Binary(Repr);

/// A bitstring whose size is not a whole number of bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString(Arc<(Binary, u8)>);

/// A term nobody but its maker may look into, kept as its external format bytes, tag included.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opaque(Binary);

#[derive(Clone)]
enum Repr {
    Inline(u8, [u8; INLINE_MAX]),
    Shared(Arc<Bytes>),
}

impl Binary {
    /// Up to so many bytes live inside the value.
    pub const INLINE_BYTES: usize = INLINE_LEN_MAX as usize;

    /// A copy of `bytes`.
    #[inline]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        Self(inline(bytes).unwrap_or_else(|| Repr::Shared(Arc::new(Bytes::copy_from_slice(bytes)))))
    }

    /// The first `len` of these bytes, all of them if there are fewer. Costs less than
    /// [`copy_from_slice`](Self::copy_from_slice), which has to look how many there are to copy.
    #[inline]
    pub const fn short(bytes: &[u8; Self::INLINE_BYTES], len: u8) -> Self {
        let len = if len < INLINE_LEN_MAX { len } else { INLINE_LEN_MAX };
        Self(Repr::Inline(len, *bytes))
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The bytes where they live inside the value, with any others behind them, and how many there are.
    #[inline]
    pub const fn as_short(&self) -> Option<(&[u8; Self::INLINE_BYTES], u8)> {
        if let Repr::Inline(len, bytes) = &self.0 { Some((bytes, *len)) } else { None }
    }

    /// The bytes, shared with this binary where it is longer than 22 bytes.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline(..) => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => Bytes::clone(bytes),
        }
    }

    /// The text, if the bytes are UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        core::str::from_utf8(self.as_slice()).ok()
    }
}

impl BitString {
    /// The bits of `bytes`, of which the last byte counts only its `last_bits` (1 to 7) highest;
    /// the others are set to zero. `None` if there is no byte or `last_bits` is out of range.
    pub fn new(bytes: &[u8], last_bits: u8) -> Option<Self> {
        if !(1..=7).contains(&last_bits) {
            return None;
        }
        let (last, head) = bytes.split_last()?;
        let kept = last & !(u8::MAX >> last_bits);
        let all = if kept == *last {
            Binary::copy_from_slice(bytes)
        } else {
            let mut cleaned = alloc::vec::Vec::with_capacity(bytes.len());
            cleaned.extend_from_slice(head);
            cleaned.push(kept);
            Binary::from(cleaned)
        };
        Some(Self(Arc::new((all, last_bits))))
    }

    /// The bytes; the unused low bits of the last are zero.
    pub fn bytes(&self) -> &[u8] {
        self.0.0.as_slice()
    }

    /// How many bits of the last byte count, 1 to 7.
    pub fn last_bits(&self) -> u8 {
        self.0.1
    }
}

impl Opaque {
    /// Keeps `bytes`, which must be one whole term in external format without the leading 131.
    pub const fn from_external(bytes: Binary) -> Self {
        Self(bytes)
    }

    /// The external format bytes, tag included.
    pub fn external(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        Self(inline(&bytes).unwrap_or_else(|| Repr::Shared(Arc::new(bytes))))
    }
}

impl From<alloc::vec::Vec<u8>> for Binary {
    fn from(bytes: alloc::vec::Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl From<&str> for Binary {
    fn from(text: &str) -> Self {
        Self::copy_from_slice(text.as_bytes())
    }
}

impl Deref for Binary {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Default for Binary {
    fn default() -> Self {
        Self(Repr::Inline(0, [0; INLINE_MAX]))
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Binary {}

impl PartialOrd for Binary {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Binary {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl core::hash::Hash for Binary {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({:?})", self.as_slice())
    }
}

impl fmt::Debug for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BitString({:?}, {})", self.bytes(), self.last_bits())
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({} bytes)", self.external().len())
    }
}

#[inline]
fn inline(bytes: &[u8]) -> Option<Repr> {
    let len = u8::try_from(bytes.len()).ok()?;
    let mut buffer = [0; INLINE_MAX];
    buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(Repr::Inline(len, buffer))
}

const INLINE_MAX: usize = Binary::INLINE_BYTES;
const INLINE_LEN_MAX: u8 = 22;
