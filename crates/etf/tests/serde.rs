//! Rust values and the terms they stand for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use engset_etf::{DeError, DecodeErrorKind, SerError, from_body, from_term, to_body, to_term};
use engset_term::{Atom, Binary, Float, Integer, NodeName, Pid, PortId, Reference, Term};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

/// The value is written as the term, and the term read as the value.
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
    assert_eq!(to_term(&value).as_ref(), Ok(&term(text)));
    assert_eq!(from_term::<T>(&term(text)), Ok(value), "{text}");
}

/// The term is read as the value, which is written otherwise.
fn read_only<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str, value: T) {
    assert_ne!(to_term(&value).as_ref(), Ok(&term(text)));
    assert_eq!(from_term::<T>(&term(text)), Ok(value), "{text}");
}

fn refused<T: DeserializeOwned + Debug>(text: &str) {
    assert!(from_term::<T>(&term(text)).is_err(), "{text} is {:?}", from_term::<T>(&term(text)));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<f64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(Vec<Point>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Request {
    Stop,
    SetLevel(u8),
    MoveTo(i8, i8),
    HTTPGet {
        path: String,
    },
    #[serde(rename = "exactName")]
    Renamed,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Addr(Pid);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Envelope {
    from: Addr,
    tag: Reference,
    port: PortId,
    name: Atom,
    node: NodeName,
    big: Integer,
    ratio: Float,
    raw: Binary,
    body: Term,
}

#[test]
fn scalars() {
    both_ways(true, "true");
    both_ways(false, "false");
    both_ways(7_u8, "7");
    both_ways(i8::MIN, "-128");
    both_ways(u64::MAX, "18446744073709551615");
    both_ways(i64::MIN, "-9223372036854775808");
    both_ways(u128::MAX, "340282366920938463463374607431768211455");
    both_ways(i128::MIN, "-170141183460469231731687303715884105728");
    both_ways(i128::MAX, "170141183460469231731687303715884105727");
    both_ways(1.5_f64, "1.5");
    both_ways(0.5_f32, "0.5");
    read_only("3", 3.0_f64);
    both_ways('å', "<<\"å\"/utf8>>");
    refused::<u8>("256");
    refused::<u8>("-1");
    refused::<i64>("9223372036854775808");
    refused::<u128>("-1");
    refused::<i128>("170141183460469231731687303715884105728");
    refused::<u8>("1.0");
    refused::<bool>("maybe_not");
    refused::<u128>("16#100000000000000000000000000000000");
}

#[test]
fn floats_are_finite() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(to_term(&value), Err(SerError::NotFinite));
    }
    assert_eq!(to_term(&f32::NAN), Err(SerError::NotFinite));
}

#[test]
fn text_and_bytes() {
    both_ways(String::from("abc"), "<<\"abc\">>");
    read_only("\"abc\"", String::from("abc"));
    read_only("\"åж\"", String::from("åж"));
    read_only("\"å\"", String::from("å"));
    read_only("[]", String::new());
    refused::<String>("abc");
    refused::<String>("<<255>>");
    refused::<String>("[1114112]");
    refused::<String>("[97|98]");
    both_ways(vec![1_u8, 2], "[1,2]");
    read_only("<<1,2>>", vec![1_u8, 2]);
    both_ways(Binary::from(&[1, 2][..]), "<<1,2>>");
    read_only("[1,2]", Binary::from(&[1, 2][..]));
    let mut body = Vec::new();
    to_body("on loan", &mut body).unwrap();
    assert_eq!(from_body::<&str>(&body), Ok("on loan"));
}

#[test]
fn options_and_units() {
    both_ways(None::<u8>, "undefined");
    both_ways(Some(1_u8), "1");
    read_only("nil", None::<u8>);
    read_only("null", None::<u8>);
    both_ways((), "ok");
    read_only("nil", ());
    read_only("undefined", ());
    refused::<()>("[]");
    refused::<()>("error");
    both_ways(Marker, "marker");
    refused::<Marker>("other");
}

#[test]
fn containers() {
    both_ways(vec![String::from("a")], "[<<\"a\">>]");
    both_ways(Vec::<u8>::new(), "[]");
    both_ways(vec![256_u16], "[256]");
    both_ways((1_u8, true), "{1,true}");
    both_ways([1_u8; 3], "{1,1,1}");
    refused::<(u8, u8)>("{1}");
    refused::<(u8, u8)>("{1,2,3}");
    refused::<Vec<u8>>("[1|2]");
    refused::<Vec<u8>>("{1}");
    both_ways(BTreeMap::from([(String::from("k"), 1_u8)]), "#{<<\"k\">> => 1}");
    read_only("#{k => 1}", BTreeMap::from([(String::from("k"), 1_u8)]));
    both_ways(BTreeMap::from([(1_u8, vec![(2_u8,)])]), "#{1 => [{2}]}");
    both_ways(vec![vec![1_u8], vec![]], "[[1],[]]");
}

#[test]
fn structs() {
    both_ways(Point { x: 1, y: None }, "#{x => 1,y => undefined}");
    both_ways(Point { x: 1, y: Some(0.5) }, "#{x => 1,y => 0.5}");
    read_only("#{<<\"x\">> => 1,extra => [{a}]}", Point { x: 1, y: None });
    refused::<Point>("#{y => 1.0}");
    refused::<Point>("{1,2}");
    both_ways(Wrapped(vec![Point { x: 1, y: None }]), "[#{x => 1,y => undefined}]");
    both_ways(Pair(1, String::from("a")), "{1,<<\"a\">>}");
}

#[test]
fn variants() {
    both_ways(Request::Stop, "stop");
    read_only("'Stop'", Request::Stop);
    read_only("<<\"stop\">>", Request::Stop);
    read_only("{stop}", Request::Stop);
    both_ways(Request::SetLevel(3), "{set_level,3}");
    read_only("{'SetLevel',3}", Request::SetLevel(3));
    both_ways(Request::MoveTo(1, -1), "{move_to,1,-1}");
    both_ways(Request::HTTPGet { path: String::from("/") }, "{http_get,#{path => <<\"/\">>}}");
    both_ways(Request::Renamed, "exact_name");
    read_only("exactName", Request::Renamed);
    for wrong in
        ["set_level", "{set_level}", "{set_level,1,2}", "{move_to,1}", "{stop,1}", "unknown", "{}", "7", "ok"]
    {
        refused::<Request>(wrong);
    }
}

#[test]
fn results() {
    both_ways(Ok::<u8, String>(1), "{ok,1}");
    both_ways(Err::<u8, String>(String::from("no")), "{error,<<\"no\">>}");
    both_ways(Ok::<(), Request>(()), "ok");
    read_only("{ok,ok}", Ok::<(), Request>(()));
    both_ways(Err::<(), Request>(Request::Stop), "{error,stop}");
    both_ways(Ok::<Option<u8>, ()>(None), "{ok,undefined}");
    refused::<Result<u8, String>>("ok");
    refused::<Result<u8, String>>("error");
}

#[test]
fn native_values_stay_native() {
    let node = NodeName::new("a@host").unwrap();
    let value = Envelope {
        from: Addr(Pid::new(node, 1, 2, 3)),
        tag: Reference::from_words(node, 1, [4, 5, 6]),
        port: PortId::new(node, 1, 1 << 40),
        name: Atom::from_static("Quoted Name"),
        node,
        big: Integer::from(u128::MAX) + Integer::from(1_u8),
        ratio: Float::new(0.5).unwrap(),
        raw: Binary::from(&[255][..]),
        body: term("{[a|b],#{1.5 => <<1:1>>},fun m:f/1,[],16#ffffffffffffffffffffffffffffffffff}"),
    };
    let written = to_term(&value).unwrap();
    let map = written.as_map().unwrap();
    assert_eq!(map.get_atom("from"), Some(&Term::Pid(value.from.0)));
    assert_eq!(map.get_atom("tag"), Some(&Term::Ref(value.tag)));
    assert_eq!(map.get_atom("port"), Some(&Term::Port(value.port)));
    assert_eq!(map.get_atom("name"), Some(&Term::Atom(value.name.clone())));
    assert_eq!(map.get_atom("node"), Some(&Term::atom("a@host")));
    assert_eq!(map.get_atom("big"), Some(&Term::from(value.big.clone())));
    assert_eq!(map.get_atom("raw"), Some(&Term::binary(vec![255])));
    assert_eq!(map.get_atom("body"), Some(&value.body));
    assert_eq!(from_term::<Envelope>(&written), Ok(value));
    refused::<Pid>("{<<\"a@host\">>,1,2,3}");
    refused::<Atom>("<<\"a\">>");
    refused::<Integer>("a");
}

#[test]
fn native_values_pass_through_untagged_types() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Process(Pid),
        Nothing(Option<u8>),
        Text(String),
    }
    let pid = Pid::new(NodeName::new("a@host").unwrap(), 1, 2, 3);
    assert_eq!(from_term(&Term::Pid(pid)), Ok(Either::Process(pid)));
    both_ways(Either::Number(4), "4");
    both_ways(Either::Nothing(None), "undefined");
    both_ways(Either::Text(String::from("x")), "<<\"x\">>");
}

