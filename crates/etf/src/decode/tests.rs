//! Reading on both sides of each bound between the ways in which terms are read.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use engset_term::{Atom, Binary, Term};

use super::{CLAIMED_CELLS_MAX, decode_body};
use crate::limits::RECURSION_MAX;
use crate::{DecodeError, DecodeErrorKind as Kind, Limits, tags};

fn read(body: &[u8]) -> Result<Term, DecodeError> {
    read_within(body, &Limits::DEFAULT)
}

/// The term, which must take all of the bytes.
fn read_within(body: &[u8], limits: &Limits) -> Result<Term, DecodeError> {
    decode_body(body, limits).inspect(|(_, read)| assert_eq!(*read, body.len())).map(|(term, _)| term)
}

fn error(offset: usize, kind: Kind) -> Result<Term, DecodeError> {
    Err(DecodeError { offset, kind })
}

/// A container around a term: what stands before and after it, and the same by its constructor.
type Wrap = (&'static [u8], &'static [u8], fn(Term) -> Term);

/// A list of one element up to its tail.
const CONS: &[u8] = &[108, 0, 0, 0, 1, 97, 1];

const WRAPS: [Wrap; 5] = [
    (&[104, 2, 97, 1], &[], |inner| Term::tuple([Term::Int(1), inner])),
    (&[108, 0, 0, 0, 2], &[97, 2, 106], |inner| Term::list([inner, Term::Int(2)])),
    (CONS, &[], |inner| {
        // A list's rest is joined to it, so it is wrapped for depth.
        Term::improper_list([Term::Int(1)], inner)
    }),
    (&[116, 0, 0, 0, 1, 97, 1], &[], |inner| Term::map([(Term::Int(1), inner)])),
    (&[116, 0, 0, 0, 1], &[97, 9], |inner| Term::map([(inner, Term::Int(9))])),
];

fn tower(wrap: &Wrap, levels: usize, leaf: &[u8]) -> Vec<u8> {
    [&wrap.0.repeat(levels), leaf, &wrap.1.repeat(levels)].concat()
}

#[test]
fn containers_are_read_alike_at_each_depth_around_the_recursion() {
    for wrap in &WRAPS {
        for levels in (RECURSION_MAX - 2)..=(RECURSION_MAX + 2) {
            let expected = (0..levels).fold(Term::Int(7), |inner, _| wrap.2(inner));
            let bytes = tower(wrap, levels, &[97, 7]);
            assert_eq!(read(&bytes), Ok(expected), "{levels} levels of {:?}", wrap.0);
        }
    }
}

#[test]
fn a_mistake_is_told_with_its_place_at_each_depth_around_the_recursion() {
    let twice: &[u8] = &[116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106];
    for wrap in &WRAPS {
        for levels in (RECURSION_MAX - 2)..=(RECURSION_MAX + 2) {
            let start = wrap.0.len() * levels;
            let bytes = tower(wrap, levels, &[1]);
            assert_eq!(read(&bytes), error(start, Kind::UnknownTag), "{levels} levels of {:?}", wrap.0);
            let bytes = tower(wrap, levels, twice);
            assert_eq!(read(&bytes), error(start + twice.len(), Kind::DuplicateKey));
            let bytes = [wrap.0.repeat(levels), vec![97]].concat();
            assert_eq!(read(&bytes).map_err(|error| error.kind), Err(Kind::Truncated));
        }
    }
}

#[test]
fn the_limit_of_depth_holds_on_both_sides_of_the_recursion() {
    for depth_max in [1, RECURSION_MAX - 1, RECURSION_MAX, RECURSION_MAX + 1, 3 * RECURSION_MAX] {
        let limits = Limits { depth_max, ..Limits::DEFAULT };
        // A list in the tail of a list is no deeper.
        for wrap in WRAPS.iter().filter(|wrap| wrap.0 != CONS) {
            for levels in [depth_max - 1, depth_max] {
                assert!(read_within(&tower(wrap, levels, &[106]), &limits).is_ok());
            }
            let refused = read_within(&tower(wrap, depth_max + 1, &[106]), &limits);
            assert_eq!(refused.map_err(|error| error.kind), Err(Kind::TooDeep), "{depth_max}");
        }
    }
}

