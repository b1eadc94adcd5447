//! Cookies and the digests that prove them without sending them.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The longest cookie, in characters; it is an atom in Erlang.
pub const COOKIE_CHARS_MAX: usize = 255;

/// The secret two nodes share. It prints as `Cookie(..)` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Cookie(Zeroizing<Vec<u8>>);

impl Cookie {
    /// A cookie from its text, whose characters are Latin-1 as in Erlang's own digests.
    ///
    /// # Errors
    /// When the text is empty, longer than [`COOKIE_CHARS_MAX`], or not Latin-1.
    pub fn new(text: &str) -> Result<Self, CookieError> {
        if text.is_empty() {
            return Err(CookieError::Empty);
        }
        if text.chars().count() > COOKIE_CHARS_MAX {
            return Err(CookieError::TooLong);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(COOKIE_CHARS_MAX));
        for char in text.chars() {
            let Ok(byte) = u8::try_from(u32::from(char)) else { return Err(CookieError::NotLatin1) };
            bytes.push(byte);
        }
        Ok(Self(bytes))
    }

    /// What proves the knowledge of this cookie to the side that made `challenge`.
    #[must_use]
    pub fn digest(&self, challenge: u32) -> Digest {
        let mut md5 = Md5::new();
        md5.update(self.0.as_slice());
        md5.update(format!("{challenge}"));
        Digest(md5.finalize().into())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// Why a text is no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieError {
    /// It has no characters.
    Empty,
    /// It has more than [`COOKIE_CHARS_MAX`] characters.
    TooLong,
    /// It has characters above U+00FF.
    NotLatin1,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the cookie is empty"),
            Self::TooLong => write!(f, "the cookie has more than {COOKIE_CHARS_MAX} characters"),
            Self::NotLatin1 => f.write_str("the cookie has characters outside latin-1"),
        }
    }
}

impl core::error::Error for CookieError {}

/// MD5 of the cookie's text and the decimal text of a challenge. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Digest(pub(super) [u8; 16]);

impl Digest {
    /// The bytes on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

/// A digest allows offline guessing, so it is not printed either.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}
