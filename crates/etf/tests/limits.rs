//! Each limit of a decode at both of its sides, and what memory bytes can cost.

use engset_etf::DecodeErrorKind::{self as Kind, *};
use engset_etf::{Limits, decode_body, encode_body};
use engset_term::Term;

const SMALL: Limits = Limits {
    depth_max: 10,
    elements_max: 10,
    binary_bytes_max: 100,
    integer_bits_max: 128,
    memory_bytes_max: 1 << 20,
    memory_ratio_max: 32,
    values_ratio_max: 32,
    inflated_bytes_max: 1_000,
    inflated_ratio_max: 10,
    node_names_new_max: 3,
};

fn passes(body: &[u8], limits: &Limits) {
    assert!(decode_body(body, limits).is_ok(), "{:?}", decode_body(body, limits));
}

fn fails(body: &[u8], limits: &Limits, kind: Kind) {
    assert_eq!(decode_body(body, limits).map_err(|error| error.kind), Err(kind));
}

#[test]
fn depth() {
    let tuples = |depth: usize| [[104, 1].repeat(depth), vec![106]].concat();
    passes(&tuples(9), &SMALL);
    passes(&tuples(10), &SMALL);
    fails(&tuples(11), &SMALL, TooDeep);
    passes(&tuples(10_000), &Limits::DEFAULT);
    fails(&tuples(10_001), &Limits::DEFAULT, TooDeep);
}

#[test]
fn elements() {
    let count = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let tuple = |n: usize| [&[105][..], &count(n), &[106].repeat(n)].concat();
    let list = |n: usize| [&[108][..], &count(n), &[106].repeat(n + 1)].concat();
    let map = |n: usize| {
        let pairs = (0..n).flat_map(|key| [97, u8::try_from(key).unwrap(), 106]);
        [&[116][..], &count(n), &pairs.collect::<Vec<_>>()].concat()
    };
    // A native record has as many names of fields as values.
    let record = |n: usize| {
        let fields = [119, 1, b'f'].repeat(n);
        [&[67][..], &count(n), &[1, 119, 1, b'm', 119, 1, b'r'], &fields, &[106].repeat(n)].concat()
    };
    for make in [&tuple as &dyn Fn(usize) -> Vec<u8>, &list, &map, &record] {
        passes(&make(9), &SMALL);
        passes(&make(10), &SMALL);
        fails(&make(11), &SMALL, TooManyElements);
    }
    let limits = Limits { memory_bytes_max: usize::MAX, memory_ratio_max: usize::MAX, ..Limits::DEFAULT };
    passes(&tuple(10_000_000), &limits);
    fails(&tuple(10_000_001), &limits, TooManyElements);
}

#[test]
fn binaries() {
    let binary = |n: u8| [&[109, 0, 0, 0, n][..], &vec![0; usize::from(n)]].concat();
    let bits = |n: u8| [&[77, 0, 0, 0, n, 3][..], &vec![0; usize::from(n)]].concat();
    for make in [&binary as &dyn Fn(u8) -> Vec<u8>, &bits] {
        passes(&make(99), &SMALL);
        passes(&make(100), &SMALL);
        fails(&make(101), &SMALL, BinaryTooLarge);
    }
}

#[test]
fn integers() {
    let integer = |n: u8| [&[110, n, 0][..], &vec![255; usize::from(n)]].concat();
    passes(&integer(15), &SMALL);
    passes(&integer(16), &SMALL);
    fails(&integer(17), &SMALL, IntegerTooLarge);
    let large = |n: u32| [&[111][..], &n.to_be_bytes(), &[0], &vec![255; n as usize]].concat();
    passes(&large(8_191), &Limits::DEFAULT);
    passes(&large(8_192), &Limits::DEFAULT);
    fails(&large(8_193), &Limits::DEFAULT, IntegerTooLarge);
}

