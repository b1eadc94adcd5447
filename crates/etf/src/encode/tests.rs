//! Writing on both sides of each bound between the ways in which terms are written, compared with the same term put
//! together piece by piece.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use engset_term::{Atom, Binary, NodeName, Pid, Reference, Term, arbitrary};
use num_bigint::{BigInt, Sign};
use proptest::prelude::{prop_assert_eq, proptest};

use super::{NODE_BLOCK_BYTES, USUAL_BYTES, ZEROS_MAX, encode_body};
use crate::limits::RECURSION_MAX;
use crate::{
    put_atom, put_big, put_binary, put_float, put_int, put_list_header, put_map_header, put_nil, put_pid,
    put_port_id, put_reference, put_tuple_header, tags,
};

/// The term piece by piece.
fn put(term: &Term, out: &mut Vec<u8>) {
    match term {
        Term::Int(value) => put_int(out, *value),
        Term::Float(value) => put_float(out, value.value()),
        Term::Big(value) => {
            let (sign, magnitude) = value.as_bigint().to_bytes_le();
            put_big(out, sign == Sign::Minus, &magnitude);
        }
        Term::Atom(atom) => put_atom(out, atom.as_str()),
        Term::Pid(pid) => put_pid(out, *pid),
        Term::Ref(reference) => put_reference(out, reference),
        Term::Port(port) => put_port_id(out, *port),
        Term::Nil => put_nil(out),
        Term::Tuple(tuple) => {
            put_tuple_header(out, tuple.len());
            tuple.iter().for_each(|term| put(term, out));
        }
        Term::List(list) => {
            let byte = |term: &Term| term.as_int().and_then(|value| u8::try_from(value).ok());
            let bytes: Option<Vec<u8>> = list.iter().map(byte).collect();
            match (bytes, u16::try_from(list.len())) {
                (Some(bytes), Ok(len)) if list.is_proper() => {
                    out.push(tags::STRING);
                    out.extend(len.to_be_bytes());
                    out.extend(bytes);
                }
                _ => {
                    put_list_header(out, list.len());
                    list.cells().iter().for_each(|term| put(term, out));
                }
            }
        }
        Term::Map(map) => {
            put_map_header(out, map.len());
            map.cells().iter().for_each(|term| put(term, out));
        }
        Term::Binary(binary) => put_binary(out, binary),
        Term::BitString(bits) => {
            out.push(tags::BIT_BINARY);
            out.extend(u32::try_from(bits.bytes().len()).expect("short").to_be_bytes());
            out.push(bits.last_bits());
            out.extend_from_slice(bits.bytes());
        }
        Term::Export(export) => {
            out.push(tags::EXPORT);
            put_atom(out, export.module.as_str());
            put_atom(out, export.function.as_str());
            put_int(out, i64::from(export.arity));
        }
        Term::Fun(kept) | Term::Opaque(kept) => out.extend_from_slice(kept.external()),
    }
}

#[track_caller]
fn check(term: &Term) {
    let mut expected = vec![9, 9];
    put(term, &mut expected);
    for capacity in [0, 1, 30, USUAL_BYTES, expected.len(), expected.len() + 1] {
        let mut out = Vec::with_capacity(capacity);
        out.extend([9, 9]);
        encode_body(term, &mut out);
        assert!(out == expected, "into a vector of {capacity} bytes: {out:?} is not {expected:?}");
    }
}

fn named(len: usize) -> NodeName {
    let text: String = core::iter::repeat_n('a', len - 2).chain("@b".chars()).collect();
    NodeName::new(&text).expect("a name")
}

proptest! {
    #[test]
    fn a_term_is_written_as_piece_by_piece(term in arbitrary::term()) {
        let (mut expected, mut out) = (Vec::new(), Vec::new());
        put(&term, &mut expected);
        encode_body(&term, &mut out);
        prop_assert_eq!(out, expected);
    }
}

