//! The handshake, version 6 (OTP 23 and later): who are you, what can you do, do we share a cookie?
//!
//! ```text
//! initiator (A)                                acceptor (B)
//!   'N' flags creation name       ──────────►    is the name welcome, are the flags there?
//!                                 ◄──────────  's' ok | ok_simultaneous | nok | not_allowed | alive | named:
//!   's' true | false              ──────────►    only after alive
//!                                 ◄──────────  'N' flags challenge creation name
//!   'r' challenge digest          ──────────►    A has proven that it knows the cookie
//!                                 ◄──────────  'a' digest: B has, too
//! ```
//!
//! One machine per side: [`Initiator`] and [`Acceptor`]. Challenges come from the owner, who has a source of
//! randomness. There is one absolute deadline for the whole handshake. Until the digest is verified a peer's name is
//! plain text: no table of this program grows by what strangers say.
//!
//! Races: when both sides dial at once, the one with the greater name wins ([`simultaneous`]). When the peer was
//! thought to be connected already, the old connection is replaced only after the peer has proven the cookie.

mod acceptor;
mod digest;
mod error;
mod initiator;
mod messages;

pub use acceptor::{Acceptor, AcceptorEvent, Decision};
pub use digest::{COOKIE_CHARS_MAX, Cookie, CookieError, Digest};
pub use error::{HandshakeError, NameFault, Step};
pub use initiator::{Initiator, InitiatorEvent};
pub use messages::NAME_CHARS_MAX;

use crate::flags::Flags;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use engset_term::Instant;

/// The longest handshake message that is read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024;
/// The most bytes read in a whole handshake, lengths included.
pub const HANDSHAKE_BYTES_MAX: usize = 4 * 1024;
/// How records of TLS look to who awaits a length of two bytes: an alert or a handshake message, and version 3.
const TLS_RECORDS: [usize; 2] = [0x1503, 0x1603];
/// The absolute deadline of a handshake over plain TCP.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// This node, as it presents itself.
#[derive(Debug, Clone)]
pub struct LocalNode {
    /// `name@host`; for a node that asks for a name (flag `NAME_ME`), the host only.
    pub name: String,
    /// What we offer, normally [`Flags::OURS`].
    pub flags: Flags,
    /// Our incarnation; 0 when we ask for a name.
    pub creation: u32,
    /// The secret shared with this peer.
    pub cookie: Cookie,
    /// Whether we say that we are a visible node.
    pub visible: bool,
}

impl LocalNode {
    fn flags_to_send(&self) -> Flags {
        if self.visible { self.flags | Flags::PUBLISHED } else { self.flags.without(Flags::PUBLISHED) }
    }
}

/// How long the length in front of a handshake message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Two bytes: plain TCP.
    Two,
    /// Four bytes: TLS.
    Four,
}

/// The peer has proven that it knows the cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The peer's name.
    pub peer: String,
    /// The peer's incarnation.
    pub peer_creation: u32,
    /// What the peer said of itself; `PUBLISHED` tells a visible node from a hidden one.
    pub peer_flags: Flags,
    /// What both sides can do.
    pub flags: Flags,
    /// Our name; differs from [`LocalNode::name`] when the acceptor named us.
    pub local: String,
    /// Our incarnation; differs from [`LocalNode::creation`] when the acceptor named us.
    pub local_creation: u32,
    /// Bytes after the last handshake message: the beginning of the connection's frames.
    pub leftover: Vec<u8>,
}

/// Whose attempt to connect goes on when two nodes dial each other at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// Ours: answer [`Decision::Nok`] to the other side.
    Ours,
    /// Theirs: drop our attempt and answer [`Decision::OkSimultaneous`].
    Theirs,
}

/// Decides between two simultaneous attempts by the names, compared as atoms: by code point.
#[must_use]
pub fn simultaneous(ours: &str, theirs: &str) -> Winner {
    // The order of UTF-8 bytes is the order of code points.
    if ours > theirs { Winner::Ours } else { Winner::Theirs }
}

/// What both sides keep while they talk: framing, deadline, and the bytes in between.
#[derive(Debug)]
struct Wire {
    framing: Framing,
    started: Instant,
    deadline: Instant,
    received: Vec<u8>,
    received_in_all: usize,
    transmit: Vec<u8>,
}

impl Wire {
    fn new(now: Instant, framing: Framing) -> Self {
        Self {
            framing,
            started: now,
            deadline: now.saturating_add(TIMEOUT_DEFAULT),
            received: Vec::new(),
            received_in_all: 0,
            transmit: Vec::new(),
        }
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.deadline = self.started.saturating_add(timeout);
    }

    fn check_deadline(&self, now: Instant, step: Step) -> Result<(), HandshakeError> {
        if step != Step::Over && now >= self.deadline {
            Err(HandshakeError::Timeout { step })
        } else {
            Ok(())
        }
    }

    /// The next complete message.
    fn next_message(&mut self, step: Step) -> Result<Option<Vec<u8>>, HandshakeError> {
        let (len, header) = match self.framing {
            Framing::Two => match self.received.first_chunk::<2>() {
                Some(len) => (usize::from(u16::from_be_bytes(*len)), 2_usize),
                None => return Ok(None),
            },
            Framing::Four => match self.received.first_chunk::<4>() {
                Some(len) => (usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX), 4),
                None => return Ok(None),
            },
        };
        if self.framing == Framing::Two && TLS_RECORDS.contains(&len) && self.received_in_all == 0 {
            return Err(HandshakeError::PeerSpeaksTls { step });
        }
        if len > MESSAGE_BYTES_MAX {
            return Err(HandshakeError::MessageTooLong { step, len });
        }
        let end = header.saturating_add(len);
        let Some(message) = self.received.get(header..end).map(<[u8]>::to_vec) else { return Ok(None) };
        self.received_in_all = self.received_in_all.saturating_add(end);
        if self.received_in_all > HANDSHAKE_BYTES_MAX {
            return Err(HandshakeError::TooManyBytes { step });
        }
        self.received.drain(..end);
        Ok(Some(message))
    }

    /// To be called when no complete message is left and more is awaited.
    fn check_held(&self, step: Step) -> Result<(), HandshakeError> {
        if self.received_in_all.saturating_add(self.received.len()) > HANDSHAKE_BYTES_MAX {
            return Err(HandshakeError::TooManyBytes { step });
        }
        Ok(())
    }

    /// Moves what is to be written to the end of `out`.
    fn drain_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.transmit);
    }

    /// The bytes after the handshake.
    fn take_leftover(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.received)
    }

    fn send(&mut self, message: &[u8]) {
        match self.framing {
            Framing::Two => {
                let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
                self.transmit.extend_from_slice(&len.to_be_bytes());
            }
            Framing::Four => {
                let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
                self.transmit.extend_from_slice(&len.to_be_bytes());
            }
        }
        self.transmit.extend_from_slice(message);
    }
}

#[cfg(test)]
mod tests;
