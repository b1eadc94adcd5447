//! A term on its way out: its bytes in external format, with long binaries shared instead of copied.

use alloc::vec::Vec;

use bytes::Bytes;
use engset_term::Term;

use crate::encode::{USUAL_BYTES, encode_into};
use crate::opaque::{contains_record, may_contain_record};

/// A binary of so many bytes or more is shared: from here on a copy costs more than one piece more to write.
pub const SHARED_BYTES_MIN: usize = 8 * 1024;

/// One term in external format, without the leading 131, in one or more pieces.
///
/// ```
/// use engset_etf::{Body, SHARED_BYTES_MIN};
/// use engset_term::Term;
///
/// let body = Body::of(&Term::tuple([Term::atom("data"), Term::binary(vec![7; SHARED_BYTES_MIN])]));
/// assert_eq!(body.pieces().count(), 2);
/// assert_eq!(body.len(), body.into_bytes().len());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    bytes: Vec<u8>,
    /// What goes in between, and in front of which of `bytes`.
    shared: Vec<(usize, Bytes)>,
}

impl Body {
    /// The term's bytes; those of long binaries are shared with it.
    ///
    /// # Panics
    /// As [`encode_body`](crate::encode_body).
    #[must_use]
    pub fn of(term: &Term) -> Self {
        let mut body = Self { bytes: Vec::with_capacity(USUAL_BYTES), shared: Vec::new() };
        encode_into(term, &mut body.bytes, Some(&mut body.shared));
        body
    }

    /// How many bytes there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.iter().fold(self.bytes.len(), |len, (_, shared)| len.saturating_add(shared.len()))
    }

    /// Whether there are none: it is no term then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// All bytes, if they are in one piece.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[u8]> {
        if self.shared.is_empty() { Some(&self.bytes) } else { None }
    }

    /// Whether a native record (OTP 29) is anywhere in the term; see [`contains_record`](crate::contains_record).
    #[must_use]
    pub fn contains_record(&self) -> bool {
        match self.shared.as_slice() {
            [] => contains_record(&self.bytes),
            [(_, whole)] if self.bytes.is_empty() => contains_record(whole),
            // What is shared is the content of binaries.
            _ => may_contain_record(&self.bytes) && contains_record(&self.clone().into_bytes()),
        }
    }

    /// The bytes in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let between = self.shared.iter().flat_map(move |(at, shared)| {
            let own = self.bytes.get(from..*at).unwrap_or_default();
            from = *at;
            [own, shared]
        });
        let last = self.shared.last().map_or(0, |(at, _)| *at);
        let rest = self.bytes.get(last..).unwrap_or_default();
        between.chain([rest]).filter(|piece| !piece.is_empty())
    }

    /// The bytes in order, each piece by itself, without copying any.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        let own = Bytes::from(self.bytes);
        let rest = own.slice(self.shared.last().map_or(0, |(at, _)| *at)..);
        let mut from = 0;
        let between = self.shared.into_iter().flat_map(move |(at, shared)| {
            let piece = own.slice(from..at);
            from = at;
            [piece, shared]
        });
        between.chain([rest]).filter(|piece| !piece.is_empty())
    }

    /// All bytes in one piece: copied, where there are several.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.shared.is_empty() {
            return Bytes::from(self.bytes);
        }
        let mut whole = Vec::with_capacity(self.len());
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        Bytes::from(whole)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, shared: Vec::new() }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { bytes: Vec::new(), shared: Vec::from([(0, bytes)]) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, SHARED_BYTES_MIN};
    use crate::encode_body;
    use alloc::vec;
    use alloc::vec::Vec;
    use engset_term::Term;

    #[test]
    fn all_pieces_together_are_what_is_encoded_in_one() {
        let long = |byte: u8, more: usize| Term::binary(vec![byte; SHARED_BYTES_MIN + more]);
        let short = Term::binary(vec![3; SHARED_BYTES_MIN - 1]);
        let terms = [
            (Term::atom("ok"), 1),
            (Term::binary(vec![3; SHARED_BYTES_MIN - 1]), 1),
            (long(1, 0), 2),
            (Term::list([long(1, 0), long(2, 9), short]), 5),
            (Term::tuple([long(1, 1), Term::map([(long(2, 0), long(3, 5))])]), 6),
        ];
        for (term, pieces) in terms {
            let mut expected = Vec::new();
            encode_body(&term, &mut expected);
            let body = Body::of(&term);
            assert_eq!(body.pieces().count(), pieces);
            assert_eq!(body.len(), expected.len());
            assert_eq!(body.pieces().collect::<Vec<_>>().concat(), expected);
            assert_eq!(body.clone().into_pieces().collect::<Vec<_>>().concat(), expected);
            assert_eq!(body.as_slice().is_some(), pieces == 1);
            assert_eq!(body.into_bytes(), expected);
            assert_eq!(Body::from(expected.clone()).pieces().collect::<Vec<_>>().concat(), expected);
        }
    }

    #[test]
    fn a_long_binary_is_not_copied() {
        let bytes = bytes::Bytes::from(vec![1; SHARED_BYTES_MIN]);
        let address = bytes.as_ptr();
        let body = Body::of(&Term::tuple([Term::binary(bytes)]));
        let pieces: Vec<_> = body.into_pieces().collect();
        assert_eq!(pieces[1].as_ptr(), address);
    }
}
