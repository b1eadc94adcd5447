//! Terms to bytes and back.

use crate::row::Row;
use crate::stopwatch::Stopwatch;
use std::hint::black_box;

/// A `gen_server` call of about 110 bytes, with the version byte.
const GEN_CALL: &[u8] = include_bytes!("../../../terms/gen_call.etf");
/// A nested term of about 1 KB, with the version byte.
const NESTED: &[u8] = include_bytes!("../../../terms/nested.etf");

pub(super) fn measure(row: Row) -> f64 {
    let bytes = if matches!(row, Row::EncodeCall | Row::DecodeCall) { GEN_CALL } else { NESTED };
    if matches!(row, Row::EncodeCall | Row::EncodeNested) { encode(row, bytes) } else { decode(row, bytes) }
}

fn encode(row: Row, bytes: &[u8]) -> f64 {
    let term = engset_etf::decode(bytes).expect("the bytes are a term");
    let mut out = Vec::new();
    repeat(row, || {
        out.clear();
        out.push(engset_etf::tags::VERSION);
        engset_etf::encode_body(black_box(&term), &mut out);
        black_box(&out);
    })
}

fn decode(row: Row, bytes: &[u8]) -> f64 {
    repeat(row, || {
        black_box(engset_etf::decode(black_box(bytes)).expect("the bytes are a term"));
    })
}

fn repeat(row: Row, mut work: impl FnMut()) -> f64 {
    (0..row.warm_up()).for_each(|_| work());
    let stopwatch = Stopwatch::start();
    (0..row.ops()).for_each(|_| work());
    stopwatch.ns_per_op(row.ops())
}
