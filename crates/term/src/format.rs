//! Printing terms as Erlang does on one line, without recursion.
//!
//! The text is that of `io_lib:format("~0tp", [Term])` in a shell started with `+pc unicode`:
//! lists and binaries of printable characters show as text.
//! Only pids, references and ports differ: they show the node's name where Erlang shows a number of
//! its own table.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::atom::{write_atom, write_escaped};
use crate::{BitString, Export, Float, List, Map, Term, Tuple};

impl Term {
    /// Prints at most `max` bytes of the term and `...` where it had to stop.
    pub const fn display_max(&self, max: usize) -> DisplayMax<'_> {
        DisplayMax { term: self, max }
    }
}

/// A term that prints no more than so many bytes; made by [`Term::display_max`].
#[derive(Debug, Clone, Copy)]
pub struct DisplayMax<'a> {
    term: &'a Term,
    max: usize,
}

impl fmt::Display for DisplayMax<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Limited { out: f, left: self.max, full: false };
        match write_term(&mut out, self.term) {
            Err(fmt::Error) if out.full => f.write_str("..."),
            result => result,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, self)
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, self)
    }
}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, &Term::Tuple(self.clone()))
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, &Term::List(self.clone()))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, &Term::Map(self.clone()))
    }
}

/// The shortest text that reads back as the same float, in Erlang's choice of notation.
impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_float(f, self.value())
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fun {}:{}/{}", self.module, self.function, self.arity)
    }
}

/// Passes on what fits and fails after that.
struct Limited<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
    full: bool,
}

impl Write for Limited<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return self.out.write_str(text);
        }
        self.full = true;
        self.out.write_str(text.get(..text.floor_char_boundary(self.left)).unwrap_or(""))?;
        Err(fmt::Error)
    }
}

/// A container being printed.
struct Open<'a> {
    kind: Kind,
    cells: &'a [Term],
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tuple,
    List,
    Map,
}

fn write_term<W: Write>(out: &mut W, term: &Term) -> fmt::Result {
    let mut open: Vec<Open<'_>> = Vec::new();
    open.extend(write_start(out, term)?);
    while let Some(top) = open.last_mut() {
        let Some(cell) = top.cells.get(top.at) else {
            out.write_str(if top.kind == Kind::List { "]" } else { "}" })?;
            open.pop();
            continue;
        };
        let is_tail = top.kind == Kind::List && top.at.saturating_add(1) == top.cells.len();
        top.at = top.at.saturating_add(1);
        if is_tail && cell.is_nil() {
            continue;
        }
        out.write_str(separator(top.kind, top.at, is_tail))?;
        let inner = write_start(out, cell)?;
        open.extend(inner);
    }
    Ok(())
}

/// What stands before the cell with this number, counted from one.
fn separator(kind: Kind, number: usize, is_tail: bool) -> &'static str {
    match kind {
        _ if number == 1 => "",
        _ if is_tail => "|",
        Kind::Map if number.is_multiple_of(2) => " => ",
        Kind::Tuple | Kind::List | Kind::Map => ",",
    }
}

/// Writes a leaf whole, or opens a container.
fn write_start<'a, W: Write>(out: &mut W, term: &'a Term) -> Result<Option<Open<'a>>, fmt::Error> {
    let (start, kind, cells) = match term {
        Term::Tuple(tuple) => ("{", Kind::Tuple, tuple.as_slice()),
        Term::Map(map) => ("#{", Kind::Map, map.cells()),
        Term::List(list) if is_printable_list(list) => return write_charlist(out, list).map(|()| None),
        Term::List(list) => ("[", Kind::List, list.cells()),
        leaf => return write_leaf(out, leaf).map(|()| None),
    };
    out.write_str(start)?;
    Ok(Some(Open { kind, cells, at: 0 }))
}

fn write_leaf<W: Write>(out: &mut W, term: &Term) -> fmt::Result {
    match term {
        Term::Int(value) => write!(out, "{value}"),
        Term::Big(big) => write!(out, "{big}"),
        Term::Float(float) => write_float(out, float.value()),
        Term::Atom(atom) => write_atom(out, atom.as_str()),
        Term::Pid(pid) => write!(out, "{pid}"),
        Term::Ref(reference) => write!(out, "{reference}"),
        Term::Port(port) => write!(out, "{port}"),
        Term::Nil | Term::List(_) => out.write_str("[]"),
        Term::Tuple(_) => out.write_str("{}"),
        Term::Map(_) => out.write_str("#{}"),
        Term::Binary(binary) => write_binary(out, binary),
        Term::BitString(bits) => write_bit_string(out, bits),
        Term::Fun(_) => out.write_str("#Fun<opaque>"),
        Term::Export(export) => write!(out, "{export}"),
        Term::Opaque(_) => out.write_str("#Opaque<>"),
    }
}

