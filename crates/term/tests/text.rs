//! Terms as text: printed, cut short, parsed.

use engset_term::ParseErrorKind::{self as Kind, *};
use engset_term::limits::PARSE_DEPTH_MAX;
use engset_term::{Atom, NodeName, ParseError, Pid, PortId, Reference, Term, arbitrary};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

#[test]
fn terms_print_as_erlang_prints_them() {
    // The left sides were read by a shell of OTP 25, which printed the right sides.
    let cases = [
        ("10000000000.0", "1.0e10"),
        ("1.0e-4", "0.0001"),
        ("1.0e-5", "1.0e-5"),
        ("1000.0", "1.0e3"),
        ("123456789012345680.0", "1.2345678901234568e17"),
        ("1234567.0e3", "1.234567e9"),
        ("-0.0", "-0.0"),
        ("16#ff", "255"),
        ("$a", "97"),
        ("-$a", "-97"),
        ("1_000", "1000"),
        ("'ok'", "ok"),
        ("'Hello World'", "'Hello World'"),
        ("'a\\001\\237\\n'", "'a\\001\\237\\n'"),
        ("'after'", "'after'"),
        ("''", "''"),
        ("[$a,$b]", "\"ab\""),
        ("[97|98]", "[97|98]"),
        ("\"a\\\"\\x{e5}\"", "\"a\\\"å\""),
        ("[[1,2,97|b],[],\"\"]", "[[1,2,97|b],[],[]]"),
        ("{ }", "{}"),
        ("#{b=>1,a=>#{}}", "#{a => #{},b => 1}"),
        ("<<\"abc\">>", "<<\"abc\">>"),
        ("<<97,98:8,0:1>>", "<<97,98,0:1>>"),
        ("<<5:3>>", "<<5:3>>"),
        ("<<256:16,1:64>>", "<<1,0,0,0,0,0,0,0,0,1>>"),
        ("<<\"å\"/utf8,\"ä\"/utf8>>", "<<\"åä\"/utf8>>"),
        ("<<1:0>>", "<<>>"),
        ("fun lists:map / 2", "fun lists:map/2"),
        (" % a comment\n { a , % another\n b } . ", "{a,b}"),
    ];
    for (text, printed) in cases {
        let term = Term::parse(text).unwrap();
        assert_eq!(term.to_string(), printed);
        assert_eq!(format!("{term:?}"), printed);
        assert_eq!(Term::parse(printed), Ok(term));
    }
}

#[test]
fn identifiers_show_their_node() {
    let node = NodeName::new("a@host").unwrap();
    assert_eq!(Pid::new(node, 9, 1, 2).to_string(), "<a@host.1.2>");
    assert_eq!(Reference::from_words(node, 9, [1, 2, 3]).to_string(), "#Ref<a@host.3.2.1>");
    assert_eq!(PortId::new(node, 9, 7).to_string(), "#Port<a@host.7>");
}

