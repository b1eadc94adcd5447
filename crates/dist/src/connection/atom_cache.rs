//! The atom cache of the receiving side: what the peer has named before, and what the header of a frame names.
//!
//! A header names up to 255 atoms, each by a slot of the cache and, when the slot is filled anew, by its text. Terms of
//! the frame refer to them by their place in the header. The table belongs to the connection and ends with it; what a
//! payload needs of it goes along with the payload.

use super::error::AtomCacheFault;
use crate::control::Named;
use crate::cursor::Cursor;
use alloc::sync::Arc;
use alloc::vec::Vec;
use engset_term::{Atom, NodeName};

/// How many slots a cache has, in each direction: eight segments of 256.
pub const ATOM_CACHE_SLOTS: usize = 2_048;

/// The slots that the peer has filled.
#[derive(Debug, Default)]
pub(super) struct IncomingCache {
    /// As long as the highest slot in use asks for.
    slots: Vec<Option<Cached>>,
    /// What the header of the frame at hand names, in order.
    named: Vec<Atom>,
    /// Which of these are names of `known`.
    named_nodes: Vec<Option<NodeName>>,
    /// The nodes whose names are looked out for.
    known: Vec<NodeName>,
}

#[derive(Debug, Clone)]
struct Cached {
    atom: Atom,
    /// The node of this name, if it is one of those looked out for.
    node: Option<NodeName>,
}

impl IncomingCache {
    /// Looks out for the names of these nodes from now on.
    pub(super) fn look_out_for(&mut self, nodes: impl IntoIterator<Item = NodeName>) {
        self.known.extend(nodes);
    }

    /// Reads the atom section of a header, and moves the cursor behind it.
    pub(super) fn read_section(&mut self, cursor: &mut Cursor<'_>) -> Result<(), AtomCacheFault> {
        self.named.clear();
        self.named_nodes.clear();
        let count = usize::from(cursor.u8().ok_or(AtomCacheFault::Truncated)?);
        if count == 0 {
            return Ok(());
        }
        let flags = cursor.take((count / 2).saturating_add(1)).ok_or(AtomCacheFault::Truncated)?;
        // A half byte per reference, low half first; the one after the last holds the flag for long atoms.
        let half = |at: usize| {
            let byte = flags.get(at / 2).copied().unwrap_or_default();
            if at.is_multiple_of(2) { byte & 0x0F } else { byte >> 4 }
        };
        let long_atoms = half(count) & 1 != 0;
        for at in 0..count {
            let flags = half(at);
            let index = cursor.u8().ok_or(AtomCacheFault::Truncated)?;
            let slot = (u16::from(flags & 7) << 8) | u16::from(index);
            if flags & 8 != 0 {
                self.fill(slot, read_text(cursor, long_atoms)?);
            }
            let cached = self.slots.get(usize::from(slot)).and_then(Option::as_ref);
            let cached = cached.ok_or(AtomCacheFault::EmptySlot { slot })?;
            self.named.push(cached.atom.clone());
            self.named_nodes.push(cached.node);
        }
        Ok(())
    }

    /// What the header at hand names, in order.
    pub(super) fn named(&self) -> Named<'_> {
        Named { atoms: &self.named, nodes: &self.named_nodes }
    }

    /// As [`Self::named`], to go along with a payload.
    pub(super) fn shared(&self) -> Option<Arc<[Atom]>> {
        (!self.named.is_empty()).then(|| Arc::from(self.named.as_slice()))
    }

    fn fill(&mut self, slot: u16, atom: Atom) {
        let slot = usize::from(slot);
        if self.slots.len() <= slot {
            self.slots.resize(slot.saturating_add(1), None);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            let node = self.known.iter().find(|node| node.with_text(|text| atom == text)).copied();
            *place = Some(Cached { atom, node });
        }
    }
}

fn read_text(cursor: &mut Cursor<'_>, long: bool) -> Result<Atom, AtomCacheFault> {
    let len = if long { cursor.u16().map(usize::from) } else { cursor.u8().map(usize::from) };
    let bytes = len.and_then(|len| cursor.take(len)).ok_or(AtomCacheFault::Truncated)?;
    let Ok(text) = str::from_utf8(bytes) else { return Err(AtomCacheFault::NotUtf8) };
    Atom::new(text).map_err(|_long| AtomCacheFault::TooLong)
}

#[cfg(test)]
mod tests {
    use super::{ATOM_CACHE_SLOTS, IncomingCache};
    use crate::connection::error::AtomCacheFault;
    use crate::cursor::Cursor;
    use alloc::vec;
    use alloc::vec::Vec;
    use engset_term::NodeName;

