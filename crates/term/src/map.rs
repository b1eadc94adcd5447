//! Maps: unique keys in order, each with a value.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::Term;
use crate::release::release;

/// An Erlang map, kept sorted by [`Term::key_cmp`].
#[derive(Clone, Default)]
pub struct Map {
    /// Keys and values by turns.
    cells: Arc<[Term]>,
}

/// Why pairs make no map. Whoever supplied them is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// A key occurs twice.
    DuplicateKey,
}

impl Map {
    /// The map of `pairs`, which may come in any order; fails when a key occurs twice.
    pub fn try_from_pairs(pairs: impl IntoIterator<Item = (Term, Term)>) -> Result<Self, MapError> {
        let mut pairs: Vec<(Term, Term)> = pairs.into_iter().collect();
        sort(&mut pairs);
        let unique = pairs.array_windows().all(|[(a, _), (b, _)]| a != b);
        if unique { Ok(Self::from_sorted(pairs)) } else { Err(MapError::DuplicateKey) }
    }

    /// The map of keys and values by turns, in any order; fails when a key occurs twice.
    /// A last key without a value is left out.
    ///
    /// Takes exactly one allocation where the iterator knows its length and the keys are in order.
    pub fn try_from_cells(cells: impl IntoIterator<Item = Term>) -> Result<Self, MapError> {
        let cells: Arc<[Term]> = cells.into_iter().collect();
        let map = Self { cells };
        let (entries, rest) = map.cells.as_chunks::<2>();
        if rest.is_empty() && entries.is_sorted_by(|[a, _], [b, _]| a.key_cmp(b).is_lt()) {
            return Ok(map);
        }
        Self::try_from_pairs(entries.iter().map(|[key, value]| (key.clone(), value.clone())))
    }

    /// The value at `key`.
    pub fn get(&self, key: &Term) -> Option<&Term> {
        self.find(|probe| probe.key_cmp(key))
    }

    /// The value at the atom key with this text.
    pub fn get_atom(&self, key: &str) -> Option<&Term> {
        self.find(|probe| probe.key_cmp_atom(key))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Keys with their values, in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> + DoubleEndedIterator {
        self.entries().iter().map(|[key, value]| (key, value))
    }

    /// Keys and values by turns, in key order.
    pub fn cells(&self) -> &[Term] {
        &self.cells
    }

    pub(crate) fn cells_mut(&mut self) -> &mut Arc<[Term]> {
        &mut self.cells
    }

    fn entries(&self) -> &[[Term; 2]] {
        self.cells.as_chunks().0
    }

    fn find(&self, order: impl Fn(&Term) -> core::cmp::Ordering) -> Option<&Term> {
        let entries = self.entries();
        let at = entries.binary_search_by(|[key, _]| order(key)).ok()?;
        entries.get(at).map(|[_, value]| value)
    }

    fn from_sorted(pairs: Vec<(Term, Term)>) -> Self {
        let mut cells = Vec::with_capacity(pairs.len().saturating_mul(2));
        for (key, value) in pairs {
            cells.push(key);
            cells.push(value);
        }
        Self { cells: cells.into() }
    }
}

/// Pairs in any order; where a key occurs twice, the later value stays.
impl FromIterator<(Term, Term)> for Map {
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Term, Term)> = pairs.into_iter().collect();
        sort(&mut pairs);
        pairs.reverse();
        pairs.dedup_by(|(earlier, _), (later, _)| earlier == later);
        pairs.reverse();
        Self::from_sorted(pairs)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        release(&mut self.cells);
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateKey => f.write_str("map has the same key twice"),
        }
    }
}

impl core::error::Error for MapError {}

fn sort(pairs: &mut [(Term, Term)]) {
    let sorted = pairs.is_sorted_by(|(a, _), (b, _)| a.key_cmp(b).is_le());
    if !sorted {
        pairs.sort_by(|(a, _), (b, _)| a.key_cmp(b));
    }
}
