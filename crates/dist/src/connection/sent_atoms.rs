//! The atom cache of the sending side: which atoms the peer has been told, and what the header of a frame has to name.
//!
//! An entry holds for the frames that leave after the one which filled it, so it is used only in frames that are queued
//! in the order in which they leave. A frame that is refused after it was built takes its new entries back.

use super::ATOM_CACHE_SLOTS;
use alloc::vec::Vec;
use engset_term::{Atom, NodeName};

/// How many of the slots are used for sending, at most: enough for the hot atoms.
pub(super) const SENT_SLOTS: usize = 512;
/// So many node names are found without a look at their text: most pids are of the two nodes of the connection.
const NODES: usize = 4;
/// How many atoms one header can name.
const NAMED_MAX: usize = 255;
const _: () = assert!(SENT_SLOTS <= ATOM_CACHE_SLOTS, "the peer has a slot for each entry");

/// What the peer has been told.
#[derive(Debug, Default)]
pub(crate) struct SentAtoms {
    /// Which slot an atom has, less one; by its text it has one place. Empty until the first atom.
    places: Vec<u16>,
    /// The slots that are in use.
    slots: Vec<Slot>,
    /// Which frame is being built.
    frame: u64,
    /// What its header names, in order.
    named: Vec<Named>,
    /// The node names looked up last, and the place of each.
    nodes: [Option<(NodeName, usize)>; NODES],
    /// Which of `nodes` makes room for the next.
    oldest: usize,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    atom: Option<Atom>,
    /// The node whose name that is, if it was looked up as one.
    node: Option<NodeName>,
    /// The last frame that named it, and where in its header.
    frame: u64,
    index: u8,
}

#[derive(Debug, Clone, Copy)]
struct Named {
    slot: usize,
    is_new: bool,
}

impl SentAtoms {
    /// Begins a frame.
    pub(super) fn begin(&mut self) {
        self.frame = self.frame.saturating_add(1);
        self.named.clear();
    }

    /// The place of an atom in the header of the frame; `None` where it has to be written out.
    pub(crate) fn reference(&mut self, text: &str) -> Option<u8> {
        let at = self.slot_for(text)?;
        let slot = self.slots.get_mut(at)?;
        let is_known = slot.atom.as_ref().is_some_and(|atom| atom.as_str() == text);
        if !is_known {
            if slot.frame == self.frame || self.named.len() >= NAMED_MAX {
                // Another atom of the same place came first: one slot has one meaning in a frame.
                return None;
            }
            slot.atom = Some(Atom::new(text).ok()?);
            slot.node = None;
        }
        self.name(at, !is_known)
    }

    /// As [`Self::reference`], of the node's name.
    pub(crate) fn reference_to_node(&mut self, node: NodeName) -> Option<u8> {
        if let Some((_, at)) = self.nodes.iter().flatten().find(|(known, _)| *known == node)
            && let Some(slot) = self.slots.get(*at)
            && slot.node == Some(node)
        {
            return self.name(*at, false);
        }
        self.look_up_node(node)
    }

    #[inline(never)]
    fn look_up_node(&mut self, node: NodeName) -> Option<u8> {
        let (index, at) = node.with_text(|text| (self.reference(text), self.slot_for(text)));
        let (index, at) = (index?, at?);
        let slot = self.slots.get_mut(at)?;
        slot.node = Some(node);
        if let Some(entry) = self.nodes.get_mut(self.oldest % NODES) {
            *entry = Some((node, at));
        }
        self.oldest = self.oldest.wrapping_add(1);
        Some(index)
    }

    /// The slot of all atoms that have the place of this one.
    fn slot_for(&mut self, text: &str) -> Option<usize> {
        if self.places.is_empty() {
            self.places.resize(SENT_SLOTS, 0);
        }
        let slot = self.places.get_mut(place(text))?;
        if *slot == 0 {
            self.slots.push(Slot::default());
            *slot = u16::try_from(self.slots.len()).ok()?;
        }
        usize::from(*slot).checked_sub(1)
    }

