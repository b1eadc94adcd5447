//! The same terms in a live Erlang: bytes, order and printing must agree.
//!
//! Where `erl` is not installed these tests print "skipped" and check nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;
use std::process::Command;

use engset_etf::{decode, encode};
use engset_term::{Atom, BitString, NodeName, Pid, PortId, Reference, Term, arbitrary};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// What Erlang says of each term of a list.
struct Verdict {
    terms: Vec<Term>,
    /// Its `term_to_binary/1` after `binary_to_term/1` of ours.
    bytes: Vec<Vec<u8>>,
    /// Its `~0tp`.
    printed: Vec<String>,
    /// The places of the terms after `lists:sort/1`, stable.
    order: Vec<usize>,
}

#[test]
fn erlang_reads_and_writes_the_same_terms() {
    let Some(verdict) = ask_erlang("bytes", samples()) else { return };
    for (term, bytes) in verdict.terms.iter().zip(&verdict.bytes) {
        assert_eq!(decode(bytes).as_ref(), Ok(term));
    }
}

#[test]
fn erlang_sorts_the_same_way() {
    let Some(verdict) = ask_erlang("order", samples()) else { return };
    let mut ours: Vec<usize> = (0..verdict.terms.len()).collect();
    ours.sort_by(|a, b| verdict.terms[*a].arith_cmp(&verdict.terms[*b]));
    for (place, (ours, theirs)) in ours.iter().zip(&verdict.order).enumerate() {
        assert_eq!(ours, theirs, "at {place}: {} or {}", verdict.terms[*ours], verdict.terms[*theirs]);
    }
    let mut total = verdict.terms;
    total.sort();
    assert!(total.array_windows().all(|[a, b]| a.arith_cmp(b).is_le()), "the total order refines Erlang's");
}

#[test]
fn erlang_prints_the_same_text_and_it_parses_back() {
    let Some(verdict) = ask_erlang("print", samples()) else { return };
    let mut compared = 0;
    for (term, printed) in verdict.terms.iter().zip(&verdict.printed) {
        if has_identifiers(term) {
            continue;
        }
        assert_eq!(&term.to_string(), printed);
        assert_eq!(Term::parse(printed).as_ref(), Ok(term), "{printed}");
        compared += 1;
    }
    assert!(compared >= 200, "only {compared} terms were compared");
}

