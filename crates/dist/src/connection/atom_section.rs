//! The atom section of a distribution header: references into the atom cache, which we parse but do not negotiate.

use crate::cursor::Cursor;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// The longest atom, in characters.
const ATOM_CHARS_MAX: usize = 255;

/// One reference of an atom section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AtomEntry {
    /// Segment (0 to 7) and index: one of 2,048 slots.
    pub(super) slot: u16,
    /// The text, when the slot is filled anew.
    pub(super) text: Option<String>,
}

/// Why bytes are no atom section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadAtomSection;

/// Parses an atom section and moves the cursor behind it. The section is short: at most 255 references.
pub(super) fn parse_atom_section(cursor: &mut Cursor<'_>) -> Result<Vec<AtomEntry>, BadAtomSection> {
    let count = usize::from(cursor.u8().ok_or(BadAtomSection)?);
    if count == 0 {
        return Ok(Vec::new());
    }
    let flags = cursor.take((count / 2).saturating_add(1)).ok_or(BadAtomSection)?;
    // A half byte per reference, low half first; the one after the last holds the flag for long atoms.
    let half = |at: usize| {
        let byte = flags.get(at / 2).copied().ok_or(BadAtomSection)?;
        Ok(if at.is_multiple_of(2) { byte & 0x0F } else { byte >> 4 })
    };
    let long_atoms = half(count)? & 1 != 0;
    let mut entries = Vec::new();
    for at in 0..count {
        let flags = half(at)?;
        let index = cursor.u8().ok_or(BadAtomSection)?;
        let slot = (u16::from(flags & 7) << 8) | u16::from(index);
        let text = if flags & 8 == 0 { None } else { Some(parse_text(cursor, long_atoms)?) };
        entries.push(AtomEntry { slot, text });
    }
    Ok(entries)
}

fn parse_text(cursor: &mut Cursor<'_>, long: bool) -> Result<String, BadAtomSection> {
    let len = if long { cursor.u16().map(usize::from) } else { cursor.u8().map(usize::from) };
    let bytes = len.and_then(|len| cursor.take(len)).ok_or(BadAtomSection)?;
    let Ok(text) = str::from_utf8(bytes) else { return Err(BadAtomSection) };
    if text.chars().count() > ATOM_CHARS_MAX {
        return Err(BadAtomSection);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{AtomEntry, BadAtomSection, parse_atom_section};
    use crate::cursor::Cursor;
    use alloc::borrow::ToOwned;
    use alloc::vec;

    #[test]
    fn references_are_read_low_half_first() {
        // Two references: a new one in segment 2, an old one in segment 5; short atoms.
        let bytes = [2, 0x5A, 0x00, 7, 2, b'o', b'k', 9, b'!'];
        let mut cursor = Cursor::new(&bytes);
        let entries = parse_atom_section(&mut cursor).unwrap();
        let expected = vec![
            AtomEntry { slot: 0x207, text: Some("ok".to_owned()) },
            AtomEntry { slot: 0x509, text: None },
        ];
        assert_eq!(entries, expected);
        assert_eq!(cursor.rest(), b"!");
        for len in 0..bytes.len() - 1 {
            assert_eq!(parse_atom_section(&mut Cursor::new(&bytes[..len])), Err(BadAtomSection));
        }
    }

    #[test]
    fn long_atoms_have_16_bit_lengths() {
        let mut bytes = vec![1, 0x18, 3, 1, 0xFE];
        bytes.extend("\u{F6}".repeat(255).bytes());
        let entries = parse_atom_section(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(entries[0].text.as_ref().unwrap().chars().count(), 255);
        let mut bytes = vec![1, 0x18, 3, 1, 0x00];
        bytes.extend([b'a'; 256]);
        assert_eq!(parse_atom_section(&mut Cursor::new(&bytes)), Err(BadAtomSection));
        assert_eq!(parse_atom_section(&mut Cursor::new(&[1, 0x08, 3, 1, 0xFF])), Err(BadAtomSection));
    }
}
