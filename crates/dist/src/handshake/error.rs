//! Why a handshake failed: who is to blame, and what to do about it.

use crate::flags::Flags;
use alloc::string::String;
use core::fmt;

/// What a side was waiting for when the handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The acceptor, for the initiator's name.
    Name,
    /// The acceptor, for its own owner's decision about that name.
    Decision,
    /// The initiator, for the acceptor's status.
    Status,
    /// Either side, for whether an old connection of the same name is to be replaced.
    AliveAnswer,
    /// The initiator, for the acceptor's challenge.
    Challenge,
    /// The acceptor, for the rest of the flags of a peer that began with an old name message.
    Complement,
    /// The acceptor, for the initiator's digest.
    Reply,
    /// The initiator, for the acceptor's digest.
    Ack,
    /// Nobody: the handshake is over.
    Over,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the peer's name",
            Self::Decision => "our decision about the peer",
            Self::Status => "the peer's status",
            Self::AliveAnswer => "whether to replace the old connection",
            Self::Challenge => "the peer's challenge",
            Self::Complement => "the rest of the peer's flags",
            Self::Reply => "the peer's digest",
            Self::Ack => "the peer's acknowledgement",
            Self::Over => "nothing",
        })
    }
}

/// What is wrong with a node name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// It is empty.
    Empty,
    /// It has more than 255 characters.
    TooLong,
    /// It has not exactly one `@` with text on both sides.
    NotNameAtHost,
    /// It has a control character.
    Control,
    /// It has characters that a name message cannot carry (above U+00FF).
    NotLatin1,
    /// It is not UTF-8, where it has to be.
    NotUtf8,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it has more than 255 characters",
            Self::NotNameAtHost => "it is not of the form name@host",
            Self::Control => "it has a control character",
            Self::NotLatin1 => "it has characters outside latin-1",
            Self::NotUtf8 => "it is not utf-8",
        })
    }
}

/// Why a handshake failed. After any of these the connection is to be closed.
///
/// What is left in `poll_transmit` may still be written first: it tells the peer why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeError {
    /// The peer's digest is not that of our cookie. Set the same cookie on both sides.
    CookieMismatch {
        /// The name the peer claims.
        peer: String,
    },
    /// The peer uses our own challenge as its own: an attempt to make us prove the cookie to ourselves.
    Reflected,
    /// The peer does not want us: our name is not on its list, or it misses a flag.
    NotAllowed,
    /// The peer, or we when asked, keep an older connection of the same name.
    Duplicate,
    /// Another node answers at the address of the one we wanted: the name service or the address is wrong.
    NameMismatch {
        /// The name we dialled.
        expected: String,
        /// The name the peer gives.
        got: String,
    },
    /// The peer cannot do what every node must: its release is too old. The flags that are missing.
    MissingFlags(Flags),
    /// The peer speaks a handshake older than OTP 23. The version it names.
    OldHandshake {
        /// The version in its message.
        version: u16,
    },
    /// The peer gave no valid node name.
    BadPeerName(NameFault),
    /// Our own name is not valid in a name message.
    BadLocalName(NameFault),
    /// The peer wants a name from us, and the decision gave it none (or the other way round).
    NamingMismatch,
    /// The handshake took longer than its deadline.
    Timeout {
        /// What was awaited.
        step: Step,
    },
    /// The peer closed the connection.
    ClosedByPeer {
        /// What was awaited.
        step: Step,
    },
    /// The peer sent bytes that are not the awaited message.
    Malformed {
        /// What was awaited.
        step: Step,
    },
    /// The peer announced a message over the limit.
    MessageTooLong {
        /// What was awaited.
        step: Step,
        /// The announced length.
        len: usize,
    },
    /// The peer speaks TLS, and we without.
    PeerSpeaksTls {
        /// What was awaited.
        step: Step,
    },
    /// The peer sent more bytes than a whole handshake may have.
    TooManyBytes {
        /// What was awaited.
        step: Step,
    },
    /// The owner called for something that this step of the handshake does not have: our own mistake.
    OutOfOrder {
        /// What was awaited.
        step: Step,
    },
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CookieMismatch { peer } => {
                write!(f, "{peer} has another cookie; set the same cookie on both nodes")
            }
            Self::Reflected => f.write_str(
                "the peer sent our own challenge back, so it does not know the cookie; find out what is there",
            ),
            Self::NotAllowed => f.write_str(
                "the peer does not allow this node; see its log for a missing flag or its allow list",
            ),
            Self::Duplicate => f.write_str(
                "an older connection between the same two names is kept; use that one, or try again when its loss has been noticed (net_ticktime)",
            ),
            Self::NameMismatch { expected, got } if is_short(expected) != is_short(got) => write!(
                f,
                "dialled {expected}, but the node there calls itself {got}: one of them is a short name and the other a long one; use the node's own name, and either short names (`-sname`) or long ones (`-name`) in the whole cluster"
            ),
            Self::NameMismatch { expected, got } => {
                write!(f, "dialled {expected}, but {got} answered; check the name service and the address")
            }
            Self::MissingFlags(flags) => write!(f, "the peer lacks {flags}; at least OTP 25 is needed"),
            Self::OldHandshake { version } => {
                write!(f, "the peer speaks handshake version {version}; at least OTP 23 is needed")
            }
            Self::BadPeerName(fault) => write!(f, "the peer's node name is not valid: {fault}"),
            Self::BadLocalName(fault) => write!(f, "this node's name is not valid: {fault}"),
            Self::NamingMismatch => f.write_str("one side wants a name from the other, which gave none"),
            Self::Timeout { step } => write!(
                f,
                "timed out waiting for {step}: the peer took the connection and then said nothing; look at that node, which hangs or is overloaded, or is no node"
            ),
            Self::ClosedByPeer { step: Step::Ack } => {
                f.write_str("the peer closed the connection on our digest; most likely the cookies differ")
            }
            Self::ClosedByPeer { step } => {
                write!(f, "the peer closed the connection instead of sending {step}; its log says why")
            }
            Self::Malformed { step } => write!(
                f,
                "the peer sent a malformed message instead of {step}; find out what listens there, since it is no node"
            ),
            Self::MessageTooLong { step, len } => {
                write!(f, "the peer announced {len} bytes for {step}, the limit is 2048")
            }
            Self::PeerSpeaksTls { step } => write!(
                f,
                "the peer speaks TLS, and this node awaited {step} without; start this node with TLS too, or the peer without"
            ),
            Self::TooManyBytes { step } => write!(f, "the peer sent too many bytes before {step}"),
            Self::OutOfOrder { step } => write!(f, "called out of order while waiting for {step}"),
        }
    }
}

impl core::error::Error for HandshakeError {}

/// Whether the host part of a name has no dot.
fn is_short(name: &str) -> bool {
    name.split_once('@').is_some_and(|(_, host)| !host.contains('.'))
}
