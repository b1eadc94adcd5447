//! Terms to bytes, with a stack of our own.

use alloc::vec::Vec;

use engset_term::{Binary, List, Term};
use num_bigint::Sign;

use crate::tags;
use crate::write::{
    put_atom, put_big, put_float, put_int, put_list_header, put_map_header, put_pid, put_port_id,
    put_reference, put_tag_count, put_tuple_header,
};

/// The term as bytes, 131 first.
pub fn encode(term: &Term) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(tags::VERSION);
    encode_body(term, &mut out);
    out
}

/// Appends the term to `out`, without 131.
///
/// # Panics
/// Asserts that no container or binary has 2^32 elements or more, for the format has no word for it.
pub fn encode_body(term: &Term, out: &mut Vec<u8>) {
    encode_into(term, out);
}

/// Where encoded terms go.
pub(crate) trait Sink {
    /// What has been written so far.
    fn bytes(&mut self) -> &mut Vec<u8>;
    /// Writes the content of a binary, whose tag and length are written.
    fn put_content(&mut self, binary: &Binary);
}

impl Sink for Vec<u8> {
    fn bytes(&mut self) -> &mut Vec<u8> {
        self
    }

    fn put_content(&mut self, binary: &Binary) {
        self.extend_from_slice(binary.as_slice());
    }
}

pub(crate) fn encode_into(term: &Term, out: &mut impl Sink) {
    let Some(mut cells) = put_head(term, out).map(<[Term]>::iter) else { return };
    // The innermost container is in hand, the ones around it wait.
    let mut waiting = Vec::new();
    loop {
        let Some(term) = cells.next() else {
            let Some(outer) = waiting.pop() else { return };
            cells = outer;
            continue;
        };
        if let Some(inner) = put_head(term, out) {
            waiting.push(core::mem::replace(&mut cells, inner.iter()));
        }
    }
}

/// Writes a leaf whole, or what stands before a container's cells, and gives these.
fn put_head<'a>(term: &'a Term, sink: &mut impl Sink) -> Option<&'a [Term]> {
    let out = sink.bytes();
    match term {
        Term::Int(value) => put_int(out, *value),
        Term::Atom(atom) => put_atom(out, atom.as_str()),
        Term::Tuple(tuple) => {
            put_tuple_header(out, tuple.len());
            return Some(tuple.as_slice());
        }
        Term::List(list) if put_string(list, out) => {}
        Term::List(list) => {
            put_list_header(out, list.len());
            return Some(list.cells());
        }
        Term::Map(map) => {
            put_map_header(out, map.len());
            return Some(map.cells());
        }
        Term::Nil => out.push(tags::NIL),
        Term::Pid(pid) => put_pid(out, *pid),
        Term::Ref(reference) => put_reference(out, reference),
        Term::Port(port) => put_port_id(out, *port),
        Term::Binary(binary) => {
            put_tag_count(out, tags::BINARY, binary.as_slice().len());
            sink.put_content(binary);
        }
        Term::BitString(bits) => {
            put_tag_count(out, tags::BIT_BINARY, bits.bytes().len());
            out.push(bits.last_bits());
            out.extend_from_slice(bits.bytes());
        }
        Term::Float(float) => put_float(out, float.value()),
        Term::Big(big) => {
            let (sign, magnitude) = big.as_bigint().to_bytes_le();
            put_big(out, sign == Sign::Minus, &magnitude);
        }
        Term::Export(export) => {
            out.push(tags::EXPORT);
            put_atom(out, export.module.as_str());
            put_atom(out, export.function.as_str());
            put_int(out, i64::from(export.arity));
        }
        Term::Fun(opaque) | Term::Opaque(opaque) => out.extend_from_slice(opaque.external()),
    }
    None
}

/// Writes a proper list of up to 65,535 bytes in its short form; writes nothing for any other list.
fn put_string(list: &List, out: &mut Vec<u8>) -> bool {
    let byte = |term: &Term| term.as_int().and_then(|value| u8::try_from(value).ok());
    let Ok(len) = u16::try_from(list.len()) else { return false };
    // Most lists are told by their first element.
    if !list.is_proper() || !list.iter().all(|term| byte(term).is_some()) {
        return false;
    }
    out.push(tags::STRING);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend(list.iter().filter_map(byte));
    true
}
