//! Bytes that are no term: each is refused for its reason, by decoding and by serde, without a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use engset_etf::DecodeErrorKind::{self as Kind, *};
use engset_etf::{DecodeError, Limits, Reader, decode, decode_bytes, from_body};
use engset_term::Term;

#[test]
fn every_malformed_term_is_refused_for_its_reason() {
    let cases = cases();
    assert!(cases.len() >= 100, "only {} cases", cases.len());
    for (body, kind) in &cases {
        let whole = [&[131][..], body].concat();
        assert_eq!(decode(&whole).map_err(|error| error.kind), Err(*kind), "{body:?}");
        let shared = decode_bytes(&whole.clone().into(), &Limits::DEFAULT);
        assert_eq!(shared.map_err(|error| error.kind), Err(*kind), "{body:?}");
        assert!(from_body::<Term>(body).is_err(), "{body:?}");
        let mut reader = Reader::new(body);
        let skipped = reader.skip_term();
        assert!(skipped.is_err() || reader.position() <= body.len());
    }
    let mut bodies: Vec<_> = cases.iter().map(|(body, _)| body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), cases.len(), "each case is its own");
}

#[test]
fn the_version_comes_first() {
    let fails = |bytes: &[u8], kind| assert_eq!(decode(bytes), Err(DecodeError { offset: 0, kind }));
    fails(&[], Truncated);
    fails(&[130, 106], BadVersion);
    fails(&[106], BadVersion);
}

#[test]
fn the_error_tells_the_place() {
    let at = |bytes: &[u8]| decode(bytes).unwrap_err();
    assert_eq!(at(&[131, 104, 2, 106, 1]), DecodeError { offset: 4, kind: UnknownTag });
    assert_eq!(at(&[131, 106, 0]), DecodeError { offset: 2, kind: TrailingBytes });
    assert_eq!(at(&[131, 119, 1, 255]), DecodeError { offset: 1, kind: BadUtf8 });
    assert_eq!(at(&[131, 1]).to_string(), "unknown tag at byte 1");
}

fn cases() -> Vec<(Vec<u8>, Kind)> {
    let mut cases: Vec<(Vec<u8>, Kind)> = TABLE.iter().map(|(body, kind)| (body.to_vec(), *kind)).collect();
    // Tags that do not exist, and the two that left the format.
    let known = [
        67, 70, 77, 80, 82, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
        111, 112, 113, 114, 115, 116, 118, 119, 120, 121,
    ];
    let unknown =
        [0, 1, 2, 66, 68, 69, 71, 76, 78, 79, 81, 83, 87, 91, 96, 117, 122, 127, 128, 131, 200, 255];
    assert!(unknown.iter().all(|tag| !known.contains(tag)));
    cases.extend(unknown.map(|tag| (vec![tag, 0, 0, 0, 0, 0], UnknownTag)));
    // Nothing but a tag.
    let alone = known.iter().filter(|tag| ![106, 121].contains(*tag));
    cases.extend(alone.map(|tag| (vec![*tag], Truncated)));
    // Atoms of 256 characters.
    let long = "å".repeat(256);
    cases.push(([&[118, 2, 0][..], long.as_bytes()].concat(), AtomTooLong));
    cases.push(([&[100, 1, 0][..], &[b'a'; 256]].concat(), AtomTooLong));
    // Floats as text.
    for text in ["", "x", "1.0x", "nan", "inf", "-infinity", "1e400", "1.0 "] {
        let mut body = vec![99];
        body.extend(text.bytes());
        body.resize(32, 0);
        cases.push((body, BadFloat));
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN] {
        cases.push(([&[70][..], &value.to_be_bytes()].concat(), BadFloat));
    }
    // Nodes that are not `name@host`.
    for node in ["", "a", "@", "a@", "@b", "a@b@c", "a\n@b"] {
        let atom = [&[119, u8::try_from(node.len()).unwrap()], node.as_bytes()].concat();
        cases.push(([&[88][..], &atom, &[0; 12]].concat(), BadNodeName));
        cases.push(([&[90, 0, 1][..], &atom, &[0; 8]].concat(), BadNodeName));
        cases.push(([&[120][..], &atom, &[0; 12]].concat(), BadNodeName));
    }
    cases.extend(compressed());
    cases.extend(funs());
    cases
}

