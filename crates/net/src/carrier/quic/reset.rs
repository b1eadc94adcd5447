//! Stateless resets: a program that was started anew at the port of one that was killed knows nothing of the connections
//! of that one, and tells their peers so when they say something.
//!
//! A reset is believed by the token in it, which only a program of the same node can make: it is a digest of the
//! connection's id under a key that is derived from the node's private key and its name. The name is in it since nodes of
//! one host may share a certificate, and none may be made to speak for another.

use crate::carrier::TlsConfig;
use crate::carrier::tls::DerivedKey;
use crate::random;
use engset_term::NodeName;
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use std::sync::Arc;
use std::time::Duration;

/// The settings of the endpoint at which the node `name` listens. It is known again after a new start of the program.
pub(super) fn endpoint_config(tls: &TlsConfig, name: NodeName) -> EndpointConfig {
    let key = name.with_text(|name| tls.derived_key(&[b"engset quic reset ", name.as_bytes()]));
    let Some(key) = key else { return EndpointConfig::default() };
    let mut config = EndpointConfig::new(Arc::new(ResetKey(key)));
    config.cid_generator(|| Box::<Ids>::default());
    config
}

struct ResetKey(DerivedKey);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        for (out, byte) in signature_out.iter_mut().zip(self.0.digest(data).as_ref()) {
            *out = *byte;
        }
    }

    fn signature_len(&self) -> usize {
        DerivedKey::DIGEST_BYTES
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let digest = self.0.digest(data);
        let digest = digest.as_ref();
        // All bytes are looked at, whichever differ.
        let differ = digest.iter().zip(signature).fold(0, |differ, (ours, theirs)| differ | (ours ^ theirs));
        if differ == 0 && digest.len() == signature.len() { Ok(()) } else { Err(CryptoError) }
    }
}

/// Makes ids of connections that have no mark of the program that made them, so that the next one answers to them.
#[derive(Debug, Default)]
struct Ids {
    /// How many were made without randomness.
    counted: u64,
}

impl Ids {
    const BYTES: usize = size_of::<u64>();
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        let id = random::number().unwrap_or_else(|_| {
            // The endpoint asks until one is new.
            self.counted = self.counted.wrapping_add(1);
            self.counted
        });
        ConnectionId::new(&id.to_be_bytes())
    }

    fn cid_len(&self) -> usize {
        Self::BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
#[path = "tests/reset.rs"]
mod tests;
