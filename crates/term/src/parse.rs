//! Reading terms as they are typed in an Erlang shell, without recursion.

use alloc::vec::Vec;
use core::fmt;

use crate::limits::PARSE_DEPTH_MAX;
use crate::scan::Scanner;
use crate::{Atom, Integer, Map, Term};

/// Why a text is not a term, and where. Whoever wrote the text is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// How many bytes of the text were read before the mistake.
    pub at: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a text that is not a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The text ends within the term.
    UnexpectedEnd,
    /// A character that cannot stand here.
    UnexpectedCharacter,
    /// Something follows the term.
    TrailingText,
    /// Nesting deeper than [`PARSE_DEPTH_MAX`].
    TooDeep,
    /// A number that is none, or a base outside 2 to 36.
    BadNumber,
    /// A float beyond the largest one.
    FloatTooLarge,
    /// An escape sequence that means no character.
    BadEscape,
    /// An atom of more than 255 characters.
    AtomTooLong,
    /// A word Erlang reserves; as an atom it needs quotes.
    ReservedWord,
    /// A part of a binary that does not fit its bits.
    BadSegment,
    /// A map with the same key twice.
    DuplicateKey,
    /// A number of arguments above 255.
    BadArity,
}

impl Term {
    /// The term this text shows, as it would be typed in an Erlang shell; a final dot may follow.
    ///
    /// Understands numbers (`16#ff`, `$a`, `1_000`, `1.0e3`), atoms, strings (as lists), binaries,
    /// tuples, lists, maps and `fun m:f/1`; nests up to [`PARSE_DEPTH_MAX`] deep.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        parse_all(&mut scanner).map_err(|kind| ParseError { at: scanner.position(), kind })
    }
}

impl core::str::FromStr for Term {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.at)
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "term is not complete",
            Self::UnexpectedCharacter => "unexpected character",
            Self::TrailingText => "text goes on after the term",
            Self::TooDeep => "term nests too deep",
            Self::BadNumber => "malformed number",
            Self::FloatTooLarge => "float is too large",
            Self::BadEscape => "unknown escape sequence",
            Self::AtomTooLong => "atom has more than 255 characters",
            Self::ReservedWord => "reserved word without quotes",
            Self::BadSegment => "malformed part of a binary",
            Self::DuplicateKey => "map has the same key twice",
            Self::BadArity => "fun takes more than 255 arguments",
        })
    }
}

impl core::error::Error for ParseError {}

/// A container that is being read.
enum Open {
    Tuple(Vec<Term>),
    List(Vec<Term>),
    /// After the bar, with the elements before it.
    Tail(Vec<Term>),
    Key(Vec<(Term, Term)>),
    Value(Vec<(Term, Term)>, Term),
}

fn parse_all(scanner: &mut Scanner<'_>) -> Result<Term, ParseErrorKind> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        let Some(mut value) = start(scanner, &mut open)? else { continue };
        loop {
            let Some(top) = open.pop() else {
                scanner.skip_space();
                scanner.accept(".");
                scanner.skip_space();
                return if scanner.peek().is_none() { Ok(value) } else { Err(ParseErrorKind::TrailingText) };
            };
            match attach(scanner, top, value)? {
                Attached::Open(top) => {
                    open.push(top);
                    break;
                }
                Attached::Closed(term) => value = term,
            }
        }
    }
}

enum Attached {
    Open(Open),
    Closed(Term),
}

/// Reads a leaf or an empty container, or opens a container and gives nothing yet.
fn start(scanner: &mut Scanner<'_>, open: &mut Vec<Open>) -> Result<Option<Term>, ParseErrorKind> {
    scanner.skip_space();
    let (top, close, empty) = if scanner.accept("{") {
        (Open::Tuple(Vec::new()), "}", Term::tuple([]))
    } else if scanner.accept("[") {
        (Open::List(Vec::new()), "]", Term::Nil)
    } else if scanner.accept("#{") {
        (Open::Key(Vec::new()), "}", Term::Map(Map::default()))
    } else {
        return leaf(scanner).map(Some);
    };
    scanner.skip_space();
    if scanner.accept(close) {
        return Ok(Some(empty));
    }
    if open.len() >= PARSE_DEPTH_MAX {
        return Err(ParseErrorKind::TooDeep);
    }
    open.push(top);
    Ok(None)
}

/// Puts a value into the container it stands in and reads what follows it.
fn attach(scanner: &mut Scanner<'_>, top: Open, value: Term) -> Result<Attached, ParseErrorKind> {
    scanner.skip_space();
    Ok(match top {
        Open::Tuple(mut items) => {
            items.push(value);
            if scanner.accept("}") {
                Attached::Closed(Term::tuple(items))
            } else {
                scanner.expect(",")?;
                Attached::Open(Open::Tuple(items))
            }
        }
        Open::List(mut items) => {
            items.push(value);
            if scanner.accept("]") {
                Attached::Closed(Term::list(items))
            } else if scanner.accept("|") {
                Attached::Open(Open::Tail(items))
            } else {
                scanner.expect(",")?;
                Attached::Open(Open::List(items))
            }
        }
        Open::Tail(items) => {
            scanner.expect("]")?;
            Attached::Closed(Term::improper_list(items, value))
        }
        Open::Key(pairs) => {
            scanner.expect("=>")?;
            Attached::Open(Open::Value(pairs, value))
        }
        Open::Value(mut pairs, key) => {
            pairs.push((key, value));
            if scanner.accept("}") {
                let map = Map::try_from_pairs(pairs).map_err(|_twice| ParseErrorKind::DuplicateKey)?;
                Attached::Closed(Term::Map(map))
            } else {
                scanner.expect(",")?;
                Attached::Open(Open::Key(pairs))
            }
        }
    })
}

