//! Terms a million deep: nothing recurses as deep.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Barrier};

use engset_term::Term;

const DEPTH: usize = 1_000_000;

fn nested(wrap: impl Fn(Term) -> Term) -> Term {
    (0..DEPTH).fold(Term::Int(1), |inner, _| wrap(inner))
}

fn survives(wrap: impl Fn(Term) -> Term) {
    let (one, two) = (nested(&wrap), nested(&wrap));
    assert!(one == two);
    assert!(one.cmp(&two).is_eq());
    assert!(one.arith_cmp(&wrap(two.clone())).is_ne());
    assert!(one.is_deeper_than(DEPTH - 1) && !one.is_deeper_than(DEPTH));
    let hash = |term: &Term| {
        let mut hasher = DefaultHasher::new();
        term.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&one), hash(&two));
    assert!(one.to_string().len() > DEPTH);
    assert_eq!(format!("{:.0}", one.display_max(10)).len(), 13);
    let copy = one.clone();
    drop(one);
    assert!(copy == two);
}

#[test]
fn tuples() {
    survives(|inner| Term::tuple([Term::Nil, inner]));
}

#[test]
fn lists() {
    survives(|inner| Term::list([inner]));
}

#[test]
fn map_values() {
    survives(|inner| Term::map([(Term::Int(1), inner)]));
}

#[test]
fn map_keys() {
    survives(|inner| Term::map([(inner, Term::Int(1))]));
}

#[test]
fn one_term_dropped_by_two_threads_at_once() {
    for _ in 0..20 {
        let term = (0..100_000).fold(Term::Nil, |inner, _| Term::tuple([inner]));
        let (mine, theirs) = (term.clone(), term);
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                other.wait();
                drop(theirs);
            });
            barrier.wait();
            drop(mine);
        });
    }
}
