//! Pure: one direction of a stream. Parcels arrive in the order of sending; a partition holds them back.

use bytes::Bytes;
use engset_term::Instant;
use std::collections::VecDeque;

/// What travels.
#[derive(Debug)]
pub(crate) enum Parcel {
    Bytes(Bytes),
    /// The other side closed the stream.
    Eof,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    parcels: VecDeque<Parcel>,
    /// Arrivals that fell into a partition.
    owed: usize,
    last_due: Instant,
}

impl Pipe {
    /// Puts a parcel on its way; when it is due: not before those sent earlier.
    pub(crate) fn push(&mut self, parcel: Parcel, due: Instant) -> Instant {
        self.parcels.push_back(parcel);
        self.last_due = self.last_due.max(due);
        self.last_due
    }

    /// An arrival is due: the next parcel.
    pub(crate) fn arrive(&mut self) -> Option<Parcel> {
        self.parcels.pop_front()
    }

    /// An arrival is due, but nothing gets through now.
    pub(crate) fn hold(&mut self) {
        self.owed += 1;
    }

    /// The partition is over: how many arrivals are to be made up for.
    pub(crate) fn release(&mut self) -> usize {
        std::mem::take(&mut self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_parcel_is_never_due_before_an_earlier_one() {
        let mut pipe = Pipe::default();
        let at = Instant::from_millis;
        assert_eq!(pipe.push(Parcel::Eof, at(5)), at(5));
        assert_eq!(pipe.push(Parcel::Eof, at(3)), at(5));
        assert_eq!(pipe.push(Parcel::Eof, at(6)), at(6));
    }

    #[test]
    fn what_a_partition_held_comes_in_order_afterwards() {
        let mut pipe = Pipe::default();
        pipe.push(Parcel::Bytes(Bytes::from_static(b"a")), Instant::ZERO);
        pipe.push(Parcel::Eof, Instant::ZERO);
        pipe.hold();
        pipe.hold();
        assert_eq!(pipe.release(), 2);
        assert!(matches!(pipe.arrive(), Some(Parcel::Bytes(_))));
        assert!(matches!(pipe.arrive(), Some(Parcel::Eof)));
        assert!(pipe.arrive().is_none());
        assert_eq!(pipe.release(), 0);
    }
}
