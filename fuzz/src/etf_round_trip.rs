//! Any term, encoded and decoded again: the same term, in the same order and with the same printed form.

use crate::shape;
use arbitrary::Unstructured;
use bytes::Bytes;
use core::cmp::Ordering;
use engset_etf::{Limits, Reader, decode, decode_bytes, encode, from_body, to_body};
use engset_term::Term;
use engset_term::limits::SERDE_DEPTH_MAX;

/// Deepest term that is passed through serde; the terms around it cost levels as well.
const SERDE_DEPTH: usize = SERDE_DEPTH_MAX / 2;

/// Makes two terms of `data` and takes them there and back.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(first) = shape::term(&mut input) else { return };
    let Ok(second) = shape::term(&mut input) else { return };
    for term in [&first, &second] {
        check(term);
    }
    assert_eq!(first.cmp(&second), second.cmp(&first).reverse(), "the order is the same from both sides");
    assert_eq!(first == second, encode(&first) == encode(&second), "equal terms have equal bytes");
}

/// Bytes that make terms of different shapes.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (0..18).map(|kind| vec![kind; 40]).collect();
    seeds.push((0..=255).collect());
    seeds.push((0..=255).rev().collect());
    seeds
}

fn check(term: &Term) {
    let bytes = encode(term);
    let back = decode(&bytes).expect("an encoded term decodes");
    assert_eq!(&back, term, "there and back");
    assert_eq!(back.cmp(term), Ordering::Equal, "there and back, in order");
    assert_eq!(encode(&back), bytes, "there and back, byte by byte");
    let shared = decode_bytes(&Bytes::copy_from_slice(&bytes), &Limits::DEFAULT);
    assert_eq!(shared.as_ref(), Ok(term), "there and back, sharing bytes");
    let body = bytes.get(1..).unwrap_or_default();
    assert_eq!(Reader::new(body).skip_term(), Ok(0..body.len()), "an encoded term can be skipped");
    if !term.is_deeper_than(SERDE_DEPTH) {
        let mut written = Vec::new();
        to_body(term, &mut written).expect("a term goes through serde");
        assert_eq!(written, body, "serde writes what encoding writes");
        assert_eq!(from_body::<Term>(body).as_ref(), Ok(term), "there and back through serde");
    }
}
