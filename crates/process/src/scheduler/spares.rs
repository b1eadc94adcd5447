//! Memory for messages from other nodes, kept by each worker: they come in batches of hundreds, all of which are taken in
//! before the first is received, more than an allocator keeps at hand.

use super::worker::with_local;
use crate::signal::Encoded;
use std::cell::RefCell;

/// So many are kept by a worker at most, of eighty bytes each.
pub(super) const SPARES_MAX: usize = 512;

/// What a worker keeps.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "the boxes are what is kept")]
pub(super) struct Spares(RefCell<Vec<Box<Encoded>>>);

impl Spares {
    fn take(&self) -> Option<Box<Encoded>> {
        self.0.borrow_mut().pop()
    }

    fn keep(&self, spare: Box<Encoded>) {
        let mut spares = self.0.borrow_mut();
        if spares.len() < SPARES_MAX {
            spares.push(spare);
        }
    }
}

/// The message in a box.
pub(crate) fn boxed(encoded: Encoded) -> Box<Encoded> {
    match with_local(|local| local?.spares.take()).flatten() {
        Some(mut spare) => {
            *spare = encoded;
            spare
        }
        None => Box::new(encoded),
    }
}

/// The message of a box.
pub(crate) fn unboxed(mut encoded: Box<Encoded>) -> Encoded {
    let message = std::mem::take(&mut *encoded);
    with_local(|local| {
        if let Some(local) = local {
            local.spares.keep(encoded);
        }
    });
    message
}

#[cfg(test)]
mod tests {
    use super::{SPARES_MAX, Spares};
    use crate::signal::Encoded;

    #[test]
    fn a_worker_keeps_so_many_and_no_more() {
        let spares = Spares::default();
        for kept in [SPARES_MAX - 1, SPARES_MAX, SPARES_MAX] {
            while spares.take().is_some() {}
            (0..kept).for_each(|_| spares.keep(Box::new(Encoded::default())));
            spares.keep(Box::new(Encoded::default()));
            assert_eq!(std::iter::from_fn(|| spares.take()).count(), SPARES_MAX);
        }
    }
}