/// Chosen terms, and many by chance but always the same.
fn samples() -> Vec<Term> {
    let mut terms: Vec<Term> = CHOSEN.iter().map(|text| Term::parse(text).unwrap()).collect();
    terms.extend(identifiers());
    let mut runner = TestRunner::deterministic();
    let strategy = arbitrary::term();
    terms.extend((0..600).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
    terms
}

const CHOSEN: &[&str] = &[
    "0",
    "1",
    "-1",
    "255",
    "256",
    "2147483647",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "16#ffffffffffffffffffffffffffffffffff",
    "1.0",
    "-1.0",
    "0.0",
    "0.1",
    "1.0e10",
    "1.0e-5",
    "1.0e-4",
    "123456.789",
    "1.0e22",
    "1.5",
    "9007199254740992.0",
    "9007199254740993",
    "9223372036854775807.0",
    "1.7976931348623157e308",
    "5.0e-324",
    "1000.0",
    "100.0",
    "0.001",
    "a",
    "b",
    "''",
    "'A'",
    "'hello world'",
    "'it\\'s'",
    "'a\\nb'",
    "'\u{e5}'",
    "\u{e5}",
    "'\u{436}'",
    "'\\001'",
    "a@b",
    "'1a'",
    "'_a'",
    "'after'",
    "'fun'",
    "'when'",
    "[]",
    "[1]",
    "[1,2,3]",
    "[a]",
    "[a|b]",
    "[1,2|3]",
    "[[]]",
    "[[],[]]",
    "\"abc\"",
    "\"a\\\"b\\\\c\\n\"",
    "[1,a]",
    "[97|98]",
    "\"\u{e5}\u{e4}\"",
    "\"\u{436}\"",
    "[127]",
    "[160]",
    "[0]",
    "[1114112]",
    "[55296]",
    "\"\\e\"",
    "{}",
    "{a}",
    "{1,2}",
    "{a,{b,{c}}}",
    "#{}",
    "#{a => 1}",
    "#{1 => a, 1.0 => b}",
    "#{a => 1, b => 2}",
    "#{b => 1, c => 2}",
    "#{1.0 => x}",
    "#{2 => x}",
    "#{{a} => [], [] => {a}}",
    "{1.0}",
    "{1}",
    "{1,2.0}",
    "<<>>",
    "<<\"abc\">>",
    "<<1,2,3>>",
    "<<\"\u{e5}\"/utf8>>",
    "<<\"\u{e5}\">>",
    "<<0>>",
    "<<255>>",
    "<<1:1>>",
    "<<5,1:3>>",
    "<<\"a\",0:7>>",
    "<<97>>",
    "<<97:7>>",
    "<<0:1>>",
    "<<0,0:1>>",
    "<<127>>",
    "<<\"a\\\"\">>",
    "fun lists:map/2",
    "fun 'A b':c/0",
    "fun lists:map/3",
    "fun a:z/1",
];

fn identifiers() -> Vec<Term> {
    let nodes = ["a@host", "b@host", "nonode@nohost"].map(|text| NodeName::new(text).unwrap());
    let mut terms = Vec::new();
    for node in nodes {
        for (creation, id, serial) in [(1, 2, 3), (2, 2, 3), (1, 3, 2), (9, 0xffff_ffff, 0xffff_ffff)] {
            terms.push(Term::Pid(Pid::new(node, creation, id, serial)));
            terms.push(Term::Port(PortId::new(node, creation, u64::from(id) << 32 | u64::from(serial))));
            terms.push(Term::Port(PortId::new(node, creation, u64::from(id))));
            for words in [&[1, 2, 3][..], &[3, 2, 1], &[1], &[1, 2], &[7, 0, 0], &[7], &[1, 2, 3, 4, 5]] {
                terms.push(Term::Ref(Reference::new(node, creation, words).unwrap()));
            }
        }
    }
    terms
}

/// Whether the term shows differently in Erlang by nature, or by OTP release.
fn has_identifiers(term: &Term) -> bool {
    match term {
        Term::Pid(_) | Term::Ref(_) | Term::Port(_) => true,
        Term::Atom(atom) => ["maybe", "else"].contains(&atom.as_str()),
        // Erlang quotes names in funs by other rules than names elsewhere.
        Term::Export(export) => {
            let plain = |name: &Atom| name.as_str().chars().all(|c| c.is_ascii_alphanumeric());
            !plain(&export.module) || !plain(&export.function)
        }
        Term::Tuple(items) => items.iter().any(has_identifiers),
        Term::List(list) => list.cells().iter().any(has_identifiers),
        Term::Map(map) => map.cells().iter().any(has_identifiers),
        Term::Int(_)
        | Term::Big(_)
        | Term::Float(_)
        | Term::Nil
        | Term::Binary(_)
        | Term::BitString(_)
        | Term::Fun(_)
        | Term::Opaque(_) => false,
    }
}

fn ask_erlang(name: &str, terms: Vec<Term>) -> Option<Verdict> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (question, answer) = (folder.join(format!("{name}.question")), folder.join(format!("{name}.answer")));
    std::fs::write(&question, encode(&Term::list(terms.iter().map(|term| Term::binary(encode(term))))))
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test asks a real Erlang")]
    let mut erl = Command::new("erl");
    let erl = erl.args(["+pc", "unicode", "-noshell", "-noinput", "-eval", PROGRAM, "-extra"]);
    match erl.arg(&question).arg(&answer).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: erl not installed");
            return None;
        }
        output => {
            let output = output.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
    let answer = decode(&std::fs::read(&answer).unwrap()).unwrap();
    let [bytes, printed, order] = answer.as_tuple().unwrap() else { panic!("three lists expected") };
    let binaries = |list: &Term| -> Vec<Vec<u8>> {
        list.as_proper_list().unwrap().iter().map(|item| item.as_binary().unwrap().to_vec()).collect()
    };
    let printed = binaries(printed).into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
    let order =
        order.as_proper_list().unwrap().iter().map(|place| usize::try_from(place.as_int().unwrap()).unwrap());
    Some(Verdict { terms, bytes: binaries(bytes), printed, order: order.collect() })
}

const PROGRAM: &str = r#"
    [Question, Answer] = init:get_plain_arguments(),
    {ok, In} = file:read_file(Question),
    Terms = [binary_to_term(B) || B <- binary_to_term(In)],
    Bytes = [term_to_binary(T) || T <- Terms],
    Print = fun(T) -> unicode:characters_to_binary(io_lib:format("~0tp", [T])) end,
    Printed = [Print(T) || T <- Terms],
    Numbered = lists:zip(Terms, lists:seq(0, length(Terms) - 1)),
    Order = [I || {_, I} <- lists:sort(Numbered)],
    ok = file:write_file(Answer, term_to_binary({Bytes, Printed, Order})),
    halt(0).
"#;

/// Kinds that `parse` cannot make are still in the samples.
#[test]
fn samples_hold_every_kind() {
    let terms = samples();
    let has = |kind: fn(&Term) -> bool| assert!(terms.iter().any(kind));
    has(
        |term| matches!(term, Term::BitString(bits) if BitString::new(bits.bytes(), bits.last_bits()).is_some()),
    );
    has(|term| matches!(term, Term::Big(_)));
    has(|term| matches!(term, Term::Export(export) if export.module == Atom::from_static("lists")));
    has(|term| matches!(term, Term::List(list) if !list.is_proper()));
}
