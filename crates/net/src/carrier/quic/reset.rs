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
mod tests {
    use super::super::certs::Authority;
    use super::super::settings::Settings;
    use super::endpoint_config;
    use crate::carrier::TlsConfig;
    use engset_term::NodeName;
    use quinn::{ConnectionError, Endpoint, EndpointConfig, TokioRuntime};
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::runtime::Runtime;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    /// How a connection to a program of `near@127.0.0.1` ends when one of `next` is there in its place, and hears of it.
    fn end(next: &str) -> Option<ConnectionError> {
        let authority = Authority::new("cluster");
        let own = authority.host("127.0.0.1");
        let (ca, chain, key) = (authority.pem.as_bytes(), own.pem.as_bytes(), own.key.as_bytes());
        let tls = TlsConfig::from_pem(ca, chain, key).unwrap();
        let settings = Settings::new(&tls, Duration::from_secs(5)).unwrap();
        let listen = |name: &str, at: SocketAddr| {
            let config = endpoint_config(&tls, NodeName::new(name).unwrap());
            let socket = UdpSocket::bind(at).unwrap();
            Endpoint::new(config, Some(settings.server()), socket, Arc::new(TokioRuntime)).unwrap()
        };
        let (first, second, ours) = (runtime(), runtime(), runtime());
        let listener = first.block_on(async { listen("near@127.0.0.1", (Ipv4Addr::LOCALHOST, 0).into()) });
        let at = listener.local_addr().unwrap();
        let connection = std::thread::scope(|scope| {
            let theirs =
                scope.spawn(|| first.block_on(async { listener.accept().await.unwrap().await.unwrap() }));
            let connection = ours.block_on(async {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime));
                endpoint.unwrap().connect_with(settings.client(), at, "127.0.0.1").unwrap().await.unwrap()
            });
            (theirs.join().unwrap(), connection)
        });
        // Killed: nothing of it runs any more, and its port is free.
        drop(first);
        drop((listener, connection.0));
        let _next = second.block_on(async { listen(next, at) });
        let connection = connection.1;
        // The signs of life that QUIC gives by itself are heard by the next program.
        std::thread::scope(|scope| {
            let (done, is_done) = tokio::sync::oneshot::channel::<()>();
            scope.spawn(|| second.block_on(is_done).ok());
            let ended =
                ours.block_on(async { tokio::time::timeout(PATIENCE, connection.closed()).await.ok() });
            drop(done);
            ended
        })
    }

    #[test]
    fn the_next_program_of_a_node_says_that_it_does_not_know_the_connection() {
        let ended = end("near@127.0.0.1");
        assert!(matches!(ended, Some(ConnectionError::Reset)), "{ended:?}");
    }

    /// Another node with the same certificate cannot end it, so it ends by silence.
    #[test]
    fn another_node_at_the_same_port_cannot_say_so() {
        let ended = end("other@127.0.0.1");
        assert!(matches!(ended, Some(ConnectionError::TimedOut)), "{ended:?}");
    }
}
