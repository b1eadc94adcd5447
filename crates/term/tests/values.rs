//! Terms as values: kinds, limits, equality, hash, order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use engset_term::{
    Atom, AtomError, BitString, Float, FloatError, Instant, Integer, List, Map, MapError, NodeName, Pid,
    Reference, ReferenceError, Term, arbitrary,
};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn hash(term: &Term) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn atoms_have_up_to_255_characters() {
    for c in ["a", "å", "🦀"] {
        assert!(Atom::new(&c.repeat(254)).is_ok());
        assert!(Atom::new(&c.repeat(255)).is_ok());
        assert_eq!(Atom::new(&c.repeat(256)), Err(AtomError::TooLong));
    }
    const OK: Atom = Atom::from_static("ok");
    assert_eq!(OK, "ok");
    assert_eq!(Atom::new("ok"), Ok(OK));
}

#[test]
fn references_have_one_to_five_words() {
    let make = |words: &[u32]| Reference::new(NodeName::NONODE, 1, words);
    assert_eq!(make(&[]), Err(ReferenceError::NoWords));
    assert_eq!(make(&[1]).unwrap().words(), [1]);
    assert_eq!(make(&[1, 2, 3, 4]).unwrap().words(), [1, 2, 3, 4]);
    assert_eq!(make(&[1, 2, 3, 4, 5]).unwrap().words(), [1, 2, 3, 4, 5]);
    assert_eq!(make(&[1, 2, 3, 4, 5, 6]), Err(ReferenceError::TooManyWords));
    assert_eq!(make(&[7]), make(&[7, 0, 0]), "a missing word is zero");
    assert_eq!(hash(&make(&[7]).unwrap().into()), hash(&make(&[7, 0, 0]).unwrap().into()));
    assert!(make(&[9, 1]).unwrap() < make(&[1, 2]).unwrap());
}

#[test]
fn pids_order_by_number_then_node_then_creation() {
    let [a, b] = ["a@order", "b@order"].map(|text| NodeName::new(text).unwrap());
    let sorted = [
        Pid::new(a, 1, 9, 1),
        Pid::new(a, 1, 1, 2),
        Pid::new(a, 2, 1, 2),
        Pid::new(b, 1, 1, 2),
        Pid::new(a, 1, 2, 2),
    ];
    assert!(sorted.is_sorted());
    assert_eq!(sorted[0].number(), 1 << 32 | 9);
}

#[test]
fn integers_are_small_where_they_fit() {
    assert_eq!(Term::int(i128::from(i64::MAX)), Term::Int(i64::MAX));
    assert!(matches!(Term::int(i128::from(i64::MAX) + 1), Term::Big(_)));
    assert!(matches!(Term::int(i128::from(i64::MIN) - 1), Term::Big(_)));
    let sum = Integer::from(i64::MAX) + Integer::from(1_u8);
    assert_eq!(sum, Integer::from(1_u64 << 63));
    assert_eq!((sum.clone() + Integer::from(-1_i8)).as_i64(), Some(i64::MAX));
    assert_eq!(u128::try_from(&sum), Ok(1 << 63));
    assert_eq!(i128::try_from(&(sum + Integer::from(u128::MAX))).ok(), None);
}

#[test]
fn floats_are_finite() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Float::new(value), Err(FloatError::NotFinite));
        assert_eq!(Term::try_from(value), Err(FloatError::NotFinite));
    }
    assert_eq!(Term::float(1.5).unwrap().as_float(), Some(1.5));
    assert_ne!(term("0.0"), term("-0.0"));
    assert_eq!(term("0.0").arith_cmp(&term("-0.0")), Ordering::Equal);
}

#[test]
fn lists_have_one_form() {
    assert_eq!(Term::list([]), Term::Nil);
    assert_eq!(Term::improper_list([], Term::Int(1)), Term::Int(1));
    let joined = Term::improper_list([Term::Int(1)], term("[2|3]"));
    assert_eq!(joined, term("[1,2|3]"));
    let list = joined.as_list().unwrap();
    assert_eq!((list.len(), list.tail(), list.is_proper()), (2, &Term::Int(3), false));
    assert_eq!(List::from_cells([Term::Int(1), term("[2]")]).map(Term::List), Some(term("[1,2]")));
    assert!(List::from_cells([Term::Nil]).is_none());
    assert_eq!(Term::charlist("ab").to_text().as_deref(), Some("ab"));
    assert_eq!(term("[]").as_proper_list(), Some(&[][..]));
}