fn is_printable_list(list: &List) -> bool {
    list.is_proper() && list.iter().all(|item| character(item).is_some_and(is_printable))
}

fn write_charlist<W: Write>(out: &mut W, list: &List) -> fmt::Result {
    out.write_char('"')?;
    for c in list.iter().filter_map(character) {
        write_escaped(out, c, '"')?;
    }
    out.write_char('"')
}

fn character(term: &Term) -> Option<char> {
    char::from_u32(u32::try_from(term.as_int()?).ok()?)
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'.. | '\u{8}'..='\r' | '\u{1b}')
}

fn write_binary<W: Write>(out: &mut W, bytes: &[u8]) -> fmt::Result {
    if bytes.is_empty() {
        return out.write_str("<<>>");
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && text.chars().all(is_printable)
    {
        out.write_str("<<\"")?;
        text.chars().try_for_each(|c| write_escaped(out, c, '"'))?;
        return out.write_str(if text.is_ascii() { "\">>" } else { "\"/utf8>>" });
    }
    if bytes.iter().all(|byte| is_printable(char::from(*byte))) {
        out.write_str("<<\"")?;
        bytes.iter().try_for_each(|byte| write_escaped(out, char::from(*byte), '"'))?;
        return out.write_str("\">>");
    }
    out.write_str("<<")?;
    write_bytes(out, bytes)?;
    out.write_str(">>")
}

fn write_bytes<W: Write>(out: &mut W, bytes: &[u8]) -> fmt::Result {
    let mut comma = "";
    for byte in bytes {
        write!(out, "{comma}{byte}")?;
        comma = ",";
    }
    Ok(())
}

fn write_bit_string<W: Write>(out: &mut W, bits: &BitString) -> fmt::Result {
    out.write_str("<<")?;
    if let Some((last, whole)) = bits.bytes().split_last() {
        write_bytes(out, whole)?;
        let comma = if whole.is_empty() { "" } else { "," };
        let unused = u32::from(8_u8.saturating_sub(bits.last_bits()));
        write!(out, "{comma}{}:{}", last.checked_shr(unused).unwrap_or(0), bits.last_bits())?;
    }
    out.write_str(">>")
}

fn write_float<W: Write>(out: &mut W, value: f64) -> fmt::Result {
    if value.is_sign_negative() {
        out.write_char('-')?;
    }
    let value = value.abs();
    let mut scientific = String::new();
    write!(scientific, "{value:e}")?;
    let (mantissa, exponent) = scientific.split_once('e').ok_or(fmt::Error)?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().map_err(|_not_a_number| fmt::Error)?;
    let place = exponent.saturating_add(1);
    let len = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if value == 0.0 {
        return out.write_str("0.0");
    }
    // Exponents are used where they are shorter, and wherever a float no longer tells integers apart.
    let exponent_cost = {
        let text_len = i32::try_from(scientific.len().saturating_sub(mantissa.len()).saturating_sub(1));
        text_len.unwrap_or(0).saturating_add(if len == 1 { 3 } else { 2 })
    };
    let count = |n: i32| usize::try_from(n).unwrap_or(0);
    if value >= 9_007_199_254_740_992.0 {
        write_scientific(out, &digits, exponent)
    } else if place > 0 && place < len {
        let (whole, fraction) = digits.split_at_checked(count(place)).ok_or(fmt::Error)?;
        write!(out, "{whole}.{fraction}")
    } else if place <= 0 && (place == 0 || 2_i32.saturating_sub(place) <= exponent_cost) {
        write!(out, "0.{:0<1$}{digits}", "", count(place.saturating_neg()))
    } else if place > 0 && place.saturating_sub(len).saturating_add(2) <= exponent_cost {
        write!(out, "{digits:0<0$}.0", count(place))
    } else {
        write_scientific(out, &digits, exponent)
    }
}

fn write_scientific<W: Write>(out: &mut W, digits: &str, exponent: i32) -> fmt::Result {
    let (first, rest) = digits.split_at_checked(1).ok_or(fmt::Error)?;
    write!(out, "{first}.{}e{exponent}", if rest.is_empty() { "0" } else { rest })
}
