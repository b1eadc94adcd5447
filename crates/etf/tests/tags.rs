//! Every tag with its exact bytes, in and out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use engset_etf::{DecodeErrorKind, Limits, Reader, decode, decode_bytes, encode};
use engset_term::{Atom, BitString, NodeName, Pid, PortId, Reference, Term};

fn node() -> NodeName {
    NodeName::new("a@b").unwrap()
}

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

/// Bytes that both are read as the term and written for it.
fn both_ways(bytes: &[u8], expected: &Term) {
    let mut whole = vec![131];
    whole.extend_from_slice(bytes);
    assert_eq!(decode(&whole).as_ref(), Ok(expected), "{bytes:?}");
    assert_eq!(encode(expected), whole, "{expected}");
}

/// Bytes that are read as the term, which is written otherwise.
fn read_only(bytes: &[u8], expected: &Term) {
    let mut whole = vec![131];
    whole.extend_from_slice(bytes);
    assert_eq!(decode(&whole).as_ref(), Ok(expected), "{bytes:?}");
    assert_ne!(encode(expected), whole);
    assert_eq!(decode(&encode(expected)).as_ref(), Ok(expected));
}

#[test]
fn numbers() {
    both_ways(&[97, 0], &term("0"));
    both_ways(&[97, 255], &term("255"));
    both_ways(&[98, 0, 0, 1, 0], &term("256"));
    both_ways(&[98, 255, 255, 255, 255], &term("-1"));
    both_ways(&[98, 127, 255, 255, 255], &term("2147483647"));
    both_ways(&[110, 4, 0, 0, 0, 0, 128], &term("2147483648"));
    both_ways(&[110, 4, 1, 1, 0, 0, 128], &term("-2147483649"));
    both_ways(&[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128], &term("-9223372036854775808"));
    both_ways(&[110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 128], &term("9223372036854775808"));
    let mut large = vec![111, 0, 0, 1, 0, 0];
    large.extend([255; 256]);
    both_ways(&large, &Term::parse(&format!("16#{}", "ff".repeat(256))).unwrap());
    read_only(&[110, 1, 0, 5], &term("5"));
    read_only(&[111, 0, 0, 0, 1, 1, 5], &term("-5"));
    read_only(&[110, 0, 0], &term("0"));
    both_ways(&[70, 63, 248, 0, 0, 0, 0, 0, 0], &term("1.5"));
    let mut old = b"c1.50000000000000000000e+00".to_vec();
    old.resize(32, 0);
    read_only(&old, &term("1.5"));
}

#[test]
fn atoms() {
    both_ways(&[119, 2, b'o', b'k'], &term("ok"));
    both_ways(&[119, 0], &term("''"));
    both_ways(&[119, 2, 0xc3, 0xa5], &term("'å'"));
    let long = "å".repeat(255);
    let mut bytes = vec![118, 1, 254];
    bytes.extend(long.bytes());
    both_ways(&bytes, &Term::Atom(Atom::new(&long).unwrap()));
    read_only(&[118, 0, 2, b'o', b'k'], &term("ok"));
    read_only(&[115, 1, 0xe5], &term("'å'"));
    read_only(&[100, 0, 2, b'o', b'k'], &term("ok"));
}

#[test]
fn cached_atoms_come_from_the_table() {
    let table = [Atom::from_static("zero"), Atom::from_static("one")];
    let mut reader = Reader::new(&[104, 2, 82, 1, 82, 0]).with_atoms(&table);
    assert_eq!(reader.term(), Ok(term("{one,zero}")));
    let mut reader = Reader::new(&[82, 2]).with_atoms(&table);
    assert_eq!(reader.term().unwrap_err().kind, DecodeErrorKind::BadAtomCacheIndex);
}