#[test]
fn maps_have_unique_keys_in_order() {
    let pairs = |keys: &[i64]| keys.iter().map(|key| (Term::Int(*key), Term::Nil)).collect::<Vec<_>>();
    assert_eq!(Map::try_from_pairs(pairs(&[1, 2, 1])).unwrap_err(), MapError::DuplicateKey);
    let map = Map::try_from_pairs(pairs(&[3, 1, 2])).unwrap();
    assert_eq!(map.iter().map(|(key, _)| key.as_int().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let later = Term::map([(term("a"), Term::Int(1)), (term("a"), Term::Int(2))]);
    assert_eq!(later, term("#{a => 2}"));
    let mixed = term("#{1 => int, 1.0 => float, a => atom, {} => tuple, <<>> => binary}");
    let mixed = mixed.as_map().unwrap();
    for (key, value) in mixed.iter() {
        assert_eq!(mixed.get(key), Some(value));
    }
    assert_eq!(mixed.get(&term("2")), None);
    assert_eq!(mixed.get_atom("a"), Some(&term("atom")));
    assert_eq!(mixed.get_atom("b"), None);
    assert!(Map::try_from_cells([term("b"), Term::Nil, term("a"), Term::Nil]).is_ok());
    assert!(Map::try_from_cells([term("a"), Term::Nil, term("a"), Term::Nil]).is_err());
}

#[test]
fn bitstrings_have_one_to_seven_bits_more() {
    assert!(BitString::new(&[1], 0).is_none());
    assert!(BitString::new(&[0xff], 1).is_some_and(|bits| bits.bytes() == [0x80]));
    assert!(BitString::new(&[0xff], 7).is_some_and(|bits| bits.bytes() == [0xfe]));
    assert!(BitString::new(&[1], 8).is_none());
    assert!(BitString::new(&[], 1).is_none());
}

#[test]
fn a_sorted_list_of_every_kind() {
    let sorted = [
        "-9223372036854775809",
        "-1.5",
        "-1",
        "0",
        "1",
        "1.0",
        "1.5",
        "2",
        "9007199254740992",
        "9007199254740992.0",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775808.0",
        "1.0e300",
        "a",
        "b",
        "fun a:a/1",
        "{}",
        "{z}",
        "{1.0,1}",
        "{1,2}",
        "{1,3}",
        "#{}",
        "#{2 => a}",
        "#{1.0 => a}",
        "[]",
        "[1]",
        "[1,2]",
        "[1|<<>>]",
        "[2]",
        "<<>>",
        "<<0:1>>",
        "<<0>>",
        "<<1>>",
        "<<1,0:1>>",
        "<<1:1>>",
    ];
    let terms = sorted.map(term);
    let mut shuffled = terms.to_vec();
    shuffled.reverse();
    shuffled.sort();
    assert_eq!(shuffled, terms);
}

#[test]
fn integers_and_floats_compare_exactly() {
    let cmp =
        |a: &str, b: &str| (term(a).arith_cmp(&term(b)), term(a).cmp(&term(b)), term(a).key_cmp(&term(b)));
    use Ordering::{Equal, Greater, Less};
    assert_eq!(cmp("1", "1.0"), (Equal, Less, Less));
    assert_eq!(cmp("1.0", "1"), (Equal, Greater, Greater));
    assert_eq!(cmp("2", "1.0"), (Greater, Greater, Less));
    assert_eq!(cmp("9007199254740993", "9007199254740992.0"), (Greater, Greater, Less));
    assert_eq!(cmp("-1", "-1.5"), (Greater, Greater, Less));
    assert_eq!(cmp("{1,b}", "{1.0,a}"), (Greater, Greater, Less));
    assert_eq!(cmp("#{1 => a}", "#{1.0 => a}"), (Less, Less, Less));
    assert_eq!(cmp("#{a => 1}", "#{a => 1.0}"), (Equal, Less, Less));
    assert_ne!(term("1"), term("1.0"));
}

#[test]
fn instants_saturate() {
    let second = Duration::from_secs(1);
    let now = Instant::ZERO.saturating_add(second);
    assert_eq!((now.as_nanos(), now.as_millis(), now), (1_000_000_000, 1_000, Instant::from_millis(1_000)));
    assert_eq!(now.saturating_duration_since(Instant::ZERO), second);
    assert_eq!(Instant::ZERO.saturating_duration_since(now), Duration::ZERO);
    assert_eq!(Instant::ZERO.checked_duration_since(now), None);
    assert_eq!(Instant::MAX.saturating_add(second), Instant::MAX);
    assert_eq!(Instant::MAX.checked_add(Duration::from_nanos(1)), None);
    assert_eq!(Instant::ZERO.saturating_sub(second), Instant::ZERO);
    assert_eq!(now.saturating_add(Duration::MAX), Instant::MAX);
    assert_eq!(now.to_string(), "1.000000000s");
}

#[test]
fn terms_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Term>();
}

proptest! {
    #[test]
    fn order_is_total(a in arbitrary::term(), b in arbitrary::term(), c in arbitrary::term()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.key_cmp(&b), b.key_cmp(&a).reverse());
        prop_assert_eq!(a.arith_cmp(&b), b.arith_cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert_eq!(a == b, a.key_cmp(&b).is_eq());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        prop_assert_eq!(&a, &a.clone());
        prop_assert!(a != b || hash(&a) == hash(&b));
    }

    #[test]
    fn numbers_order_totally(mut terms in proptest::collection::vec(arbitrary::leaf(), 0..40)) {
        terms.sort();
        for (at, a) in terms.iter().enumerate() {
            for b in &terms[at..] {
                prop_assert!(a <= b && a.arith_cmp(b).is_le());
            }
        }
        prop_assert_eq!(terms.iter().collect::<HashSet<_>>().len(), { terms.dedup(); terms.len() });
    }
}
