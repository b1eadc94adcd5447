//! Numbers that differ at each call, made of the keys that the operating system gives to hash maps.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The letters of made-up cookies, as on a BEAM.
const LETTERS: u64 = 26;
/// How many letters: more than 90 bits.
const COOKIE_LETTERS: usize = 20;

/// A number that nobody expects.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A cookie for one run.
pub(crate) fn cookie() -> String {
    let letter = || char::from(b'A' + u8::try_from(number() % LETTERS).unwrap_or_default());
    std::iter::repeat_with(letter).take(COOKIE_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::{COOKIE_LETTERS, cookie};

    #[test]
    fn cookies_are_capital_letters_and_differ() {
        let first = cookie();
        assert_eq!(first.len(), COOKIE_LETTERS);
        assert!(first.bytes().all(|letter| letter.is_ascii_uppercase()), "{first}");
        assert_ne!(first, cookie());
    }
}