    /// The place in the header of what is in a slot.
    fn name(&mut self, at: usize, is_new: bool) -> Option<u8> {
        let slot = self.slots.get_mut(at)?;
        if slot.frame != self.frame {
            if self.named.len() >= NAMED_MAX {
                return None;
            }
            slot.frame = self.frame;
            slot.index = u8::try_from(self.named.len()).ok()?;
            self.named.push(Named { slot: at, is_new });
        }
        Some(slot.index)
    }

    /// Appends the atom section of the frame's header.
    pub(super) fn put_section(&self, out: &mut Vec<u8>) {
        let count = self.named.len();
        out.push(u8::try_from(count).unwrap_or(u8::MAX));
        if count == 0 {
            return;
        }
        let new_texts = self.named.iter().filter(|named| named.is_new).map(|named| self.text(*named));
        let long_atoms = new_texts.map(str::len).any(|len| len > usize::from(u8::MAX));
        let flags = |at: usize| match self.named.get(at) {
            Some(named) => (u8::from(named.is_new) << 3) | segment(named.slot),
            None if at == count => u8::from(long_atoms),
            None => 0,
        };
        for pair in 0..=count / 2 {
            let low = pair.saturating_mul(2);
            out.push(flags(low) | (flags(low.saturating_add(1)) << 4));
        }
        for named in &self.named {
            let [_, index] = slot_number(named.slot);
            out.push(index);
            if named.is_new {
                let text = self.text(*named);
                let [high, low] = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
                if long_atoms {
                    out.push(high);
                }
                out.push(low);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// The frame does not leave: the peer never hears of its new atoms.
    pub(super) fn take_back(&mut self) {
        for named in &self.named {
            if named.is_new
                && let Some(slot) = self.slots.get_mut(named.slot)
            {
                slot.atom = None;
                slot.node = None;
            }
        }
        self.named.clear();
    }

    fn text(&self, named: Named) -> &str {
        self.slots.get(named.slot).and_then(|slot| slot.atom.as_ref()).map_or("", Atom::as_str)
    }
}

fn slot_number(slot: usize) -> [u8; 2] {
    u16::try_from(slot).unwrap_or_default().to_be_bytes()
}

fn segment(slot: usize) -> u8 {
    let [segment, _] = slot_number(slot);
    segment & 7
}

/// Where an atom is kept: FNV-1a, which is quick for short texts. The peer does not choose what we send.
fn place(text: &str) -> usize {
    let hash =
        text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    usize::try_from(hash ^ (hash >> 16)).unwrap_or_default() % SENT_SLOTS
}

#[cfg(test)]
mod tests {
    use super::{NAMED_MAX, SENT_SLOTS, SentAtoms, place};
    use crate::connection::atom_cache::IncomingCache;
    use crate::cursor::Cursor;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use engset_term::NodeName;

    /// Sends one frame that names these atoms; what the other side takes them for.
    fn exchange(sent: &mut SentAtoms, received: &mut IncomingCache, texts: &[String]) -> Vec<Option<String>> {
        sent.begin();
        let places: Vec<_> = texts.iter().map(|text| sent.reference(text)).collect();
        let mut section = Vec::new();
        sent.put_section(&mut section);
        let mut cursor = Cursor::new(&section);
        received.read_section(&mut cursor).unwrap();
        assert!(cursor.is_empty());
        let named = received.named().atoms;
        places.iter().map(|place| place.map(|at| String::from(named[usize::from(at)].as_str()))).collect()
    }

    fn all(texts: &[String]) -> Vec<Option<String>> {
        texts.iter().cloned().map(Some).collect()
    }

    #[test]
    fn what_is_named_once_is_named_by_its_slot_after_that() {
        let (mut sent, mut received) = (SentAtoms::default(), IncomingCache::default());
        let texts: Vec<String> = ["a@h", "", "\u{F6}\u{1F600}", "a@h"].map(String::from).into();
        for _ in 0..3 {
            assert_eq!(exchange(&mut sent, &mut received, &texts), all(&texts));
        }
        let mut section = Vec::new();
        sent.put_section(&mut section);
        assert_eq!((section.len(), section[0]), (1 + 2 + 3, 3));
        // Memory is for what was named.
        assert_eq!(sent.slots.len(), 3);
    }

    #[test]
    fn a_node_is_named_as_its_name_also_after_another_atom_took_its_place() {
        let (mut sent, mut received) = (SentAtoms::default(), IncomingCache::default());
        let text = String::from("sent-atoms@test");
        let node = NodeName::new(&text).unwrap();
        let rival =
            (0..).map(|number| format!("rival{number}")).find(|text| place(text) == place("sent-atoms@test"));
        let rival = rival.unwrap();
        let mut says = |what: &str, as_node: bool| {
            sent.begin();
            let at = if as_node { sent.reference_to_node(node) } else { sent.reference(what) }.unwrap();
            let mut section = Vec::new();
            sent.put_section(&mut section);
            received.read_section(&mut Cursor::new(&section)).unwrap();
            assert_eq!(received.named().atoms[usize::from(at)].as_str(), what);
            section.len()
        };
        let new = says(&text, true);
        assert!(says(&text, true) < new && says(&text, false) < new);
        says(&rival, false);
        assert_eq!(says(&text, true), new);
        assert!(says(&text, true) < new);
        says(&rival, false);
        assert_eq!(says(&text, false), new);
        assert!(says(&text, true) < new);
    }

    #[test]
    fn long_atoms_make_long_lengths() {
        let (mut sent, mut received) = (SentAtoms::default(), IncomingCache::default());
        for texts in [["a".repeat(255), "x".into()], ["\u{1F600}".repeat(255), "y".into()]] {
            assert_eq!(exchange(&mut sent, &mut received, &texts), all(&texts));
        }
        sent.begin();
        assert_eq!(sent.reference(&"a".repeat(256)), None);
    }

    #[test]
    fn a_header_names_255_atoms_and_a_slot_has_one_meaning_in_it() {
        let (mut sent, mut received) = (SentAtoms::default(), IncomingCache::default());
        let mut seen = [false; SENT_SLOTS];
        let texts: Vec<String> = (0..10_000)
            .map(|number| format!("atom{number}"))
            .filter(|text| !core::mem::replace(&mut seen[place(text)], true))
            .take(NAMED_MAX + 1)
            .collect();
        let read = exchange(&mut sent, &mut received, &texts);
        assert_eq!(read[..NAMED_MAX], all(&texts)[..NAMED_MAX]);
        assert_eq!(read[NAMED_MAX], None);

        let rival = (0..).map(|number| format!("rival{number}")).find(|text| place(text) == place(&texts[0]));
        let both = [texts[0].clone(), rival.clone().unwrap()];
        assert_eq!(exchange(&mut sent, &mut received, &both), [Some(texts[0].clone()), None]);
        let turned = [rival.clone().unwrap(), texts[0].clone()];
        assert_eq!(exchange(&mut sent, &mut received, &turned), [rival, None]);
    }

    #[test]
    fn a_frame_that_does_not_leave_takes_its_new_entries_back() {
        let (mut sent, mut received) = (SentAtoms::default(), IncomingCache::default());
        let old = [String::from("old")];
        assert_eq!(exchange(&mut sent, &mut received, &old), all(&old));
        sent.begin();
        assert!(sent.reference("old").is_some() && sent.reference("new").is_some());
        sent.take_back();
        let both = [String::from("new"), String::from("old")];
        assert_eq!(exchange(&mut sent, &mut received, &both), all(&both));
    }
}
