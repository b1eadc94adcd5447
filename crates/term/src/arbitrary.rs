//! Proptest strategies for terms, for tests here and in other packages.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use num_bigint::{BigInt, Sign};
use proptest::collection;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::{Atom, BitString, Integer, NodeName, Pid, PortId, Reference, Term};

/// Any term but opaque ones: every kind, nested a few levels deep.
pub fn term() -> impl Strategy<Value = Term> {
    leaf().prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Term::tuple),
            collection::vec(inner.clone(), 0..6).prop_map(Term::list),
            (collection::vec(inner.clone(), 1..4), inner.clone())
                .prop_map(|(items, tail)| Term::improper_list(items, tail)),
            collection::vec((inner.clone(), inner), 0..6).prop_map(Term::map),
        ]
    })
}

/// Any term that contains no other.
pub fn leaf() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<i64>().prop_map(Term::Int),
        (-300_i64..300).prop_map(Term::Int),
        integer().prop_map(Term::from),
        finite().prop_filter_map("floats are finite", |value| Term::float(value).ok()),
        atom().prop_map(Term::Atom),
        pid().prop_map(Term::Pid),
        reference().prop_filter_map("references have words", |reference| reference.map(Term::Ref)),
        (node_name(), any::<u32>(), any::<u64>())
            .prop_map(|(node, creation, id)| { Term::Port(PortId::new(node, creation, id)) }),
        Just(Term::Nil),
        collection::vec(any::<u8>(), 0..80).prop_map(Term::binary),
        collection::vec(any::<u8>(), 1..40).prop_map(|bytes| Term::list(bytes.into_iter().map(Term::from))),
        "[a-z ]{0,12}".prop_map(|text| Term::charlist(&text)),
        (collection::vec(any::<u8>(), 1..30), 1_u8..8)
            .prop_filter_map("bits come in bytes", |(bytes, bits)| {
                BitString::new(&bytes, bits).map(Term::BitString)
            }),
        (atom(), atom(), any::<u8>())
            .prop_map(|(module, function, arity)| Term::export(module, function, arity)),
    ]
}

/// Atoms, plain and in need of quotes.
pub fn atom() -> impl Strategy<Value = Atom> {
    let text =
        prop_oneof!["[a-z][a-zA-Z0-9_@]{0,12}", "\\PC{0,20}", any::<[char; 3]>().prop_map(String::from_iter)];
    text.prop_filter_map("atoms are short", |text: String| Atom::new(&text).ok())
}

/// One of a few node names.
pub fn node_name() -> impl Strategy<Value = NodeName> {
    prop_oneof![Just("a@host"), Just("b@host"), Just("long.name@some.host.example"), Just("nonode@nohost")]
        .prop_map(|text| NodeName::new(text).unwrap_or(NodeName::NONODE))
}

/// Any pid of one of these nodes.
pub fn pid() -> impl Strategy<Value = Pid> {
    (node_name(), any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(node, creation, id, serial)| Pid::new(node, creation, id, serial))
}

fn reference() -> impl Strategy<Value = Option<Reference>> {
    (node_name(), any::<u32>(), collection::vec(any::<u32>(), 1..=5))
        .prop_map(|(node, creation, words)| Reference::new(node, creation, &words).ok())
}

fn integer() -> impl Strategy<Value = Integer> {
    (any::<bool>(), collection::vec(any::<u8>(), 0..300)).prop_map(|(negative, bytes): (bool, Vec<u8>)| {
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Integer::from(BigInt::from_bytes_le(sign, &bytes))
    })
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("floats are finite", |value| value.is_finite()),
        (-40_i32..40, -9_i32..9).prop_map(|(exponent, digit)| f64::from(digit) * 10_f64.powi(exponent)),
        any::<i64>().prop_map(int_as_float),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "any float near an integer is wanted")]
const fn int_as_float(value: i64) -> f64 {
    value as f64
}
