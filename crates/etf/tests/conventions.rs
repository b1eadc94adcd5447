//! Rust values in the forms that Elixir and Erlang give them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use engset_etf::conventions::{self, Charlist, ImproperList, Nil};
use engset_etf::{SerError, from_body, from_term, to_body, to_term};
use engset_term::{Atom, Term};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

/// The value is written as the term, and the term read as the value.
#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
    assert_eq!(to_term(&value).as_ref(), Ok(&term(text)));
    assert_eq!(from_term::<T>(&term(text)), Ok(value), "{text}");
}

#[track_caller]
fn read<T: DeserializeOwned + PartialEq + Debug>(text: &str, value: T) {
    assert_eq!(from_term::<T>(&term(text)), Ok(value), "{text}");
}

#[track_caller]
fn refused<T: DeserializeOwned + Debug>(text: &str, why: &str) {
    let error = from_term::<T>(&term(text)).unwrap_err().to_string();
    assert!(error.contains(why), "{text}: {error}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "%MyApp.User", deny_unknown_fields)]
struct User {
    name: String,
    #[serde(with = "conventions::nil")]
    age: Option<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#user")]
struct UserRecord {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u8>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "[]", default)]
struct Options {
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    verbose: bool,
}

#[test]
fn an_elixir_struct_says_its_module() {
    let user = || User { name: "Ada".into(), age: Some(36) };
    let text = "#{'__struct__' => 'Elixir.MyApp.User', age => 36, name => <<\"Ada\">>}";
    both_ways(user(), text);
    // Not only in the order of keys, and with a value that is a container.
    let pair = (user(), vec![User { age: None, ..user() }]);
    both_ways(
        pair,
        &format!("{{{text}, [#{{'__struct__' => 'Elixir.MyApp.User', age => nil, name => <<\"Ada\">>}}]}}"),
    );
    let missing = "expected a struct %MyApp.User{}, found a map without `__struct__`";
    refused::<User>("#{age => 36, name => <<\"Ada\">>}", missing);
    refused::<User>("#{}", missing);
    let other = "#{'__struct__' => 'Elixir.MyApp.Admin', age => 36, name => <<\"Ada\">>}";
    refused::<User>(other, "expected a struct %MyApp.User{}, found %MyApp.Admin{}");
    refused::<User>("#{'__struct__' => 7, age => 36, name => <<\"Ada\">>}", "`__struct__` is no atom");
    refused::<User>("[]", "");
}

#[test]
fn a_struct_that_arrives_cut_short_is_refused() {
    let mut body = Vec::new();
    to_body(&User { name: "Ada".into(), age: Some(36) }, &mut body).unwrap();
    for end in 0..body.len() {
        assert!(from_body::<User>(&body[..end]).is_err(), "{end}");
    }
    assert!(from_body::<User>(&body).is_ok());
}

/// A peer may repeat the key that is passed over as often as it likes.
#[test]
fn a_struct_that_says_its_module_a_million_times_is_read_within_the_stack() {
    let mut body = Vec::new();
    to_body(&User { name: "Ada".into(), age: Some(36) }, &mut body).unwrap();
    let module = 5 + 2 + "__struct__".len() + 2 + "Elixir.MyApp.User".len();
    let (more, rest) = (body[5..module].repeat(1_000_000), &body[5..]);
    let hostile = [&[116][..], &1_000_003_u32.to_be_bytes(), &more, rest].concat();
    assert_eq!(from_body::<User>(&hostile), Ok(User { name: "Ada".into(), age: Some(36) }));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#empty")]
struct Empty {}

#[test]
fn a_record_without_fields_is_not_looked_for_behind_an_empty_tuple() {
    both_ways((Empty {}, 1_u8), "{{empty}, 1}");
    let behind = [&[104, 3, 104, 0, 119, 5][..], b"empty", &[97, 1]].concat();
    assert!(from_body::<(Empty, u8)>(&[&[104, 2], &behind[2..]].concat()).is_err());
    assert!(from_body::<(Empty, Atom, u8)>(&behind).is_err());
}

#[test]
fn a_record_is_a_tuple_of_a_tag_and_fields() {
    both_ways(UserRecord { name: "Ada".into(), age: Some(36) }, "{user, <<\"Ada\">>, 36}");
    both_ways(UserRecord { name: "Ada".into(), age: None }, "{user, <<\"Ada\">>, undefined}");
    refused::<UserRecord>("{admin, <<\"Ada\">>, 36}", "expected a record #user{}");
    refused::<UserRecord>("{user, <<\"Ada\">>}", "expected a record #user{} of 2 fields, found 1");
    refused::<UserRecord>("{user, <<\"Ada\">>, 36, 1}", "of 2 fields, found 3");
    refused::<UserRecord>("{}", "expected a record");
    refused::<UserRecord>("#{name => <<\"Ada\">>}", "");
}

#[test]
fn a_keyword_list_is_a_list_of_pairs() {
    let options = Options { limit: 3, name: Some("x".into()), verbose: true };
    both_ways(options, "[{limit, 3}, {name, <<\"x\">>}, {verbose, true}]");
    read("[verbose, {limit, 3}]", Options { limit: 3, name: None, verbose: true });
    read("[{limit, 3}, {other, {1, 2}}, {limit, 4}, other]", Options { limit: 3, ..Options::default() });
    read("#{limit => 3}", Options { limit: 3, ..Options::default() });
    read("[]", Options::default());
    refused::<Options>("[{limit, 3, 4}]", "no pair");
    refused::<Options>("[{limit, 3} | tail]", "");
    refused::<Options>("[7]", "");
    // Written cell by cell, as `ei` does where it does not know the length before.
    let pair = |tag: &[u8], value: &[u8]| {
        let tag = [&[119, u8::try_from(tag.len()).unwrap()], tag].concat();
        [&[108, 0, 0, 0, 1, 104, 2][..], &tag, value].concat()
    };
    let cells = [pair(b"limit", &[97, 3]), pair(b"verbose", b"w\x04true"), vec![106]].concat();
    assert_eq!(from_body::<Options>(&cells), Ok(Options { limit: 3, name: None, verbose: true }));
    assert_eq!(to_term(&Wrapped(())), Ok(term("[]")));
}

/// A keyword list of nothing.
struct Wrapped(());

impl Serialize for Wrapped {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let () = self.0;
        serde::ser::SerializeStruct::end(serializer.serialize_struct("[]", 0)?)
    }
}

#[test]
fn nothing_is_nil_where_it_is_asked_for() {
    assert_eq!(to_term(&Nil(None::<u8>)), Ok(term("nil")));
    assert_eq!(to_term(&Nil((vec![None, Some(1)], None::<u8>, ()))), Ok(term("{[nil, 1], nil, nil}")));
    assert_eq!(to_term(&(Nil(None::<u8>), None::<u8>)), Ok(term("{nil, undefined}")));
    assert_eq!(to_term(&Nil(Ok::<(), ()>(()))), Ok(term("ok")));
    for nothing in ["nil", "undefined", "null"] {
        read(nothing, Nil(None::<u8>));
        read(nothing, None::<u8>);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Texts {
    #[serde(with = "conventions::atom")]
    role: String,
    #[serde(with = "conventions::atom")]
    roles: Option<Vec<String>>,
    #[serde(with = "conventions::charlist")]
    path: String,
    #[serde(with = "conventions::atom")]
    by_atom: BTreeMap<String, String>,
    plain: String,
}

#[test]
fn strings_are_atoms_and_charlists_where_it_is_asked_for() {
    let texts = Texts {
        role: "admin".into(),
        roles: Some(vec!["a b".into(), "c".into()]),
        path: "/tmp".into(),
        by_atom: BTreeMap::from([("k".into(), "v".into())]),
        plain: "plain".into(),
    };
    both_ways(
        texts,
        "#{by_atom => #{k => v}, path => [47, 116, 109, 112], plain => <<\"plain\">>, role => admin, \
         roles => ['a b', c]}",
    );
    refused::<String>("admin", "");
    let text = "#{by_atom => #{}, path => <<\"/tmp\">>, plain => [112], role => <<\"admin\">>, roles => nil}";
    let texts = Texts {
        role: "admin".into(),
        roles: None,
        path: "/tmp".into(),
        by_atom: BTreeMap::new(),
        plain: "p".into(),
    };
    read(text, texts);
}

#[test]
fn an_atom_has_at_most_255_characters() {
    #[derive(Serialize)]
    struct Role(#[serde(with = "conventions::atom")] String);
    let longest = "ü".repeat(255);
    assert_eq!(to_term(&Role(longest.clone())), Ok(Term::from(Atom::new(&longest).unwrap())));
    assert_eq!(to_term(&Role("ü".repeat(256))), Err(SerError::AtomTooLong));
}

#[test]
fn charlists_are_lists_of_code_points() {
    both_ways(Charlist::from(""), "[]");
    both_ways(Charlist::from("hi"), "[104, 105]");
    both_ways(Charlist::from("h\u{e9}"), "[104, 233]");
    both_ways(Charlist::from("h\u{20ac}"), "[104, 8364]");
    read("<<\"hi\">>", Charlist::from("hi"));
    // A list of small numbers is the same term.
    read("[104, 105]", vec![104_u8, 105]);
    read("[104, 105]", vec![104_i64, 105]);
    refused::<Charlist>("[55296]", "");
    refused::<Charlist>("[-1]", "");
    refused::<Charlist>("[104 | 105]", "");
}

#[test]
fn the_short_form_of_a_charlist_ends_at_65_535() {
    for (count, tag) in [(65_535, 107), (65_536, 108)] {
        let text = Charlist("x".repeat(count));
        let mut body = Vec::new();
        to_body(&text, &mut body).unwrap();
        assert_eq!(body[0], tag);
        assert_eq!(from_body::<Charlist>(&body), Ok(text));
    }
}

#[test]
fn improper_lists_have_a_tail() {
    both_ways(ImproperList { elements: vec![1, 2], tail: 3 }, "[1, 2 | 3]");
    both_ways(ImproperList { elements: vec!["a".to_owned()], tail: 3 }, "[<<\"a\">> | 3]");
    refused::<ImproperList<u8>>("[1, 2]", "");
    refused::<ImproperList<u16>>("[1000, 2000]", "");
    refused::<ImproperList<u8>>("[]", "");
    assert_eq!(to_term(&ImproperList::<u8> { elements: vec![], tail: 3 }), Err(SerError::Malformed));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Method {
    #[serde(rename = ":GET")]
    Get,
    #[serde(rename = "fetch!")]
    Fetch(u8),
    #[serde(rename = "Elixir.MyApp.User")]
    User,
}

#[test]
fn names_that_are_not_in_snake_case_are_written_as_they_are() {
    both_ways(Method::Get, "'GET'");
    both_ways(Method::Fetch(1), "{'fetch!', 1}");
    both_ways(Method::User, "'Elixir.MyApp.User'");
}

#[test]
fn a_bare_error_brings_nothing() {
    both_ways(Err::<u8, ()>(()), "error");
    read("error", Err::<u8, Option<u8>>(None));
    read("{error, ok}", Err::<u8, ()>(()));
    both_ways(Err::<(), u8>(7), "{error, 7}");
    refused::<Result<u8, u8>>("error", "");
}
