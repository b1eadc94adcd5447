//! References: values a node promises not to make twice.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::NodeName;
use crate::limits::REFERENCE_WORDS_MAX;

/// An Erlang reference: its node, that node's incarnation, and one to five words.
///
/// Orders as Erlang's do: by node name, then creation, then words, the most significant (last) first.
/// A missing word counts as zero, in equality too.
#[derive(Clone, Copy)]
pub struct Reference {
    node: NodeName,
    creation: u32,
    /// Words beyond `len` are zero.
    words: [u32; REFERENCE_WORDS_MAX],
    len: Len,
}

/// Why words make no reference. Whoever supplied them is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceError {
    /// No word at all.
    NoWords,
    /// More than five words.
    TooManyWords,
}

impl Reference {
    /// A reference from its parts; `words` holds one to five words, the least significant first.
    pub fn new(node: NodeName, creation: u32, words: &[u32]) -> Result<Self, ReferenceError> {
        let len = Len::of(words.len())?;
        let mut all = [0; REFERENCE_WORDS_MAX];
        for (to, from) in all.iter_mut().zip(words) {
            *to = *from;
        }
        Ok(Self { node, creation, words: all, len })
    }

    /// A reference of three words, as nodes commonly make them.
    pub const fn from_words(node: NodeName, creation: u32, words: [u32; 3]) -> Self {
        let [a, b, c] = words;
        Self { node, creation, words: [a, b, c, 0, 0], len: Len::Three }
    }

    /// The node that made the reference.
    pub const fn node(&self) -> NodeName {
        self.node
    }

    /// The incarnation of that node.
    pub const fn creation(&self) -> u32 {
        self.creation
    }

    /// One to five words, the least significant first.
    pub fn words(&self) -> &[u32] {
        self.words.get(..self.len as usize).unwrap_or(&self.words)
    }

    /// The words as one number.
    #[inline]
    const fn number(&self) -> (u32, u64, u64) {
        let [a, b, c, d, e] = self.words;
        (e, (d as u64) << 32 | c as u64, (b as u64) << 32 | a as u64)
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.node == other.node && self.creation == other.creation
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.node, self.creation, self.words).hash(state);
    }
}

impl Ord for Reference {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.node
            .cmp(&other.node)
            .then_with(|| self.creation.cmp(&other.creation))
            .then_with(|| self.number().cmp(&other.number()))
    }
}

impl PartialOrd for Reference {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `#Ref<name@host.w2.w1.w0>`, the most significant word first, as Erlang prints them.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}", self.node)?;
        for word in self.words().iter().rev() {
            write!(f, ".{word}")?;
        }
        f.write_str(">")
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWords => "reference has no words",
            Self::TooManyWords => "reference has more than five words",
        })
    }
}

impl core::error::Error for ReferenceError {}

/// A count of words; an enum so that a term finds room for its own tag beside it.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Len {
    One = 1,
    Two,
    Three,
    Four,
    Five,
}

impl Len {
    const fn of(count: usize) -> Result<Self, ReferenceError> {
        Ok(match count {
            0 => return Err(ReferenceError::NoWords),
            1 => Self::One,
            2 => Self::Two,
            3 => Self::Three,
            4 => Self::Four,
            5 => Self::Five,
            _ => return Err(ReferenceError::TooManyWords),
        })
    }
}