fn compressed() -> Vec<(Vec<u8>, Kind)> {
    let pack = |body: &[u8], claimed: u32| {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(body, 6);
        [&[80][..], &claimed.to_be_bytes(), &packed].concat()
    };
    let mut damaged = pack(&[107, 0, 3, 1, 2, 3], 6);
    *damaged.last_mut().unwrap() ^= 1;
    let cut = pack(&[107, 0, 3, 1, 2, 3], 6);
    vec![
        (pack(&[106], 2), BadCompression),
        (pack(&[106, 106], 1), BadCompression),
        (pack(&[106, 106], 2), TrailingBytes),
        (pack(&[1, 1], 2), UnknownTag),
        (pack(&[107, 0, 9], 3), Truncated),
        (pack(&pack(&[106], 1), u32::try_from(pack(&[106], 1).len()).unwrap()), NestedCompression),
        ([&[104, 1][..], &pack(&[106], 1)].concat(), NestedCompression),
        (pack(&[106], u32::MAX), InflatesTooMuch),
        (pack(&[106], 1 << 20), InflatesTooMuch),
        (damaged, BadCompression),
        (cut[..cut.len() - 6].to_vec(), BadCompression),
        (vec![80, 0, 0, 0, 1, 1, 2, 3], BadCompression),
        (vec![80, 0, 0, 0, 1], InflatesTooMuch),
    ]
}

fn funs() -> Vec<(Vec<u8>, Kind)> {
    let pid = [&[88, 119, 3, b'a', b'@', b'b'][..], &[0; 12]].concat();
    let parts = |tail: &[u8]| {
        let head = [&[0][..], &[0; 16], &[0, 0, 0, 0, 0, 0, 0, 1, 119, 1, b'p', 97, 0, 97, 9]].concat();
        [&head, &pid, tail].concat()
    };
    let fun =
        |parts: &[u8], size: usize| [&[112][..], &u32::try_from(size).unwrap().to_be_bytes(), parts].concat();
    let good = parts(&[97, 3]);
    let cached = parts(&[82, 0]);
    vec![
        (fun(&good, good.len() + 3), BadOpaque),
        (fun(&good, good.len() + 5), BadOpaque),
        (fun(&good, 0), BadOpaque),
        (fun(&parts(&[1, 3]), good.len() + 4), UnknownTag),
        (fun(&parts(&[]), good.len() + 4), Truncated),
        (fun(&cached, cached.len() + 4), CachedAtomInOpaque),
        (vec![67, 0, 0, 0, 1, 0, 119, 1, b'm', 119, 1, b'r', 82, 0, 97, 1], CachedAtomInOpaque),
        (vec![67, 0, 0, 0, 1, 0, 119, 1, b'm', 119, 1, b'r', 97, 0, 97, 1], UnexpectedType),
        (vec![67, 0, 0, 0, 9, 0, 119, 1, b'm', 119, 1, b'r', 119, 1, b'f', 97, 1], Truncated),
    ]
}

