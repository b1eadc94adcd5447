//! The packets of libcluster's gossip, without sockets.
//!
//! A packet is `heartbeat::` and the term `%{node: Node}` in external term format. With a secret it is that, padded
//! as PKCS #7 says and encrypted by AES-256-CBC under the SHA-256 of the secret, after an initialization vector of
//! 16 bytes. The encryption keeps strangers out of the conversation; it does not authenticate.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use engset_etf::Limits;
use engset_term::{Atom, Map, Term};
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest packet that is read, in bytes; a name of 255 characters needs less.
pub(crate) const PACKET_BYTES_MAX: usize = 2_048;
const PRELUDE: &[u8] = b"heartbeat::";
const VECTOR_BYTES: usize = 16;
/// A heartbeat is one small map.
const LIMITS: Limits = Limits {
    depth_max: 4,
    elements_max: 16,
    binary_bytes_max: PACKET_BYTES_MAX,
    integer_bits_max: 64,
    memory_bytes_max: 16 << 10,
    memory_ratio_max: 32,
    values_ratio_max: 32,
    inflated_bytes_max: PACKET_BYTES_MAX,
    inflated_ratio_max: 4,
    node_names_new_max: 0,
};

/// The secret that the nodes of a gossip share; never printed.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

/// Why a packet is no heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    TooLong,
    /// It does not decrypt: another secret, or none.
    Secret,
    /// It does not begin as a heartbeat does: encrypted, or something else.
    Prelude,
    /// What follows is no term of the form `%{node: Node}`.
    Term,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the packet is longer than any heartbeat",
            Self::Secret => "the packet does not decrypt; give all nodes the same secret",
            Self::Prelude => "the packet is no heartbeat; give all nodes the same secret, or none",
            Self::Term => "the heartbeat has no node's name",
        })
    }
}

impl Key {
    pub(crate) fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The heartbeat of `node`; `vector` must differ from packet to packet, and is used where there is a key.
pub(crate) fn heartbeat(node: &str, key: Option<&Key>, vector: [u8; VECTOR_BYTES]) -> Vec<u8> {
    let mut plain = PRELUDE.to_vec();
    let name = Atom::new(node).map_or_else(|_| Term::atom("undefined"), Term::Atom);
    let map = Map::try_from_pairs([(Term::atom("node"), name)]).unwrap_or_default();
    plain.extend(engset_etf::encode(&Term::Map(map)));
    let Some(Key(key)) = key else { return plain };
    let mut packet = vector.to_vec();
    packet.extend(
        cbc::Encryptor::<Aes256>::new(key.into(), &vector.into()).encrypt_padded_vec::<Pkcs7>(&plain),
    );
    packet
}

/// The name in a heartbeat; not checked as a name.
pub(crate) fn read(packet: &[u8], key: Option<&Key>) -> Result<String, Malformed> {
    if packet.len() > PACKET_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    let decrypted;
    let plain = match key {
        Some(Key(key)) => {
            let (vector, cipher) = packet.split_first_chunk::<VECTOR_BYTES>().ok_or(Malformed::Secret)?;
            let decryptor = cbc::Decryptor::<Aes256>::new(key.into(), vector.into());
            decrypted = decryptor.decrypt_padded_vec::<Pkcs7>(cipher).map_err(|_error| Malformed::Secret)?;
            decrypted.strip_prefix(PRELUDE).ok_or(Malformed::Secret)?
        }
        None => packet.strip_prefix(PRELUDE).ok_or(Malformed::Prelude)?,
    };
    match engset_etf::decode_with(plain, &LIMITS) {
        Ok(Term::Map(map)) => match map.get(&Term::atom("node")) {
            Some(Term::Atom(name)) => Ok(name.as_str().to_owned()),
            _ => Err(Malformed::Term),
        },
        _ => Err(Malformed::Term),
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Malformed, PACKET_BYTES_MAX, heartbeat, read};

    /// As `["heartbeat::", :erlang.term_to_binary(%{node: :"a@h"})]` of OTP 25 has it, with the old tag of atoms.
    const PLAIN: &[u8] = b"heartbeat::\x83t\0\0\0\x01d\0\x04noded\0\x03a@h";

    #[test]
    fn a_heartbeat_of_a_beam_is_read() {
        assert_eq!(read(PLAIN, None), Ok("a@h".to_owned()));
    }

    #[test]
    fn heartbeats_come_back_with_the_same_secret_only() {
        let key = Key::new("shop");
        let packet = heartbeat("shop@10.0.0.1", Some(&key), [7; 16]);
        assert_eq!(packet.len() % 16, 0);
        assert_eq!(read(&packet, Some(&key)), Ok("shop@10.0.0.1".to_owned()));
        assert_eq!(read(&packet, Some(&Key::new("other"))), Err(Malformed::Secret));
        assert_eq!(read(&packet, None), Err(Malformed::Prelude));
        assert_eq!(read(&heartbeat("a@h", None, [0; 16]), None), Ok("a@h".to_owned()));
        assert_eq!(read(PLAIN, Some(&key)), Err(Malformed::Secret));
    }

    #[test]
    fn the_secret_does_not_print() {
        assert_eq!(format!("{:?}", Key::new("shop")), "Key(…)");
    }

    #[test]
    fn what_is_no_heartbeat_is_refused() {
        for wrong in [&b"heartbeat::"[..], b"heartbeat::\x83t\0\0\0\0", b"heartbeat::\x83t\xff\xff\xff\xff"] {
            assert_eq!(read(wrong, None), Err(Malformed::Term));
        }
    }

    #[test]
    fn packets_have_a_limit() {
        let mut packet = PLAIN.to_vec();
        packet.resize(PACKET_BYTES_MAX, 0);
        assert_eq!(read(&packet, None), Err(Malformed::Term));
        packet.push(0);
        assert_eq!(read(&packet, None), Err(Malformed::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(tail: Vec<u8>) {
            drop(read(&tail, Some(&Key::new("x"))));
            let packet = [b"heartbeat::\x83", tail.as_slice()].concat();
            drop(read(&packet, None));
        }
    }
}