#[test]
fn mistakes_have_a_place_and_a_reason() {
    let cases: &[(&str, usize, Kind)] = &[
        ("", 0, UnexpectedEnd),
        ("{a,", 3, UnexpectedEnd),
        ("{a", 2, UnexpectedEnd),
        ("[a|b", 4, UnexpectedEnd),
        ("[a|b,c]", 4, UnexpectedCharacter),
        ("[|a]", 1, UnexpectedCharacter),
        ("{a}}", 3, TrailingText),
        ("a. b", 3, TrailingText),
        ("a b", 2, TrailingText),
        ("#{a}", 3, UnexpectedCharacter),
        ("#{a=>1,a=>2}", 12, DuplicateKey),
        ("'abc", 4, UnexpectedEnd),
        ("\"abc", 4, UnexpectedEnd),
        ("Variable", 0, UnexpectedCharacter),
        ("_", 0, UnexpectedCharacter),
        ("after", 5, ReservedWord),
        ("1#0", 3, BadNumber),
        ("37#0", 4, BadNumber),
        ("2#2", 3, BadNumber),
        ("16#", 3, BadNumber),
        ("1__0", 4, BadNumber),
        ("1_", 2, BadNumber),
        ("1.0e", 4, BadNumber),
        ("1.0e400", 7, FloatTooLarge),
        ("-", 1, UnexpectedEnd),
        ("-a", 1, UnexpectedCharacter),
        ("$", 1, UnexpectedEnd),
        ("\"\\x{110000}\"", 11, BadEscape),
        ("\"\\xzz\"", 5, BadEscape),
        ("<<256,\"ж\">>", 10, BadSegment),
        ("<<1:65>>", 6, BadSegment),
        ("<<1.0>>", 5, BadSegment),
        ("<<1", 3, UnexpectedEnd),
        ("<<a>>", 2, UnexpectedCharacter),
        ("fun a:b/256", 11, BadArity),
        ("fun a:b", 7, UnexpectedEnd),
        ("<0.1.2>", 0, UnexpectedCharacter),
    ];
    for (text, at, kind) in cases {
        assert_eq!(Term::parse(text), Err(ParseError { at: *at, kind: *kind }), "{text:?}");
    }
    assert_eq!(Term::parse("{").unwrap_err().to_string(), "term is not complete at byte 1");
}

#[test]
fn parsing_nests_1000_deep() {
    let nested = |depth: usize| "{".repeat(depth) + "a" + &"}".repeat(depth);
    assert!(Term::parse(&nested(PARSE_DEPTH_MAX - 1)).is_ok());
    assert!(Term::parse(&nested(PARSE_DEPTH_MAX)).is_ok());
    assert_eq!(Term::parse(&nested(PARSE_DEPTH_MAX + 1)).unwrap_err().kind, TooDeep);
    assert_eq!(Term::parse(&"[".repeat(1_000_000)).unwrap_err().kind, TooDeep);
}

#[test]
fn parsed_atoms_have_up_to_255_characters() {
    assert!(Term::parse(&"a".repeat(255)).is_ok());
    assert_eq!(Term::parse(&"a".repeat(256)).unwrap_err().kind, AtomTooLong);
    assert_eq!(Term::parse(&format!("'{}'", "å".repeat(256))).unwrap_err().kind, AtomTooLong);
}

#[test]
fn long_terms_print_cut_short() {
    let term = Term::parse("{abc,<<\"å\"/utf8>>,[1,2]}").unwrap();
    let whole = term.to_string();
    assert_eq!(term.display_max(whole.len() + 1).to_string(), whole);
    assert_eq!(term.display_max(whole.len()).to_string(), whole);
    assert_eq!(term.display_max(whole.len() - 1).to_string(), format!("{}...", &whole[..whole.len() - 1]));
    assert_eq!(term.display_max(9).to_string(), "{abc,<<\"...");
    assert_eq!(term.display_max(0).to_string(), "...");
}

proptest! {
    #[test]
    fn any_atom_parses_back(atom in arbitrary::atom()) {
        prop_assert_eq!(Term::parse(&format!("{atom}")), Ok(Term::Atom(atom)));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,60}") {
        if let Ok(term) = Term::parse(&text) {
            prop_assert_eq!(Term::parse(&term.to_string()), Ok(term));
        }
    }

    #[test]
    fn term_like_text_is_survived(text in "[\\]\\[{}#=>,|<\"'a1.:/$\\\\ -]{0,40}") {
        if let Ok(term) = Term::parse(&text) {
            prop_assert_eq!(Term::parse(&term.to_string()), Ok(term));
        }
    }

    #[test]
    fn a_cut_print_is_a_beginning(term in arbitrary::term(), max in any::<u8>()) {
        let (whole, max) = (term.to_string(), usize::from(max));
        let cut = term.display_max(max).to_string();
        let kept = cut.strip_suffix("...").filter(|_| whole.len() > max).unwrap_or(&cut);
        prop_assert!(whole.starts_with(kept) && kept.len() <= max);
    }
}

#[test]
fn an_atom_prints_alone() {
    assert_eq!(format!("{} {:?}", Atom::from_static("a b"), Atom::from_static("ok")), "'a b' ok");
}
