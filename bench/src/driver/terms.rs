//! Terms to bytes and back.

use crate::row::Row;
use crate::stopwatch::Stopwatch;
use std::hint::black_box;

/// A `gen_server` call of about 110 bytes, with the version byte.
const GEN_CALL: &[u8] = include_bytes!("../../terms/gen_call.etf");
/// A nested term of about 1 KB, with the version byte.
const NESTED: &[u8] = include_bytes!("../../terms/nested.etf");

/// The row's number for a codec that reads a term from bytes, and writes it to the end of a vector; nothing in rows
/// that are not about terms. Both panic where they fail.
pub(crate) fn terms<T>(
    row: Row,
    decode: impl Fn(&[u8]) -> T,
    encode: impl Fn(&T, &mut Vec<u8>),
) -> Option<f64> {
    let measure_encode = |bytes| {
        let term = decode(bytes);
        let mut out = Vec::new();
        repeat(row, || {
            out.clear();
            encode(black_box(&term), &mut out);
            black_box(&out);
        })
    };
    let measure_decode = |bytes| {
        repeat(row, || {
            black_box(decode(black_box(bytes)));
        })
    };
    match row {
        Row::EncodeCall => Some(measure_encode(GEN_CALL)),
        Row::EncodeNested => Some(measure_encode(NESTED)),
        Row::DecodeCall => Some(measure_decode(GEN_CALL)),
        Row::DecodeNested => Some(measure_decode(NESTED)),
        _ => None,
    }
}

fn repeat(row: Row, mut work: impl FnMut()) -> f64 {
    (0..row.warm_up()).for_each(|_| work());
    let stopwatch = Stopwatch::start();
    (0..row.ops()).for_each(|_| work());
    stopwatch.ns_per_op(row.ops())
}