#[test]
fn any_term_can_be_ignored() {
    assert!(from_term::<IgnoredAny>(&term("{[a|b],#{1 => <<1:1>>},fun m:f/1}")).is_ok());
}

#[test]
fn depth_ends_at_128() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Nested(Vec<Self>);
    let nested = |depth: usize| (1..depth).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]));
    for (depth, passes) in [(127, true), (128, true), (129, false)] {
        let written = to_term(&nested(depth));
        assert_eq!(written.is_ok(), passes, "{depth}");
        let mut body = [108, 0, 0, 0, 1].repeat(depth - 1);
        body.extend([106].repeat(depth));
        let read = from_body::<Nested>(&body);
        // The empty list in the middle is a container of its own.
        assert_eq!(read.is_ok(), passes, "{depth}: {:?}", read.err());
        let tuples = [&[104, 1].repeat(depth)[..], &[97, 1]].concat();
        assert_eq!(from_body::<Term>(&tuples).is_ok(), passes, "{depth}");
    }
}

#[test]
fn a_body_is_one_whole_term() {
    assert_eq!(from_body::<u8>(&[97, 1]), Ok(1));
    let kind = |body: &[u8]| match from_body::<u8>(body) {
        Err(DeError::Decode(error)) => error.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(&[97, 1, 0]), DecodeErrorKind::TrailingBytes);
    assert_eq!(kind(&[97]), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[]), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[106]), DecodeErrorKind::UnexpectedType);
    assert_eq!(kind(&[1]), DecodeErrorKind::UnknownTag);
}

