//! Maps: unique keys in order, each with a value.

use alloc::vec::Vec;
use core::fmt;

use crate::Term;
use crate::cells::Cells;

/// An Erlang map, kept sorted by [`Term::key_cmp`].
#[derive(Clone, Default)]
pub struct Map {
    /// Keys and values by turns.
    cells: Cells,
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
    /// Takes exactly one allocation where the iterator knows its length.
    #[inline]
    pub fn try_from_cells(cells: impl IntoIterator<Item = Term>) -> Result<Self, MapError> {
        Self { cells: cells.into_iter().collect() }.in_order()
    }

    /// As [`try_from_cells`](Self::try_from_cells) for so many cells, which `fill` puts in; before that each is `[]`.
    /// Spares moving keys and values that can be made where they stay.
    #[inline]
    pub fn try_filled(cells: usize, fill: impl FnOnce(&mut [Term])) -> Result<Self, MapError> {
        Self { cells: Cells::filled(cells, fill) }.in_order()
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
    #[inline]
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
    #[inline]
    pub fn cells(&self) -> &[Term] {
        &self.cells
    }

    pub(crate) const fn inner(&self) -> &Cells {
        &self.cells
    }

    pub(crate) const fn cells_mut(&mut self) -> &mut Cells {
        &mut self.cells
    }

    #[inline]
    fn entries(&self) -> &[[Term; 2]] {
        self.cells.as_chunks().0
    }

    /// The same map with its cells, which are in any order, in the order of their keys.
    fn in_order(mut self) -> Result<Self, MapError> {
        let is_sorted = |entries: &[[Term; 2]]| entries.is_sorted_by(|[a, _], [b, _]| a.key_cmp(b).is_lt());
        let (entries, rest) = self.cells.as_chunks();
        if rest.is_empty() && is_sorted(entries) {
            return Ok(self);
        }
        if rest.is_empty()
            && let Some(cells) = self.cells.get_mut()
        {
            let entries = cells.as_chunks_mut().0;
            entries.sort_unstable_by(|[a, _]: &[Term; 2], [b, _]| a.key_cmp(b));
            return if is_sorted(entries) { Ok(self) } else { Err(MapError::DuplicateKey) };
        }
        Self::try_from_pairs(self.iter().map(|(key, value)| (key.clone(), value.clone())))
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
