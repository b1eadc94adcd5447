//! Why a connection has to be closed. The peer is to blame in each case, and only its connection suffers.

use crate::control::ControlError;
use crate::frame::FrameTooLong;
use core::fmt;

/// What was wrong with the bytes of the peer. Close the connection: the node is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionError {
    /// The peer announced a frame over the limit.
    FrameTooLong(FrameTooLong),
    /// A frame begins as no frame does.
    UnknownFrame {
        /// Its first byte.
        first: u8,
        /// Its second byte, if it has one.
        second: Option<u8>,
    },
    /// A frame without distribution header although headers were negotiated; OTP closes on it, too.
    PassThroughAfterHeader,
    /// A frame with a distribution header although none was negotiated.
    HeaderNotNegotiated {
        /// The tag of the header.
        tag: u8,
    },
    /// A fragment although fragments were not negotiated.
    FragmentsNotNegotiated,
    /// The header refers to the atom cache, which was not negotiated.
    AtomCacheNotNegotiated {
        /// How many references the header has.
        references: usize,
    },
    /// The atoms that a header names cannot be told.
    AtomCache(AtomCacheFault),
    /// The header ends inside a field.
    BadHeader {
        /// The tag of the header.
        tag: u8,
    },
    /// The control message is none.
    Control(ControlError),
    /// The operation needs a payload and has none.
    MissingPayload {
        /// The operation.
        op: u8,
    },
    /// Bytes follow a control message of an operation that has no payload.
    UnexpectedPayload {
        /// The operation.
        op: u8,
        /// How many bytes.
        len: usize,
    },
    /// The payload of a frame without header does not begin with 131.
    BadPayloadVersion {
        /// The byte it begins with.
        got: u8,
    },
    /// A first fragment with number zero.
    FragmentZero {
        /// The sequence.
        sequence: u64,
    },
    /// A first fragment of a sequence that is open already.
    SequenceReopened {
        /// The sequence.
        sequence: u64,
    },
    /// A further fragment of a sequence that is not open.
    UnknownSequence {
        /// The sequence.
        sequence: u64,
        /// The number of the fragment.
        fragment: u64,
    },
    /// Fragments have to count down one by one.
    FragmentOutOfOrder {
        /// The sequence.
        sequence: u64,
        /// The number that is due.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// More sequences are open than allowed.
    TooManySequences {
        /// The limit.
        limit: usize,
    },
    /// Incomplete signals hold more memory than allowed.
    FragmentsTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A sequence got no further fragment for too long.
    SequenceStalled {
        /// The sequence.
        sequence: u64,
    },
    /// The peer was silent for the whole `net_ticktime`.
    NetTickTimeout,
}

/// What is wrong with the atoms that a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomCacheFault {
    /// The header ends inside its atom section.
    Truncated,
    /// A new atom has more than 255 characters.
    TooLong,
    /// A new atom's text is not UTF-8.
    NotUtf8,
    /// A reference to a slot that nothing was put into.
    EmptySlot {
        /// The slot, below [`ATOM_CACHE_SLOTS`](super::ATOM_CACHE_SLOTS).
        slot: u16,
    },
}

impl fmt::Display for AtomCacheFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("a header ends inside its atoms"),
            Self::TooLong => f.write_str("a header brings an atom of more than 255 characters"),
            Self::NotUtf8 => f.write_str("a header brings an atom that is not UTF-8"),
            Self::EmptySlot { slot } => {
                write!(f, "a header refers to slot {slot} of the atom cache, which is empty")
            }
        }
    }
}

impl core::error::Error for AtomCacheFault {}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameTooLong(error) => error.fmt(f),
            Self::UnknownFrame { first, second: Some(second) } => {
                write!(f, "a frame begins with {first}, {second}")
            }
            Self::UnknownFrame { first, second: None } => write!(f, "a frame consists of the byte {first}"),
            Self::PassThroughAfterHeader => {
                f.write_str("a frame without distribution header although headers were negotiated")
            }
            Self::HeaderNotNegotiated { tag } => {
                write!(f, "a distribution header ({tag}) although none was negotiated")
            }
            Self::FragmentsNotNegotiated => f.write_str("a fragment although fragments were not negotiated"),
            Self::AtomCacheNotNegotiated { references } => {
                write!(f, "{references} atom cache references although the cache was not negotiated")
            }
            Self::AtomCache(fault) => fault.fmt(f),
            Self::BadHeader { tag } => write!(f, "the distribution header ({tag}) is malformed"),
            Self::Control(error) => error.fmt(f),
            Self::MissingPayload { op } => write!(f, "operation {op} came without its payload"),
            Self::UnexpectedPayload { op, len } => {
                write!(f, "{len} bytes follow operation {op}, which has no payload")
            }
            Self::BadPayloadVersion { got } => write!(f, "the payload begins with {got} instead of 131"),
            Self::FragmentZero { sequence } => write!(f, "sequence {sequence} begins with fragment 0"),
            Self::SequenceReopened { sequence } => write!(f, "sequence {sequence} begins twice"),
            Self::UnknownSequence { sequence, fragment } => {
                write!(f, "fragment {fragment} of sequence {sequence}, which never began")
            }
            Self::FragmentOutOfOrder { sequence, expected, got } => {
                write!(f, "sequence {sequence} continues with fragment {got} instead of {expected}")
            }
            Self::TooManySequences { limit } => write!(f, "more than {limit} fragmented signals at once"),
            Self::FragmentsTooLarge { limit } => {
                write!(f, "incomplete fragmented signals hold more than {limit} bytes")
            }
            Self::SequenceStalled { sequence } => write!(f, "sequence {sequence} does not continue"),
            Self::NetTickTimeout => f.write_str("the peer was silent for the whole net_ticktime"),
        }
    }
}

impl core::error::Error for ConnectionError {}

impl From<ControlError> for ConnectionError {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<AtomCacheFault> for ConnectionError {
    fn from(fault: AtomCacheFault) -> Self {
        Self::AtomCache(fault)
    }
}
