//! How a node tells its peers of its UDP port: in the field `extra` of its entry in EPMD, which EPMD keeps as it is and
//! gives to everybody who asks for the node. Erlang nodes leave it empty and do not look at it.

use super::QUIC_PROTOCOL;

/// The field for a node that is reached over QUIC at this port: the protocol, a space, the number.
pub(crate) fn offer(udp_port: u16) -> Vec<u8> {
    format!("{QUIC_PROTOCOL} {udp_port}").into_bytes()
}

/// The UDP port that a node offers in this field; none where it says anything else.
pub(crate) fn offered_udp_port(extra: &[u8]) -> Option<u16> {
    let port = std::str::from_utf8(extra).ok()?.strip_prefix(QUIC_PROTOCOL)?.strip_prefix(' ')?;
    // Digits only: `parse` would take a sign.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| is_number && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::{offer, offered_udp_port};

    #[test]
    fn what_is_offered_is_understood_and_nothing_else() {
        assert_eq!(offer(4370), b"engset-dist/1 4370");
        for port in [1, 80, 4370, u16::MAX] {
            assert_eq!(offered_udp_port(&offer(port)), Some(port));
        }
        for other in [
            &b""[..],
            b"engset-dist/1",
            b"engset-dist/1 ",
            b"engset-dist/1 0",
            b"engset-dist/1 65536",
            b"engset-dist/1 +80",
            b"engset-dist/1 80 ",
            b"engset-dist/2 80",
            b"engset-dist/12 80",
            b"\xff\xfe",
            &[0; 1_020],
        ] {
            assert_eq!(offered_udp_port(other), None, "{other:?}");
        }
    }
}
