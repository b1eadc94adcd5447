//! Letting go of containers without recursion, however deep they nest.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::Term;

/// Called from the drop of a container: takes containers out of `cells` before these are dropped,
/// and out of those in turn, so that each drop meets only leaves.
///
/// Where two owners let go at the same moment neither may see itself as the last one; then the
/// cells are dropped by the language and this starts again one level below.
pub(crate) fn release(cells: &mut Arc<[Term]>) {
    if Arc::strong_count(cells) != 1 || !cells.iter().any(Term::is_container) {
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

fn take_containers(cells: &mut Arc<[Term]>, waiting: &mut Vec<Term>) {
    if let Some(cells) = Arc::get_mut(cells) {
        for cell in cells {
            if cell.is_container() {
                waiting.push(core::mem::replace(cell, Term::Nil));
            }
        }
    }
}
