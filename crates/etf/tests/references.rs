//! Terms whose atoms stand beside them: read in every way, kept raw, written out, and within limits.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use bytes::Bytes;
use engset_etf::{DecodeErrorKind, Payload, Reader, contains_record, decode_body, encode_body};
use engset_term::{Atom, Opaque, Term};
use serde::Deserialize;
use std::sync::Arc;

/// The atoms `m`, `a@b`, `field` and a long one.
fn table() -> Arc<[Atom]> {
    let long = "\u{F6}".repeat(255);
    ["m", "a@b", "field", &long].map(|text| Atom::new(text).unwrap()).into()
}

fn payload(bytes: &[u8]) -> Payload {
    Payload::with_atoms(Bytes::copy_from_slice(bytes), table())
}

fn pid(node: &[u8]) -> Vec<u8> {
    [&[88][..], node, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]].concat()
}

/// A fun of this module, pid and free variables.
fn fun(module: &[u8], pid: &[u8], free: &[&[u8]]) -> Vec<u8> {
    let count = u32::try_from(free.len()).unwrap().to_be_bytes();
    let parts =
        [&[1][..], &[9; 16], &[0, 0, 0, 3], &count, module, &[97, 0, 97, 5], pid, &free.concat()].concat();
    let size = u32::try_from(parts.len() + 4).unwrap().to_be_bytes();
    [&[112][..], &size, &parts].concat()
}

fn record(module: &[u8], field: &[u8], value: &[u8]) -> Vec<u8> {
    [&[67, 0, 0, 0, 1, 1][..], module, &[119, 1, b'r'], field, value].concat()
}

fn atom(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_body(&Term::Atom(Atom::new(text).unwrap()), &mut bytes);
    bytes
}

fn tuple(elements: &[&[u8]]) -> Vec<u8> {
    [&[104, u8::try_from(elements.len()).unwrap()][..], &elements.concat()].concat()
}

/// Terms with references, and the same terms without.
fn pairs() -> Vec<(Vec<u8>, Vec<u8>)> {
    let long = "\u{F6}".repeat(255);
    let (cached_pid, plain_pid) = (pid(&[82, 1]), pid(&atom("a@b")));
    let cached_fun = |free: &[&[u8]]| fun(&[82, 0], &cached_pid, free);
    let plain_fun = |free: &[&[u8]]| fun(&atom("m"), &plain_pid, free);
    let (inner, plain_inner) = (cached_fun(&[&[82, 3], &[97, 7]]), plain_fun(&[&atom(&long), &[97, 7]]));
    let cached_record = record(&[82, 0], &[82, 2], &[82, 3]);
    let plain_record = record(&atom("m"), &atom("field"), &atom(&long));
    let export = |module: &[u8]| [&[113][..], module, &atom("f"), &[97, 2]].concat();
    vec![
        (vec![82, 3], atom(&long)),
        (tuple(&[&[82, 0], &cached_pid, &[82, 2]]), tuple(&[&atom("m"), &plain_pid, &atom("field")])),
        (export(&[82, 0]), export(&atom("m"))),
        (cached_fun(&[]), plain_fun(&[])),
        (inner.clone(), plain_inner.clone()),
        // Funs in funs, one behind the other and inside each other, between other terms.
        (
            tuple(&[&[97, 1], &cached_fun(&[&inner, &cached_fun(&[&inner]), &[106]]), &[82, 0]]),
            tuple(&[&[97, 1], &plain_fun(&[&plain_inner, &plain_fun(&[&plain_inner]), &[106]]), &atom("m")]),
        ),
        (cached_record.clone(), plain_record.clone()),
        (cached_fun(&[&cached_record, &[82, 2]]), plain_fun(&[&plain_record, &atom("field")])),
        (record(&[82, 0], &[82, 2], &inner), record(&atom("m"), &atom("field"), &plain_inner)),
        // The byte of a reference inside a binary is none.
        (tuple(&[&[109, 0, 0, 0, 2, 82, 0], &[82, 0]]), tuple(&[&[109, 0, 0, 0, 2, 82, 0], &atom("m")])),
    ]
}

#[test]
fn references_say_the_same_as_what_they_stand_for() {
    for (cached, plain) in pairs() {
        let expected = Payload::new(Bytes::copy_from_slice(&plain)).term().unwrap();
        let payload = payload(&cached);
        let term = payload.term().unwrap();
        assert_eq!(term, expected, "{}", cached.escape_ascii());
        let mut again = Vec::new();
        encode_body(&term, &mut again);
        assert_eq!(again, plain, "a kept term stands alone");
        assert_eq!(payload.to_plain().unwrap(), plain, "{}", cached.escape_ascii());
        assert_eq!(payload.deserialize::<Term>().unwrap(), expected);
        let mut reader = payload.reader();
        assert_eq!(reader.skip_term().unwrap(), 0..cached.len());
    }
}

#[test]
fn a_part_of_a_payload_keeps_its_atoms() {
    let (cached, plain) = pairs().swap_remove(5);
    let whole = payload(&[&[104, 1][..], &cached].concat());
    let part = whole.slice(2..);
    drop(whole);
    assert_eq!(part.to_plain().unwrap(), plain);
    assert_eq!(part.memory(), part.len() + 4 * size_of::<Atom>());
    assert_eq!(
        Payload::with_atoms(Bytes::from_static(&[106]), Arc::from([])),
        Payload::new(Bytes::from_static(&[106]))
    );
}