    fn names(cache: &IncomingCache) -> Vec<&str> {
        cache.named().atoms.iter().map(engset_term::Atom::as_str).collect()
    }

    /// Reads one section; what is left behind it.
    fn read(cache: &mut IncomingCache, bytes: &[u8]) -> Result<usize, AtomCacheFault> {
        let mut cursor = Cursor::new(bytes);
        cache.read_section(&mut cursor).map(|()| cursor.rest().len())
    }

    #[test]
    fn references_are_read_low_half_first() {
        let mut cache = IncomingCache::default();
        assert_eq!(read(&mut cache, &[1, 0x0D, 9, 1, b'x']), Ok(0));
        // Two references: a new one in segment 2, an old one in segment 5; short atoms.
        let bytes = [2, 0x5A, 0x00, 7, 2, b'o', b'k', 9, b'!'];
        assert_eq!(read(&mut cache, &bytes), Ok(1));
        assert_eq!(names(&cache), ["ok", "x"]);
        for len in 0..bytes.len() - 1 {
            assert_eq!(read(&mut cache, &bytes[..len]), Err(AtomCacheFault::Truncated));
        }
        assert_eq!(read(&mut cache, &[0, 1, 2]), Ok(2));
        assert!(cache.named().atoms.is_empty() && cache.shared().is_none());
    }

    #[test]
    fn long_atoms_have_16_bit_lengths() {
        let mut cache = IncomingCache::default();
        let mut bytes = vec![1, 0x18, 3, 1, 0xFE];
        bytes.extend("\u{F6}".repeat(255).bytes());
        assert_eq!(read(&mut cache, &bytes), Ok(0));
        assert_eq!(names(&cache), ["\u{F6}".repeat(255)]);
        let mut bytes = vec![1, 0x18, 3, 1, 0x00];
        bytes.extend([b'a'; 256]);
        assert_eq!(read(&mut cache, &bytes), Err(AtomCacheFault::TooLong));
        assert_eq!(read(&mut cache, &[1, 0x08, 3, 1, 0xFF]), Err(AtomCacheFault::NotUtf8));
    }

    #[test]
    fn a_slot_means_what_it_was_filled_with_last() {
        let mut cache = IncomingCache::default();
        assert_eq!(read(&mut cache, &[1, 0x00, 4]), Err(AtomCacheFault::EmptySlot { slot: 4 }));
        assert_eq!(read(&mut cache, &[1, 0x08, 4, 1, b'a']), Ok(0));
        let first = cache.shared().unwrap();
        // Twice in one header, with another meaning in between.
        assert_eq!(read(&mut cache, &[3, 0x80, 0x00, 4, 4, 1, b'b', 4]), Ok(0));
        assert_eq!(names(&cache), ["a", "b", "b"]);
        assert_eq!(first[0], "a");
        assert_eq!(read(&mut cache, &[1, 0x00, 5]), Err(AtomCacheFault::EmptySlot { slot: 5 }));
    }

    #[test]
    fn the_nodes_looked_out_for_are_known_by_their_slot() {
        let node = NodeName::new("cache@test").unwrap();
        let mut cache = IncomingCache::default();
        cache.look_out_for([node]);
        let mut bytes = vec![2, 0x88, 0x00, 3, 10];
        bytes.extend(*b"cache@test");
        bytes.extend([4, 1, b'x']);
        assert_eq!(read(&mut cache, &bytes), Ok(0));
        assert_eq!(cache.named().nodes, [Some(node), None]);
        assert_eq!(read(&mut cache, &[2, 0x00, 0x00, 4, 3]), Ok(0));
        assert_eq!(cache.named().nodes, [None, Some(node)]);
        assert_eq!(read(&mut cache, &[1, 0x08, 3, 1, b'y']), Ok(0));
        assert_eq!(cache.named().nodes, [None]);
        assert_eq!(names(&cache), ["y"]);
    }

    #[test]
    fn the_table_is_bounded_by_what_a_slot_number_can_say() {
        let mut cache = IncomingCache::default();
        for round in 0..2_u8 {
            for segment in 0..8_u8 {
                for index in 0..=255_u8 {
                    let section = [1, 0x08 | segment, index, 2, b'a' + round, b'a' + segment];
                    assert_eq!(read(&mut cache, &section), Ok(0));
                }
            }
            assert_eq!(cache.slots.len(), ATOM_CACHE_SLOTS);
        }
        assert_eq!(read(&mut cache, &[1, 0x07, 255]), Ok(0));
        assert_eq!(names(&cache), ["bh"]);
    }
}
