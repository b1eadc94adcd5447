//! Lists that are not empty: elements and a tail.

use alloc::vec::Vec;

use crate::Term;
use crate::cells::Cells;

/// A non-empty Erlang list. The empty list is [`Term::Nil`].
///
/// The tail is `[]` in a proper list and never itself a list: such a tail is joined on construction,
/// so that every list has one form.
#[derive(Clone)]
pub struct List {
    /// The elements, at least one, then the tail.
    cells: Cells,
}

impl List {
    /// The list of `items` and `tail`; `Err` gives the tail back when there is no item.
    pub fn new(items: impl IntoIterator<Item = Term>, tail: Term) -> Result<Self, Term> {
        let mut cells: Vec<Term> = items.into_iter().collect();
        if cells.is_empty() {
            return Err(tail);
        }
        match &tail {
            Term::List(rest) => cells.extend_from_slice(&rest.cells),
            _ => cells.push(tail),
        }
        Ok(Self { cells: cells.into() })
    }

    /// The list of all `cells` but the last, which is the tail. `None` with fewer than two cells.
    ///
    /// Takes exactly one allocation where the iterator knows its length.
    #[inline]
    pub fn from_cells(cells: impl IntoIterator<Item = Term>) -> Option<Self> {
        Self::of(cells.into_iter().collect())
    }

    /// As [`from_cells`](Self::from_cells) for so many cells, the tail included, which `fill` puts in; before that
    /// each is `[]`. Spares moving elements that can be made where they stay.
    #[inline]
    pub fn filled(cells: usize, fill: impl FnOnce(&mut [Term])) -> Option<Self> {
        Self::of(Cells::filled(cells, fill))
    }

    fn of(cells: Cells) -> Option<Self> {
        match cells.split_last()? {
            (_, []) => None,
            (Term::List(_), _) => {
                let (tail, items) = cells.split_last()?;
                Self::new(items.iter().cloned(), tail.clone()).ok()
            }
            _ => Some(Self { cells }),
        }
    }

    /// The elements, at least one, without the tail.
    #[inline]
    pub fn elements(&self) -> &[Term] {
        self.cells.split_last().map_or(&[], |(_, elements)| elements)
    }

    /// What follows the last element: `[]` in a proper list.
    #[inline]
    pub fn tail(&self) -> &Term {
        self.cells.last().unwrap_or(&Term::Nil)
    }

    /// Whether the tail is `[]`.
    #[inline]
    pub fn is_proper(&self) -> bool {
        matches!(self.tail(), Term::Nil)
    }

    /// The elements one after the other, without the tail.
    #[inline]
    pub fn iter(&self) -> core::slice::Iter<'_, Term> {
        self.elements().iter()
    }

    /// How many elements there are, without the tail; at least one.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty; the empty list is Nil")]
    pub fn len(&self) -> usize {
        self.elements().len()
    }

    /// The elements, then the tail, as one slice.
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
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Term;
    type IntoIter = core::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