/// As `ei` writes a list whose length it does not know before: a list in the tail of each.
#[test]
fn a_list_written_cell_by_cell_is_one_list_of_any_length_at_any_depth() {
    for elements in [1, 2, CLAIMED_CELLS_MAX, CLAIMED_CELLS_MAX + 1, 3 * Limits::DEFAULT.depth_max] {
        for (tail, expected) in
            [(&[106][..], Term::Nil), (&[97, 9], Term::Int(9)), (&[107, 0, 1, 7], Term::list([Term::Int(7)]))]
        {
            let cells = [&CONS.repeat(elements), tail].concat();
            let list = Term::improper_list((0..elements).map(|_| Term::Int(1)), expected);
            for levels in [0, 1, RECURSION_MAX - 1, RECURSION_MAX, RECURSION_MAX + 1] {
                let bytes = [&[104, 1].repeat(levels), &cells[..]].concat();
                let expected = (0..levels).fold(list.clone(), |inner, _| Term::tuple([inner]));
                assert!(read(&bytes) == Ok(expected), "{elements} elements, {levels} levels, {tail:?}");
                let cut = &bytes[..bytes.len() - 1];
                assert_eq!(read(cut).map_err(|error| error.kind), Err(Kind::Truncated));
            }
        }
    }
}

/// Whoever joined the rest of such a list to each of its cells would copy it so often.
#[test]
fn a_long_list_in_the_tail_of_many_is_not_copied_for_each() {
    let long = [&[108, 0, 1, 0, 0][..], &[106; 65_537]].concat();
    let bytes = [CONS.repeat(40_000), long].concat();
    let list = read(&bytes).expect("a list");
    assert_eq!(list.as_proper_list().map(<[Term]>::len), Some(40_000 + 65_536));
}

#[test]
fn all_cells_of_a_list_count_whichever_head_they_are_behind() {
    for elements_max in [1, 10, CLAIMED_CELLS_MAX + 9] {
        let limits = Limits { elements_max, ..Limits::DEFAULT };
        for levels in [0, RECURSION_MAX] {
            let lists =
                |elements: usize| [[104, 1].repeat(levels), CONS.repeat(elements), vec![106]].concat();
            assert!(read_within(&lists(elements_max), &limits).is_ok());
            let refused = read_within(&lists(elements_max + 1), &limits);
            assert_eq!(refused.map_err(|error| error.kind), Err(Kind::TooManyElements), "{elements_max}");
        }
    }
}

#[test]
fn containers_are_read_alike_at_each_count_around_the_room_made_at_once() {
    for cells in (CLAIMED_CELLS_MAX - 2)..=(CLAIMED_CELLS_MAX + 2) {
        let number = |count: usize| u32::try_from(count).expect("few").to_be_bytes();
        let byte = |at: usize| u8::try_from(at).expect("few");
        let items: Vec<u8> = (0..cells).flat_map(|at| [97, byte(at)]).collect();
        let ints = || (0..cells).map(|at| Term::Int(i64::try_from(at).expect("few")));
        let tuple = [&[105], &number(cells)[..], &items].concat();
        assert_eq!(read(&tuple), Ok(Term::tuple(ints())));
        // The tail is a cell too.
        let list = [&[108], &number(cells - 1)[..], &items].concat();
        let tail = Term::Int(i64::try_from(cells - 1).expect("few"));
        assert_eq!(read(&list), Ok(Term::improper_list(ints().take(cells - 1), tail)));
        for whole in [tuple, list] {
            let cut = &whole[..whole.len() - 1];
            assert_eq!(read(cut).map_err(|error| error.kind), Err(Kind::Truncated));
        }
        if cells % 2 == 0 {
            let map = [&[116], &number(cells / 2)[..], &items].concat();
            let pairs = (0..cells / 2).map(|at| {
                let key = i64::try_from(2 * at).expect("few");
                (Term::Int(key), Term::Int(key + 1))
            });
            assert_eq!(read(&map), Ok(Term::map(pairs)));
            let twice = [&[116], &number(cells / 2)[..], &[97, 3].repeat(cells)].concat();
            assert_eq!(read(&twice), error(twice.len(), Kind::DuplicateKey));
        }
    }
}