#[test]
fn typed_values_read_references_as_names() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        M,
        Field(u8),
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        field: Kind,
    }
    assert_eq!(payload(&[82, 0]).deserialize::<Kind>().unwrap(), Kind::M);
    assert_eq!(payload(&[104, 2, 82, 2, 97, 3]).deserialize::<Kind>().unwrap(), Kind::Field(3));
    let map = payload(&[116, 0, 0, 0, 1, 82, 2, 82, 0]);
    assert_eq!(map.deserialize::<Named>().unwrap(), Named { field: Kind::M });
    let (fun, plain) = pairs().swap_remove(4);
    let kept: (Opaque,) = payload(&tuple(&[&fun])).deserialize().unwrap();
    assert_eq!(kept.0.external(), plain);
}

#[test]
fn faults_in_kept_terms_are_found() {
    use DecodeErrorKind::{BadAtomCacheIndex, BadOpaque, Truncated};
    let bad = |bytes: &[u8]| payload(bytes).term().unwrap_err().kind;
    let good = fun(&[82, 0], &pid(&[82, 1]), &[&[97, 1]]);
    assert!(payload(&good).term().is_ok());
    for wrong in [-1_i8, 1] {
        let mut fun = good.clone();
        fun[4] = fun[4].wrapping_add_signed(wrong);
        assert_eq!(bad(&fun), BadOpaque);
        // Inside another one, too, whose own size is right.
        assert_eq!(bad(&self::fun(&[82, 0], &pid(&[82, 1]), &[&fun])), BadOpaque);
    }
    assert_eq!(bad(&fun(&[82, 4], &pid(&[82, 1]), &[])), BadAtomCacheIndex);
    assert_eq!(bad(&record(&[82, 0], &[82, 2], &[82, 9])), BadAtomCacheIndex);
    for len in 1..good.len() {
        assert_eq!(bad(&good[..len]), Truncated, "{len}");
    }
    let payload = payload(&[97, 1, 97, 2]);
    assert_eq!(payload.term().unwrap_err().kind, DecodeErrorKind::TrailingBytes);
    assert_eq!(payload.to_plain().unwrap_err().kind, DecodeErrorKind::TrailingBytes);
}

#[test]
fn deep_funs_cost_no_stack() {
    let mut inner = vec![82, 3];
    for _ in 0..5_000 {
        inner = fun(&[82, 0], &pid(&[82, 1]), &[&inner]);
    }
    assert!(matches!(payload(&inner).term().unwrap(), Term::Fun(_)));
}

#[test]
fn what_references_grow_to_has_a_limit() {
    let limits = engset_etf::Limits { memory_bytes_max: 3_000, ..engset_etf::Limits::DEFAULT };
    // Texts of 510 bytes: five of them fit, six do not.
    let list = |count: u8| {
        let bytes = [&[108, 0, 0, 0, count][..], &[82, 3].repeat(usize::from(count)), &[106]].concat();
        let table = table();
        let reader = Reader::with_limits(&bytes, &limits).with_atoms(&table);
        engset_etf::from_body_with::<Vec<Atom>>(reader).map(|all| all.len())
    };
    assert_eq!(list(5).unwrap(), 5);
    assert!(list(6).unwrap_err().to_string().contains("too much memory"));
    // As terms they share the text that is in the cache.
    let bytes = [&[104, 200][..], &[82, 3].repeat(200)].concat();
    assert!(payload(&bytes).term().is_ok());
}

#[test]
fn records_are_found_wherever_they_are() {
    for (_, plain) in pairs() {
        let has = decode_body(&plain, &engset_etf::Limits::DEFAULT).unwrap().0.to_string();
        let expected = plain.windows(2).any(|pair| pair == [67, 0]);
        assert_eq!(contains_record(&plain), expected, "{has}");
    }
    assert!(!contains_record(&[109, 0, 0, 0, 2, 67, 0]));
    assert!(!contains_record(&[67]));
    assert!(!contains_record(&[]));
}

/// What gives identifiers to other nodes reads as many new names as any other reading.
#[test]
fn names_that_nobody_used_before_are_limited_also_where_identifiers_change_owners() {
    let pids = |label: &str, count: u32| {
        let pids = (0..count).flat_map(|number| pid(&atom(&format!("{label}{number}@owners"))));
        let payload = Payload::from([&[105][..], &count.to_be_bytes(), &pids.collect::<Vec<_>>()].concat());
        payload.with_owners(&|node, creation| (node, creation)).map(drop).map_err(|error| error.kind)
    };
    let limit = u32::try_from(engset_etf::Limits::DEFAULT.node_names_new_max).unwrap();
    assert_eq!(pids("at", limit), Ok(()));
    assert_eq!(pids("above", limit + 1), Err(DecodeErrorKind::TooManyNodeNames));
}

#[test]
fn what_is_noted_of_a_fun_counts_as_memory_of_the_decode() {
    let cached: &[u8] = &[82, 2];
    let bytes = fun(&[82, 0], &pid(&[82, 1]), &[cached; 1_000]);
    let table = table();
    let read = |memory_bytes_max| {
        let limits = engset_etf::Limits { memory_bytes_max, ..engset_etf::Limits::DEFAULT };
        Reader::with_limits(&bytes, &limits).with_atoms(&table).term().map_err(|error| error.kind)
    };
    assert_eq!(read(24 * 1_000), Err(DecodeErrorKind::TooMuchMemory));
    assert!(read(24 * 1_000 + 1_000).is_ok());
}
