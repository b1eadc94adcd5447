//! What values of a program's own types may take: a term of a few bytes may stand for a value that is much larger.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use engset_etf::{DeError, DecodeErrorKind, Limits, Reader, from_body, from_body_with};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// 1 KiB, of which nothing need be on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Sparse {
    parts: [[u64; 32]; 4],
}

/// As large, in a variant.
#[derive(Debug, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "this is what it is for")]
enum Kind {
    #[expect(dead_code, reason = "makes the type large")]
    Whole(Sparse),
    Nothing,
}

const SPARSE: &[u8] = &[116, 0, 0, 0, 0];
const NIL: &[u8] = &[119, 3, b'n', b'i', b'l'];
const NOTHING: &[u8] = &[119, 7, b'n', b'o', b't', b'h', b'i', b'n', b'g'];
/// Without regard to how long the term is.
const FREE_ONLY: Limits = Limits { values_ratio_max: 0, ..Limits::DEFAULT };

fn count(many: usize) -> [u8; 4] {
    u32::try_from(many).unwrap().to_be_bytes()
}

fn list(element: &[u8], many: usize) -> Vec<u8> {
    [&[108], &count(many)[..], &element.repeat(many), &[106]].concat()
}

/// A map of numbers to this value.
fn map(value: &[u8], many: usize) -> Vec<u8> {
    let pairs = (0..many).flat_map(|key| [&[98], &count(key)[..], value].concat());
    [116].into_iter().chain(count(many)).chain(pairs).collect()
}

fn read<T: DeserializeOwned>(body: &[u8], limits: &Limits) -> Result<T, DeError> {
    from_body_with(Reader::with_limits(body, limits))
}

/// So many elements are read within the limits, and not one more.
#[track_caller]
fn most<T: DeserializeOwned + Debug>(most: usize, limits: &Limits, body: impl Fn(usize) -> Vec<u8>) {
    read::<T>(&body(most), limits).unwrap();
    match read::<T>(&body(most + 1), limits).unwrap_err() {
        DeError::Decode(error) => assert_eq!(error.kind, DecodeErrorKind::TooMuchMemory),
        other => panic!("{other}"),
    }
}

#[test]
fn values_take_as_much_as_the_limit_says() {
    const FREE: usize = Limits::VALUES_BYTES_FREE;
    most::<Vec<Sparse>>(FREE / 1_024, &FREE_ONLY, |many| list(SPARSE, many));
    most::<Vec<Option<Sparse>>>(FREE / size_of::<Option<Sparse>>(), &FREE_ONLY, |many| list(NIL, many));
    most::<Vec<Kind>>(FREE / size_of::<Kind>(), &FREE_ONLY, |many| list(NOTHING, many));
    most::<BTreeMap<u32, Sparse>>(FREE / (1_024 + 4), &FREE_ONLY, |many| map(SPARSE, many));
    most::<HashMap<u64, Sparse>>(FREE / (1_024 + 8), &FREE_ONLY, |many| map(SPARSE, many));
    // Behind pointers there are the pointers besides.
    most::<Vec<Box<Sparse>>>(FREE / (1_024 + 8), &FREE_ONLY, |many| list(SPARSE, many));
    most::<Vec<Option<Box<Sparse>>>>(FREE / (1_024 + 8), &FREE_ONLY, |many| list(SPARSE, many));
    // Lists of nothing, and numbers that are bytes on the wire.
    most::<Vec<Vec<Sparse>>>(FREE / 24, &FREE_ONLY, |many| list(&[106], many));
    let binary = |many: usize| [&[109], &count(many)[..], &vec![7; many]].concat();
    most::<Vec<u64>>(FREE / 8, &FREE_ONLY, binary);
    // The ratio: 128 bytes for each of the 5 of an element and the 6 of the list.
    most::<Vec<Sparse>>((FREE + 6 * 128) / (1_024 - 5 * 128), &Limits::DEFAULT, |many| list(SPARSE, many));
    let whole = Limits { memory_bytes_max: 64 * 1_024, ..Limits::DEFAULT };
    most::<Vec<Sparse>>(64, &whole, |many| list(SPARSE, many));
}

/// What stands in a value that has its place is not counted again, nor is what takes a byte for each that came.
#[test]
fn what_a_program_sends_is_read() {
    type Inside = ([Sparse; 2], Option<Sparse>, Box<[Option<Sparse>]>);
    let body = [&[104, 3, 104, 2], SPARSE, SPARSE, NIL, &list(NIL, 9)].concat();
    let (pair, none, many) = from_body::<Inside>(&body).unwrap();
    assert_eq!((pair[0], none, many.len()), (Sparse::default(), None, 9));
    let none = Limits { memory_bytes_max: 0, ..Limits::DEFAULT };
    let body = [&[104, 2], SPARSE, NIL].concat();
    assert!(read::<(Sparse, Option<Sparse>)>(&body, &none).is_ok());
    let long = [&[109], &count(64 << 20)[..], &vec![7; 64 << 20]].concat();
    assert_eq!(from_body::<Vec<u8>>(&long).unwrap().len(), 64 << 20);
    assert_eq!(from_body::<Vec<i64>>(&list(&[97, 7], 10_000_000)).unwrap().len(), 10_000_000);
    assert_eq!(from_body::<Vec<()>>(&list(&[119, 2, b'o', b'k'], 100_000)).unwrap().len(), 100_000);
}
