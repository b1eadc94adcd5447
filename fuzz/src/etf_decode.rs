//! Any bytes, decoded as a term: whole, shared, skipped and through serde, within small and large limits.

use bytes::Bytes;
use engset_etf::{Limits, Reader, decode, decode_bytes, decode_with, encode, from_body};
use engset_term::Term;

/// Limits that a short input reaches.
const SMALL: Limits = Limits {
    depth_max: 8,
    elements_max: 16,
    binary_bytes_max: 64,
    integer_bits_max: 256,
    memory_bytes_max: 4_096,
    memory_ratio_max: 24,
    values_ratio_max: 24,
    inflated_bytes_max: 1_024,
    inflated_ratio_max: 10,
    node_names_new_max: 4,
};

/// Longest term whose printed form is looked at.
const PRINTED_BYTES_MAX: usize = 4_096;

/// Decodes `data` as a term that stands alone.
pub fn run(data: &[u8]) {
    let whole = decode(data);
    let shared = decode_bytes(&Bytes::copy_from_slice(data), &Limits::DEFAULT);
    assert_eq!(whole.is_ok(), shared.is_ok(), "sharing bytes does not change what is a term");
    if let (Ok(whole), Ok(shared)) = (&whole, &shared) {
        assert_eq!(whole, shared, "sharing bytes does not change the term");
    }
    if let Ok(small) = decode_with(data, &SMALL) {
        assert_eq!(Ok(small), whole, "a term within small limits is within large ones");
    }
    if let Some((_, body)) = data.split_first() {
        let mut reader = Reader::new(body);
        let skipped = reader.skip_term();
        if whole.is_ok() {
            assert_eq!(skipped.ok(), Some(0..body.len()), "what decodes can be skipped");
        }
        // Types with serde see the same bytes; whether they fit is another question.
        drop((from_body::<Term>(body), from_body::<(u8, String)>(body), from_body::<Vec<Option<f64>>>(body)));
    }
    if let Ok(term) = whole {
        check_term(&term);
    }
}

/// Terms of every tag, and beginnings of terms.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "[]",
        "{ok, 1, -1, 255, 256, -2147483648, 9223372036854775807, 18446744073709551616}",
        "#{a => 1.5, \"key\" => <<1, 2, 3>>, {} => [#{}]}",
        "[a, 'B c', <<\"binary\">>, \"string\", [1 | 2], fun lists:map/2]",
    ];
    let mut seeds: Vec<Vec<u8>> =
        texts.iter().filter_map(|text| Term::parse(text).ok()).map(|term| encode(&term)).collect();
    let node = b"w\x03a@h";
    let numbers = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    seeds.extend([
        [&[131, 88][..], node, &numbers].concat(),
        [&[131, 103][..], node, &numbers[..9]].concat(),
        [&[131, 90, 0, 2][..], node, &numbers].concat(),
        [&[131, 114, 0, 1][..], node, &numbers[..5]].concat(),
        [&[131, 101][..], node, &numbers[..5]].concat(),
        [&[131, 120][..], node, &numbers].concat(),
        [&[131, 89][..], node, &numbers[..8]].concat(),
        [&[131, 102][..], node, &numbers[..5]].concat(),
        [&[131, 99][..], b"1.50000000000000000000e+00", &[0; 5]].concat(),
        vec![131, 77, 0, 0, 0, 2, 3, 1, 224],
        vec![131, 100, 0, 2, b'o', b'k'],
        vec![131, 115, 2, b'o', b'k'],
        vec![131, 118, 0, 2, b'o', b'k'],
        vec![131, 111, 0, 0, 0, 9, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        vec![131, 121, 1, 2, 3],
        vec![131, 108, 0, 0, 0, 2, 97, 1, 97, 2, 97, 3],
        vec![131, 104, 2, 108, 0, 0, 0, 1, 97, 1, 106, 107, 0, 2, 1, 2],
        // The list [1,2,3] as a string, compressed.
        vec![131, 80, 0, 0, 0, 6, 120, 156, 203, 102, 96, 102, 100, 98, 6, 0, 1, 209, 0, 117],
        // A fun without free variables, and one native record.
        [&[131, 112, 0, 0, 0, 54, 0][..], &[7; 16], &[0; 8], b"w\x01ma\0a\x01", &[88][..], node, &numbers]
            .concat(),
        [&[131, 67, 0, 0, 0, 1, 0][..], b"w\x01mw\x01rw\x01fa\x01"].concat(),
    ]);
    seeds
}

fn check_term(term: &Term) {
    let bytes = encode(term);
    let back = decode(&bytes);
    assert_eq!(back.as_ref(), Ok(term), "what was decoded can be encoded");
    assert_eq!(back.map(|back| encode(&back)), Ok(bytes.clone()), "there is one encoding");
    if bytes.len() <= PRINTED_BYTES_MAX {
        // Printed text is for people; that it is made without a fault is all that is asked.
        assert!(!term.to_string().is_empty(), "every term prints");
    }
}
