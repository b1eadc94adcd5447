//! Putting terms together piece by piece, as OTP 26 and later write them.

use alloc::vec::Vec;

use engset_term::{NodeName, Pid, PortId, Reference};

use crate::tags;

/// A tuple's head; `count` terms must follow.
pub fn put_tuple_header(out: &mut Vec<u8>, count: usize) {
    if let Ok(small) = u8::try_from(count) {
        out.extend_from_slice(&[tags::SMALL_TUPLE, small]);
    } else {
        put_tag_count(out, tags::LARGE_TUPLE, count);
    }
}

/// A list's head; `count` (at least one) terms and then the tail must follow.
/// For the empty list use [`put_nil`].
pub fn put_list_header(out: &mut Vec<u8>, count: usize) {
    put_tag_count(out, tags::LIST, count);
}

/// The empty list, also a proper list's tail.
pub fn put_nil(out: &mut Vec<u8>) {
    out.push(tags::NIL);
}

/// A map's head; `count` keys and values must follow by turns.
pub fn put_map_header(out: &mut Vec<u8>, count: usize) {
    put_tag_count(out, tags::MAP, count);
}

/// An atom.
///
/// # Panics
/// Asserts that the text has at most 65,535 bytes; an [`Atom`](engset_term::Atom)'s has no more than 1,020.
pub fn put_atom(out: &mut Vec<u8>, text: &str) {
    if let Ok(len) = u8::try_from(text.len()) {
        out.extend_from_slice(&[tags::SMALL_ATOM_UTF8, len]);
    } else {
        let len = u16::try_from(text.len());
        assert!(len.is_ok(), "an atom has at most 255 characters");
        out.push(tags::ATOM_UTF8);
        out.extend_from_slice(&len.unwrap_or(u16::MAX).to_be_bytes());
    }
    out.extend_from_slice(text.as_bytes());
}

/// An integer.
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(byte) = u8::try_from(value) {
        out.extend_from_slice(&[tags::SMALL_INTEGER, byte]);
    } else if let Ok(small) = i32::try_from(value) {
        put_tagged(out, tags::INTEGER, small.to_be_bytes());
    } else {
        let (bytes, used) = wide_int(value);
        let end = out.len().saturating_add(used);
        out.extend_from_slice(&bytes);
        out.truncate(end);
    }
}

/// An integer outside the range of `i32`, and how many of the bytes are used.
#[inline]
pub(crate) fn wide_int(value: i64) -> ([u8; 11], usize) {
    let magnitude = value.unsigned_abs();
    let len = u64::BITS.saturating_sub(magnitude.leading_zeros()).div_ceil(8);
    let [_, _, _, len_byte] = len.to_be_bytes();
    let [a, b, c, d, e, f, g, h] = magnitude.to_le_bytes();
    let bytes = [tags::SMALL_BIG, len_byte, u8::from(value < 0), a, b, c, d, e, f, g, h];
    (bytes, usize::from(len_byte).saturating_add(3))
}

/// An integer outside the range of `i32` by sign and magnitude, least significant byte first.
pub fn put_big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    let used = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let magnitude = magnitude.get(..used).unwrap_or(magnitude);
    if let Ok(len) = u8::try_from(magnitude.len()) {
        out.extend_from_slice(&[tags::SMALL_BIG, len]);
    } else {
        put_tag_count(out, tags::LARGE_BIG, magnitude.len());
    }
    out.push(u8::from(negative));
    out.extend_from_slice(magnitude);
}

/// A float, which must be finite: Erlang nodes drop connections that send others.
///
/// # Panics
/// Asserts that the value is finite.
pub fn put_float(out: &mut Vec<u8>, value: f64) {
    assert!(value.is_finite(), "a float of a term is finite");
    put_tagged(out, tags::NEW_FLOAT, value.to_be_bytes());
}

/// Appends a list of the code points of `text`.
pub(crate) fn put_charlist(out: &mut Vec<u8>, text: &str) {
    let count = text.chars().count();
    match (text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>(), u16::try_from(count)) {
        (_, Ok(0)) => put_nil(out),
        (Ok(bytes), Ok(count)) => {
            out.push(tags::STRING);
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        _ => {
            put_tag_count(out, tags::LIST, count);
            for c in text.chars() {
                put_int(out, i64::from(u32::from(c)));
            }
            put_nil(out);
        }
    }
}

/// A binary.
pub fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_tag_count(out, tags::BINARY, bytes.len());
    out.extend_from_slice(bytes);
}

/// A reference to an atom that the message's header names, by its place there.
pub fn put_atom_reference(out: &mut Vec<u8>, index: u8) {
    out.extend_from_slice(&[tags::ATOM_CACHE_REF, index]);
}

/// A pid.
pub fn put_pid(out: &mut Vec<u8>, pid: Pid) {
    put_pid_with(out, pid, put_node);
}

/// A pid whose node's name is put by `put_node`.
pub fn put_pid_with(out: &mut Vec<u8>, pid: Pid, put_node: impl FnOnce(&mut Vec<u8>, NodeName)) {
    out.push(tags::NEW_PID);
    put_node(out, pid.node());
    let [a, b, c, d] = pid.id().to_be_bytes();
    let [e, f, g, h] = pid.serial().to_be_bytes();
    let [i, j, k, l] = pid.creation().to_be_bytes();
    out.extend_from_slice(&[a, b, c, d, e, f, g, h, i, j, k, l]);
}

/// A reference.
pub fn put_reference(out: &mut Vec<u8>, reference: &Reference) {
    put_reference_with(out, reference, put_node);
}

/// A reference whose node's name is put by `put_node`.
pub fn put_reference_with(
    out: &mut Vec<u8>,
    reference: &Reference,
    put_node: impl FnOnce(&mut Vec<u8>, NodeName),
) {
    let words = reference.words();
    let len = u16::try_from(words.len()).unwrap_or(0);
    put_tagged(out, tags::NEWER_REFERENCE, len.to_be_bytes());
    put_node(out, reference.node());
    out.extend_from_slice(&reference.creation().to_be_bytes());
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// A port identifier.
pub fn put_port_id(out: &mut Vec<u8>, port: PortId) {
    out.push(tags::V4_PORT);
    put_node(out, port.node());
    out.extend_from_slice(&port.id().to_be_bytes());
    out.extend_from_slice(&port.creation().to_be_bytes());
}

/// A tag and a count of 32 bits.
///
/// # Panics
/// Asserts that the count fits, for the format has no word for more.
pub(crate) fn put_tag_count(out: &mut Vec<u8>, tag: u8, count: usize) {
    let count = u32::try_from(count);
    assert!(count.is_ok(), "the format counts to 2^32 - 1");
    put_tagged(out, tag, count.unwrap_or(u32::MAX).to_be_bytes());
}

fn put_tagged<const N: usize>(out: &mut Vec<u8>, tag: u8, bytes: [u8; N]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

/// A node's name, an atom.
pub fn put_node(out: &mut Vec<u8>, node: NodeName) {
    node.with_text(|text| put_atom(out, text));
}
