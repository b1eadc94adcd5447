//! Tuples.

use alloc::sync::Arc;
use core::ops::Deref;

use crate::Term;
use crate::release::release;

/// An Erlang tuple; a slice of its elements.
#[derive(Clone, Default)]
pub struct Tuple {
    cells: Arc<[Term]>,
}

impl Tuple {
    /// The elements in order.
    pub fn as_slice(&self) -> &[Term] {
        &self.cells
    }

    pub(crate) fn cells_mut(&mut self) -> &mut Arc<[Term]> {
        &mut self.cells
    }
}

impl FromIterator<Term> for Tuple {
    fn from_iter<I: IntoIterator<Item = Term>>(items: I) -> Self {
        Self { cells: items.into_iter().collect() }
    }
}

impl Deref for Tuple {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        &self.cells
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        release(&mut self.cells);
    }
}
