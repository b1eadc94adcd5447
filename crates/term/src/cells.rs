//! What tuples, lists and maps are made of: shared cells, and how deep containers nest in them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::Term;

/// A container's cells. Whoever drops the last owner of them lets go of what they hold, without recursion that goes
/// deeper than [`PLAIN_DROP_HEIGHT_MAX`].
#[derive(Clone, Default)]
pub(crate) struct Cells {
    cells: Arc<[Term]>,
    /// How many levels of containers are below.
    height: u32,
}

impl Cells {
    /// How many levels of containers there are, this one included.
    pub(crate) fn levels(&self) -> u32 {
        self.height.saturating_add(1)
    }

    /// So many cells, each `[]` until `fill` puts in what they are to hold.
    #[inline]
    pub(crate) fn filled(count: usize, fill: impl FnOnce(&mut [Term])) -> Self {
        let mut cells: Arc<[Term]> = (0..count).map(|_| Term::Nil).collect();
        fill(Arc::get_mut(&mut cells).unwrap_or_default());
        Self::of(cells)
    }

    /// The cells for changes that bring in no deeper container, if nobody else has them.
    pub(crate) fn get_mut(&mut self) -> Option<&mut [Term]> {
        Arc::get_mut(&mut self.cells)
    }

    fn of(cells: Arc<[Term]>) -> Self {
        let height = cells.iter().fold(0, |height, cell| cell.levels().max(height));
        Self { cells, height }
    }
}

/// Takes exactly one allocation where the iterator knows its length.
impl FromIterator<Term> for Cells {
    #[inline]
    fn from_iter<I: IntoIterator<Item = Term>>(cells: I) -> Self {
        Self::of(cells.into_iter().collect())
    }
}

impl From<Vec<Term>> for Cells {
    fn from(cells: Vec<Term>) -> Self {
        Self::of(cells.into())
    }
}

impl Deref for Cells {
    type Target = [Term];

    #[inline]
    fn deref(&self) -> &[Term] {
        &self.cells
    }
}

impl Drop for Cells {
    #[inline]
    fn drop(&mut self) {
        if self.height > PLAIN_DROP_HEIGHT_MAX {
            release(self);
        }
    }
}

/// Takes containers out of `cells` before these are dropped, and out of those in turn, so that each drop meets only
/// leaves.
///
/// Where two owners let go at the same moment neither may see itself as the last one; then the
/// cells are dropped by the language and this starts again one level below.
#[cold]
fn release(cells: &mut Cells) {
    if Arc::strong_count(&cells.cells) != 1 || !cells.iter().any(Term::is_container) {
        return;
    }
    let mut waiting = Vec::new();
    take_containers(cells, &mut waiting);
    while let Some(mut term) = waiting.pop() {
        if let Some(cells) = term.cells_mut() {
            take_containers(cells, &mut waiting);
        }
    }
}

fn take_containers(cells: &mut Cells, waiting: &mut Vec<Term>) {
    for cell in cells.get_mut().unwrap_or_default() {
        if cell.is_container() {
            waiting.push(core::mem::replace(cell, Term::Nil));
        }
    }
}

/// Up to so many levels of containers below are dropped by the language, which recurses.
const PLAIN_DROP_HEIGHT_MAX: u32 = 32;

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::PLAIN_DROP_HEIGHT_MAX;
    use crate::{Atom, Export, Term};

    fn tower(levels: u32) -> Term {
        (0..levels).fold(Term::Nil, |inner, _| Term::tuple([Term::Int(1), inner]))
    }

    #[test]
    fn levels_are_counted_through_every_kind_of_container() {
        assert_eq!(Term::Int(1).levels(), 0);
        assert_eq!(Term::tuple([]).levels(), 1);
        assert_eq!(tower(5).levels(), 5);
        assert_eq!(Term::list([tower(2), tower(4), tower(3)]).levels(), 5);
        assert_eq!(Term::improper_list([Term::Nil], tower(2)).levels(), 3);
        assert_eq!(Term::map([(tower(3), Term::Nil), (Term::Nil, tower(1))]).levels(), 4);
        // A list's rest is joined to it and not below it.
        assert_eq!(Term::improper_list([Term::Nil], Term::list([tower(1)])).levels(), 2);
    }

    #[test]
    fn both_ways_to_let_go_give_everything_back() {
        let leaf =
            Arc::new(Export { module: Atom::from_static("m"), function: Atom::from_static("f"), arity: 1 });
        let item = || Term::Export(Arc::clone(&leaf));
        for levels in [
            PLAIN_DROP_HEIGHT_MAX - 1,
            PLAIN_DROP_HEIGHT_MAX,
            PLAIN_DROP_HEIGHT_MAX + 1,
            PLAIN_DROP_HEIGHT_MAX + 2,
            10_000,
        ] {
            let term = (0..levels).fold(item(), |inner, _| Term::list([item(), inner, item()]));
            let copy = term.clone();
            drop(term);
            assert_eq!(copy.levels(), levels);
            drop(copy);
            assert_eq!(Arc::strong_count(&leaf), 1, "after {levels} levels");
        }
    }
}
