//! Short texts of ASCII, held and copied as a block of fixed size, which costs a few instructions whatever the length.

use ascii::{AsciiChar, AsciiStr};

/// Up to [`Short::BYTES`] characters of ASCII.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    len: u8,
    /// Null from `len` on.
    text: [AsciiChar; Self::BYTES],
}

impl Short {
    /// So many characters at most.
    pub(crate) const BYTES: usize = 22;

    /// This text, if it is short and of ASCII.
    #[inline]
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut block = [0; Self::BYTES];
        block.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Self::of_block(&block, u8::try_from(text.len()).ok()?)
    }

    /// The first `len` of these bytes, if they are so many and of ASCII.
    #[inline]
    pub(crate) fn of_block(block: &[u8; Self::BYTES], len: u8) -> Option<Self> {
        let [first, second, last] = MASKS.get(usize::from(len))?;
        let first = u64::from_le_bytes(*block.first_chunk()?) & first;
        let second = u64::from_le_bytes(*block.get(8..)?.first_chunk()?) & second;
        let last = (u64::from_le_bytes(*block.last_chunk()?) >> 16) & last;
        let mut text = [AsciiChar::Null; Self::BYTES];
        *text.first_chunk_mut()? = characters(first)?;
        *text.get_mut(8..)?.first_chunk_mut()? = characters(second)?;
        *text.last_chunk_mut()? = *characters(last)?.first_chunk::<6>()?;
        Some(Self { len, text })
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        let text: &AsciiStr = self.text.get(..usize::from(self.len)).unwrap_or(&self.text).into();
        text.as_str()
    }

    /// The text and zeros behind it, and the length.
    #[inline]
    pub(crate) fn block(&self) -> (&[u8; Self::BYTES], u8) {
        let text: &AsciiStr = self.text.as_slice().into();
        (text.as_bytes().first_chunk().unwrap_or(&[0; Self::BYTES]), self.len)
    }
}

impl PartialEq for Short {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.block() == other.block()
    }
}

impl Eq for Short {}

/// The order of the texts: a shorter one ends in zeros, and only where those decide nothing its length does.
impl Ord for Short {
    #[inline]
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.block().cmp(&other.block())
    }
}

impl PartialOrd for Short {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The bytes of this word as characters, if they are.
#[inline]
fn characters(word: u64) -> Option<[AsciiChar; 8]> {
    if word & NOT_ASCII != 0 {
        return None;
    }
    // The compiler sees that no byte is refused, and makes one move of this.
    let mut all = [AsciiChar::Null; 8];
    for (to, byte) in all.iter_mut().zip(word.to_le_bytes()) {
        *to = AsciiChar::from_ascii(byte).unwrap_or(AsciiChar::Null);
    }
    Some(all)
}

/// By a text's length: which bits of a block, in words of eight, eight and six bytes, are the text.
#[expect(clippy::indexing_slicing, reason = "it is worked out by the compiler")]
const MASKS: [[u64; 3]; Short::BYTES + 1] = {
    let mut masks = [[0; 3]; Short::BYTES + 1];
    let mut len = 0;
    while len < masks.len() {
        let mut word = 0;
        while word < 3 {
            let mut at = 0;
            while at < 8 {
                if 8 * word + at < len {
                    masks[len][word] |= 0xff << (8 * at);
                }
                at += 1;
            }
            word += 1;
        }
        len += 1;
    }
    masks
};
/// The bits that no byte of ASCII has.
const NOT_ASCII: u64 = u64::from_le_bytes([0x80; 8]);

#[cfg(test)]
mod tests {
    use super::Short;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn text(len: usize) -> String {
        "abcdefghijklmnopqrstuvwxyz".chars().take(len).collect()
    }

    #[test]
    fn texts_of_every_length_up_to_the_limit_are_short() {
        for len in 0..=Short::BYTES {
            let short = Short::of(&text(len)).expect("it is short");
            assert_eq!(short.as_str(), text(len));
            assert_eq!(short.block().1, u8::try_from(len).expect("a byte"));
        }
        assert!(Short::of(&text(Short::BYTES + 1)).is_none());
    }

    #[test]
    fn what_is_behind_a_block_s_text_does_not_matter() {
        let filled = Short::of_block(&[b'a'; Short::BYTES], 3).expect("it is short");
        assert!(filled == Short::of("aaa").expect("it is short"));
        let other =
            Short::of_block(&[b'a'; Short::BYTES].map(|byte| byte | 0x80), 0).expect("nothing of it is kept");
        assert_eq!(other.as_str(), "");
    }

    #[test]
    fn a_block_has_no_more_bytes_than_it_has() {
        let block = [b'z'; Short::BYTES];
        assert!(Short::of_block(&block, 22).is_some());
        assert!(Short::of_block(&block, 23).is_none());
        assert!(Short::of_block(&block, u8::MAX).is_none());
    }

    #[test]
    fn other_than_ascii_is_refused_at_every_place() {
        for at in 0..Short::BYTES {
            let mut block = [b'a'; Short::BYTES];
            block[at] = 0xc3;
            assert!(Short::of_block(&block, 22).is_none(), "at {at}");
        }
        assert!(Short::of("grün").is_none());
    }

    #[test]
    fn the_order_is_that_of_texts() {
        let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "aa", "ab", "b", "ba", "zzzzzzzzzzzzzzzzzzzzzz"];
        let shorts: Vec<Short> = texts.iter().filter_map(|text| Short::of(text)).collect();
        assert_eq!(shorts.len(), texts.len());
        for (a, left) in shorts.iter().zip(texts) {
            for (b, right) in shorts.iter().zip(texts) {
                assert_eq!(a.cmp(b), left.cmp(right), "{left:?} {right:?}");
                assert_eq!(a == b, left == right, "{left:?} {right:?}");
            }
        }
    }
}