#[test]
fn containers() {
    both_ways(&[104, 0], &term("{}"));
    both_ways(&[104, 2, 97, 1, 106], &term("{1,[]}"));
    let mut large = vec![105, 0, 0, 1, 0];
    large.extend([106].repeat(256));
    both_ways(&large, &Term::tuple(vec![Term::Nil; 256]));
    read_only(&[105, 0, 0, 0, 1, 97, 1], &term("{1}"));
    both_ways(&[106], &term("[]"));
    both_ways(&[107, 0, 2, 1, 255], &term("[1,255]"));
    both_ways(&[108, 0, 0, 0, 1, 119, 1, b'a', 106], &term("[a]"));
    both_ways(&[108, 0, 0, 0, 1, 119, 1, b'a', 97, 2], &term("[a|2]"));
    read_only(&[108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2], &term("[1,2]"));
    read_only(&[108, 0, 0, 0, 0, 106], &term("[]"));
    read_only(&[108, 0, 0, 0, 0, 97, 7], &term("7"));
    read_only(&[104, 1, 108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 1, 106], &term("{[1]}"));
    read_only(&[107, 0, 0], &term("[]"));
    both_ways(&[116, 0, 0, 0, 0], &term("#{}"));
    both_ways(&[116, 0, 0, 0, 1, 119, 1, b'a', 97, 1], &term("#{a => 1}"));
    read_only(&[116, 0, 0, 0, 2, 97, 2, 106, 97, 1, 106], &term("#{1 => [], 2 => []}"));
}

#[test]
fn a_string_has_up_to_65535_bytes() {
    for (count, tag) in [(65_534, 107), (65_535, 107), (65_536, 108)] {
        let list = Term::list(vec![Term::Int(7); count]);
        let bytes = encode(&list);
        assert_eq!(bytes[1], tag, "{count}");
        assert_eq!(decode(&bytes), Ok(list));
    }
}

#[test]
fn binaries() {
    both_ways(&[109, 0, 0, 0, 0], &term("<<>>"));
    both_ways(&[109, 0, 0, 0, 2, 1, 2], &term("<<1,2>>"));
    both_ways(&[77, 0, 0, 0, 1, 1, 128], &term("<<1:1>>"));
    both_ways(&[77, 0, 0, 0, 2, 7, 9, 254], &Term::BitString(BitString::new(&[9, 254], 7).unwrap()));
    read_only(&[77, 0, 0, 0, 1, 8, 9], &term("<<9>>"));
    read_only(&[77, 0, 0, 0, 1, 1, 255], &term("<<1:1>>"));
}

