//! Keys for other uses, made out of the node's private key: the same after each start, and known to nobody else. They tell
//! nothing of the private key, and do not print.

use rustls::crypto::hmac::Tag;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock};
use rustls::pki_types::PrivateKeyDer;

/// What they are made of.
pub(super) struct Secret {
    hkdf: &'static dyn Hkdf,
    expander: Box<dyn HkdfExpander>,
}

/// A key for digests.
pub(in crate::carrier) struct DerivedKey {
    hkdf: &'static dyn Hkdf,
    block: OkmBlock,
}

impl Secret {
    pub(super) fn of(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let hkdf = TLS13_AES_128_GCM_SHA256.tls13()?.hkdf_provider;
        Some(Self { hkdf, expander: hkdf.extract_from_secret(None, key.secret_der()) })
    }

    /// The key for this use.
    pub(super) fn key(&self, what: &[&[u8]]) -> DerivedKey {
        DerivedKey { hkdf: self.hkdf, block: self.expander.expand_block(what) }
    }
}

impl DerivedKey {
    /// How long a digest is, in bytes.
    pub(in crate::carrier) const DIGEST_BYTES: usize = 32;

    /// The digest of `data` (HMAC with SHA-256).
    pub(in crate::carrier) fn digest(&self, data: &[u8]) -> Tag {
        self.hkdf.hmac_sign(&self.block, data)
    }
}

#[cfg(test)]
mod tests {
    use super::{DerivedKey, Secret};
    use rustls::pki_types::PrivateKeyDer;

    fn digest(key: u8, what: &[&[u8]], data: &[u8]) -> Vec<u8> {
        let key = PrivateKeyDer::Pkcs8(vec![key; 138].into());
        Secret::of(&key).unwrap().key(what).digest(data).as_ref().to_vec()
    }

    #[test]
    fn a_digest_is_the_same_after_each_start_and_differs_by_key_use_and_data() {
        let first = digest(1, &[b"use ", b"a@h"], b"id");
        assert_eq!(first.len(), DerivedKey::DIGEST_BYTES);
        assert_eq!(first, digest(1, &[b"use ", b"a@h"], b"id"));
        for other in [
            digest(2, &[b"use ", b"a@h"], b"id"),
            digest(1, &[b"use ", b"b@h"], b"id"),
            digest(1, &[b"use ", b"a@h"], b"other"),
        ] {
            assert_ne!(first, other);
        }
    }
}