#[test]
fn memory() {
    // A tuple of a thousand: counters and 32 bytes for each element.
    let body = [&[105, 0, 0, 3, 232][..], &[106; 1_000]].concat();
    let need = 16 + 32 * 1_000;
    let with = |memory_bytes_max| Limits { memory_bytes_max, ..Limits::DEFAULT };
    passes(&body, &with(need + 1));
    passes(&body, &with(need));
    fails(&body, &with(need - 1), TooMuchMemory);
    let with_ratio = |memory_ratio_max| Limits { memory_ratio_max, ..Limits::DEFAULT };
    let ratio = (need - Limits::MEMORY_BYTES_FREE).div_ceil(body.len());
    passes(&body, &with_ratio(ratio + 1));
    passes(&body, &with_ratio(ratio));
    fails(&body, &with_ratio(ratio - 1), TooMuchMemory);
    assert_eq!(Limits::DEFAULT.memory_for(usize::MAX), 256 << 20);
    assert_eq!(Limits::DEFAULT.memory_for(0), Limits::MEMORY_BYTES_FREE);
}

#[test]
fn the_default_memory_ratio_refuses_no_sound_term() {
    let mut bodies = vec![
        vec![106],
        [104, 1].repeat(5_000),
        vec![104, 0],
        [108, 0, 0, 0, 1].repeat(5_000),
        vec![116, 0, 0, 0, 0],
    ];
    bodies[1].push(106);
    bodies[3].extend([106; 5_001]);
    // Many small terms of every kind in one tuple.
    let small: [&[u8]; 8] = [
        &[106],
        &[104, 0],
        &[107, 0, 1, 9],
        &[116, 0, 0, 0, 0],
        &[109, 0, 0, 0, 0],
        &[77, 0, 0, 0, 1, 1, 128],
        &[113, 119, 0, 119, 0, 97, 0],
        &[110, 9, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ];
    for term in small {
        bodies.push([&[105, 0, 1, 0, 0][..], &term.repeat(65_536)].concat());
    }
    for body in bodies {
        passes(&body, &Limits::DEFAULT);
    }
}

#[test]
fn inflation() {
    let pack = |len: usize| {
        let body = [&[107][..], &u16::try_from(len - 3).unwrap().to_be_bytes(), &vec![7; len - 3]].concat();
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&body, 0);
        [&[80][..], &u32::try_from(len).unwrap().to_be_bytes(), &packed].concat()
    };
    passes(&pack(999), &SMALL);
    passes(&pack(1_000), &SMALL);
    fails(&pack(1_001), &SMALL, InflatesTooMuch);
    // The same size again, packed so well that the ratio decides.
    let body = [&[107, 0, 197][..], &[7; 197]].concat();
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&body, 9);
    let whole = [&[80, 0, 0, 0, 200][..], &packed].concat();
    let with = |inflated_ratio_max| Limits { inflated_ratio_max, ..Limits::DEFAULT };
    let ratio = 200_usize.div_ceil(packed.len());
    passes(&whole, &with(ratio + 1));
    passes(&whole, &with(ratio));
    fails(&whole, &with(ratio - 1), InflatesTooMuch);
}

#[test]
fn node_names() {
    // Names nobody used before; each pid has its own.
    let pids = |label: &str, n: usize| {
        let mut body = vec![104, u8::try_from(n).unwrap()];
        for number in 0..n {
            let name = format!("{label}{number}@limits");
            body.extend([88, 119, u8::try_from(name.len()).unwrap()]);
            body.extend(name.bytes());
            body.extend([0; 12]);
        }
        body
    };
    passes(&pids("below", 2), &SMALL);
    passes(&pids("at", 3), &SMALL);
    fails(&pids("above", 4), &SMALL, TooManyNodeNames);
    // Three of the four are known now.
    passes(&pids("above", 4), &SMALL);
}

#[test]
fn a_term_of_ours_passes_all_default_limits() {
    let term = Term::parse("#{a => [1,2.0,{<<\"x\">>}], 'b c' => fun lists:map/2}").unwrap();
    let mut body = Vec::new();
    encode_body(&term, &mut body);
    assert_eq!(decode_body(&body, &Limits::DEFAULT), Ok((term, body.len())));
}