#[test]
fn containers_are_written_alike_at_each_depth_around_the_recursion() {
    let wraps: [fn(Term) -> Term; 5] = [
        |inner| Term::tuple([Term::Int(1), inner, Term::atom("after")]),
        |inner| Term::list([Term::atom("before"), inner, Term::list([Term::Int(1)])]),
        |inner| Term::list([Term::improper_list([Term::Int(3)], Term::tuple([inner])), Term::tuple([])]),
        |inner| Term::map([(Term::Int(1), inner), (Term::Int(2), Term::map([]))]),
        |inner| Term::map([(inner, Term::charlist("text"))]),
    ];
    for wrap in wraps {
        for levels in (RECURSION_MAX - 2)..=(RECURSION_MAX + 3) {
            for leaf in
                [Term::Int(7), Term::tuple([]), Term::charlist("abc"), Term::string("abc"), Term::map([])]
            {
                check(&(0..levels).fold(leaf, |inner, _| wrap(inner)));
            }
        }
    }
}

#[test]
fn atoms_are_written_alike_at_each_length_around_a_block() {
    let max = Atom::SHORT_BYTES;
    for letter in ["a", "ü"] {
        for len in [0, 1, max / 2, max / 2 + 1, max - 1, max, max + 1, max + 2, 127, 128, 254, 255] {
            let atom = Term::Atom(Atom::new(&letter.repeat(len)).expect("no more than 255"));
            check(&atom);
            check(&Term::tuple([atom.clone(), atom.clone(), Term::Nil]));
            check(&Term::export(atom.as_atom().expect("an atom").clone(), Atom::from(true), 3));
        }
    }
}

#[test]
fn binaries_are_written_alike_at_each_length_around_what_a_term_holds() {
    let max = Binary::INLINE_BYTES;
    for len in [0, 1, max - 1, max, max + 1, USUAL_BYTES - 7, USUAL_BYTES, ZEROS_MAX, 3 * ZEROS_MAX] {
        let binary = Term::binary(vec![0x55; len]);
        check(&binary);
        check(&Term::list([binary.clone(), Term::Int(1), binary]));
    }
}

#[test]
fn names_of_nodes_are_repeated_at_each_length_around_a_block() {
    // A tag and a length stand before the text.
    let max = NODE_BLOCK_BYTES - 2;
    for len in [3, max - 1, max, max + 1, 255] {
        let (one, other) = (Pid::new(named(len), 1, 2, 3), Pid::new(named(len.min(254) + 1), 4, 5, 6));
        let reference =
            |words: &[u32]| Term::from(Reference::new(one.node(), 7, words).expect("one to five"));
        let all = [Term::from(one), Term::from(one), Term::from(other), Term::from(one), Term::from(one)];
        check(&Term::tuple([Term::from(one), Term::from(one)]));
        check(&Term::tuple(all.clone()));
        check(&Term::list(
            all.into_iter().chain([&[1][..], &[1, 2], &[1, 2, 3], &[1, 2, 3, 4, 5]].map(reference)),
        ));
    }
}

#[test]
fn integers_are_written_alike_around_each_size() {
    let powers = [8, 31, 32, 63, 64, 65, 72, 128, 2_032, 2_040, 2_048, 2_049];
    for power in powers {
        for offset in [-1, 0, 1] {
            let value: BigInt = (BigInt::from(1) << power) + offset;
            check(&Term::tuple([Term::from(value.clone()), Term::from(-value), Term::Nil]));
        }
    }
}

#[test]
fn lists_are_written_alike_around_the_longest_string() {
    for len in [1, 2, 65_534, 65_535, 65_536] {
        check(&Term::list((0..len).map(|at| Term::Int(at % 256))));
    }
    let bytes = || (0..300).map(|at| Term::Int(at % 256));
    check(&Term::list(bytes().chain([Term::Int(256)])));
    check(&Term::improper_list(bytes(), Term::Int(1)));
    check(&Term::list(bytes().chain([Term::Int(-1), Term::Int(2)])));
}

#[test]
fn tuples_are_written_alike_around_the_short_head() {
    for len in [0, 1, 254, 255, 256] {
        check(&Term::tuple((0..len).map(Term::Int)));
    }
}

#[test]
fn the_end_of_the_room_may_be_anywhere() {
    let pid = Term::from(Pid::new(named(20), 1, 2, 3));
    let items =
        || [Term::atom("static"), Term::Int(1), Term::Int(70_000), pid.clone(), Term::string("short")];
    for before in (0..40).chain(USUAL_BYTES - 40..USUAL_BYTES + 10).chain(ZEROS_MAX - 40..ZEROS_MAX + 10) {
        check(&Term::list([Term::binary(vec![1; before])].into_iter().chain(items()).chain(items())));
    }
}
