//! Atoms: names that stand for themselves, held by value so that no atom table can fill up.

use core::fmt::{self, Write};

use smol_str::SmolStr;

use crate::NodeName;
use crate::limits::ATOM_CHARACTERS_MAX;

/// An Erlang atom of at most 255 characters.
///
/// Atoms are never interned: up to 23 bytes live inside the value, longer ones are shared.
/// They order by code point, as Erlang's do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(SmolStr);

/// Why a text is not an atom. The caller (or the peer whose text it is) is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtomError {
    /// More than 255 characters: shorten it.
    TooLong,
}

impl Atom {
    /// The atom with this text; fails above 255 characters.
    #[inline]
    pub fn new(text: &str) -> Result<Self, AtomError> {
        if fits(text) { Ok(Self(SmolStr::new(text))) } else { Err(AtomError::TooLong) }
    }

    /// The atom with this text, written in the program itself.
    ///
    /// # Panics
    /// Asserts that the text has at most 255 bytes; in a `const` that is an error of compilation.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.len() <= ATOM_CHARACTERS_MAX, "an atom written in a program is at most 255 bytes");
        Self(SmolStr::new_static(text))
    }

    /// The atom's text, without quotes.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The node's name as an atom, as `node(Pid)` gives it in Erlang.
impl From<NodeName> for Atom {
    fn from(name: NodeName) -> Self {
        Self(name.text())
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
