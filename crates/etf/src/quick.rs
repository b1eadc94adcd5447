//! A quick look at atoms: short ones of ASCII, and among them those that Erlang programs send all the time.

use crate::{Reader, tags};

/// What a quick look at an atom finds.
pub(crate) enum Text<'a> {
    /// One of the atoms that are known beforehand.
    Known(&'static str),
    /// Another one of ASCII and at most [`ATOM_INLINE_BYTES`].
    Ascii(&'a str),
}

/// Atoms up to this size take no memory beside the term.
pub(crate) const ATOM_INLINE_BYTES: usize = 23;

/// Goes past the next term if it is a short atom of ASCII, which is the same in Latin-1 and UTF-8.
#[inline]
pub(crate) fn atom<'a>(reader: &mut Reader<'a>) -> Option<Text<'a>> {
    let (head, len, rest) = match reader.rest() {
        [tags::SMALL_ATOM_UTF8 | tags::SMALL_ATOM, len, rest @ ..] => (2, *len, rest),
        [tags::ATOM_UTF8 | tags::ATOM, 0, len, rest @ ..] => (3, *len, rest),
        _ => return None,
    };
    let len = usize::from(len);
    if let Some(text) = number_of(rest, len).and_then(known) {
        reader.advance(len.saturating_add(head));
        return Some(Text::Known(text));
    }
    let text = rest.get(..len)?;
    if len > ATOM_INLINE_BYTES || !text.is_ascii() {
        return None;
    }
    let text = core::str::from_utf8(text).ok()?;
    reader.advance(len.saturating_add(head));
    Some(Text::Ascii(text))
}

/// The first `len` of these bytes as a number, if they are one to sixteen and sixteen are there.
#[inline]
fn number_of(bytes: &[u8], len: usize) -> Option<u128> {
    let unused = MASKS.get(len)?;
    Some(u128::from_le_bytes(*bytes.first_chunk()?) & unused)
}

/// By a text's length: the bits of its number.
const MASKS: [u128; 17] = {
    let mut masks = [0; 17];
    let mut len = 1;
    while len < masks.len() {
        masks[len] = u128::MAX >> (128 - 8 * len);
        len += 1;
    }
    masks
};

/// The text's number; no text here ends in a zero byte, so that each has its own.
const fn number(text: &str) -> u128 {
    let bytes = text.as_bytes();
    let mut number = 0;
    let mut at = bytes.len();
    while at > 0 {
        at -= 1;
        number = number << 8 | bytes[at] as u128;
    }
    number
}

macro_rules! known {
    ($($name:ident = $text:literal,)*) => {
        /// The text with this number, if it is known beforehand.
        #[inline]
        fn known(found: u128) -> Option<&'static str> {
            $(const $name: u128 = number($text);)*
            match found {
                $($name => Some($text),)*
                _ => None,
            }
        }
    };
}
known! {
    OK = "ok",
    ERROR = "error",
    TRUE = "true",
    FALSE = "false",
    NIL = "nil",
    UNDEFINED = "undefined",
    INFINITY = "infinity",
    NORMAL = "normal",
    SHUTDOWN = "shutdown",
    NOPROC = "noproc",
    TIMEOUT = "timeout",
    BADARG = "badarg",
    REPLY = "reply",
    NOREPLY = "noreply",
    ALIAS = "alias",
    EXIT = "EXIT",
    DOWN = "DOWN",
    GEN_CALL = "$gen_call",
    GEN_CAST = "$gen_cast",
}
