//! References (`ref_SUITE`).

use crate::stage::on_threads;
use engset_term::{NodeName, Reference};
use std::collections::HashSet;

/// References do not come again.
#[test]
fn wrap_1() {
    const REFERENCES: usize = 300_000;
    on_threads(2, |cx| async move {
        let mut made = HashSet::new();
        for _ in 0..REFERENCES {
            assert!(made.insert(cx.processes().new_reference()), "after {}", made.len());
        }
    });
}

/// References are ordered by their words, the last one first.
#[test]
fn compare_list() {
    let node: NodeName = "n@b".parse().expect("a node name");
    let reference = |words: &[u32]| Reference::new(node, 3, words).expect("few words");
    let first = reference(&[44_444, 14_155_780, 0]);
    let second = reference(&[73_499, 2_164_523_009, 0]);
    assert!(first < second);
    let mut words: Vec<Reference> =
        [610_350_147, 899_574_699, 2_994_196_869, 686_384_822, 2_397_690_439, 923_302_211]
            .into_iter()
            .map(|word| reference(&[1, word, 0]))
            .collect();
    words.sort();
    let sorted: Vec<u32> = words.iter().map(|reference| reference.words()[1]).collect();
    assert!(sorted.is_sorted());
    assert_eq!(sorted.last(), Some(&2_994_196_869));
}