const TABLE: &[(&[u8], Kind)] = &[
    (&[], Truncated),
    (&[98, 0, 0, 0], Truncated),
    (&[70, 0, 0, 0, 0, 0, 0, 0], Truncated),
    (&[110, 2, 0, 1], Truncated),
    (&[110, 1, 2, 1], BadSign),
    (&[110, 1, 255, 1], BadSign),
    (&[111, 0, 0, 0, 1, 2, 1], BadSign),
    (&[111, 0, 0, 0, 2, 0, 1], Truncated),
    (&[111, 0, 0, 0], Truncated),
    (&[111, 255, 255, 255, 255, 0], IntegerTooLarge),
    (&[111, 0, 0, 32, 1, 0], IntegerTooLarge),
    (&[119, 2, b'a'], Truncated),
    (&[119, 1, 255], BadUtf8),
    (&[119, 2, 0xc3, 0x28], BadUtf8),
    (&[119, 3, 0xed, 0xa0, 0x80], BadUtf8),
    (&[119, 2, 0xc0, 0x80], BadUtf8),
    (&[118, 0, 1, 0x80], BadUtf8),
    (&[118, 255, 255, b'a'], Truncated),
    (&[115, 1], Truncated),
    (&[100, 0, 1], Truncated),
    (&[82, 0], BadAtomCacheIndex),
    (&[104, 1, 82, 9], BadAtomCacheIndex),
    (&[104, 1], Truncated),
    (&[104, 255, 106], Truncated),
    (&[105, 0, 0, 0, 1], Truncated),
    (&[105, 255, 255, 255, 255, 106], TooManyElements),
    (&[105, 0, 16, 0, 0, 106], Truncated),
    (&[105, 0, 0, 0], Truncated),
    (&[107, 0, 1], Truncated),
    (&[107, 255, 255, 1], Truncated),
    (&[108, 0, 0, 0, 1, 106], Truncated),
    (&[108, 0, 0, 0, 1], Truncated),
    (&[108, 255, 255, 255, 255, 106], TooManyElements),
    (&[108, 0, 0, 0, 0], Truncated),
    (&[108, 0, 0, 0, 2, 106, 106], Truncated),
    (&[116, 0, 0, 0, 1, 106], Truncated),
    (&[116, 255, 255, 255, 255], TooManyElements),
    (&[116, 0, 0, 0, 2, 106, 106], Truncated),
    (&[116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106], DuplicateKey),
    (&[116, 0, 0, 0, 3, 97, 1, 106, 97, 2, 106, 97, 1, 106], DuplicateKey),
    (&[116, 0, 0, 0, 2, 97, 1, 106, 110, 1, 0, 1, 106], DuplicateKey),
    (&[116, 0, 0, 0, 2, 119, 1, b'a', 106, 100, 0, 1, b'a', 106], DuplicateKey),
    (&[116, 0, 0, 0, 2, 104, 0, 106, 105, 0, 0, 0, 0, 106], DuplicateKey),
    (&[109, 0, 0, 0, 1], Truncated),
    (&[109, 255, 255, 255, 255, 1], BinaryTooLarge),
    (&[109, 3, 255, 255, 255, 1], Truncated),
    (&[77, 0, 0, 0, 1, 0, 1], BadBits),
    (&[77, 0, 0, 0, 1, 9, 1], BadBits),
    (&[77, 0, 0, 0, 0, 1], BadBits),
    (&[77, 0, 0, 0, 2, 1, 1], Truncated),
    (&[77, 255, 255, 255, 255, 1, 1], BinaryTooLarge),
    (&[88, 97, 1], UnexpectedType),
    (&[88, 119, 3, b'a', b'@', b'b', 0, 0, 0], Truncated),
    (&[88, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], BadAtomCacheIndex),
    (&[103, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0, 0, 0, 0, 0], Truncated),
    (&[103, 106], UnexpectedType),
    (&[90, 0, 0, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], BadReference),
    (&[90, 0, 6, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], BadReference),
    (&[90, 255, 255, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], BadReference),
    (&[90, 0, 1, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0, 0, 0, 0], Truncated),
    (&[90, 0, 1, 106], UnexpectedType),
    (&[114, 0, 0, 119, 3, b'a', b'@', b'b', 0], BadReference),
    (&[114, 0, 9, 119, 3, b'a', b'@', b'b', 0], BadReference),
    (&[101, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], Truncated),
    (&[101, 106], UnexpectedType),
    (&[120, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Truncated),
    (&[120, 106], UnexpectedType),
    (&[89, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], Truncated),
    (&[102, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0], Truncated),
    (&[113, 106], UnexpectedType),
    (&[113, 119, 1, b'm', 119, 1, b'f', 106], UnexpectedType),
    (&[113, 119, 1, b'm', 119, 1, b'f', 98, 0, 0, 1, 0], IntegerOutOfRange),
    (&[113, 119, 1, b'm', 119, 1, b'f', 98, 255, 255, 255, 255], IntegerOutOfRange),
    (&[112, 0, 0, 0, 3], Truncated),
    (&[67, 255, 255, 255, 255, 0, 119, 0, 119, 0], TooManyElements),
    (&[104, 1, 121, 1, 2], NestedLocal),
    (&[108, 0, 0, 0, 1, 106, 121], NestedLocal),
    (&[106, 106], TrailingBytes),
    (&[97, 1, 0], TrailingBytes),
    (&[104, 0, 131], TrailingBytes),
    (&[107, 0, 0, 0], TrailingBytes),
    (&[131, 106], UnknownTag),
];