#[test]
fn after_an_error_the_buffer_is_as_before() {
    let mut out = vec![1, 2, 3];
    assert!(to_body(&(1_u8, f64::NAN), &mut out).is_err());
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn names_longer_than_an_atom_are_refused() {
    struct Long;
    impl Serialize for Long {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_newtype_struct(engset_term::names::ATOM, &"a".repeat(256))
        }
    }
    assert_eq!(to_term(&Long), Err(SerError::AtomTooLong));
}

/// As `ei` writes a list whose length it does not know before: a list in the tail of each.
#[test]
fn a_list_written_cell_by_cell_is_read_as_any_other() {
    let cells = |cells: &[&[u8]], tail: &[u8]| {
        let heads = cells.iter().flat_map(|cell| [&[108, 0, 0, 0, 1][..], cell].concat());
        [heads.collect::<Vec<u8>>(), tail.to_vec()].concat()
    };
    let numbers = cells(&[[97, 7].as_slice(); 1_000], &[106]);
    assert_eq!(from_body::<Vec<u8>>(&numbers), Ok(vec![7; 1_000]));
    assert_eq!(from_body::<Term>(&numbers), Ok(Term::list(vec![Term::Int(7); 1_000])));
    let pair = [&[104, 2][..], &numbers, &[97, 9]].concat();
    assert_eq!(from_body::<(Vec<u8>, u8)>(&pair), Ok((vec![7; 1_000], 9)));
    // Two elements behind one head, then one.
    let mixed = [&[108, 0, 0, 0, 2, 97, 104, 97, 105][..], &cells(&[&[97, 33]], &[106])].concat();
    assert_eq!(from_body::<String>(&mixed).as_deref(), Ok("hi!"));
    assert_eq!(from_body::<Vec<u8>>(&mixed).as_deref(), Ok(&b"hi!"[..]));
    let improper = cells(&[&[97, 1], &[97, 2]], &[97, 3]);
    assert_eq!(from_body::<Term>(&improper), Ok(term("[1,2|3]")));
    assert!(from_body::<Vec<u8>>(&improper).is_err() && from_body::<String>(&improper).is_err());
    assert!(from_body::<Vec<u8>>(&cells(&[&[97, 1], &[97, 2]], &[])).is_err());
}
