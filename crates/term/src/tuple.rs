//! Tuples.

use core::ops::Deref;

use crate::Term;
use crate::cells::Cells;

/// An Erlang tuple; a slice of its elements.
#[derive(Clone, Default)]
pub struct Tuple {
    cells: Cells,
}

impl Tuple {
    /// A tuple of so many elements, which `fill` puts in; before that each is `[]`.
    ///
    /// Spares moving elements that can be made where they stay.
    ///
    /// ```
    /// use engset_term::{Term, Tuple};
    ///
    /// let pair = Tuple::filled(2, |elements| elements[1] = Term::from(7));
    /// assert_eq!(Term::Tuple(pair).to_string(), "{[],7}");
    /// ```
    #[inline]
    pub fn filled(len: usize, fill: impl FnOnce(&mut [Term])) -> Self {
        Self { cells: Cells::filled(len, fill) }
    }

    /// The elements in order.
    #[inline]
    pub fn as_slice(&self) -> &[Term] {
        &self.cells
    }

    pub(crate) const fn inner(&self) -> &Cells {
        &self.cells
    }

    pub(crate) const fn cells_mut(&mut self) -> &mut Cells {
        &mut self.cells
    }
}

impl FromIterator<Term> for Tuple {
    #[inline]
    fn from_iter<I: IntoIterator<Item = Term>>(items: I) -> Self {
        Self { cells: items.into_iter().collect() }
    }
}

impl Deref for Tuple {
    type Target = [Term];

    #[inline]
    fn deref(&self) -> &[Term] {
        &self.cells
    }
}