#[test]
fn identifiers() {
    let pid = Term::Pid(Pid::new(node(), 7, 1, 2));
    both_ways(&[88, 119, 3, b'a', b'@', b'b', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7], &pid);
    read_only(&[103, 100, 0, 3, b'a', b'@', b'b', 0, 0, 0, 1, 0, 0, 0, 2, 7], &pid);
    let reference = Term::Ref(Reference::from_words(node(), 7, [1, 2, 3]));
    both_ways(
        &[90, 0, 3, 119, 3, b'a', b'@', b'b', 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        &reference,
    );
    read_only(&[114, 0, 3, 119, 3, b'a', b'@', b'b', 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], &reference);
    let one = Term::Ref(Reference::new(node(), 7, &[1]).unwrap());
    both_ways(&[90, 0, 1, 119, 3, b'a', b'@', b'b', 0, 0, 0, 7, 0, 0, 0, 1], &one);
    read_only(&[101, 119, 3, b'a', b'@', b'b', 0, 0, 0, 1, 7], &one);
    let port = Term::Port(PortId::new(node(), 7, 5));
    both_ways(&[120, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7], &port);
    read_only(&[89, 119, 3, b'a', b'@', b'b', 0, 0, 0, 5, 0, 0, 0, 7], &port);
    read_only(&[102, 119, 3, b'a', b'@', b'b', 0, 0, 0, 5, 7], &port);
}

#[test]
fn funs_and_private_terms_keep_their_bytes() {
    both_ways(&[113, 119, 1, b'm', 119, 1, b'f', 97, 2], &term("fun m:f/2"));
    // A fun as OTP 25 wrote it: `fun() -> ok end` of module `p`, on an undistributed node.
    let pid = [&[88, 100, 0, 13][..], b"nonode@nohost", &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let parts =
        [&[0][..], &[7; 16], &[0, 0, 0, 0, 0, 0, 0, 1, 100, 0, 1, b'p', 97, 0, 97, 9], &pid, &[97, 3]]
            .concat();
    let size = u32::try_from(parts.len() + 4).unwrap().to_be_bytes();
    let fun = [&[112][..], &size, &parts].concat();
    let record = [67, 0, 0, 0, 1, 1, 119, 1, b'm', 119, 1, b'r', 119, 1, b'f', 97, 1];
    let local = [121, 1, 2, 3, 4, 5];
    for bytes in [&fun[..], &record, &local] {
        let whole = [&[131][..], bytes].concat();
        let term = decode(&whole).unwrap();
        assert!(matches!(&term, Term::Fun(raw) | Term::Opaque(raw) if raw.external() == bytes));
        assert_eq!(encode(&term), whole);
    }
    let inside = [&[131, 104, 2][..], &fun, &record].concat();
    assert_eq!(encode(&decode(&inside).unwrap()), inside);
}

#[test]
fn compressed_terms_inflate() {
    // `term_to_binary(lists:duplicate(100, $a), [compressed])` as OTP 25 wrote it.
    let whole = [131, 80, 0, 0, 0, 103, 120, 156, 203, 102, 72, 73, 164, 3, 0, 0, 204, 203, 38, 180];
    assert_eq!(decode(&whole), Ok(Term::charlist(&"a".repeat(100))));
    let mut longer = whole.to_vec();
    longer.push(0);
    assert_eq!(decode(&longer).unwrap_err().kind, DecodeErrorKind::TrailingBytes);
}

/// A binary that is kept keeps alive what it shares: it is long, and no small part of that.
#[test]
fn long_binaries_are_slices_of_the_input_unless_they_are_a_small_part_of_it() {
    let filler = |whole: usize, len: usize| vec![0; whole.saturating_sub(len)];
    for (whole, len, shared) in [
        (0, 4_095, false),
        (0, 4_096, true),
        (0, 4_097, true),
        (64 * 8_192, 8_000, false),
        (64 * 8_192, 8_192, true),
        (64 * 8_192, 8_193, true),
    ] {
        let pair = Term::tuple([Term::binary(vec![1; len]), Term::binary(filler(whole, len))]);
        let input = Bytes::from(encode(&pair));
        let term = decode_bytes(&input, &Limits::DEFAULT).unwrap();
        let first = term.as_tuple().unwrap()[0].as_binary().unwrap();
        assert_eq!(input.as_ptr_range().contains(&first.as_ptr()), shared, "{len} of {}", input.len());
        assert_eq!(term, decode(&input).unwrap());
    }
}

#[test]
fn an_envelope_comes_apart_without_a_term() {
    let from = Pid::new(node(), 1, 2, 3);
    let reference = Reference::from_words(node(), 1, [4, 5, 6]);
    let call = Term::tuple([
        Term::atom("$gen_call"),
        Term::tuple([from.into(), Term::improper_list([Term::atom("alias")], reference.into())]),
        term("{get,[key]}"),
    ]);
    let mut body = Vec::new();
    engset_etf::encode_body(&call, &mut body);
    let mut reader = Reader::new(&body);
    assert_eq!(reader.tuple_header(), Ok(3));
    assert!(!reader.accept_atom("$gen_cast"));
    assert!(reader.accept_atom("$gen_call"));
    assert_eq!(reader.tuple_header(), Ok(2));
    assert_eq!(reader.pid(), Ok(from));
    assert_eq!(reader.list_header(), Ok(1));
    assert_eq!(reader.atom().unwrap(), "alias");
    assert_eq!(reader.reference(), Ok(reference));
    let request = reader.rest();
    let place = reader.skip_term().unwrap();
    assert_eq!(&body[place], request);
    assert_eq!(reader.expect_end(), Ok(()));
    assert_eq!(Reader::new(request).term(), Ok(term("{get,[key]}")));
}

#[test]
fn an_envelope_goes_together_without_a_term() {
    use engset_etf::{put_atom, put_int, put_list_header, put_nil, put_pid, put_reference, put_tuple_header};
    let (pid, reference) = (Pid::new(node(), 1, 2, 3), Reference::from_words(node(), 1, [4, 5, 6]));
    let mut body = Vec::new();
    put_tuple_header(&mut body, 3);
    put_list_header(&mut body, 1);
    put_atom(&mut body, "alias");
    put_reference(&mut body, &reference);
    put_pid(&mut body, pid);
    put_list_header(&mut body, 1);
    put_int(&mut body, -1);
    put_nil(&mut body);
    let expected = Term::tuple([
        Term::improper_list([Term::atom("alias")], reference.into()),
        pid.into(),
        Term::list([Term::Int(-1)]),
    ]);
    assert_eq!(Reader::new(&body).term(), Ok(expected));
}