fn leaf(scanner: &mut Scanner<'_>) -> Result<Term, ParseErrorKind> {
    let first = scanner.peek().ok_or(ParseErrorKind::UnexpectedEnd)?;
    match first {
        '0'..='9' | '-' | '+' | '$' => scanner.number(),
        '"' => Ok(Term::charlist(&scanner.quoted('"')?)),
        '\'' => scanner.quoted('\'').and_then(|text| atom(&text)).map(Term::Atom),
        '<' => binary(scanner),
        first if crate::atom::starts_atom(first) => word(scanner),
        _ => Err(ParseErrorKind::UnexpectedCharacter),
    }
}

fn atom(text: &str) -> Result<Atom, ParseErrorKind> {
    Atom::new(text).map_err(|_too_long| ParseErrorKind::AtomTooLong)
}

fn word(scanner: &mut Scanner<'_>) -> Result<Term, ParseErrorKind> {
    let text = scanner.word();
    if text == "fun" {
        return export(scanner);
    }
    if crate::atom::is_reserved(text) && text != "maybe" && text != "else" {
        return Err(ParseErrorKind::ReservedWord);
    }
    atom(text).map(Term::Atom)
}

/// After the word `fun`: `module:function/arity`.
fn export(scanner: &mut Scanner<'_>) -> Result<Term, ParseErrorKind> {
    let module = name(scanner)?;
    scanner.expect(":")?;
    let function = name(scanner)?;
    scanner.expect("/")?;
    let arity = scanner.number()?.as_int().ok_or(ParseErrorKind::BadArity)?;
    let arity = u8::try_from(arity).map_err(|_out_of_range| ParseErrorKind::BadArity)?;
    Ok(Term::export(module, function, arity))
}

fn name(scanner: &mut Scanner<'_>) -> Result<Atom, ParseErrorKind> {
    scanner.skip_space();
    match leaf(scanner)? {
        Term::Atom(atom) => Ok(atom),
        _ => Err(ParseErrorKind::UnexpectedCharacter),
    }
}

fn binary(scanner: &mut Scanner<'_>) -> Result<Term, ParseErrorKind> {
    scanner.expect("<<")?;
    let mut bits = Bits::default();
    scanner.skip_space();
    if scanner.accept(">>") {
        return Ok(bits.finish());
    }
    loop {
        scanner.skip_space();
        if scanner.peek() == Some('"') {
            let text = scanner.quoted('"')?;
            if scanner.accept("/utf8") {
                text.bytes().for_each(|byte| bits.push(byte, 8));
            } else {
                latin1(&text, &mut bits)?;
            }
        } else {
            integer_segment(scanner, &mut bits)?;
        }
        scanner.skip_space();
        if scanner.accept(">>") {
            return Ok(bits.finish());
        }
        scanner.expect(",")?;
    }
}

fn latin1(text: &str, bits: &mut Bits) -> Result<(), ParseErrorKind> {
    for c in text.chars() {
        bits.push(u8::try_from(c).map_err(|_wide| ParseErrorKind::BadSegment)?, 8);
    }
    Ok(())
}

/// `value` in eight bits or `value:size` in up to 64; higher bits are cut off, as Erlang does.
fn integer_segment(scanner: &mut Scanner<'_>, bits: &mut Bits) -> Result<(), ParseErrorKind> {
    let value = scanner.number()?.as_integer().and_then(|value| Integer::as_i64(&value));
    let value = value.ok_or(ParseErrorKind::BadSegment)?.to_be_bytes();
    let mut size: u32 = 8;
    if scanner.accept(":") {
        let given = scanner.number()?.as_int().and_then(|size| u32::try_from(size).ok());
        size = given.filter(|size| *size <= 64).ok_or(ParseErrorKind::BadSegment)?;
    }
    let mut skip = 64_u32.saturating_sub(size);
    for byte in value {
        let here = skip.min(8);
        skip = skip.saturating_sub(here);
        let kept = 8_u32.saturating_sub(here);
        bits.push(byte.checked_shl(here).unwrap_or(0), kept);
    }
    Ok(())
}

/// Bits in a row, the last byte perhaps not full.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are taken; zero or eight when it is full.
    taken: u32,
}

impl Bits {
    /// Appends the `count` (at most eight) highest bits of `byte`.
    fn push(&mut self, byte: u8, count: u32) {
        for at in 0..count {
            let bit = byte.checked_shr(7_u32.saturating_sub(at)).unwrap_or(0) & 1;
            if self.taken.is_multiple_of(8) {
                self.bytes.push(0);
                self.taken = 0;
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit.checked_shl(7_u32.saturating_sub(self.taken)).unwrap_or(0);
            }
            self.taken = self.taken.saturating_add(1);
        }
    }

    fn finish(self) -> Term {
        let last_bits = u8::try_from(self.taken).unwrap_or(0);
        match crate::BitString::new(&self.bytes, last_bits) {
            Some(bits) => Term::BitString(bits),
            None => Term::binary(self.bytes),
        }
    }
}
