//! Atoms: names that stand for themselves, held by value so that no atom table can fill up.

use core::cmp::Ordering;
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};

use smol_str::SmolStr;

use crate::NodeName;
use crate::limits::ATOM_CHARACTERS_MAX;
use crate::short::Short;

/// An Erlang atom of at most 255 characters.
///
/// Atoms are never interned: up to 23 bytes live inside the value, longer ones are shared.
/// They order by code point, as Erlang's do.
#[derive(Clone)]
pub struct Atom(Repr);

/// One text may have either form.
#[derive(Clone)]
enum Repr {
    Short(Short),
    Other(SmolStr),
}

/// Why a text is not an atom. The caller (or the peer whose text it is) is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtomError {
    /// More than 255 characters: shorten it.
    TooLong,
}

impl Atom {
    /// So many characters of ASCII make a short atom, which is copied as a block.
    pub const SHORT_BYTES: usize = Short::BYTES;

    /// The atom with this text; fails above 255 characters.
    #[inline]
    pub fn new(text: &str) -> Result<Self, AtomError> {
        match Short::of(text) {
            Some(short) => Ok(Self(Repr::Short(short))),
            None if fits(text) => Ok(Self(Repr::Other(SmolStr::new(text)))),
            None => Err(AtomError::TooLong),
        }
    }

    /// The atom whose text is the first `len` of these bytes. `None` where the block has fewer, and for text that is
    /// not ASCII. Costs less than [`new`](Self::new), which has to look how many bytes there are to copy.
    ///
    /// ```
    /// use engset_term::Atom;
    ///
    /// assert_eq!(Atom::short(b"ok, and what is behind", 2).expect("it is ASCII"), "ok");
    /// ```
    #[inline]
    pub fn short(block: &[u8; Self::SHORT_BYTES], len: u8) -> Option<Self> {
        Short::of_block(block, len).map(|short| Self(Repr::Short(short)))
    }

    /// The text of an atom that was made short, with zeros behind it, and its length.
    #[inline]
    pub fn as_short(&self) -> Option<(&[u8; Self::SHORT_BYTES], u8)> {
        if let Repr::Short(short) = &self.0 { Some(short.block()) } else { None }
    }

    /// The atom with this text, written in the program itself.
    ///
    /// # Panics
    /// Asserts that the text has at most 255 bytes; in a `const` that is an error of compilation.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.len() <= ATOM_CHARACTERS_MAX, "an atom written in a program is at most 255 bytes");
        Self(Repr::Other(SmolStr::new_static(text)))
    }

    /// The atom's text, without quotes.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Short(short) => short.as_str(),
            Repr::Other(text) => text.as_str(),
        }
    }
}

impl PartialEq for Atom {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Short(a), Repr::Short(b)) => a == b,
            _ => self.as_str() == other.as_str(),
        }
    }
}

impl Eq for Atom {}

impl Ord for Atom {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Short(a), Repr::Short(b)) => a.cmp(b),
            _ => self.as_str().cmp(other.as_str()),
        }
    }
}

impl PartialOrd for Atom {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// The node's name as an atom, as `node(Pid)` gives it in Erlang.
impl From<NodeName> for Atom {
    fn from(name: NodeName) -> Self {
        Self(Repr::Other(name.text()))
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        Self::from_static(if value { "true" } else { "false" })
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomError;

    fn try_from(text: &str) -> Result<Self, AtomError> {
        Self::new(text)
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As Erlang prints it with `~tw`: quoted where the shell needs quotes.
impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_atom(f, self.as_str())
    }
}

impl fmt::Display for AtomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("atom has more than 255 characters"),
        }
    }
}

impl core::error::Error for AtomError {}

#[inline]
fn fits(text: &str) -> bool {
    text.len() <= ATOM_CHARACTERS_MAX || text.chars().count() <= ATOM_CHARACTERS_MAX
}

pub(crate) fn write_atom<W: Write + ?Sized>(out: &mut W, text: &str) -> fmt::Result {
    if is_plain(text) {
        return out.write_str(text);
    }
    out.write_char('\'')?;
    for c in text.chars() {
        write_escaped(out, c, '\'')?;
    }
    out.write_char('\'')
}

/// Writes one character as it stands inside `quote` marks.
pub(crate) fn write_escaped<W: Write + ?Sized>(out: &mut W, c: char, quote: char) -> fmt::Result {
    match c {
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\t' => out.write_str("\\t"),
        '\r' => out.write_str("\\r"),
        '\u{8}' => out.write_str("\\b"),
        '\u{b}' => out.write_str("\\v"),
        '\u{c}' => out.write_str("\\f"),
        '\u{1b}' => out.write_str("\\e"),
        '\u{7f}' => out.write_str("\\d"),
        c if c == quote => {
            out.write_char('\\')?;
            out.write_char(c)
        }
        c if u32::from(c) < 0x20 => write!(out, "\\{:03o}", u32::from(c)),
        c if (0x80..0xa0).contains(&u32::from(c)) => write!(out, "\\{:03o}", u32::from(c)),
        c => out.write_char(c),
    }
}

fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    is_lower(first) && chars.all(is_name_character) && !RESERVED.contains(&text)
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || (('\u{df}'..='\u{ff}').contains(&c) && c != '\u{f7}')
}

fn is_upper(c: char) -> bool {
    c.is_ascii_uppercase() || (('\u{c0}'..='\u{de}').contains(&c) && c != '\u{d7}')
}

pub(crate) fn is_name_character(c: char) -> bool {
    is_lower(c) || is_upper(c) || c.is_ascii_digit() || c == '_' || c == '@'
}

pub(crate) fn starts_atom(c: char) -> bool {
    is_lower(c)
}

pub(crate) fn is_reserved(text: &str) -> bool {
    RESERVED.contains(&text)
}

/// Words an Erlang program must quote to use as atoms.
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond",
    "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse", "receive", "rem", "try",
    "when", "xor",
];