#[test]
fn atoms_are_read_alike_at_each_length_around_a_block_wherever_they_are() {
    let text: String = "abcdefghijklmnopqrstuvwxyz".into();
    let max = Atom::SHORT_BYTES;
    for len in [0, 1, 7, 8, 9, 15, 16, 17, max - 1, max, max + 1, max + 2] {
        let count = u8::try_from(len).expect("few");
        for head in [vec![119, count], vec![115, count], vec![118, 0, count], vec![100, 0, count]] {
            let atom = [&head, &text.as_bytes()[..len]].concat();
            assert_eq!(read(&atom), Ok(Term::Atom(Atom::new(&text[..len]).expect("short"))));
            // What follows is no text.
            for more in [1, max - len.min(max), max, 2 * max] {
                let binary =
                    [&[109, 0, 0, 0, u8::try_from(more).expect("few")][..], &vec![0xff; more]].concat();
                let pair = [&[104, 2][..], &atom, &binary].concat();
                let expected = Term::tuple([
                    Term::Atom(Atom::new(&text[..len]).expect("short")),
                    Term::binary(vec![0xff; more]),
                ]);
                assert_eq!(read(&pair), Ok(expected), "{len} characters, {more} bytes behind");
            }
            if let Some(cut) = atom.len().checked_sub(1).filter(|_| len > 0) {
                assert_eq!(read(&atom[..cut]).map_err(|error| error.kind), Err(Kind::Truncated));
            }
        }
    }
}

#[test]
fn atoms_that_are_not_ascii_are_read_as_their_tag_says() {
    let behind = [109, 0, 0, 0, 30].into_iter().chain([0xff; 30]).collect::<Vec<u8>>();
    for (atom, text) in [
        (&[119, 5, b'g', b'r', 0xc3, 0xbc, b'n'][..], "grün"),
        (&[118, 0, 5, b'g', b'r', 0xc3, 0xbc, b'n'], "grün"),
        (&[115, 4, b'g', b'r', 0xfc, b'n'], "grün"),
        (&[100, 0, 4, b'g', b'r', 0xfc, b'n'], "grün"),
    ] {
        let expected = Term::Atom(Atom::new(text).expect("short"));
        assert_eq!(read(atom), Ok(expected.clone()));
        let pair = [&[104, 2][..], atom, &behind].concat();
        assert_eq!(read(&pair), Ok(Term::tuple([expected, Term::binary(vec![0xff; 30])])));
    }
    let broken = [&[104, 2, tags::SMALL_ATOM_UTF8, 1, 0xfc][..], &behind].concat();
    assert_eq!(read(&broken), error(2, Kind::BadUtf8));
}

#[test]
fn binaries_are_read_alike_at_each_length_around_what_a_term_holds_and_the_limit() {
    let max = Binary::INLINE_BYTES;
    for len in [0, 1, max - 1, max, max + 1] {
        let bytes: Vec<u8> = (0..u8::try_from(len).expect("few")).collect();
        let binary = [&[109, 0, 0, 0, u8::try_from(len).expect("few")][..], &bytes].concat();
        let expected = Term::binary(bytes);
        assert_eq!(read(&binary), Ok(expected.clone()));
        let pair = [&[104, 2][..], &binary, &[98; 5].repeat(8)[..5]].concat();
        assert_eq!(read(&pair), Ok(Term::tuple([expected.clone(), Term::Int(0x6262_6262)])));
        // With enough behind it for the quick way.
        let pair = [&[104, 2][..], &binary, &[109, 0, 0, 0, 40], &[1; 40]].concat();
        assert_eq!(read(&pair), Ok(Term::tuple([expected.clone(), Term::binary(vec![1; 40])])));
        let padded = [&binary[..], &[0; 40]].concat();
        for (limit, fits) in [(len.saturating_sub(1), len == 0), (len, true), (len + 1, true)] {
            let limits = Limits { binary_bytes_max: limit, ..Limits::DEFAULT };
            let found = decode_body(&padded, &limits).map(|(term, _)| term);
            if fits {
                assert_eq!(found, Ok(expected.clone()));
            } else {
                assert_eq!(found, error(1, Kind::BinaryTooLarge));
            }
        }
    }
}
